"""The overfit-one-batch check: whether a network learns at all, and how long a step takes.

A copy of the network is trained, so that the weights, moving averages, optimizer and seeds of the
network itself do not change.
"""

from __future__ import annotations

import gc
import math
import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from pipeline import device
from pipeline.class_scores import of_probabilities
from pipeline.deep.cost import counted_multiply_adds, leaf_layers
from pipeline.deep.training.scoring import cross_entropy
from pipeline.deep.training_model import TrainingModel

IMAGES, STEPS, FEWEST_STEPS, SMALLEST_BATCH = 32, 20, 4, 16
MULTIPLY_ADDS = {False: 3e10, True: 3e12}
"""Budget for the forward passes of all steps, without and with an accelerator: about 5 s on two
cores; an accelerator can afford the full batch."""
LEARNED, SECONDS = 0.25, 6.0
"""The check stops early if the loss has fallen to this fraction, or after this many seconds."""
LEARNING_RATE = 1e-3
"""The authors' default for Adam, whose steps depend little on a network's scale."""


@dataclass(frozen=True)
class OneBatchResult:
    """What training the copy has shown."""

    first_loss: float
    """Cross-entropy before any step, in nats."""
    losses: tuple[float, ...]
    """Cross-entropy on one batch, before each step and after the last one."""
    images: int
    """Number of different images in that batch."""
    kernels: int
    """Number of trainable weights with two or more dimensions."""
    moved: int
    """Number of kernels that the steps changed."""
    finite: bool
    """Whether all weights are finite after the steps."""
    batch_size: int
    seconds_per_step: float
    """Median of the steps with `batch_size` images, except the first one, which compiles."""
    compile_seconds: float
    """Additional time of the first step."""

    @property
    def steps(self) -> int:
        """Number of steps."""
        return len(self.losses) - 1

    @property
    def seconds_per_image(self) -> float:
        """Time of a training step per image."""
        return self.seconds_per_step / self.batch_size

    @property
    def lowest(self) -> float:
        """The lowest loss after a step."""
        return min(self.losses[1:])


def overfit_one_batch(
    network: keras.Model,
    inputs: NDArray,
    labels: NDArray[np.int64],
    batch_size: int,
    xla: bool,
) -> OneBatchResult:
    """Measure the first loss, and overfit one batch with a copy of `network`.

    The copy has neither dropout nor penalties, and is trained with Adam on cross-entropy regardless
    of the options: the question is whether gradients reach the weights and reduce the loss. The
    batch has up to 32 different images, repeated to fill as much of `batch_size` as is affordable.

    Args:
        network: maps one batch of inputs to probabilities (b, classes) or (b, 1).
        inputs: (n, ...) of the training split.
        labels: (n,) in 0..classes-1.
        batch_size: batch size of the training.
        xla: whether to compile with XLA.
    """
    size, steps = affordable(counted_multiply_adds(network), batch_size)
    rows = spread_rows(len(labels), max(size, 128))
    with undisturbed_randomness():
        copy = bare_copy(network)
        first = _cross_entropy(copy, inputs[rows], labels[rows], size)
        few = rows[spread_rows(len(rows), min(IMAGES, size))]
        repeated = np.resize(few, size)
        losses, first_step, later = _steps(copy, inputs[repeated], labels[repeated], steps, xla)
        kernels, moved, finite = _changes(network, copy)
    del copy
    gc.collect()  # models contain reference cycles
    return OneBatchResult(
        first_loss=first,
        losses=losses,
        images=len(set(few.tolist())),
        kernels=kernels,
        moved=moved,
        finite=finite,
        batch_size=size,
        seconds_per_step=later,
        compile_seconds=max(0.0, first_step - later),
    )


def affordable(adds: int, batch_size: int) -> tuple[int, int]:
    """Return the affordable number of images and steps, given the multiply-adds of one image."""
    budget = MULTIPLY_ADDS[device.has_accelerator()]
    passes = budget / max(adds, 1)
    size = SMALLEST_BATCH
    while size < batch_size and 2 * size * STEPS <= passes:
        size *= 2
    size = min(size, batch_size)
    return size, int(max(FEWEST_STEPS, min(STEPS, passes / size)))


