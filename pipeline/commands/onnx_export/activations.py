"""Keras's activations as ONNX nodes."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from pipeline.checks import StudyError, listing
from pipeline.commands.onnx_export.graph import Graph


def clipped(graph: Graph, x: str, low: float | None, high: float | None) -> str:
    """Return a value between two limits, either of which may be None."""
    limits = [graph.constant(limit) if limit is not None else "" for limit in (low, high)]
    return graph.add("Clip", x, *limits)


def relu(
    graph: Graph,
    x: str,
    slope: float = 0.0,
    highest: float | None = None,
    threshold: float = 0.0,
) -> str:
    """Return Keras's ReLU with its options; a slope excludes the others."""
    if threshold:
        raise StudyError("found a ReLU with a threshold, which cannot be exported")
    if slope:
        x = graph.add("LeakyRelu", x, alpha=float(slope))
        return x if highest is None else clipped(graph, x, None, highest)
    return graph.add("Relu", x) if highest is None else clipped(graph, x, 0.0, highest)


def gelu(graph: Graph, x: str) -> str:
    """Return x · Φ(x), with the exact normal distribution, as Keras's default does."""
    erf = graph.add("Erf", graph.add("Mul", x, graph.constant(math.sqrt(0.5))))
    half = graph.scaled(erf, 0.5, 0.5)
    return graph.add("Mul", x, half)


def hard_sigmoid(graph: Graph, x: str) -> str:
    """Return min(max(x / 6 + 1 / 2, 0), 1)."""
    return clipped(graph, graph.scaled(x, 1 / 6, 0.5), 0.0, 1.0)


_SIMPLE: dict[str, Callable[[Graph, str], str]] = {
    "linear": lambda graph, x: x,
    "relu": relu,
    "relu6": lambda graph, x: clipped(graph, x, 0.0, 6.0),
    "sigmoid": lambda graph, x: graph.add("Sigmoid", x),
    "tanh": lambda graph, x: graph.add("Tanh", x),
    "elu": lambda graph, x: graph.add("Elu", x),
    "selu": lambda graph, x: graph.add("Selu", x),
    "softplus": lambda graph, x: graph.add("Softplus", x),
    "softsign": lambda graph, x: graph.add("Softsign", x),
    "gelu": gelu,
    "leaky_relu": lambda graph, x: graph.add("LeakyRelu", x, alpha=0.2),
    "hard_sigmoid": hard_sigmoid,
    "silu": lambda graph, x: graph.add("Mul", x, graph.add("Sigmoid", x)),
    "hard_silu": lambda graph, x: graph.add("Mul", x, hard_sigmoid(graph, x)),
}


def activated(graph: Graph, x: str, function: Any, rank: int) -> str:
    """Apply the function of a Keras layer, such as ``layer.activation``.

    Args:
        graph: grows.
        x: the value.
        function: of `keras.activations`.
        rank: dimensions of the value.

    Raises:
        StudyError: for a function that is not known here.
    """
    name = getattr(function, "__name__", str(function))
    if name == "softmax":
        return graph.add("Softmax", x, axis=1 if rank == 4 else -1)
    if name not in _SIMPLE:
        raise StudyError(
            f"found the activation {name}, which cannot be exported; expected one of: "
            f"{listing(sorted([*_SIMPLE, 'softmax']), 40)}"
        )
    return _SIMPLE[name](graph, x)
