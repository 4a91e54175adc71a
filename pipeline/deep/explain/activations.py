"""What layers inside of a network give, however deeply models stand in models."""

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
    """Return the first convolution of a network; None where it has none."""
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
    """Return the layer whose output counts as that of a convolution.

    That is the last layer, from the convolution on, before the next convolution or a layer whose
    maps have another height or width: so its normalisation and activation belong to it, and the
    addition or concatenation behind it, but no pooling that makes maps smaller.
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
    """Return what a layer gives of images, in inference mode.

    Args:
        model: from pixels on.
        layer: one of its `leaf_layers`.
        images: (n, height, width, 3) uint8 RGB, so few that they make one batch.
    """
    seen = []

    def keep(output: Any) -> Any:
        seen.append(output)
        return output

    with changed_output(layer, keep):
        infer(model, images)
    return keras.ops.convert_to_numpy(keras.ops.cast(seen[0], "float32"))


def infer(model: keras.Model, images: NDArray[np.uint8]) -> Any:
    """Return the outputs of one batch, computed operation by operation: nothing is compiled."""
    return model(keras.ops.convert_to_tensor(images.astype(np.float32)), training=False)


@contextmanager
def changed_output(layer: keras.Layer, change: Callable[[Any], Any]) -> Iterator[None]:
    """Let `layer` give `change(output)` instead of its output.

    A model that ends at an inner layer cannot be built where models stand in models: the inner
    one's outputs are not connected to the outer one's inputs.
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
    """Return height and width of the maps that a layer gives; None where it gives no maps."""
    output = layer.output
    if isinstance(output, (list, tuple)) or len(output.shape) != 4:
        return None
    return tuple(output.shape[1:3])