def spread_rows(n: int, count: int) -> NDArray[np.int64]:
    """Return up to `count` of `n` rows, evenly spaced and sorted."""
    return np.unique(np.linspace(0, n - 1, min(n, count)).round().astype(np.int64))


def bare_copy(network: keras.Model) -> keras.Model:
    """Return a model with the same layers and weights, without dropout and penalties."""

    def bare(layer: keras.Layer) -> keras.Layer:
        config = layer.get_config()
        if type(layer).__name__.endswith("Dropout"):
            config["rate"] = 0.0
        config |= {name: None for name in config if name.endswith("_regularizer")}
        return type(layer).from_config(config)

    copy = keras.models.clone_model(network, clone_function=bare, recursive=True)
    for ours, theirs in zip(leaf_layers(copy), leaf_layers(network), strict=True):
        ours.trainable = theirs.trainable
        if theirs.weights:
            ours.set_weights(theirs.get_weights())
        for our, their in zip(ours.weights, theirs.weights, strict=True):
            our.trainable = their.trainable  # a layer can train its bias alone
    return copy


@contextmanager
def undisturbed_randomness() -> Iterator[None]:
    """Restore the state of Python's random generator, which Keras uses to seed new layers."""
    state = random.getstate()
    try:
        yield
    finally:
        random.setstate(state)


def _cross_entropy(
    model: keras.Model, inputs: NDArray, labels: NDArray[np.int64], batch_size: int
) -> float:
    """Measure in training mode, because moving averages may not have been updated yet.

    The inputs are split into batches, because all activations stay in memory until the end.
    """
    batches = np.array_split(inputs, math.ceil(len(inputs) / batch_size))  # of nearly one size
    outputs = np.concatenate(
        [keras.ops.convert_to_numpy(model(batch, training=True)) for batch in batches]
    )
    if not np.isfinite(outputs).all():
        return math.nan
    return cross_entropy(of_probabilities(outputs.astype(np.float32)), labels)


def _steps(
    model: keras.Model, inputs: NDArray, labels: NDArray[np.int64], steps: int, xla: bool
) -> tuple[tuple[float, ...], float, float]:
    """Return the losses, the seconds of the first step, and the median of the later ones."""
    losses, seconds = [], []
    two = model.output_shape[-1] == 1
    kind: Any = (
        keras.losses.BinaryCrossentropy() if two else keras.losses.SparseCategoricalCrossentropy()
    )
    targets = labels[:, None].astype(np.float32) if two else labels
    trained = TrainingModel(model.input, model.output)  # its steps are those of the training
    optimizer = keras.optimizers.Adam(LEARNING_RATE, name="one_batch")
    optimizer.build(trained.trainable_variables)
    trained.compile(optimizer, loss=kind, jit_compile=xla, auto_scale_loss=False)
    for _ in range(steps):
        start = time.perf_counter()
        losses.append(float(trained.train_on_batch(inputs, targets)))
        seconds.append(time.perf_counter() - start)
        over = losses[-1] <= LEARNED * losses[0] or sum(seconds[1:]) > SECONDS
        if over and len(losses) >= FEWEST_STEPS:
            break
    losses.append(float(trained.train_on_batch(inputs, targets)))
    return tuple(losses), seconds[0], float(np.median(seconds[1:]))


def _changes(network: keras.Model, copy: keras.Model) -> tuple[int, int, bool]:
    """Return the number of trainable kernels, how many differ, and whether all are finite."""
    kernels = moved = 0
    finite = True
    for ours, theirs in zip(copy.trainable_weights, network.trainable_weights, strict=True):
        value = keras.ops.convert_to_numpy(ours)
        finite = finite and bool(np.isfinite(value).all())
        if value.ndim > 1:
            kernels += 1
            moved += bool((value != keras.ops.convert_to_numpy(theirs)).any())
    return kernels, moved, finite
