"""Intermediate activations of a network, even in nested models."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from pipeline.checks import check_known
from pipeline.deep.cost import leaf_layers


def first_convolution(model: keras.Model) -> keras.Layer | None:
    """Return the first convolution of a network, or None if it has none."""
    return next(filter(_is_convolution, leaf_layers(model)), None)


def layer_named(model: keras.Model, name: str) -> keras.Layer:
    """Return the layer of a name, however deep.

    Raises:
        StudyError: if there is none.
    """
    layers = {layer.name: layer for layer in leaf_layers(model)}
    check_known(name, list(layers), "layer of this network")
    return layers[name]


def end_of(model: keras.Model, convolution: keras.Layer) -> keras.Layer:
    """Return the layer whose output counts as the convolution's.

    This is the last layer before the next convolution, or before a layer whose maps have a
    different height or width. So the normalization, the activation, and an addition or
    concatenation after them are included, but not a pooling that makes the maps smaller.
    """
    layers = list(leaf_layers(model))
    found = convolution
    for layer in layers[layers.index(convolution) + 1 :]:
        if _is_convolution(layer) or _sides(layer) != _sides(convolution):
            break
        found = layer
    return found


def layer_output(
    model: keras.Model, layer: keras.Layer, images: NDArray[np.uint8]
) -> NDArray[np.float32]:
    """Return a layer's output for images, in inference mode.

    Args:
        model: takes pixels.
        layer: one of the model's `leaf_layers`.
        images: (n, height, width, 3) uint8 RGB; they must fit in one batch.
    """
    seen = []

    def keep(output: Any) -> Any:
        seen.append(output)
        return output

    with changed_output(layer, keep):
        infer(model, images)
    return keras.ops.convert_to_numpy(keras.ops.cast(seen[0], "float32"))


def infer(model: keras.Model, images: NDArray[np.uint8]) -> Any:
    """Return the model's outputs for one batch, computed eagerly, without compilation."""
    return model(keras.ops.convert_to_tensor(images.astype(np.float32)), training=False)


@contextmanager
def changed_output(layer: keras.Layer, change: Callable[[Any], Any]) -> Iterator[None]:
    """Make `layer` return `change(output)` instead of its output.

    In nested models it is not possible to build a model that ends at an inner layer: the inner
    model's outputs are not connected to the outer model's inputs.
    """
    call = layer.call
    layer.call = lambda *inputs, **options: change(call(*inputs, **options))
    try:
        yield
    finally:
        layer.call = call


def _is_convolution(layer: keras.Layer) -> bool:
    return isinstance(layer, (keras.layers.Conv2D, keras.layers.SeparableConv2D))


def _sides(layer: keras.Layer) -> tuple[int, ...] | None:
    """Return the height and width of a layer's output maps, or None if its output is not maps."""
    output = layer.output
    if isinstance(output, (list, tuple)) or len(output.shape) != 4:
        return None
    return tuple(output.shape[1:3])
