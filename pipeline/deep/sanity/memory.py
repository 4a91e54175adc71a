"""Estimates of the memory that a training needs, and the memory that is available."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import wraps
from typing import Any

import keras

from pipeline import device, host_memory
from pipeline.checks import StudyError
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
    "muon": 1,
}
"""Numbers that an optimizer stores per weight."""
ONE_BATCH = 5.5
"""Memory of the overfit-one-batch check, in multiples of the trainable weights: the copy, Adam's
two moments, the gradients, and temporary copies (measured: MLP, TensorFlow). The training itself
reuses this memory afterward."""
UPDATE = 1.7
"""Additional memory of a training step, in multiples of the trainable weights."""
BUILDING = 2
"""Temporary copies of a weight while it is initialized."""
LAYER = 2_200_000
"""Bytes per layer in the graphs of the check, training and prediction (20 to 250 layers)."""


@dataclass(frozen=True)
class Need:
    """Estimated memory of a training, in bytes.

    On a CPU, it is in addition to the current memory of the process; on an accelerator, it is the
    total.
    """

    fixed: int
    """Memory of weights, gradients, optimizer, copies, and the graph."""
    per_image: int
    """Memory per image of a batch: activations and their gradients."""

    def bytes(self, batch_size: int) -> int:
        """Return the total for batches of `batch_size` images."""
        return self.fixed + self.per_image * batch_size

    def largest_batch(self, available: int) -> int:
        """Return the largest power of two that fits in `available` bytes; 0 if none does."""
        images = (available - self.fixed) // max(1, self.per_image)
        return 1 << (images.bit_length() - 1) if images > 0 else 0


def needed_memory(model: keras.Model, spec: DeepSpec) -> Need:
    """Estimate the memory of a training, including the check before it and saved states.

    Args:
        model: the model to be trained, including layers only for training, with a built optimizer;
            training images that are kept on the device are among its weights.
        spec: gives the optimizer, and which averages of weights are kept.
    """
    trainable, others = weight_bytes(model)
    slots = _slots(spec)
    if device.has_accelerator():
        # Weights and optimizer count too, but copies of the state go to the host.
        fixed = (1 + slots + ONE_BATCH + UPDATE) * trainable + others
    else:
        fixed = _beyond_weights(trainable, spec) + 2 * others
    return Need(int(fixed) + LAYER * len(list(leaf_layers(model))), training_bytes(model))


def _slots(spec: DeepSpec) -> int:
    return SLOTS[spec.optimizer] + (spec.ema is not None) + (spec.lookahead is not None)


def _beyond_weights(trainable: int, spec: DeepSpec) -> float:
    """Return the bytes besides weights and optimizer: the best state, and the one being saved."""
    stored = 1 + _slots(spec) + 1  # one array at a time is copied twice
    return (ONE_BATCH + UPDATE + 1 + stored) * trainable


@contextmanager
def weights_that_fit(spec: DeepSpec) -> Iterator[None]:
    """Build the layers of a network only as long as training their weights fits in memory.

    Each weight is counted before it is allocated. A network that is far too large is thus rejected
    within a second; otherwise the system might kill the process without a message.

    Raises:
        StudyError: at the first weight that does not fit.
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
                f"{spec.method}: training the weights up to layer {layer.name!r} "
                f"({byte_size(held)}) needs about {byte_size(needed)} of memory; expected at most "
                f"the available {byte_size(available)}. Use smaller images, or a smaller width"
            )
        return add_weight(layer, *args, **kwargs)

    keras.layers.Layer.add_weight = counted
    try:
        yield
    finally:
        keras.layers.Layer.add_weight = add_weight


def available_memory() -> int | None:
    """Return the memory available to a training on its device, in bytes; None if unknown."""
    if device.has_accelerator():
        return device.accelerator_memory()
    return host_memory.available()
