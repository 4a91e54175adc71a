"""The VGG16 base, against Keras's own network and its own preprocessing."""

import hashlib
import os
from pathlib import Path

import cv2
import h5py
import keras
import numpy as np
import pytest

from pipeline import pretrained
from pipeline.checks import StudyError
from pipeline.pretrained import (
    check_weights_file,
    layer_names,
    random_weights,
    read_weights,
    vgg16_base,
    weights_record,
)

LAYERS = ("block2_pool", "block5_conv3", "block5_pool")
PUBLISHED = Path(
    os.environ.get(
        "VGG16_WEIGHTS",
        Path(__file__).parents[3] / "shared/data" / pretrained.KERAS_FILE,
    )
)


@pytest.fixture(scope="module")
def reference():
    """Keras's network with random weights, biases included."""
    network = keras.applications.VGG16(include_top=False, weights=None, input_shape=(32, 32, 3))
    rng = np.random.default_rng(0)
    for layer in network.layers:
        if layer.weights:
            kernel, bias = layer.get_weights()
            scale = np.sqrt(2 / np.prod(kernel.shape[:3]))
            layer.set_weights([rng.normal(0, scale, kernel.shape), rng.normal(0, 0.1, bias.shape)])
    return network


@pytest.fixture(scope="module")
def weights_file(reference, tmp_path_factory):
    """The legacy layout: a group a layer, which names its variables."""
    path = tmp_path_factory.mktemp("weights") / "vgg16.h5"
    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = [layer.name.encode() for layer in reference.layers]
        for layer in reference.layers:
            group = file.create_group(layer.name)
            names = [f"{layer.name}_{kind}_1:0" for kind in "Wb"[: len(layer.weights)]]
            group.attrs["weight_names"] = [name.encode() for name in names]
            for name, value in zip(names, layer.get_weights(), strict=True):
                group[name] = value
    return path


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(1).integers(0, 256, (4, 32, 32, 3), dtype=np.uint8)


def expected_features(network, pixels, layers=LAYERS, pool=lambda x: x.mean(axis=(1, 2))):
    """By Keras's preprocessing and network, and NumPy's mean."""
    inputs = keras.applications.vgg16.preprocess_input(pixels.astype(np.float32).copy())
    outputs = keras.Model(network.input, [network.get_layer(name).output for name in layers])
    return np.concatenate([pool(x) for x in outputs.predict(inputs, verbose=0)], axis=1)


def test_equals_keras(reference, weights_file, images):
    base = vgg16_base(str(weights_file), 32, LAYERS, "average")
    found = base.predict(images, verbose=0)
    expected = expected_features(reference, images)
    assert found.shape == (4, 128 + 512 + 512)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4 * np.abs(expected).max())
    # The test can fail: in BGR order the features are others.
    swapped = base.predict(images[..., ::-1], verbose=0)
    assert np.abs(swapped - expected).max() > 0.05 * np.abs(expected).max()


def test_uint8_and_float_pixels_are_the_same(images):
    base = vgg16_base("random", 32, ("block1_pool",), "average")
    np.testing.assert_array_equal(
        base.predict(images, verbose=0), base.predict(images.astype(np.float32), verbose=0)
    )


@pytest.mark.parametrize(
    ("pooling", "pool"),
    [("max", lambda x: x.max(axis=(1, 2))), ("flatten", lambda x: x.reshape(len(x), -1))],
)
def test_other_poolings(reference, weights_file, images, pooling, pool):
    base = vgg16_base(str(weights_file), 32, ("block2_pool", "block3_pool"), pooling)
    expected = expected_features(reference, images, ("block2_pool", "block3_pool"), pool)
    np.testing.assert_allclose(
        base.predict(images, verbose=0), expected, rtol=1e-4, atol=1e-4 * np.abs(expected).max()
    )


