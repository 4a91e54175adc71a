"""Checks before a training: what would else be found out after hours, or never.

What is tried is tried on a copy: the network, its optimizer and all seeds are afterwards exactly
as they were before.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

import keras

from pipeline.checks import StudyError
from pipeline.deep import device
from pipeline.deep.cost import counted_multiply_adds, leaf_layers, summary
from pipeline.deep.input.batches import Batches
from pipeline.deep.sanity.input_checks import check_classes, check_inputs
from pipeline.deep.sanity.learning_checks import first_loss, learns_one_batch
from pipeline.deep.sanity.memory import available_memory, needed_memory
from pipeline.deep.sanity.trial import Trial, run_trial
from pipeline.deep.spec import DeepSpec
from pipeline.deep.training.epochs import Trainable
from pipeline.host_memory import byte_size
from pipeline.machine import resident_bytes
from pipeline.progress import duration

EPOCH_START = 0.05
"""Seconds that Keras takes to start and end an epoch: 0.03 to 0.1 on two cores, however many steps
it has. They matter only where epochs are short."""


@dataclass(frozen=True)
class Estimate:
    """What a training will take, roughly."""

    images_per_second: float
    """Of training steps alone, like that of `pipeline.deep.training.epochs.Pace`."""
    seconds_per_epoch: float
    """With its start, and the measuring of the validation split and of a part of the training
    split; without compiling."""
    compile_seconds: float
    """Added to the first epoch."""
    seconds: float
    """Of all epochs, if none is spared, and of compiling."""


def preflight(trainable: Trainable, n_classes: int) -> dict[str, str]:
    """Check all that a training starts from, print a line on each, and stop at a defect.

    Args:
        trainable: the phase that is about to be trained.
        n_classes: number of classes.

    Returns:
        Check -> what was found, in their order; what a card notes.

    Raises:
        StudyError: at the first check that fails: what was found, expected, and where to look.
    """
    spec, network, model = trainable.spec, trainable.network, trainable.model
    batches, train, labels = trainable.batches, trainable.inputs["train"], trainable.labels
    found: dict[str, str] = {}

    def passed(name: str, line: str) -> None:
        found[name] = line
        print(f"{name:<11} {line}", flush=True)

    passed("device", _device(network, model, batches))
    passed("inputs", check_inputs(network, train, spec.method))
    passed("labels", check_classes(labels, n_classes, spec.method))
    passed("model", _model(spec, network))
    passed("memory", _memory(spec, model, batches.batch_size))
    xla = bool(model.jit_compile)
    trial = run_trial(network, train, labels["train"], batches.batch_size, xla)
    passed("first loss", first_loss(trial, n_classes, spec.method))
    passed("one batch", learns_one_batch(trial, network, spec, n_classes))
    # Auxiliary heads are in what is trained, and not in the network that was tried.
    seconds = trial.seconds_per_image * _relative_cost(model, network)
    measured = 2 * len(labels["validation"])
    estimate = _estimate(seconds, trial.compile_seconds, batches, measured, spec.epochs)
    passed("time", _time(estimate, trial, batches.batch_size))
    return found


def _relative_cost(model: keras.Model, network: keras.Model) -> float:
    """Return the arithmetic of what is trained over that of `network`; not of unknown layers."""
    return counted_multiply_adds(model) / max(1, counted_multiply_adds(network))


def _device(network: keras.Model, model: keras.Model, batches: Batches) -> str:
    kinds = {layer.compute_dtype for layer in leaf_layers(network) if layer.weights}
    mixed = sorted(kinds - {"float32"})
    place = "device's" if batches.rows_only else "main"
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


def _memory(spec: DeepSpec, model: keras.Model, batch_size: int) -> str:
    """Return a line on the bytes that training needs; raise `StudyError` if it cannot fit."""
    need, available = needed_memory(model, spec), available_memory()
    # An accelerator holds the training alone; a processor's memory, this process with all it has.
    held = 0 if device.has_accelerator() else resident_bytes()
    total = held + need.bytes(batch_size)
    about = f"about {byte_size(total)} with batches of {batch_size:,}"
    if available is None:
        return about
    if total <= held + available:
        return f"{about}; {byte_size(held + available)} available"
    fitting = need.largest_batch(available)
    remedy = f"try batch_size: {fitting}" if fitting else "not even one image fits: try"
    raise StudyError(
        f"{spec.method}: a batch of {batch_size:,} images of this network needs about "
        f"{byte_size(total)} ({byte_size(need.fixed)} of it for weights and what is kept beside "
        f"them); expected at most the {byte_size(held + available)} that are available; {remedy}"
        f"{', or' if fitting else ''} smaller images or a smaller width"
    )


def _estimate(
    seconds_per_image: float,
    compile_seconds: float,
    batches: Batches,
    measured: int,
    epochs: int,
) -> Estimate:
    """Estimate times; a forward pass, which measures, is a third of a training step.

    It is compiled separately, and assumed to take a third of the time there as well.
    """
    start = time.perf_counter()
    batches[0]
    step = seconds_per_image * batches.batch_size + time.perf_counter() - start
    per_epoch = EPOCH_START + len(batches) * step + measured * seconds_per_image / 3
    compiling = compile_seconds * 4 / 3
    return Estimate(
        images_per_second=batches.batch_size / step,
        seconds_per_epoch=per_epoch,
        compile_seconds=compiling,
        seconds=per_epoch * epochs + compiling,
    )


def _time(estimate: Estimate, trial: Trial, batch_size: int) -> str:
    by = f", by batches of {trial.batch_size}" if trial.batch_size < batch_size else ""
    return (
        f"about {estimate.images_per_second:,.0f} images/s{by}; "
        f"{duration(estimate.seconds_per_epoch)} per epoch, {duration(estimate.seconds)} in total, "
        f"{duration(estimate.compile_seconds)} of them for compiling"
    )
