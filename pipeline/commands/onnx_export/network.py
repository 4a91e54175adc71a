"""A Keras network, layer by layer, as ONNX nodes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from pipeline.checks import StudyError, listing
from pipeline.commands.onnx_export.graph import Graph
from pipeline.commands.onnx_export.layers import LAYERS
from pipeline.deep.graph import follow

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
    (output,) = follow(network, [x], lambda *called: _called(graph, *called))
    return output


def _called(
    graph: Graph, layer: Any, inputs: list[str], shapes: list[tuple[int | None, ...]]
) -> list[str]:
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