def test_resizes_as_opencv_does(reference, weights_file, images):
    """Enlarged in floating point: a uint8 image must not be rounded on the way."""
    small = images[:, :20, :20]
    large = np.stack(
        [cv2.resize(i.astype(np.float32), (32, 32), interpolation=cv2.INTER_LINEAR) for i in small]
    )
    base = vgg16_base(str(weights_file), 32, LAYERS, "average", image_shape=(20, 20, 3))
    expected = expected_features(reference, large)
    np.testing.assert_allclose(
        base.predict(small, verbose=0), expected, rtol=1e-3, atol=1e-3 * np.abs(expected).max()
    )


def test_sizes():
    base = vgg16_base("random", 32, ("block5_pool",), "average")
    assert base.count_params() == 14_714_688
    assert base.trainable_weights == []
    assert base.output_shape == (None, 512)
    shallow = vgg16_base("random", 32, ("block1_conv2",), "average")
    assert shallow.count_params() == 64 * (27 + 1) + 64 * (9 * 64 + 1)
    assert len(layer_names()) == 18


def test_random_weights_follow_their_seed():
    first, again, other = random_weights(0), random_weights(0), random_weights(1)
    name = "block4_conv2"
    assert np.array_equal(first[name][0], again[name][0])
    assert not np.array_equal(first[name][0], other[name][0])
    assert first[name][0].std() == pytest.approx(np.sqrt(2 / (9 * 512)), rel=0.01)


# --- weights files --------------------------------------------------------------------------------


def write(path, layers):
    with h5py.File(path, "w") as file:
        for name, shape in layers.items():
            file[f"{name}/{name}/kernel:0"] = np.zeros(shape, np.float32)
            file[f"{name}/{name}/bias:0"] = np.zeros(shape[-1:], np.float32)
    return path


def vgg16_shapes():
    return {name: kernel.shape for name, (kernel, _) in random_weights(0).items()}


@pytest.mark.parametrize(
    "layout", ["{0}/{0}/{1}:0", "model_weights/{0}/{0}/{1}", "layers/{0}/vars/{1}"]
)
def test_reads_what_any_keras_wrote(reference, tmp_path, layout):
    path = tmp_path / "any.h5"
    with h5py.File(path, "w") as file:
        for layer in reference.layers:
            for kind, value in zip(("kernel", "bias"), layer.get_weights(), strict=False):
                file[layout.format(layer.name, kind)] = value
    kernel, bias = read_weights(path)["block3_conv2"]
    expected = reference.get_layer("block3_conv2").get_weights()
    assert np.array_equal(kernel, expected[0])
    assert np.array_equal(bias, expected[1])


def test_a_good_file_passes(weights_file):
    check_weights_file(weights_file)


def test_the_fully_connected_layers_may_be_there(tmp_path):
    check_weights_file(write(tmp_path / "top.h5", {**vgg16_shapes(), "fc1": (8, 4)}))


def test_missing_file(tmp_path):
    with pytest.raises(StudyError, match=r"there is no weights file .*none\.h5.*`weights:`"):
        check_weights_file(tmp_path / "none.h5")


def test_no_hdf5_file(tmp_path):
    (tmp_path / "page.h5").write_text("<html>not found</html>")
    with pytest.raises(StudyError, match="is no HDF5 file"):
        check_weights_file(tmp_path / "page.h5")


def test_cut_short(weights_file, tmp_path):
    with weights_file.open("rb") as stream:
        (tmp_path / "cut.h5").write_bytes(stream.read(1_000_000))
    with pytest.raises(StudyError, match="damaged or cut short"):
        check_weights_file(tmp_path / "cut.h5")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"block3_conv4": (3, 3, 256, 256)}, "not of VGG16: block3_conv4"),
        ({"block1_conv1": (3, 3, 1, 64)}, r"\(3, 3, 1, 64\).* in block1_conv1; expected \(3, 3, 3"),
        ({"block2_conv1": None}, "expected the 13 convolutions of VGG16"),
    ],
    ids=["VGG19", "grey images", "a layer less"],
)
def test_weights_of_another_network(tmp_path, change, message):
    shapes = {name: shape for name, shape in (vgg16_shapes() | change).items() if shape}
    with pytest.raises(StudyError, match=message):
        check_weights_file(write(tmp_path / "other.h5", shapes))


