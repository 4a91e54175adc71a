"""A backend that Keras cannot use is reported in one line, before Keras is imported."""

from __future__ import annotations

import os
import platform
import subprocess
import sys

import pytest

from pipeline import keras_backend
from pipeline.checks import StudyError
from pipeline.keras_backend import check_backend

ONEDNN = "TF_ENABLE_ONEDNN_OPTS"


@pytest.fixture
def home(tmp_path, monkeypatch):
    """Keras's folder, empty, with TensorFlow as the one installed backend."""
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.delenv("KERAS_BACKEND", raising=False)
    monkeypatch.setattr(
        keras_backend.importlib.util, "find_spec", lambda name: name == "tensorflow" or None
    )
    return tmp_path


@pytest.mark.tried(
    "Environment",
    "KERAS_BACKEND set to what is not installed, cannot train, or does not exist",
    "one line: found, installed, how to go on; `check` says it first",
)
@pytest.mark.parametrize(
    ("backend", "remedy"),
    [("jax", "Unset it, or install jax"), ("numpy", "Unset it$"), ("tensorflw", "Unset it$")],
)
def test_a_backend_that_is_not_to_be_had(home, monkeypatch, backend, remedy):
    monkeypatch.setenv("KERAS_BACKEND", backend)
    expected = f"KERAS_BACKEND: found the backend '{backend}'; expected one that is installed: tens"
    with pytest.raises(StudyError, match=f"{expected}.*{remedy}"):
        check_backend()


@pytest.mark.parametrize("backend", ["tensorflow", ""])
def test_a_backend_that_is_installed(home, monkeypatch, backend):
    monkeypatch.setenv("KERAS_BACKEND", backend)
    check_backend()


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"backend": "tensorflow"}'])
def test_keras_own_file(home, text):
    (home / "keras.json").write_text(text, encoding="utf-8")
    check_backend()


def test_keras_own_file_names_another(home):
    (home / "keras.json").write_text('{"backend": "torch"}', encoding="utf-8")
    with pytest.raises(StudyError, match=r"keras\.json: found the backend 'torch'"):
        check_backend()


def test_the_stage_that_trains_networks_says_it_before_keras_does(root, tmp_path):
    """In its own process: there, Keras is imported with the stage."""
    environment = {"KERAS_BACKEND": "no_such_backend", "PYTHONPATH": str(root)}
    done = subprocess.run(
        [sys.executable, "-m", "stages.train_deep", "x"],
        env=os.environ | environment,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr.count("\n")) == (1, 3), done.stderr
    assert "found the backend 'no_such_backend'" in done.stderr


def test_keras_is_imported_without_scikit_learn_which_can_be_imported_later():
    code = (
        "import sys; from pipeline.keras_backend import load_keras; load_keras()\n"
        "print('keras' in sys.modules, 'sklearn' in sys.modules)\n"
        "import sklearn; load_keras(); print(sys.modules['sklearn'] is sklearn)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["True", "False", "True"]


@pytest.mark.skipif(platform.machine() != "x86_64", reason="oneDNN is a library for x86-64 here")
@pytest.mark.parametrize(("given", "found"), [({}, "True"), ({ONEDNN: "0"}, "False")])
def test_tensorflow_uses_onednn_on_any_processor_unless_told_otherwise(given, found):
    code = (
        "from pipeline.keras_backend import load_keras; load_keras()\n"
        "from tensorflow.python.util import _pywrap_util_port as port; print(port.IsMklEnabled())"
    )
    kept = {name: value for name, value in os.environ.items() if name != ONEDNN}
    done = subprocess.run(
        [sys.executable, "-c", code], env=kept | given, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == [found]
