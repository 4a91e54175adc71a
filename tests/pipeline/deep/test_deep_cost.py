import keras
import pytest

from pipeline.deep.cost import (
    activation_bytes,
    count,
    layer_table,
    multiply_adds,
    size,
    summary,
    weight_bytes,
)


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


def test_models_in_models_are_counted_once():
    inner = lenet5()
    first = keras.Input((28, 28, 1))
    outer = keras.Model(first, keras.layers.Dense(3, name="top")(inner(first)))
    assert multiply_adds(outer) == 416_520 + 30
    table = layer_table(outer)
    assert len(table) == 9
    assert (table[0].name, table[-1].name) == ("c1", "top")
    assert (table[0].outputs, table[0].kind) == ((28, 28, 6), "Conv2D")


def test_bytes_of_outputs_and_weights():
    model = small_net(
        keras.layers.Conv2D(2, 1, dtype="mixed_bfloat16"),  # 8·8·2 numbers of 2 bytes
        keras.layers.Flatten(),  # the same memory
        keras.layers.Dense(10, dtype="float32", trainable=False),  # 10 numbers of 4 bytes
    )
    assert activation_bytes(model) == 8 * 8 * 2 * 2 + 10 * 4
    assert weight_bytes(model) == (4 * (4 * 2 + 2), 4 * (128 * 10 + 10))


def test_summary_is_one_line_with_all_numbers():
    assert summary(lenet5()) == (
        "5 layers with weights, 61,706 trainable and 0 other parameters (247 kB), "
        "416,520 multiply-adds an image"
    )


def test_sizes_and_counts_are_readable():
    assert [size(n) for n in (0, 248_000, 58_889_256, 31.4e9, 149e9)] == [
        "0 kB",
        "248 kB",
        "58.9 MB",
        "31.4 GB",
        "149 GB",
    ]
    assert [count(n) for n in (416_520, 41_300_000, 15.5e9)] == [
        "416,520",
        "41.3 million",
        "15.5 billion",
    ]
