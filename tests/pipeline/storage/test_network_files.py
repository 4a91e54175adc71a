"""Stored networks that somebody hands over: none runs code, and Keras never sees a hostile one."""

import base64
import io
import json
import marshal
import pickle
import zipfile
from pathlib import Path

import h5py
import keras
import numpy as np
import pytest

from pipeline.checks import StudyError
from pipeline.storage.runs import model_file, seal_run
from pipeline.storage.stored_models import load_stored_model

WEIGHTS = "model.weights.h5"


@pytest.fixture(scope="module")
def network():
    layers = keras.layers
    stack = [keras.Input((6, 6, 3)), layers.Rescaling(1 / 255), layers.Conv2D(2, 3)]
    return keras.Sequential([*stack, layers.Flatten(), layers.Dense(3, "softmax", name="output")])


@pytest.fixture(scope="module")
def members(network, tmp_path_factory):
    """Name -> content of a network's file, as Keras writes it."""
    path = tmp_path_factory.mktemp("network") / "model.keras"
    network.save(path)
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


@pytest.fixture
def path(study_folder):
    path = model_file("net", 0, "deep")
    path.parent.mkdir(parents=True)
    return path


@pytest.fixture
def canary(study_folder):
    return study_folder / "code has run"


def write(path, members, compression=zipfile.ZIP_STORED):
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, content in members.items():
            archive.writestr(name, content)


def refused(path, monkeypatch):
    """Neither opened nor passed to Keras; reported with the file and the command.

    Whoever is hostile writes the manifest to match.
    """
    seal_run("net", 0, "")
    with monkeypatch.context() as patch:
        patch.setattr(keras.saving, "load_model", lambda *_, **__: pytest.fail("Keras opens it"))
        with pytest.raises(StudyError) as caught:
            load_stored_model("net", 0, "deep")
    reported = str(caught.value)
    assert str(path) in reported
    assert "dvc repro train_deep@net" in reported
    return reported


def test_a_stored_network_is_opened(path, members, network):
    write(path, members)
    seal_run("net", 0, "")
    found = load_stored_model("net", 0, "deep")
    images = np.arange(2 * 6 * 6 * 3, dtype=np.uint8).reshape(2, 6, 6, 3)
    expected = network.predict(images, verbose=0)
    assert found.predict(images, verbose=0).tobytes() == expected.tobytes()


def test_pixels_of_any_mean_and_variance_are_no_sizes(path):
    """Black and white pixels, half and half, vary by 127.5 squared."""
    scaled = keras.layers.Normalization(mean=[127.5] * 3, variance=[127.5**2] * 3)
    keras.Sequential([keras.Input((6, 6, 3)), scaled]).save(path)
    seal_run("net", 0, "")
    images = np.array([0, 255], np.uint8).repeat(108).reshape(2, 6, 6, 3)
    found = load_stored_model("net", 0, "deep").predict(images, verbose=0)
    np.testing.assert_allclose(np.unique(found), [-1, 1])


def test_a_network_that_takes_features_apart_is_opened(path):
    """As a fine-tuned one does, behind a frozen part that gives many numbers."""
    layers = keras.layers
    first = keras.Input((60, 60, 3))
    x = layers.Identity(dtype="float16")(layers.ReLU(max_value=65504.0)(layers.Flatten()(first)))
    x = layers.Reshape((10_800, 1))(x)
    features = keras.Input((10_800, 1))
    head = layers.Reshape((50, 50, 1))(layers.Cropping1D((8_300, 0))(features))
    head = keras.Model(features, layers.Flatten()(head))
    keras.Model(first, head(x)).save(path)
    seal_run("net", 0, "")
    images = np.arange(60 * 60 * 3, dtype=np.uint16).astype(np.uint8).reshape(1, 60, 60, 3)
    found = load_stored_model("net", 0, "deep").predict(images, verbose=0)
    np.testing.assert_array_equal(found, images.reshape(1, -1)[:, 8_300:])


# --- config ---------------------------------------------------------------------------------------


def layer(name, config, module="keras.layers", registered=None):
    return {
        "module": module,
        "class_name": name,
        "config": {"name": "hostile", **config},
        "registered_name": registered,
    }


def bytecode(canary):
    code = compile(f"open({str(canary)!r}, 'w')", "x", "eval")
    content = base64.b64encode(marshal.dumps(code)).decode()
    function = {"code": content, "defaults": None, "closure": None}
    return layer("Lambda", {"function": {"class_name": "__lambda__", "config": function}})


