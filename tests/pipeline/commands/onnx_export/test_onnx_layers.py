"""Each kind of layer computes in ONNX Runtime what it computes in Keras."""

from __future__ import annotations

import keras
import numpy as np
import onnxruntime
import pytest
from keras import layers

from pipeline.checks import StudyError
from pipeline.commands.onnx_export.graph import Graph
from pipeline.commands.onnx_export.layers import LAYERS
from pipeline.commands.onnx_export.network import add_network, in_float32

SHAPE = (9, 8, 4)
"""Odd and even sides: padding differs."""


def column(layer):
    return keras.Sequential([layers.Flatten(), layers.Reshape((-1, 1)), layer, layers.Flatten()])


CASES = {
    "conv": layers.Conv2D(3, 3, 2, "same", activation="relu"),
    "conv, even": layers.Conv2D(3, (2, 4), (1, 3), "same", activation="gelu"),
    "conv, valid": layers.Conv2D(6, 3, padding="valid", groups=2, use_bias=False),
    "conv, dilated": layers.Conv2D(2, 3, padding="same", dilation_rate=2, activation="silu"),
    "depthwise": layers.DepthwiseConv2D(3, 2, "same", depth_multiplier=2, activation="relu6"),
    "separable": layers.SeparableConv2D(5, 3, padding="same", activation="tanh"),
    "dense": layers.Dense(5, activation="elu"),
    "dense, flat": keras.Sequential([layers.Flatten(), layers.Dense(5, "softmax")]),
    "batch norm": layers.BatchNormalization(),
    "batch norm, plain": layers.BatchNormalization(center=False, scale=False),
    "layer norm": layers.LayerNormalization(epsilon=1e-3),
    "normalization": layers.Normalization(mean=[0.1, 2, 3, 4], variance=[1, 2, 3, 0.5]),
    "rescaling": layers.Rescaling([0.5, 1, 2, 3], [1, 0, -1, 2]),
    "rescaling, plain": layers.Rescaling(1 / 128, -1),
    "resizing": layers.Resizing(5, 13),
    "resizing, smooth": layers.Resizing(5, 6, antialias=True),
    "max": layers.MaxPooling2D(3, 2, "same"),
    "average": layers.AveragePooling2D(3, 2, "same"),
    "average, valid": layers.AveragePooling2D((2, 3)),
    "global average": layers.GlobalAveragePooling2D(),
    "global max": layers.GlobalMaxPooling2D(keepdims=True),
    "prelu": layers.PReLU(alpha_initializer="uniform", shared_axes=[1, 2]),
    "prelu, all": layers.PReLU(alpha_initializer="uniform"),
    "relu": layers.ReLU(max_value=1.5),
    "relu, slope": layers.ReLU(negative_slope=0.1),
    "leaky": layers.LeakyReLU(0.2),
    "elu": layers.ELU(0.7),
    "softmax": layers.Softmax(),
    "softmax, function": layers.Activation("softmax"),
    **{
        name: layers.Activation(name)
        for name in ("sigmoid", "selu", "softplus", "softsign", "hard_sigmoid", "hard_silu")
    },
    "leaky, function": layers.Activation("leaky_relu"),
    "permute": layers.Permute((3, 1, 2)),
    "reshape": layers.Reshape((6, -1, 2)),
    "reshape, from flat": keras.Sequential([layers.Flatten(), layers.Reshape((8, 9, 4))]),
    "crop": layers.Cropping2D(((1, 2), (0, 3))),
    "crop, column": column(layers.Cropping1D((10, 30))),
    "pad": layers.ZeroPadding2D(((1, 2), (0, 3))),
    "half": layers.Identity(dtype="float16"),
    "dropout": layers.Dropout(0.5),
    "spatial dropout": layers.SpatialDropout2D(0.5),
    "noise": layers.GaussianNoise(1.0),
}
JOINED = {
    "add": layers.Add(),
    "average": layers.Average(),
    "maximum": layers.Maximum(),
    "multiply": layers.Multiply(),
    "subtract": layers.Subtract(),
    "concatenate": layers.Concatenate(),
    "concatenate, rows": layers.Concatenate(axis=1),
}


def functional(layer, joined=False):
    pixels = keras.Input(SHAPE)
    parts = [pixels, layers.Rescaling(-0.5, 0.3)(pixels), layers.ReLU()(pixels)]
    several = parts[: 2 if isinstance(layer, layers.Subtract) else 3]
    return keras.Model(pixels, layer(several if joined else pixels))


def computed(model, images):
    graph = Graph()
    x = graph.first(graph.add("Cast", "pixels", to=1))
    found = add_network(graph, model, x)
    rank = len(model.output_shape)
    flat = graph.add("Flatten", graph.last(found) if rank == 4 else found)
    graph.named(flat, "scores")
    width = int(np.prod(model.output_shape[1:]))
    made = graph.model(SHAPE, {"scores": width}, {})
    session = onnxruntime.InferenceSession(made.SerializeToString())
    (values,) = session.run(["scores"], {"pixels": images})
    return values.reshape(-1, *model.output_shape[1:])


def check(model, seed=0):
    rng = np.random.default_rng(seed)
    keras.utils.set_random_seed(seed)
    for weight in model.weights:
        if "seed" not in weight.name:
            scale = 0.3 + rng.random(weight.shape) if "variance" in weight.name else 0.5
            noise = 0 if "variance" in weight.name else rng.standard_normal(weight.shape)
            weight.assign(scale + 0.5 * noise if "variance" in weight.name else scale * noise)
    images = rng.integers(0, 4, (5, *SHAPE)).astype(np.uint8)
    expected = np.asarray(model(images.astype(np.float32), training=False), np.float32)
    np.testing.assert_allclose(computed(model, images), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", CASES)
def test_a_layer_computes_the_same(name):
    check(functional(CASES[name]))


@pytest.mark.parametrize("name", JOINED)
def test_a_layer_of_several_inputs_computes_the_same(name):
    check(functional(JOINED[name], joined=True))


def test_every_kind_of_layer_has_a_case():
    def kinds(layer):
        inner = getattr(layer, "layers", None)
        return {type(layer).__name__} if inner is None else set().union(*map(kinds, inner))

    tried = set().union(*map(kinds, [*CASES.values(), *JOINED.values()]))
    assert tried - {"InputLayer"} == set(LAYERS)


def test_a_layer_without_counterpart_is_named():
    with pytest.raises(StudyError, match="the layer twice of kind UpSampling2D cannot be exported"):
        computed(functional(layers.UpSampling2D(name="twice")), np.zeros((1, *SHAPE), np.uint8))
    with pytest.raises(StudyError, match="found the activation mish"):
        computed(functional(layers.Activation("mish")), np.zeros((1, *SHAPE), np.uint8))


def test_lower_precision_is_left_and_rounding_of_features_stays():
    pixels = keras.Input(SHAPE)
    x = layers.Conv2D(3, 3, dtype="mixed_bfloat16")(pixels)
    x = layers.Identity(dtype="float16")(layers.Flatten(dtype="float32")(x))
    model = keras.Model(pixels, layers.Dense(2, dtype="float32")(x))
    copy = in_float32(model)
    assert [each.compute_dtype for each in copy.layers[1:]] == [
        "float32", "float32", "float16", "float32",
    ]  # fmt: skip
    check(copy)
    assert in_float32(copy) is copy
