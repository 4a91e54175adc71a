"""How much memory a training takes, estimated from its layers, and how much there is."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import wraps
from typing import Any

import keras

from pipeline import host_memory
from pipeline.checks import StudyError
from pipeline.deep import device
from pipeline.deep.cost import leaf_layers, training_bytes, weight_bytes
from pipeline.deep.options import Optimizer
from pipeline.deep.spec import DeepSpec
from pipeline.host_memory import byte_size

SLOTS: dict[Optimizer, int] = {
    "sgd": 0,
    "momentum": 1,
    "nesterov": 1,
    "adagrad": 1,
    "rmsprop": 1,
    "adam": 2,
    "adamw": 2,
}
"""Numbers that an optimizer keeps beside each weight."""
TRIAL = 5.5
"""Bytes of the trial before a training, by those of the trainable weights: the copy, two moments of
Adam, the gradients, and what assigning and updating take for a moment (measured: MLP, TensorFlow).
The training itself computes in the same memory afterwards."""
UPDATE = 1.7
"""Bytes that a step of the training takes beyond that, by those of the trainable weights."""
BUILDING = 2
"""Copies of a weight that its initial values take for a moment."""
LAYER = 2_200_000
"""Bytes of one layer in the graphs of trial, training and prediction (20 to 250 layers)."""


@dataclass(frozen=True)
class Need:
    """Bytes that a training takes where Keras computes, estimated.

    On a processor, beyond what the process holds already; on an accelerator, in all.
    """

    fixed: int
    """Of weights, gradients, optimizer, copies, and the graph."""
    per_image: int
    """Of the batch: outputs of layers, forwards and backwards."""

    def bytes(self, batch_size: int) -> int:
        """Return the bytes with batches of so many images."""
        return self.fixed + self.per_image * batch_size

    def largest_batch(self, available: int) -> int:
        """Return the largest power of two that fits into `available` bytes; 0 if none does."""
        images = (available - self.fixed) // max(1, self.per_image)
        return 1 << (images.bit_length() - 1) if images > 0 else 0


def needed_memory(model: keras.Model, spec: DeepSpec) -> Need:
    """Estimate what training takes, the trial before it and the state after an epoch included.

    Args:
        model: what is trained, with its layers for training alone, and its optimizer built;
            training images that are kept on the device are among its weights.
        spec: the optimizer, and whether weights are averaged.
    """
    trainable, others = weight_bytes(model)
    slots = _slots(spec)
    if device.has_accelerator():
        # All that a processor's memory holds already; copies of the state go to the host.
        fixed = (1 + slots + TRIAL + UPDATE) * trainable + others
    else:
        fixed = _beyond_weights(trainable, spec) + 2 * others
    return Need(int(fixed) + LAYER * len(list(leaf_layers(model))), training_bytes(model))


def _slots(spec: DeepSpec) -> int:
    return SLOTS[spec.optimizer] + (spec.ema is not None)


def _beyond_weights(trainable: int, spec: DeepSpec) -> float:
    """Return the bytes beside weights and optimizer: a best state, and the one that is stored."""
    stored = 1 + _slots(spec) + 1  # one of them is copied twice on its way
    return (TRIAL + UPDATE + 1 + stored) * trainable


@contextmanager
def weights_that_fit(spec: DeepSpec) -> Iterator[None]:
    """Let the layers of a network be built, as far as training their weights can fit in memory.

    Each weight is counted before it gets its memory. A network that is far too large is so refused
    in a second, where the system would otherwise end the process without a word.

    Raises:
        StudyError: at the first weight that is too much, with the bytes.
    """
    add_weight, available = keras.layers.Layer.add_weight, available_memory()
    held = 0

    @wraps(add_weight)
    def counted(layer: keras.Layer, *args: Any, **kwargs: Any) -> Any:
        nonlocal held
        shape = kwargs.get("shape", args[0] if args else None) or ()
        if layer.trainable and kwargs.get("trainable", True):
            held += 4 * math.prod(shape)
        needed = (1 + _slots(spec) + BUILDING) * held + _beyond_weights(held, spec)
        if available is not None and needed > available:
            raise StudyError(
                f"{spec.method}: the weights up to layer {layer.name!r} ({byte_size(held)}) and "
                f"what is kept beside them in training need about {byte_size(needed)}; expected at "
                f"most the {byte_size(available)} that are available. Use smaller images, or a "
                "smaller width"
            )
        return add_weight(layer, *args, **kwargs)

    keras.layers.Layer.add_weight = counted
    try:
        yield
    finally:
        keras.layers.Layer.add_weight = add_weight


def available_memory() -> int | None:
    """Return the bytes that a training can take where Keras computes; None if nothing tells."""
    if device.has_accelerator():
        return device.accelerator_memory()
    return host_memory.available()
