"""Prediction from memory-mapped arrays with a Keras model, in batches of one shape.

Images of another size than the model's are resized, one batch at a time: a network may have been
trained on smaller or larger images than those that the study stores (`image_size`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pipeline.class_scores import of_probabilities
from pipeline.resizing import Sides, resize

if TYPE_CHECKING:
    import keras

ACTIVATION_BYTES = 2**27
"""Limit on the largest layer's output for one batch, so that large images also fit."""


def prediction_batch(model: keras.Model) -> int:
    """Return how many inputs to predict at once: 1 to 512, fewer where layers are large."""
    values = max((_largest_output(layer) for layer in model.layers), default=1)
    return max(1, min(512, ACTIVATION_BYTES // (4 * values)))


def predict(
    model: keras.Model,
    inputs: NDArray,
    batch_size: int | None = None,
    on_batch: Callable[[int], None] | None = None,
) -> NDArray[np.float32]:
    """Return the outputs of `model`, in inference mode, (n, ...) float32.

    Args:
        model: maps batches of `inputs` to one array.
        inputs: (n, ...), possibly memory-mapped; read in batches, never copied whole. Pixels (n,
            height, width, channels) uint8 are resized to the model's size.
        batch_size: inputs at a time; None leaves it to `prediction_batch`.
        on_batch: called after each batch with the number of inputs processed.
    """
    outputs = np.empty((len(inputs), *model.output_shape[1:]), dtype=np.float32)
    for rows, found in predicted_batches(model, inputs, batch_size):
        outputs[rows] = found
        if on_batch is not None:
            on_batch(rows.stop)
    return outputs


def network_scores(
    network: keras.Model, inputs: NDArray, on_batch: Callable[[int], None] | None = None
) -> NDArray[np.float32]:
    """Return the probabilities (n, classes) of a trained network; two columns for two classes.

    All code that needs a network's predictions calls this; `predict` returns the raw outputs, a
    single column for two classes. The arguments are those of `predict`.
    """
    return of_probabilities(predict(network, inputs, on_batch=on_batch))


def scores_and_features(
    network: keras.Model, inputs: NDArray
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return the (n, classes) probabilities of a network, and its (n, d) last features.

    Args:
        network: a model whose outputs are those of a trained network, and vectors.
        inputs: as in `predict`.
    """
    outputs, vectors = network.outputs
    scores = np.empty((len(inputs), outputs.shape[-1]), dtype=np.float32)
    features = np.empty((len(inputs), vectors.shape[-1]), dtype=np.float32)
    for rows, found in predicted_batches(network, inputs):
        scores[rows], features[rows] = found
    return of_probabilities(scores), features


def predicted_batches(
    model: keras.Model, inputs: NDArray, batch_size: int | None = None
) -> Iterator[tuple[slice, Any]]:
    """Yield rows and the raw outputs of `model` for them; arguments as in `predict`.

    The outputs are an array, or a list of arrays if the model has a list of outputs.
    """
    batch_size = batch_size or prediction_batch(model)
    if len(inputs) < batch_size:
        batch_size = min(batch_size, 1 << (len(inputs) - 1).bit_length())
    sides = sides_of(model, inputs)
    shape = inputs.shape[1:] if sides is None else (*sides, inputs.shape[3])
    batch = np.zeros((batch_size, *shape), dtype=inputs.dtype)
    for start in range(0, len(inputs), batch_size):
        rows = slice(start, min(start + batch_size, len(inputs)))
        count = rows.stop - start
        # A short last batch keeps old rows at its end: a new shape would be recompiled for seconds.
        batch[:count] = inputs[rows] if sides is None else as_seen(model, inputs[rows])
        found = model.predict_on_batch(batch)
        several = isinstance(found, list)
        yield rows, [each[:count] for each in found] if several else found[:count]


def sides_of(model: keras.Model, images: NDArray) -> Sides | None:
    """Return the sides to which images are resized for a model; None if they stay as they are."""
    expected = getattr(model, "input_shape", None)
    if images.ndim != 4 or images.dtype != np.uint8 or not isinstance(expected, tuple):
        return None
    if len(expected) != 4 or None in expected[1:3] or expected[1:3] == images.shape[1:3]:
        return None
    return int(expected[1]), int(expected[2])


def as_seen(model: keras.Model, images: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return a few images (n, height, width, channels) uint8 of the size that a model takes."""
    sides = sides_of(model, images)
    return images if sides is None else np.stack([resize(each, sides) for each in images])


def _largest_output(layer: keras.Layer) -> int:
    if hasattr(layer, "layers"):  # a model within a model
        return max((_largest_output(inner) for inner in layer.layers), default=1)
    outputs = layer.output if isinstance(layer.output, (list, tuple)) else [layer.output]
    return max(math.prod(side or 1 for side in output.shape[1:]) for output in outputs)
