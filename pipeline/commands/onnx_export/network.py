"""A Keras network, layer by layer, as ONNX nodes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from pipeline.checks import StudyError, listing
from pipeline.commands.onnx_export.graph import Graph
from pipeline.commands.onnx_export.layers import LAYERS

if TYPE_CHECKING:
    import keras


def add_network(graph: Graph, network: keras.Model, x: str) -> str:
    """Add all layers of a network of one input and one output.

    Args:
        graph: grows.
        network: functional or sequential.
        x: the input, (n, channels, height, width) float32, or (n, d).

    Returns:
        The name of the output.

    Raises:
        StudyError: if there is a layer that cannot be exported; the message names it.
    """
    (output,) = _outputs(graph, network, [x])
    return output


def _outputs(graph: Graph, network: Any, inputs: list[str]) -> list[str]:
    functional = getattr(network, "_functional", None) or network
    known = {id(each): name for each, name in zip(functional.inputs, inputs, strict=True)}
    # Nodes, and not layers, because a layer of two networks has been called twice.
    for depth in sorted(functional._nodes_by_depth, reverse=True):
        for node in functional._nodes_by_depth[depth]:
            if node.is_input:
                continue
            given = node.arguments.keras_tensors
            made = _called(
                graph,
                node.operation,
                [known[id(each)] for each in given],
                [tuple(each.shape) for each in given],
            )
            known |= {id(each): name for each, name in zip(node.outputs, made, strict=True)}
    return [known[id(each)] for each in functional.outputs]


def _called(
    graph: Graph, layer: Any, inputs: list[str], shapes: list[tuple[int | None, ...]]
) -> list[str]:
    if hasattr(layer, "layers"):
        return _outputs(graph, layer, inputs)
    kind = type(layer).__name__
    if kind not in LAYERS or getattr(layer, "data_format", None) == "channels_first":
        raise StudyError(
            f"the layer {layer.name} of kind {kind} cannot be exported; expected only layers of "
            f"these kinds, with channels last: {listing(LAYERS, 50)}"
        )
    return [LAYERS[kind](graph, layer, inputs, shapes)]


def in_float32(network: keras.Model) -> keras.Model:
    """Return a network that computes in float32; the same one if it does so already.

    Rounding to float16 by an ``Identity`` stays: it is a part of what was trained.
    """
    text = json.dumps(network.get_config())
    plain = text.replace('"mixed_bfloat16"', '"float32"').replace('"mixed_float16"', '"float32"')
    if plain == text:
        return network
    copy = type(network).from_config(json.loads(plain))
    copy.set_weights(network.get_weights())
    return copy