def hostile_layers(canary):
    touch = {"args": ["touch", str(canary)]}
    dense = {"units": 3, "activation": "softmax"}
    popen = {"module": "subprocess", "class_name": "Popen", "config": touch}
    unsafe = {"module": "keras.config", "class_name": "enable_unsafe_deserialization"}
    function = {"module": "builtins", "class_name": "function", "config": "eval"}
    return {
        "a Lambda layer with byte code": bytecode(canary),
        "registered as os.system": layer("Dense", dense, registered="os.system"),
        "registered as builtins.eval": layer("Dense", dense, registered="builtins.eval"),
        "the module os": layer("system", {"command": f"touch '{canary}'"}, module="os"),
        "subprocess.Popen for an initializer": layer(
            "Dense", dense | {"kernel_initializer": popen}
        ),
        "what turns the safe mode off": layer("Dense", dense | {"bias_initializer": unsafe}),
        "eval for an activation": layer("Activation", {"activation": function}),
        "a download": layer("get_file", {"origin": "file:///etc/passwd"}, module="keras.utils"),
        "a saved model of TensorFlow": layer("TFSMLayer", {"filepath": "elsewhere"}),
        "a vocabulary in a file": layer("StringLookup", {"vocabulary": "/etc/passwd"}),
        "an unknown class": layer("NoSuchLayer", {}),
        "a class of nobody": layer("Dense", dense, module=None),
        "terabytes of weights": layer("Dense", {"units": 10**12}),
        "terabytes of weights, as a float": layer("Dense", {"units": 1e12}),
        "terabytes of kernels": layer("Conv2D", {"filters": 4, "kernel_size": [10**6, 10**6]}),
        "terabytes once built": layer("Dense", {"units": 3})
        | {"build_config": {"input_shape": [None, 10**12]}},
        "an input of megabytes": layer("InputLayer", {"batch_shape": [None, 10**6]}),
        "an image of terabytes": layer("Resizing", {"height": 10**6, "width": 10**6}),
    }


@pytest.mark.tried(
    "Stored models",
    "a network file that brings code, or names other classes, functions, modules or absurd sizes",
    "it is not opened; an error that names the file and the command that regenerates it",
)
def test_only_stock_layers_are_made(path, members, canary, monkeypatch, trials):
    layers = hostile_layers(canary)
    for hostile in layers.values():
        config = json.loads(members["config.json"])
        config["config"]["layers"][-1] = hostile
        for root in (config, hostile):
            write(path, members | {"config.json": json.dumps(root)})
            refused(path, monkeypatch)
    for broken in ("[]", "{", "null", "[" * 100_000, json.dumps({"class_name": ["a"]})):
        write(path, members | {"config.json": broken})
        refused(path, monkeypatch)
    assert not canary.exists()
    trials(2 * len(layers) + 5)


# --- archive --------------------------------------------------------------------------------------


def pickled(canary):
    class Canary:
        def __reduce__(self):
            return (Path.touch, (canary,))

    stream = io.BytesIO()
    np.savez(stream, weights=np.array([Canary()], dtype=object))
    return stream.getvalue()


@pytest.mark.tried(
    "Stored models",
    "a network file with a pickle, a path out of its folder, a bomb, or that is no archive",
    "it is not opened; an error that names the file and the command that regenerates it",
)
def test_the_archive_holds_three_files_and_nothing_else(path, members, canary, monkeypatch, trials):
    without = {name: content for name, content in members.items() if name != WEIGHTS}
    hostile = [
        members | {"../../../evil.py": b"print()"},
        members | {"assets/../../evil.py": b"print()"},
        members | {"assets/words.txt": b"words"},
        without | {"model.weights.npz": pickled(canary)},
        without | {WEIGHTS: pickled(canary)},
        without | {WEIGHTS: pickle.dumps([1, 2])},
        without,
    ]
    for each in hostile:
        write(path, each)
        refused(path, monkeypatch)
    write(path, members | {"metadata.json": b" " * 10_000_000}, zipfile.ZIP_DEFLATED)
    assert "compressed" in refused(path, monkeypatch)
    for content in (members[WEIGHTS], b"", pickle.dumps([1])):
        path.write_bytes(content)
        refused(path, monkeypatch)
    assert not canary.exists()
    trials(len(hostile) + 4)


# --- weights --------------------------------------------------------------------------------------


def external_link(file, name):
    file["more"] = h5py.ExternalLink("/etc/other.h5", "/secret")


def soft_link(file, name):
    file["more"] = h5py.SoftLink(name)


def loop(file, name):
    file["layers/more"] = file["layers"]


def twice(file, name):
    file["more"] = file[name]


def external_storage(file, name):
    file.create_dataset("more", (4,), "f4", external=[("/etc/passwd", 0, 16)])


def virtual(file, name):
    layout = h5py.VirtualLayout((4,), "f4")
    layout[:] = h5py.VirtualSource("/etc/other.h5", "secret", (4,))
    file.create_virtual_dataset("more", layout)


def exabytes(file, name):
    file.create_dataset("more", (10**9, 10**9), "f4")


def exabytes_in_chunks(file, name):
    file.create_dataset("more", (10**9, 10**9), "f4", chunks=(10, 10), compression="gzip")


def texts(file, name):
    file["more"] = "text"


def arrays(file):
    names = []
    file.visititems(lambda name, item: names.append(name) if hasattr(item, "shape") else None)
    return names


HOSTILE_WEIGHTS = [
    *(external_link, soft_link, loop, twice, external_storage, virtual, exabytes),
    *(exabytes_in_chunks, texts),
]


@pytest.mark.tried(
    "Stored models",
    "network weights with links to other files, loops, or arrays of exabytes",
    "they are not opened; an error that names the file and the command that regenerates it",
)
def test_weights_lie_in_the_file(path, members, monkeypatch, trials):
    for change in HOSTILE_WEIGHTS:
        stream = io.BytesIO(members[WEIGHTS])
        with h5py.File(stream, "r+") as file:
            change(file, arrays(file)[0])
        write(path, members | {WEIGHTS: stream.getvalue()})
        refused(path, monkeypatch)
    trials(len(HOSTILE_WEIGHTS))
