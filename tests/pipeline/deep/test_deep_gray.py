"""Networks on gray images: one channel is read, and what is pretrained reads it three times."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from deep_cases import deep_spec
from network_cases import build

from pipeline.channels import as_rgb
from pipeline.config import registry
from pipeline.deep.explain.grad_cam import overlay
from pipeline.deep.explain.kernels import first_kernels, kernel_sheet
from pipeline.pretrained.frozen import FrozenBase, Part

SIDE = 32
METHODS = [method for method in registry.method_names("deep") if method != "transfer"]


@pytest.mark.parametrize("method", METHODS)
def test_the_first_layer_with_a_kernel_reads_one_channel(method):
    network = build(method, (SIDE, SIDE, 1), width=0.1)
    assert network.output_shape == (None, 10)
    kernel = next(each for each in network.weights if len(each.shape) in (2, 4))
    assert kernel.shape[:-1] in ((1, 1, 1), (3, 3, 1), (5, 5, 1), (2, 2, 1), (SIDE * SIDE,))


def test_lenet5_in_the_form_of_the_tutorials_has_61706_parameters():
    """The recipe of studies/mnist.yaml, on images as MNIST has them."""
    options = {"activation": "tanh", "pooling": "max", "first_padding": "same", "dropout": 0.0}
    assert build("lenet5", (28, 28, 1), **options).count_params() == 61_706


@pytest.mark.parametrize("base", ["vgg16", "efficientnet_lite0"])
def test_a_pretrained_base_reads_the_gray_channel_three_times(base, rng):
    layer = {"vgg16": "block1_pool"}.get(base) or deep_spec("transfer", base=base).layers[0]
    frozen = FrozenBase(base, "random", SIDE, "float32", (Part(layer, "average"),))
    gray = rng.integers(0, 256, (3, SIDE, SIDE, 1), dtype=np.uint8)
    one = frozen.model((SIDE, SIDE, 1))
    assert one.input_shape == (None, SIDE, SIDE, 1)
    three = frozen.model((SIDE, SIDE, 3))
    found, expected = np.asarray(one(gray)), np.asarray(three(as_rgb(gray)))
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5 * np.abs(expected).max())
    assert np.ptp(expected) > 0


def test_kernels_and_evidence_are_drawn_in_rgb(rng):
    network = keras.Sequential(
        [keras.Input((SIDE, SIDE, 1)), keras.layers.Conv2D(5, 3), keras.layers.Flatten()]
    )
    kernels = first_kernels(network)
    assert kernels is not None
    assert kernels.values.shape == (5, 3, 3, 1)
    sheet = kernel_sheet(kernels)
    assert sheet.shape[2] == 3
    assert (sheet == sheet[..., :1]).all()
    image = rng.integers(0, 256, (SIDE, SIDE, 1), dtype=np.uint8)
    evidence = rng.random((4, 4), dtype=np.float32)
    np.testing.assert_array_equal(overlay(image, evidence), overlay(as_rgb(image), evidence))
