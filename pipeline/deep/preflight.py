"""Checks before a training: what would else be found out after hours, or never.

What is tried is tried on a copy: the network, its optimizer and all seeds are afterwards exactly
as they were before.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass

import keras
import numpy as np
from numpy.typing import NDArray

from pipeline.checks import StudyError
from pipeline.deep import device
from pipeline.deep.cost import leaf_layers, multiply_adds, size, summary
from pipeline.deep.failures import memory_errors
from pipeline.deep.input_checks import check_classes, check_inputs
from pipeline.deep.learning_checks import first_loss, learns_one_batch
from pipeline.deep.memory import available_memory, needed_memory
from pipeline.deep.spec import DeepSpec
from pipeline.deep.trial import Trial, run_trial
from pipeline.progress import duration


@dataclass(frozen=True)
class Check:
    """One check that a training has passed."""

    name: str
    line: str
    """What was found."""


@dataclass(frozen=True)
class Estimate:
    """What a training will take, roughly."""

    memory: int
    """Bytes, where it is computed."""
    images_per_second: float
    seconds_per_epoch: float
    """With the measuring of the validation split and of a part of the training split."""
    seconds: float
    """Of all epochs, if none is spared; without compiling."""


@dataclass(frozen=True)
class Preflight:
    """The checks before the training of one phase, all of them passed."""

    checks: tuple[Check, ...]
    estimate: Estimate

    @property
    def lines(self) -> tuple[str, ...]:
        """What was printed."""
        return tuple(map(_line, self.checks))

    @property
    def record(self) -> dict[str, str]:
        """What a card notes: check -> what was found."""
        return {check.name: check.line for check in self.checks}


def preflight(
    spec: DeepSpec,
    network: keras.Model,
    model: keras.Model,
    batches: keras.utils.PyDataset,
    inputs: Mapping[str, NDArray],
    labels: Mapping[str, NDArray[np.int64]],
    n_classes: int,
    steps: int,
) -> Preflight:
    """Check all that a training starts from, print a line on each, and stop at a defect.

    Args:
        spec: the options of the phase.
        network: from inputs as they are stored to probabilities (b, classes) or (b, 1); it begins
            with its preprocessing.
        model: what is trained, compiled; from what `batches` give.
        batches: of the training split.
        inputs: "train" and "validation" -> (n, ...).
        labels: "train" and "validation" -> (n,) in 0..n_classes-1.
        n_classes: number of classes.
        steps: of the optimizer, in all epochs.

    Raises:
        StudyError: at the first check that fails: what was found, expected, and where to look.
    """
    checks: list[Check] = []

    def passed(name: str, line: str) -> None:
        checks.append(Check(name, line))
        print(_line(checks[-1]), flush=True)

    train = inputs["train"]
    with memory_errors(spec, train.shape[1:]):
        passed("device", _device(spec, network, model, train))
        passed("inputs", check_inputs(network, train, spec.method))
        passed("labels", check_classes(labels, n_classes, spec.method))
        passed("model", _model(spec, network))
        batch_size = min(spec.batch_size, len(train))
        need, line = _memory(spec, model, batch_size)
        passed("memory", line)
        trial = run_trial(network, train, labels["train"], batch_size, bool(model.jit_compile))
        passed("first loss", first_loss(trial, n_classes, spec.method))
        passed("one batch", learns_one_batch(trial, network, spec, n_classes))
        # Auxiliary heads are in what is trained, and not in the network that was tried.
        seconds = trial.seconds_per_image * multiply_adds(model) / max(1, multiply_adds(network))
        measured = 2 * len(labels["validation"])
        estimate = _estimate(seconds, batches, batch_size, measured, steps, need)
        passed("time", _time(estimate, trial, batch_size))
    return Preflight(tuple(checks), estimate)


def _line(check: Check) -> str:
    return f"{check.name:<11} {check.line}"


def _device(spec: DeepSpec, network: keras.Model, model: keras.Model, train: NDArray) -> str:
    kinds = {layer.compute_dtype for layer in leaf_layers(network) if layer.weights}
    mixed = sorted(kinds - {"float32"})
    place = "device's" if device.keeps_data(spec.data_on_device, train.nbytes) else "main"
    return (
        f"{device.device_name()}, Keras on {keras.backend.backend()}, "
        f"{mixed[0] if mixed else 'float32'}, {'with' if model.jit_compile else 'without'} XLA, "
        f"inputs in the {place} memory"
    )


def _model(spec: DeepSpec, network: keras.Model) -> str:
    if not network.trainable_weights:
        raise StudyError(
            f"{spec.method}: found no weight that is trained, in {len(network.layers)} layers; "
            "expected at least an output layer. Look at the layers that are frozen"
        )
    return summary(network)


def _memory(spec: DeepSpec, model: keras.Model, batch_size: int) -> tuple[int, str]:
    """Return the bytes that training needs and a line; raise `StudyError` if it cannot fit."""
    need, available = needed_memory(model, spec), available_memory()
    total = need.bytes(batch_size)
    if available is None:
        return total, f"about {size(total)} with batches of {batch_size:,}"
    if total <= available:
        return total, (
            f"about {size(total)} with batches of {batch_size:,}; {size(available)} available"
        )
    fitting = need.largest_batch(available)
    remedy = f"try batch_size: {fitting}" if fitting else "not even one image fits: try"
    raise StudyError(
        f"{spec.method}: a batch of {batch_size:,} images of this network needs about "
        f"{size(total)} ({size(need.fixed)} of it for weights and what is kept beside them); "
        f"expected at most the {size(available)} that are available; {remedy}"
        f"{', or' if fitting else ''} smaller images or a smaller width"
    )


def _estimate(
    seconds_per_image: float,
    batches: keras.utils.PyDataset,
    batch_size: int,
    measured: int,
    steps: int,
    memory: int,
) -> Estimate:
    """Estimate times; a forward pass, which measures, is a third of a training step."""
    start = time.perf_counter()
    batches[0]
    step = seconds_per_image * batch_size + time.perf_counter() - start
    per_epoch = len(batches) * step + measured * seconds_per_image / 3
    return Estimate(
        memory=memory,
        images_per_second=batch_size / step,
        seconds_per_epoch=per_epoch,
        seconds=per_epoch * steps / len(batches),
    )


def _time(estimate: Estimate, trial: Trial, batch_size: int) -> str:
    by = f", by batches of {trial.batch_size}" if trial.batch_size < batch_size else ""
    return (
        f"about {estimate.images_per_second:,.0f} images/s{by}; "
        f"{duration(estimate.seconds_per_epoch)} an epoch, {duration(estimate.seconds)} in all"
    )
