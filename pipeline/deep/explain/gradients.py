"""The gradient of a number with respect to an array, on any backend of Keras."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from pipeline.checks import StudyError


def gradient(function: Callable[[Any], Any], at: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the derivatives of `function` at `at`, with the same shape.

    Args:
        function: maps a tensor of the backend to a tensor with one number, using `keras.ops`.
        at: float32.

    Raises:
        StudyError: on a backend other than TensorFlow, JAX and PyTorch.
    """
    ways = {"tensorflow": _tensorflow, "jax": _jax, "torch": _torch}
    backend = keras.backend.backend()
    if backend not in ways:
        raise StudyError(f"found Keras on {backend}; expected one of: {', '.join(ways)}")
    found = ways[backend](function, at)
    # If nothing depends on the input, TensorFlow and PyTorch return None.
    return np.zeros_like(at) if found is None else keras.ops.convert_to_numpy(found)


def _tensorflow(function: Callable[[Any], Any], at: NDArray[np.float32]) -> Any:
    tensorflow = importlib.import_module("tensorflow")
    x = tensorflow.constant(at)
    with tensorflow.GradientTape() as tape:
        tape.watch(x)
        value = function(x)
    return tape.gradient(value, x)


def _jax(function: Callable[[Any], Any], at: NDArray[np.float32]) -> Any:
    return importlib.import_module("jax").grad(function)(keras.ops.convert_to_tensor(at))


def _torch(function: Callable[[Any], Any], at: NDArray[np.float32]) -> Any:
    x = keras.ops.convert_to_tensor(at).detach().requires_grad_()
    function(x).backward()
    return x.grad
