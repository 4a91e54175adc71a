"""Weights of VGG16: files of every layout, wrong files, downloads and random weights."""

import hashlib
from pathlib import Path

import h5py
import keras
import numpy as np
import pytest

from pipeline.checks import StudyError
from pipeline.pretrained import weights
from pipeline.pretrained.weights import (
    KERAS_FILE,
    check_imagenet_weights,
    check_weights_file,
    imagenet_file,
    load_weights,
    random_weights,
    read_weights,
    values_digest,
    weights_record,
)


@pytest.fixture(scope="module")
def drawn():
    """Random weights, biases included."""
    rng = np.random.default_rng(0)
    return {
        name: (kernel, rng.normal(0, 0.1, bias.shape).astype(np.float32))
        for name, (kernel, bias) in random_weights(0).items()
    }


@pytest.fixture(scope="module")
def weights_file(drawn, tmp_path_factory):
    path = tmp_path_factory.mktemp("weights") / "vgg16.h5"
    with h5py.File(path, "w") as file:
        for name, (kernel, bias) in drawn.items():
            file[f"{name}/{name}_W_1:0"] = kernel
            file[f"{name}/{name}_b_1:0"] = bias
    return path


def test_random_weights_depend_on_their_seed():
    first, again, other = random_weights(0), random_weights(0), random_weights(1)
    shallow = random_weights(0, list(first)[:4])
    assert list(shallow) == list(first)[:4]
    assert all(np.array_equal(kernel, first[key][0]) for key, (kernel, _) in shallow.items())
    name = "block4_conv2"
    assert np.array_equal(first[name][0], again[name][0])
    assert not np.array_equal(first[name][0], other[name][0])
    assert first[name][0].std() == pytest.approx(np.sqrt(2 / (9 * 512)), rel=0.01)


def write(path, layers):
    with h5py.File(path, "w") as file:
        for name, shape in layers.items():
            file[f"{name}/{name}/kernel:0"] = np.zeros(shape, np.float32)
            file[f"{name}/{name}/bias:0"] = np.zeros(shape[-1:], np.float32)
    return path


def vgg16_shapes():
    return {name: kernel.shape for name, (kernel, _) in random_weights(0).items()}


@pytest.mark.parametrize(
    "layout",
    ["{0}/{0}_{1}_1:0", "{0}/{0}/{1}:0", "model_weights/{0}/{0}/{1}", "layers/{0}/vars/{1}"],
)
def test_reads_files_of_every_keras_version(drawn, tmp_path, layout):
    path = tmp_path / "any.h5"
    with h5py.File(path, "w") as file:
        for name, values in drawn.items():
            for kind, value in zip(("kernel", "bias"), values, strict=True):
                file[layout.format(name, kind)] = value
    kernel, bias = read_weights(path)["block3_conv2"]
    assert np.array_equal(kernel, drawn["block3_conv2"][0])
    assert np.array_equal(bias, drawn["block3_conv2"][1])


def test_a_good_file_passes(weights_file):
    check_weights_file(weights_file)


def test_fully_connected_layers_are_allowed(tmp_path):
    check_weights_file(write(tmp_path / "top.h5", {**vgg16_shapes(), "fc1": (8, 4)}))


def test_missing_file(tmp_path):
    with pytest.raises(StudyError, match=r"there is no weights file .*none\.h5.*`weights:`"):
        check_weights_file(tmp_path / "none.h5")


def test_not_an_hdf5_file(tmp_path):
    (tmp_path / "page.h5").write_text("<html>not found</html>")
    with pytest.raises(StudyError, match="is not an HDF5 file"):
        check_weights_file(tmp_path / "page.h5")


def test_truncated_file(weights_file, tmp_path):
    with weights_file.open("rb") as stream:
        (tmp_path / "cut.h5").write_bytes(stream.read(1_000_000))
    with pytest.raises(StudyError, match="damaged or truncated"):
        check_weights_file(tmp_path / "cut.h5")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"block3_conv4": (3, 3, 256, 256)}, "not in VGG16: block3_conv4"),
        ({"block1_conv1": (3, 3, 1, 64)}, r"\(3, 3, 1, 64\).* in block1_conv1; expected \(3, 3, 3"),
        ({"block2_conv1": None}, "expected the 13 convolutions of VGG16"),
    ],
    ids=["VGG19", "gray images", "a missing layer"],
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


