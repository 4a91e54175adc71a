import keras
import pytest

from pipeline.deep.cost import (
    COUNTED,
    FREE,
    count,
    counted_multiply_adds,
    layer_table,
    multiply_adds,
    summary,
    training_bytes,
    uncounted_layers,
    weight_bytes,
)
from pipeline.storage.network_files import _CLASSES


def small_net(*layers, shape=(8, 8, 4)):
    return keras.Sequential([keras.Input(shape), *layers])


def lenet5():
    layers = keras.layers
    return small_net(
        layers.Conv2D(6, 5, padding="same", name="c1"),
        layers.MaxPooling2D(),
        layers.Conv2D(16, 5, name="c3"),
        layers.MaxPooling2D(),
        layers.Flatten(),
        layers.Dense(120),
        layers.Dense(84),
        layers.Dense(10),
        shape=(28, 28, 1),
    )


def test_lenet5_as_counted_by_hand():
    # 28·28·6·25 + 10·10·16·25·6 + 400·120 + 120·84 + 84·10
    assert multiply_adds(lenet5()) == 117_600 + 240_000 + 48_000 + 10_080 + 840 == 416_520
    assert sum(layer.trainable for layer in layer_table(lenet5())) == 61_706


@pytest.mark.parametrize(
    ("layer", "expected"),
    [
        (keras.layers.Conv2D(6, 3, strides=2, padding="same"), 4 * 4 * 6 * 9 * 4),
        (keras.layers.Conv2D(6, 3, padding="valid"), 6 * 6 * 6 * 9 * 4),
        (keras.layers.Conv2D(6, 3, groups=2, padding="same"), 8 * 8 * 6 * 9 * 2),
        (keras.layers.DepthwiseConv2D(3, padding="same"), 8 * 8 * 4 * 9),
        (keras.layers.SeparableConv2D(6, 3, padding="same"), 8 * 8 * 4 * (9 + 6)),
        (keras.layers.Dense(7), 8 * 8 * 4 * 7),
        (keras.layers.BatchNormalization(), 0),
        (keras.layers.MaxPooling2D(), 0),
    ],
)
def test_multiply_adds_of_a_layer(layer, expected):
    assert multiply_adds(small_net(layer)) == expected


class Doubled(keras.layers.Dense):
    """Keras's layer by another author: what it computes, nobody here knows."""


@pytest.mark.parametrize(
    ("layer", "kind"),
    [
        (Doubled(3, name="own"), "Doubled"),
        (keras.layers.Conv2DTranspose(2, 3, name="own"), "Conv2DTranspose"),
        (keras.layers.Dot(axes=3, name="own"), "Dot"),
        (keras.layers.EinsumDense("abcd,de->abce", (8, 8, 5), name="own"), "EinsumDense"),
    ],
)
def test_a_kind_of_layer_that_is_not_known_makes_the_sum_unknown(layer, kind):
    given = keras.Input((8, 8, 4))
    x = keras.layers.Conv2D(4, 1)(given)
    x = layer([x, given] if kind == "Dot" else x)
    inner = keras.Model(given, keras.layers.Flatten()(x))
    model = keras.Model(given, keras.layers.Dense(2)(inner(given)))
    assert multiply_adds(model) is None
    assert uncounted_layers(model) == (f"own ({kind})",)
    known = 8 * 8 * 4 * 4 + 2 * inner.output_shape[-1]
    assert counted_multiply_adds(model) == known
    assert summary(model).endswith(
        f"at least {count(known)} multiply-adds per image (own ({kind}) not counted)"
    )


def test_an_operation_that_is_no_layer_is_unknown():
    given = keras.Input((4,))
    inner = keras.Model(given, keras.layers.Dense(2)(keras.ops.sin(given)))
    model = keras.Model(given, inner(given))
    assert multiply_adds(model) is None
    (named,) = uncounted_layers(model)
    assert named.endswith("(Sin)")


def test_all_layers_that_a_stored_network_may_have_are_known():
    allowed = {name for module, name in _CLASSES if module == "keras.layers"}
    assert allowed <= {kind.__name__ for kind in (*COUNTED, *FREE)}


def test_models_in_models_are_counted_once():
    inner = lenet5()
    first = keras.Input((28, 28, 1))
    outer = keras.Model(first, keras.layers.Dense(3, name="top")(inner(first)))
    assert multiply_adds(outer) == 416_520 + 30
    table = layer_table(outer)
    assert len(table) == 9
    assert (table[0].name, table[-1].name) == ("c1", "top")
    assert (table[0].outputs, table[0].kind) == ((28, 28, 6), "Conv2D")


def test_bytes_of_a_step_are_what_its_gradients_need():
    """Of 8 x 8 x 2 pixels in 4 bytes: the input of each layer but the last, which needs its output.

    The convolution, 3 maps, normalization, its rectifier, a pool of 4 x 4, a softmax of 5.
    """
    model = small_net(
        keras.layers.Conv2D(3, 3, padding="same"),
        keras.layers.BatchNormalization(),
        keras.layers.Activation("relu"),
        keras.layers.MaxPooling2D(2),
        keras.layers.Flatten(),
        keras.layers.Dense(5, activation="softmax"),
    )
    image, maps, pooled = 8 * 8 * 4, 8 * 8 * 3, 4 * 4 * 3
    kept = image + maps + maps + pooled + pooled + 5
    assert training_bytes(model) == 4 * (kept + image + maps)  # of the convolution


def test_bytes_of_weights():
    model = small_net(
        keras.layers.Conv2D(2, 1, dtype="mixed_bfloat16"),  # weights are float32 all the same
        keras.layers.Flatten(),
        keras.layers.Dense(10, dtype="float32", trainable=False),
    )
    assert weight_bytes(model) == (4 * (4 * 2 + 2), 4 * (128 * 10 + 10))


def test_summary_is_one_line_with_all_numbers():
    assert summary(lenet5()) == (
        "5 layers with weights, 61,706 trainable and 0 other parameters (247 kB), "
        "416,520 multiply-adds per image"
    )


def test_counts_are_readable():
    assert [count(n) for n in (416_520, 41_300_000, 15.5e9)] == [
        "416,520",
        "41.3 million",
        "15.5 billion",
    ]
