"""The boxes of a drawing of a network: layers that belong together, and repeated blocks once.

A normalization, an activation or a dropout that alone reads a layer is in its box. A network that
would be too tall is drawn with its repeated blocks once; one that is still too tall, with a single
box for each block. What is a block, the names of its layers say.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from pipeline.page.formats import count
from pipeline.storage.network_layers import NetworkLayer

IMAGE = 0
"""The number of the image, which the first layer reads."""
MOST_ROWS = 48
"""Boxes below one another; a taller drawing is folded."""
_FOLLOWERS = {
    "BatchNormalization": "BN",
    "LayerNormalization": "layer norm",
    "GroupNormalization": "group norm",
    "Dropout": "dropout",
    "SpatialDropout2D": "dropout of maps",
    "GaussianNoise": "noise",
    "Activation": "",
    "ELU": "elu",
    "LeakyReLU": "leaky relu",
    "PReLU": "prelu",
    "ReLU": "relu",
    "Softmax": "softmax",
    "Identity": "identity",
}
"""Kinds that belong to the layer that they read -> what they are called there, beside their
settings."""
_BLOCKS = tuple(
    re.compile(rf"(.*?(?:{word})_?\d+[a-z]?)(?:_|$)") for word in ("block", "inception|group|stage")
)
"""The name of a block at the start of a layer's name: ``stage1_block2``, ``block3a``; the first of
these that fits."""


@dataclass(frozen=True)
class Box:
    """One box."""

    number: int
    """Of its last layer: that is what others read."""
    title: str
    detail: str
    output: str
    """The shape of its output, and its parameters."""
    layers: tuple[NetworkLayer, ...]
    inputs: tuple[int, ...]
    """The numbers of the boxes that it reads; `IMAGE` for the image."""
    block: str
    """The block that it belongs to by its name; empty for none."""

    @property
    def parameters(self) -> int:
        """All stored numbers of its layers."""
        return sum(each.trainable + each.fixed for each in self.layers)

    @property
    def joins(self) -> bool:
        """Whether branches meet here."""
        return len(self.inputs) > 1


@dataclass(frozen=True)
class Frame:
    """A block that is drawn once for several."""

    boxes: tuple[int, ...]
    times: int


@dataclass(frozen=True)
class Boxes:
    """What is drawn of a network."""

    boxes: tuple[Box, ...]
    """Each after those that it reads."""
    frames: tuple[Frame, ...] = ()
    collapsed: bool = False
    """Whether blocks are single boxes."""

    @property
    def rows(self) -> dict[int, int]:
        """Number of a box -> its row, from 1, below all that it reads."""
        found = {IMAGE: 0}
        for box in self.boxes:
            found[box.number] = 1 + max((found[each] for each in box.inputs), default=0)
        return found


def boxes(layers: Sequence[NetworkLayer]) -> Boxes:
    """Return what is drawn of a network: all of it, if it is not too tall."""
    plain = Boxes(tuple(joined(layers)))
    if max(plain.rows.values()) <= MOST_ROWS:
        return plain
    groups = [list(each) for _, each in groupby(plain.boxes, lambda box: box.block or box.number)]
    folded = _folded(groups)
    if max(folded.rows.values()) <= MOST_ROWS:
        return folded
    return replace(_folded([_as_one(group) for group in groups]), collapsed=True)


def joined(layers: Sequence[NetworkLayer]) -> list[Box]:
    """Return one box for each layer with what belongs to it."""
    readers = Counter(each for layer in layers for each in layer.inputs)
    members: dict[int, list[NetworkLayer]] = {}
    home: dict[int, int] = {IMAGE: IMAGE}
    for layer in layers:
        first = home.get(layer.inputs[0], IMAGE) if layer.inputs else IMAGE
        alone = len(layer.inputs) == 1 and readers[layer.inputs[0]] == 1
        padded = first in members and members[first][-1].kind == "ZeroPadding2D"
        if alone and first in members and (layer.kind in _FOLLOWERS or padded):
            members[first].append(layer)
        else:
            first = layer.layer
            members[first] = [layer]
        home[layer.layer] = first
    last = {first: each[-1].layer for first, each in members.items()} | {IMAGE: IMAGE}
    return [
        _box(each, tuple(last[home[number]] for number in each[0].inputs))
        for each in members.values()
    ]


def _box(layers: Sequence[NetworkLayer], inputs: tuple[int, ...]) -> Box:
    leading = next((each for each in layers if each.kind != "ZeroPadding2D"), layers[0])
    rest = list(layers[layers.index(leading) + 1 :])
    followers = [f"{_FOLLOWERS.get(each.kind, each.kind)} {each.settings}".strip() for each in rest]
    found = next(filter(None, (each.match(leading.name) for each in _BLOCKS)), None)
    return Box(
        number=layers[-1].layer,
        title=f"{leading.kind} {leading.settings}".strip(),
        detail=" + ".join([leading.name, *followers]),
        output=_output(layers),
        layers=tuple(layers),
        inputs=inputs,
        block=found[1] if found else "",
    )


def _output(layers: Sequence[NetworkLayer]) -> str:
    shape = "×".join(map(str, layers[-1].output))
    parameters = sum(each.trainable + each.fixed for each in layers)
    return f"{shape} · {count(parameters)} parameters" if parameters else shape


def _folded(groups: Sequence[Sequence[Box]]) -> Boxes:
    """Draw equal blocks that follow one another once."""
    kept: list[Box] = []
    frames: list[Frame] = []
    moved: dict[int, int] = {}
    for _, alike in groupby(enumerate(groups), lambda each: _likeness(*each)):
        repeated = [group for _, group in alike]
        first = [_reading(box, moved) for box in repeated[0]]
        kept += first
        if len(repeated) > 1:
            frames.append(Frame(tuple(box.number for box in first), len(repeated)))
            moved[repeated[-1][-1].number] = first[-1].number
    return Boxes(tuple(kept), tuple(frames))


def _likeness(index: int, group: Sequence[Box]) -> object:
    """Return what equal blocks share; a group that is no block is like no other."""
    places = {box.number: place for place, box in enumerate(group)}
    outside = {each for box in group for each in box.inputs if each not in places}
    if not group[0].block or len(outside) != 1:
        return index
    return tuple(
        (
            tuple((each.kind, each.settings, each.output) for each in box.layers),
            box.parameters,
            tuple(places.get(each, -1) for each in box.inputs),
        )
        for box in group
    )


def _reading(box: Box, moved: Mapping[int, int]) -> Box:
    return replace(box, inputs=tuple(moved.get(each, each) for each in box.inputs))


def _as_one(group: Sequence[Box]) -> list[Box]:
    """Return a block as a single box, if it has one output and there is more than one box."""
    inside = {box.number for box in group}
    if len(group) == 1:
        return list(group)
    layers = tuple(layer for box in group for layer in box.layers)
    kinds = Counter(box.title.split()[0] for box in group)
    last = group[-1]
    outside = dict.fromkeys(e for box in group for e in box.inputs if e not in inside)
    title = ", ".join(f"{n} {kind}" if n > 1 else kind for kind, n in kinds.items())
    return [
        Box(last.number, title, last.block, _output(layers), layers, tuple(outside), last.block)
    ]
