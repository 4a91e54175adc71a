"""The kernels of the first layer, and the sheet of them."""

import keras
import numpy as np
import pytest
from deep_cases import deep_spec

from pipeline.deep.explain.kernels import MOST_CONVOLUTIONS, MOST_UNITS, first_kernels, kernel_sheet
from pipeline.deep.explain.tile_sheets import GAP


def convolution(filters, channels=3, **options):
    return keras.Sequential(
        [
            keras.Input((8, 8, channels)),
            keras.layers.Rescaling(1 / 255),
            keras.layers.Conv2D(filters, (2, 3), name="eyes", **options),
            keras.layers.Flatten(),
            keras.layers.Dense(2),
        ]
    )


def test_kernels_of_a_convolution():
    model = convolution(5)
    found = first_kernels(model)
    assert (found.layer, found.total, found.of_units) == ("eyes", 5, False)
    kernel = model.get_layer("eyes").get_weights()[0]
    assert found.values.shape == (5, 2, 3, 3)
    assert (found.values[4] == kernel[..., 4]).all()
    assert found.caption.startswith("the 5 kernels of the first layer, eyes.")


def test_the_largest_of_many_kernels_are_kept_in_order(rng):
    model = convolution(70)
    scale = np.ones(70)
    scale[[3, 40]] = 1e-3
    kernel = rng.choice([-1.0, 1.0], (2, 3, 3, 70)) * scale
    model.get_layer("eyes").set_weights([kernel, np.zeros(70)])
    found = first_kernels(model)
    assert len(found.values) == MOST_CONVOLUTIONS
    kept = [index for index in range(70) if index not in (3, 40)][:MOST_CONVOLUTIONS]
    assert (found.values == np.moveaxis(kernel, -1, 0)[kept].astype(np.float32)).all()
    assert "64 of the 70 kernels" in found.caption
    assert "largest weights" in found.caption


def test_units_of_a_perceptron_as_images():
    network = deep_spec("mlp", units=40).network((6, 7, 3), 3)
    found = first_kernels(network)
    assert (found.layer, found.total, found.of_units) == ("hidden1", 40, True)
    assert found.values.shape == (MOST_UNITS, 6, 7, 3)
    kernel = network.get_layer("hidden1").get_weights()[0]
    norms = np.linalg.norm(kernel, axis=0)
    kept = np.sort(np.argsort(-norms, kind="stable")[:MOST_UNITS])
    # The blue value of the pixel in row 2 and column 5, at the position after Flatten.
    assert (found.values[:, 2, 5, 2] == kernel[(2 * 7 + 5) * 3 + 2, kept]).all()


def test_kernels_that_read_neither_colors_nor_gray_are_not_drawn():
    assert first_kernels(convolution(4, channels=2)) is None
    behind = keras.Sequential(
        [keras.Input((4, 4, 3)), keras.layers.GlobalAveragePooling2D(), keras.layers.Dense(2)]
    )
    assert first_kernels(behind) is None


def test_the_sheet_scales_each_kernel_separately():
    model = convolution(4, use_bias=False)
    kernel = np.zeros((2, 3, 3, 4))
    kernel[0, 0, 0, 0] = 2.0  # red, top left
    kernel[1, 2, 2, 1] = -1e-3  # negative blue, bottom right
    kernel[0, 1, :, 2] = [0.5, -0.5, 0.25]
    model.get_layer("eyes").set_weights([kernel])
    sheet = kernel_sheet(first_kernels(model))
    side = (sheet.shape[1] - 3 * GAP) // 2 // 3
    first, second = sheet[GAP:, GAP:], sheet[GAP:, 2 * GAP + 3 * side :]
    assert first[0, 0].tolist() == [255, 128, 128]
    assert first[side, side].tolist() == [128, 128, 128]
    assert second[side, 2 * side].tolist() == [128, 128, 0]
    third = sheet[2 * GAP + 2 * side :, GAP:]
    assert third[0, side].tolist() == pytest.approx([255, 0, 191], abs=1)
    fourth = sheet[2 * GAP + 2 * side : -GAP, 2 * GAP + 3 * side : -GAP]
    assert (fourth == 128).all(), "a kernel of zeros is gray"
    assert 128 <= sheet.shape[0] <= 512
    assert 128 <= sheet.shape[1] <= 512
