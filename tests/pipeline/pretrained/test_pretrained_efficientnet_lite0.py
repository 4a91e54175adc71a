"""EfficientNet-Lite0, compared with what it should see and with the network before folding."""

import keras
import numpy as np
import pytest
import skimage.data
from sklearn.datasets import load_sample_image

from pipeline.checks import StudyError
from pipeline.deep.cost import multiply_adds
from pipeline.pretrained.base import set_weights
from pipeline.pretrained.efficientnet_lite0 import Network
from pipeline.pretrained.efficientnet_weights import REMEDY, SHA256, located
from pipeline.pretrained.torch_files import read_tensors
from pipeline.storage.network_files import check_network_file

BASE = Network()


@pytest.fixture(scope="module")
def tensors():
    return read_tensors(located(), SHA256, REMEDY)


@pytest.fixture(scope="module")
def weights():
    return BASE.load_weights("imagenet", 0, BASE.layer_names)


def network(weights, size, layers, shape=(None, None, 3), trained=()):
    pixels = keras.Input(shape, name="pixels")
    x = BASE.preprocessed(pixels, size)
    outputs = BASE.build(x, BASE.up_to_deepest(layers), "float32", trained)
    model = keras.Model(pixels, {name: outputs[name] for name in layers})
    set_weights(model, weights)
    return model


def squared(image):
    """The central square of an image: the network was trained without distortion."""
    height, width = image.shape[:2]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    return image[top : top + side, left : left + side]


def test_recognizes_photographs(weights, tensors):
    """Classes of ImageNet: Egyptian cat, espresso, missile, daisy."""
    photographs = {
        285: skimage.data.chelsea(),
        967: skimage.data.coffee(),
        657: skimage.data.rocket(),
        985: load_sample_image("flower.jpg"),
    }
    model = network(weights, 224, ["head"])
    maps = np.concatenate([model(squared(each)[None])["head"] for each in photographs.values()])
    scores = maps.mean(axis=(1, 2)) @ tensors["_fc.weight"].T + tensors["_fc.bias"]
    assert list(scores.argmax(axis=1)) == list(photographs)


def published(tensors, x):
    """The network as published, with its batch normalizations, layer by layer."""

    def normalized(x, name, norm, stride=1):
        kernel = tensors[f"{name}.weight"].transpose(2, 3, 1, 0)
        depthwise = "depthwise" in name
        kernel = kernel.transpose(0, 1, 3, 2) if depthwise else kernel
        convolve = keras.ops.depthwise_conv if depthwise else keras.ops.conv
        x = convolve(x, kernel, strides=stride, padding="same")
        kinds = ("running_mean", "running_var", "bias", "weight")
        mean, variance, shift, scale = (tensors[f"{norm}.{kind}"] for kind in kinds)
        return keras.ops.batch_normalization(x, mean, variance, -1, shift, scale, 1e-3)

    relu6 = keras.ops.relu6
    x = relu6(normalized(x, "_conv_stem", "_bn0", 2))
    for index in range(16):
        name, start = f"_blocks.{index}.", x
        if f"{name}_expand_conv.weight" in tensors:
            x = relu6(normalized(x, f"{name}_expand_conv", f"{name}_bn0"))
        stride = 2 if index in (1, 3, 5, 11) else 1
        x = relu6(normalized(x, f"{name}_depthwise_conv", f"{name}_bn1", stride))
        x = normalized(x, f"{name}_project_conv", f"{name}_bn2")
        x = x + start if x.shape == start.shape else x
    return relu6(normalized(x, "_conv_head", "_bn1"))


@pytest.mark.parametrize("size", [32, 75])
def test_equals_the_published_network(weights, tensors, size):
    image = skimage.data.chelsea()[None, 100 : 100 + size, 150 : 150 + size]
    expected = np.asarray(published(tensors, (image.astype(np.float32) - 127) / 128))
    found = network(weights, size, ["head"])(image)["head"]
    np.testing.assert_allclose(found, expected, atol=1e-4)
    assert expected.std() > 0.1


@pytest.mark.parametrize("size", [32, 50, 75])
def test_output_shapes_and_multiply_adds_are_those_of_the_network(size):
    layers = BASE.layer_names
    model = network({}, size, layers, (size, size, 3))
    for name in layers:
        assert BASE.output_shape(name, size) == model.output[name].shape[1:], name
    assert BASE.multiply_adds(layers, size) == multiply_adds(model)
    assert BASE.multiply_adds(["stem"], size) == ((size + 1) // 2) ** 2 * 27 * 32


def test_blocks_in_order():
    assert [len(block) for block in BASE.blocks] == [1, 1, 2, 2, 3, 3, 4, 1, 1]
    assert BASE.blocks[2] == ("block2a_project", "block2b_add")
    assert BASE.map_layer(["block3b_add", "stem"]) == "block3b_add"


def test_trained_layers_are_those_asked_for(tmp_path):
    trained = BASE.blocks[-1] + BASE.blocks[-2]
    model = network({}, 32, ["head"], trained=trained)
    names = {each.path.split("/")[0] for each in model.trainable_weights}
    assert names == {"block7a_expand", "block7a_depthwise", "block7a_project", "head"}
    model.save(tmp_path / "network.keras")
    check_network_file(tmp_path / "network.keras")


def test_random_weights_keep_the_scale_of_the_signal():
    weights = BASE.load_weights("random", 0, ["head"])
    image = np.random.default_rng(0).integers(0, 256, (1, 64, 64, 3), dtype=np.uint8)
    for output in network(weights, 64, BASE.layer_names)(image).values():
        assert 0.1 < np.std(output) < 2


def test_the_record_names_the_file():
    assert BASE.record("imagenet") == {
        "weights": "imagenet",
        "weights_file": "efficientnet-lite0-57934424.pth",
        "weights_sha256": SHA256,
    }
    assert BASE.record("random")["weights_sha256"] is None


def test_unknown_weights():
    for read in (BASE.check_weights, lambda source: BASE.load_weights(source, 0, ["head"])):
        with pytest.raises(StudyError, match=r"unknown weights .*'imagnet'.* imagenet"):
            read("imagnet")
