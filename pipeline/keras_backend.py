"""Importing Keras: it needs a backend, and a setting outside the project names it."""

from __future__ import annotations

import importlib
import importlib.util
import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pipeline.checks import StudyError, listing, shown

BACKENDS = ("tensorflow", "jax", "torch")
"""Those that can train. Keras knows others that cannot."""


def check_backend() -> None:
    """Raise `StudyError` if Keras is set to a backend that is not installed, or that cannot train.

    Keras itself raises whatever its import leads to, with a traceback. Imports nothing, so that it
    costs nothing; to be called before ``import keras``.
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
    """Import Keras, once the backend is checked; ``import keras`` then costs nothing.

    Without scikit-learn, which Keras imports for wrappers that nobody uses here, and which takes
    a fifth of the time. It can be imported afterwards as usual.

    Raises:
        StudyError: as `check_backend` does.
    """
    check_backend()
    with _not_installed("sklearn"):
        importlib.import_module("keras")


@contextmanager
def _not_installed(name: str) -> Iterator[None]:
    """Let ``import name`` fail in the block, unless it is imported already."""
    if name in sys.modules:
        yield
        return
    sys.modules[name] = None  # type: ignore[assignment]  # how Python itself marks it
    try:
        yield
    finally:
        del sys.modules[name]


def _setting() -> tuple[str, str]:
    """Return the backend that Keras will take, and where it is named: as in its own config.py."""
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
