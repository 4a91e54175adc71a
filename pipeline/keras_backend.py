"""Importing Keras, whose backend is set outside of the project."""

from __future__ import annotations

import importlib
import importlib.util
import json
import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pipeline.checks import StudyError, listing, shown

# TensorFlow prints many lines if there is no GPU; a run's first line and its card name the device
# anyway. Set TF_CPP_MIN_LOG_LEVEL=0 to see them.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
logging.getLogger("tensorflow").setLevel(logging.ERROR)
# TensorFlow uses oneDNN's operations by default only on processors with VNNI, AMX or bfloat16
# instructions. With AVX2 alone they train networks 1.5 to 2.7 times as fast as its own.
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")

BACKENDS = ("tensorflow", "jax", "torch")
"""Backends that can train; Keras also has some that cannot."""


def check_backend() -> None:
    """Raise `StudyError` if Keras is set to a backend that is not installed, or that cannot train.

    Keras itself would fail with the traceback of an import. This check imports nothing, so it is
    cheap; call it before ``import keras``.
    """
    backend, where = _setting()
    installed = [name for name in BACKENDS if importlib.util.find_spec(name) is not None]
    if backend in installed:
        return
    remedy = f"Unset it, or install {backend}" if backend in BACKENDS else "Unset it"
    raise StudyError(
        f"{where}: found the backend {shown(backend)}; expected one that is installed: "
        f"{listing(installed)}. {remedy}"
    )


def load_keras() -> None:
    """Check the backend, then import Keras; ``import keras`` is free afterward.

    scikit-learn is hidden during the import: Keras imports it for wrappers that are not used here,
    which takes a fifth of the time. It can be imported afterward as usual.

    Raises:
        StudyError: as `check_backend` does.
    """
    check_backend()
    with _not_installed("sklearn"):
        importlib.import_module("keras")


@contextmanager
def _not_installed(name: str) -> Iterator[None]:
    """Make ``import name`` fail in the block, unless it is already imported."""
    if name in sys.modules:
        yield
        return
    sys.modules[name] = None  # type: ignore[assignment]  # Python's own way to block an import
    try:
        yield
    finally:
        del sys.modules[name]


def _setting() -> tuple[str, str]:
    """Return the backend that Keras will use and where it is set, as Keras's config.py decides."""
    variable = os.environ.get("KERAS_BACKEND")
    if variable:
        return variable, "KERAS_BACKEND"
    home = os.environ.get("KERAS_HOME", str(Path.home() / ".keras"))
    path = Path(home).expanduser() / "keras.json"
    try:
        backend = json.loads(path.read_text(encoding="utf-8")).get("backend", BACKENDS[0])
    except (OSError, ValueError, AttributeError):
        return BACKENDS[0], "Keras"
    return str(backend), str(path)
