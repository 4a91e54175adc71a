"""The layers of a stored network as a table: what each reads, its output, and what it costs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from pipeline.deep.cost import layer_table
from pipeline.deep.explain.receptive_field import WHOLE, Field, field_of
from pipeline.deep.graph import Shape, follow
from pipeline.storage.network_layers import NetworkLayer

IMAGE = 0
"""The number that stands for the image among the inputs of a layer."""


def network_layers(model: keras.Model) -> list[NetworkLayer]:
    """Return all layers of a model, those of nested models too, each after what it reads.

    Args:
        model: takes pixels, (n, height, width, channels), and has one input.
    """
    costs = {each.name: each for each in layer_table(model)}
    found: list[NetworkLayer] = []
    fields: list[Field] = [Field()]

    def visit(layer: Any, inputs: list[int], shapes: list[Shape]) -> Sequence[int]:
        number = len(found) + 1
        outputs = keras.tree.flatten(layer.output)
        fields.append(field_of(layer, [fields[each] for each in inputs], shapes, outputs[0].shape))
        cost, side = costs.get(layer.name), fields[number].size
        trainable = cost.trainable if cost else 0
        found.append(
            NetworkLayer(
                layer=number,
                name=layer.name,
                kind=type(layer).__name__,
                settings=settings_of(layer),
                inputs=tuple(inputs),
                output=tuple(side or 1 for side in outputs[0].shape[1:]),
                trainable=trainable,
                fixed=_stored_numbers(layer) - trainable,
                multiply_adds=cost.multiply_adds if cost else None,
                receptive_field=None if side == WHOLE else round(side),
            )
        )
        return [number] * len(outputs)

    follow(model, [IMAGE], visit)
    return found


def _stored_numbers(layer: Any) -> int:
    """Count what a layer stores, with the statistics of a standardization, which Keras leaves out.

    A sum over all layers is the number of parameters on a network's card.
    """
    if isinstance(layer, keras.layers.Normalization) and layer.input_mean is not None:
        return int(np.size(layer.input_mean) + np.size(layer.input_variance))
    return int(layer.count_params()) if isinstance(layer, keras.layers.Layer) else 0


def settings_of(layer: Any) -> str:
    """Say how a layer is set, such as ``5×5, stride 2, same, tanh``; empty if there is nothing."""
    parts = []
    window = getattr(layer, "kernel_size", None) or getattr(layer, "pool_size", None)
    if isinstance(window, tuple):
        parts.append(_sides(window))
        strides = tuple(layer.strides)
        if strides != ((1,) * len(strides) if hasattr(layer, "kernel_size") else window):
            parts.append(f"stride {_sides(strides, alike=True)}")
        if max(getattr(layer, "dilation_rate", (1,))) > 1:
            parts.append(f"dilation {_sides(layer.dilation_rate, alike=True)}")
        if getattr(layer, "groups", 1) > 1:
            parts.append(f"{layer.groups} groups")
        if max(window) > 1 and (hasattr(layer, "kernel_size") or layer.padding == "same"):
            parts.append(layer.padding)
    if isinstance(layer, keras.layers.ZeroPadding2D):
        ends = [end for pair in layer.padding for end in pair]
        parts.append(" ".join(map(str, ends if len(set(ends)) > 1 else ends[:1])))
    if getattr(layer, "rate", None):
        parts.append(f"{layer.rate:g}")
    if isinstance(layer, keras.layers.ReLU) and layer.max_value is not None:
        parts.append(f"at most {float(layer.max_value):g}")
    name = getattr(getattr(layer, "activation", None), "__name__", "linear")
    return ", ".join([*parts, *([name] if name != "linear" else [])])


def _sides(sides: Sequence[int], alike: bool = False) -> str:
    """Write ``3×5``; with `alike`, equal sides as one number."""
    if alike and len(set(sides)) == 1:
        return str(sides[0])
    return "×".join(map(str, sides))
