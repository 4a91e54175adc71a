"""The graph of a network: which layer reads what, through models inside models."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

Value = TypeVar("Value")
Shape = tuple[int | None, ...]


def follow(
    network: Any,
    inputs: Sequence[Value],
    visit: Callable[[Any, list[Value], list[Shape]], Sequence[Value]],
) -> list[Value]:
    """Call `visit` for each layer, after those that it reads; return the values of the outputs.

    A model inside the model is replaced by its layers. Input layers are left out.

    Args:
        network: a functional or sequential `keras.Model`.
        inputs: what stands for each input of the network.
        visit: gets a layer, what stands for each tensor that it reads, and their shapes with the
            batch dimension; returns what stands for each of its outputs.
    """
    functional = getattr(network, "_functional", None) or network
    known = {id(each): value for each, value in zip(functional.inputs, inputs, strict=True)}
    # Nodes, and not layers, because a layer of two networks has been called twice.
    for depth in sorted(functional._nodes_by_depth, reverse=True):
        for node in functional._nodes_by_depth[depth]:
            if node.is_input:
                continue
            given = node.arguments.keras_tensors
            values = [known[id(each)] for each in given]
            made: Sequence[Value]
            if hasattr(node.operation, "layers"):
                made = follow(node.operation, values, visit)
            else:
                made = visit(node.operation, values, [tuple(each.shape) for each in given])
            known |= {id(each): value for each, value in zip(node.outputs, made, strict=True)}
    return [known[id(each)] for each in functional.outputs]