def test_weights_of_a_resnet(tmp_path):
    path = write(
        tmp_path / "resnet.h5", {"conv1_conv": (7, 7, 3, 64), "conv2_conv": (1, 1, 64, 64)}
    )
    with pytest.raises(
        StudyError, match="another network: found the layers conv1_conv, conv2_conv"
    ):
        check_weights_file(path)


def test_nan_in_the_weights(tmp_path):
    path = write(tmp_path / "nan.h5", vgg16_shapes())
    with h5py.File(path, "r+") as file:
        file["block2_conv1/block2_conv1/bias:0"][3] = np.nan
    with pytest.raises(StudyError, match="NaN or infinity in block2_conv1"):
        read_weights(path)


def test_no_network_names_the_ways_on(monkeypatch):
    def fail(*args, **kwargs):
        raise Exception("URL fetch failure")  # what Keras raises

    monkeypatch.setattr(keras.utils, "get_file", fail)
    ways_on = r"cannot be downloaded .*`weights:`.*drop the runs"
    with pytest.raises(StudyError, match=ways_on):
        weights_record("imagenet")
    with pytest.raises(StudyError, match=ways_on):
        vgg16_base("imagenet", 32, LAYERS, "max")


def test_imagenet_is_the_file_that_keras_downloads(monkeypatch, weights_file):
    """The address and checksum are Keras's own, which it does not export."""
    asked = {}

    def deliver(name, origin, **options):
        asked.update(name=name, origin=origin, **options)
        return str(weights_file)

    monkeypatch.setattr(keras.utils, "get_file", deliver)
    record = weights_record("imagenet")
    assert record["weights_sha256"] == hashlib.sha256(weights_file.read_bytes()).hexdigest()
    from keras.src.applications import vgg16

    assert asked["origin"] == vgg16.WEIGHTS_PATH_NO_TOP
    assert asked["file_hash"] in Path(vgg16.__file__).read_text()
    assert asked["cache_subdir"] == "models"


def test_record_names_the_file_and_not_its_folder(weights_file):
    record = weights_record(str(weights_file))
    assert record["weights_file"] == "vgg16.h5"
    assert str(weights_file.parent) not in str(record)
    assert weights_record("random")["weights_sha256"] is None


@pytest.mark.skipif(
    not PUBLISHED.exists(), reason=f"no published weights at {PUBLISHED}; set VGG16_WEIGHTS"
)
def test_published_weights_equal_keras(images):
    network = keras.applications.VGG16(
        include_top=False, weights=str(PUBLISHED), input_shape=(32, 32, 3)
    )
    base = vgg16_base(str(PUBLISHED), 32, LAYERS, "average")
    expected = expected_features(network, images)
    np.testing.assert_allclose(
        base.predict(images, verbose=0), expected, rtol=1e-4, atol=1e-4 * np.abs(expected).max()
    )


class TestImagenetWeightsAreLookedForEarly:
    @pytest.fixture(autouse=True)
    def _home(self, tmp_path, monkeypatch):
        monkeypatch.setenv("KERAS_HOME", str(tmp_path))
        self.file = tmp_path / "models" / pretrained.KERAS_FILE

    def test_here_already(self, monkeypatch):
        self.file.parent.mkdir()
        self.file.touch()
        monkeypatch.setattr(pretrained.requests, "head", None)  # not asked for
        pretrained.check_imagenet_weights()

    def test_no_network(self, monkeypatch):
        def refuse(*_, **__):
            raise pretrained.requests.ConnectionError

        monkeypatch.setattr(pretrained.requests, "head", refuse)
        with pytest.raises(StudyError, match="name it in `weights:`, or drop the runs"):
            pretrained.check_imagenet_weights()