def test_no_network_suggests_what_to_do(no_imagenet, monkeypatch):
    def fail(*args, **kwargs):
        raise Exception("URL fetch failure")  # what Keras raises

    monkeypatch.setattr(keras.utils, "get_file", fail)
    ways_on = r"cannot be downloaded .*into data/incoming/, or drop the runs"
    with pytest.raises(StudyError, match=ways_on):
        weights_record("imagenet")
    with pytest.raises(StudyError, match=ways_on):
        load_weights("imagenet", 0, ["block5_pool"])


def test_imagenet_is_the_file_that_keras_downloads(no_imagenet, monkeypatch, weights_file):
    """The address and checksum equal Keras's own, which it does not export."""
    asked = {}

    def deliver(name, origin, **options):
        asked.update(name=name, origin=origin, **options)
        return str(weights_file)

    monkeypatch.setattr(keras.utils, "get_file", deliver)
    assert imagenet_file() == weights_file
    from keras.src.applications import vgg16

    assert asked["origin"] == vgg16.WEIGHTS_PATH_NO_TOP
    assert asked["file_hash"] in Path(vgg16.__file__).read_text()
    assert asked["cache_subdir"] == "models"


def test_record_has_the_file_name_but_not_its_folder(weights_file):
    record = weights_record(str(weights_file))
    assert record["weights_file"] == "vgg16.h5"
    assert str(weights_file.parent) not in str(record)
    assert weights_record("random")["weights_sha256"] is None


def test_the_digest_is_of_the_values_in_the_networks_order(drawn):
    arrays = [array for name in drawn for array in drawn[name]]
    expected = hashlib.sha256(b"".join(array.tobytes() for array in arrays)).hexdigest()
    assert list(drawn) == sorted(drawn), "the order of the layers is that of their names"
    assert values_digest(dict(reversed(drawn.items()))) == expected
    name = "block5_conv3"
    assert values_digest({**drawn, name: (drawn[name][0], drawn[name][1] + 1)}) != expected


# --- where ImageNet's weights come from -----------------------------------------------------------


@pytest.fixture
def no_imagenet(study_folder, monkeypatch):
    """A study and a Keras cache without any weights, and no network."""

    def fail(*_, **__):
        raise weights.requests.ConnectionError

    monkeypatch.setenv("KERAS_HOME", str(study_folder / "keras"))
    monkeypatch.setattr(weights.requests, "head", fail)
    monkeypatch.setattr(keras.utils, "get_file", fail)
    (study_folder / "keras/models").mkdir(parents=True)
    Path("data/incoming").mkdir(parents=True)


PLACES = ("data/incoming", "keras/models")


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("known", ["values", "file"])
def test_the_right_file_is_used_where_it_is(
    no_imagenet, monkeypatch, drawn, weights_file, place, known
):
    """Whether Keras's own, or another file of the same values; the record is the same."""
    if known == "values":
        monkeypatch.setattr(weights, "IMAGENET_VALUES", values_digest(drawn))
    else:
        digest = hashlib.md5(weights_file.read_bytes()).hexdigest()
        monkeypatch.setattr(weights, "KERAS_MD5", digest)
    Path(place, KERAS_FILE).symlink_to(weights_file)
    check_imagenet_weights()
    assert imagenet_file().samefile(weights_file)
    assert weights_record("imagenet") == {
        "weights": "imagenet",
        "weights_file": KERAS_FILE,
        "weights_sha256": values_digest(drawn),
    }


@pytest.mark.parametrize("look", [check_imagenet_weights, imagenet_file])
def test_a_placed_file_with_other_values_is_refused(no_imagenet, drawn, weights_file, look):
    Path("data/incoming", KERAS_FILE).symlink_to(weights_file)
    with pytest.raises(StudyError) as caught:
        look()
    assert f"data/incoming/{KERAS_FILE} does not hold the ImageNet weights" in str(caught.value)
    assert f"{values_digest(drawn)}; expected {weights.IMAGENET_VALUES}" in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"<html>not found</html>"])
def test_a_placed_file_of_another_kind_is_refused(no_imagenet, content):
    Path("data/incoming", KERAS_FILE).write_bytes(content)
    with pytest.raises(StudyError, match="is not an HDF5 file"):
        check_imagenet_weights()


@pytest.mark.parametrize("content", [b"", b"<html>not found</html>", None])
def test_another_file_in_the_cache_is_left_to_keras(no_imagenet, weights_file, content):
    """It replaces it; without a network, a person learns that before anything runs."""
    path = Path("keras/models", KERAS_FILE)
    path.write_bytes(weights_file.read_bytes() if content is None else content)
    with pytest.raises(StudyError, match="into data/incoming/, or drop the runs"):
        check_imagenet_weights()
    assert path.exists()
