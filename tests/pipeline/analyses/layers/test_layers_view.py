"""Networks as tables, boxes and drawings, from their recorded layers alone."""

from __future__ import annotations

import itertools
import re

import pytest

from pipeline.analyses.layers.boxes import IMAGE, MOST_ROWS, boxes, joined
from pipeline.analyses.layers.chart import draw, placed
from pipeline.analyses.layers.view import MOST_NETWORKS, SHOWN, layers_view, sums
from pipeline.page.rendering import figure
from pipeline.storage.network_layers import NetworkLayer, layers_table


class Network:
    """Layers, one after the other unless `reads` says what else they read."""

    def __init__(self):
        self.layers = []

    def add(self, kind, name, reads=None, settings="", output=(8, 8, 4), parameters=0):
        number = len(self.layers) + 1
        weighted = kind in ("Conv2D", "Dense")
        self.layers.append(
            NetworkLayer(
                *(number, name, kind, settings),
                tuple(reads or (number - 1,)),
                output,
                *(parameters, 2 * (kind == "BatchNormalization")),
                *(100 if weighted else 0, 3),
            )
        )
        return number

    def block(self, name):
        """A residual block."""
        start = len(self.layers)
        self.add("Conv2D", f"{name}_conv1", settings="3×3, same", parameters=10)
        self.add("BatchNormalization", f"{name}_bn1")
        self.add("Activation", f"{name}_relu1", settings="relu")
        end = self.add("Conv2D", f"{name}_conv2", settings="3×3, same", parameters=10)
        self.add("Add", f"{name}_add", (end, start))
        return self.add("Activation", f"{name}_relu", settings="relu")


def residual(blocks):
    network = Network()
    network.add("Conv2D", "conv1", settings="3×3", parameters=10)
    for index in range(1, blocks + 1):
        network.block(f"stage1_block{index}")
    network.add("Flatten", "flatten", output=(256,))
    network.add("Dense", "output", settings="softmax", output=(10,), parameters=2570)
    return network.layers


def view_of(**networks):
    return layers_view(layers_table(networks))


def test_what_follows_a_layer_alone_is_in_its_box():
    found = joined(residual(1))
    assert [box.detail for box in found] == [
        "conv1",
        "stage1_block1_conv1 + BN + relu",
        "stage1_block1_conv2",
        "stage1_block1_add + relu",
        "flatten",
        "output",
    ]
    assert [box.inputs for box in found] == [(IMAGE,), (1,), (4,), (5, 1), (7,), (8,)]
    assert found[1].output == "8×8×4 · 12 parameters"
    assert found[1].title == "Conv2D 3×3, same"


def test_what_several_read_is_not_in_the_box_of_one_that_follows():
    network = Network()
    start = network.add("Conv2D", "conv")
    left, right = (network.add("Activation", name, (start,)) for name in ("left", "right"))
    network.add("Add", "add", (left, right))
    assert [box.detail for box in joined(network.layers)] == ["conv", "left", "right", "add"]


def test_padding_is_in_the_box_of_its_convolution():
    network = Network()
    network.add("Conv2D", "first")
    network.add("ZeroPadding2D", "pad", settings="1")
    network.add("Conv2D", "second", settings="3×3, valid")
    assert [box.detail for box in joined(network.layers)] == ["first", "second"]


def test_a_tall_network_is_drawn_with_its_equal_blocks_once():
    plain, folded = boxes(residual(5)), boxes(residual(MOST_ROWS // 3))
    assert (len(plain.frames), len(plain.boxes)) == (0, 3 + 3 * 5)
    (frame,) = folded.frames
    assert frame.times == MOST_ROWS // 3
    assert len(frame.boxes) == 3
    assert len(folded.boxes) == 3 + 3
    # What read the last block reads the one that is drawn.
    assert folded.boxes[-2].inputs == (frame.boxes[-1],)
    assert not folded.collapsed


def test_blocks_that_differ_become_single_boxes_where_all_would_be_too_tall():
    network = Network()
    for index in range(MOST_ROWS // 2):
        name = f"block{index}"
        network.add("Conv2D", f"{name}_conv", settings=f"{index}×1", parameters=index)
        network.add("MaxPooling2D", f"{name}_pool1")
        network.add("MaxPooling2D", f"{name}_pool2")
    found = boxes(network.layers)
    assert found.collapsed
    assert len(found.boxes) == MOST_ROWS // 2
    assert found.boxes[3].title == "Conv2D, 2 MaxPooling2D"
    assert found.boxes[3].detail == "block3"
    assert found.boxes[3].inputs == (found.boxes[2].number,)


def test_places_no_box_on_another_and_no_edge_through_a_box():
    (network,) = view_of(net=residual(3)).networks
    drawn = placed(network)
    rows = {}
    for number, row in drawn.rows.items():
        middle, half = drawn.middle(number), drawn.widths[number] / 2
        rows.setdefault(row, []).append((middle - half, middle + half))
    for (_, _), bends in drawn.places.bends.items():
        for row, x in bends:
            rows[row].append((x + drawn.middle(IMAGE) - drawn.places.centers[IMAGE],) * 2)
    for spans in rows.values():
        ordered = sorted(spans)
        assert all(left[1] < right[0] for left, right in itertools.pairwise(ordered))
    # The main path is a straight line; only the shortcut leaves it.
    assert len({drawn.middle(box.number) for box in network.boxes.boxes}) == 1
    assert sum(map(bool, drawn.places.bends.values())) == 3


def test_branches_fan_out_on_both_sides_of_where_they_meet():
    network = Network()
    start = network.add("Conv2D", "stem")
    ends = [network.add("Conv2D", f"branch{index}", (start,)) for index in range(4)]
    network.add("Concatenate", "joined", tuple(ends))
    (found,) = view_of(net=network.layers).networks
    drawn = placed(found)
    middle, sides = drawn.middle(start), [drawn.middle(end) for end in ends]
    assert drawn.middle(len(network.layers)) == pytest.approx(middle)
    assert min(sides) < middle < max(sides)


def test_the_drawing_names_every_box():
    (drawing,) = draw(view_of(net=residual(2)))
    texts = re.findall(r"<text [^>]*>([^<]*)</text>", figure(drawing))
    assert {
        "image",
        "Conv2D 3×3, same",
        "stage1_block2_add + relu",
        "10 · 2,570 parameters",
    } <= set(texts)
    assert "branches meet in 2 of them" in drawing.alt


def test_the_table_has_a_row_per_layer_and_the_sums_say_what_it_adds_up_to():
    layers = residual(1)
    (network,) = view_of(net=layers).networks
    assert len(network.rows) == len(layers)
    texts = dict(zip(SHOWN, (each.text for each in network.rows[-1]), strict=True))
    assert (texts["output"], texts["trainable"], texts["settings"]) == ("10", "2,570", "softmax")
    assert sums(layers) == (
        "2,600 trained parameters, 2 others, 400 multiply-adds per image, 4 layers with a kernel"
    )


def test_without_layers_there_is_no_section():
    assert layers_view(layers_table({})) is None


def test_the_page_stays_small():
    found = view_of(**{f"net{index}": residual(1) for index in range(MOST_NETWORKS + 2)})
    assert (len(found.networks), found.left_out) == (MOST_NETWORKS, 2)
