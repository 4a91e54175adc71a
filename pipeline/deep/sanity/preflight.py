"""Checks before a training, for mistakes that would otherwise surface after hours, or never.

They train a copy only: the network, its optimizer and all seeds do not change.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

import keras

from pipeline import device
from pipeline.checks import StudyError
from pipeline.deep.cost import counted_multiply_adds, leaf_layers, summary
from pipeline.deep.input.batches import Batches
from pipeline.deep.sanity.input_checks import check_classes, check_inputs
from pipeline.deep.sanity.learning_checks import first_loss, learns_one_batch
from pipeline.deep.sanity.memory import available_memory, needed_memory
from pipeline.deep.sanity.overfit_one_batch import OneBatchResult, overfit_one_batch
from pipeline.deep.spec import DeepSpec
from pipeline.deep.training.epochs import Trainable
from pipeline.host_memory import byte_size
from pipeline.machine import resident_bytes
from pipeline.progress import duration

EPOCH_START = 0.05
"""Seconds that Keras needs to start and end an epoch: 0.03 to 0.1 on two cores, regardless of the
number of steps. They only matter for short epochs."""


@dataclass(frozen=True)
class Estimate:
    """A rough estimate of the time of a training."""

    images_per_second: float
    """Speed of the training steps alone, as in `pipeline.deep.training.pace.Pace`."""
    seconds_per_epoch: float
    """Time of an epoch, including its start and the evaluation on validation and part of the
    training images, but not compilation."""
    compile_seconds: float
    """Added to the first epoch."""
    seconds: float
    """Total for all epochs (without early stopping) and compilation."""


def preflight(trainable: Trainable, n_classes: int) -> dict[str, str]:
    """Run all checks before a training, print one line for each, and stop at the first failure.

    Args:
        trainable: the phase that is about to be trained.
        n_classes: number of classes.

    Returns:
        Check -> what was found, in order, for the run's card.

    Raises:
        StudyError: at the first check that fails.
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
    result = overfit_one_batch(network, train, labels["train"], batches.batch_size, xla)
    passed("first loss", first_loss(result, n_classes, spec.method))
    passed("one batch", learns_one_batch(result, network, spec, n_classes))
    # Auxiliary heads are part of the trained model, but not of the network in the check.
    seconds = result.seconds_per_image * _relative_cost(model, network)
    measured = 2 * len(labels["validation"])
    estimate = _estimate(seconds, result.compile_seconds, batches, measured, spec.epochs)
    passed("time", _time(estimate, result, batches.batch_size))
    return found


def _relative_cost(model: keras.Model, network: keras.Model) -> float:
    """Return the multiply-adds of `model` over those of `network`, without unknown layers."""
    return counted_multiply_adds(model) / max(1, counted_multiply_adds(network))


def _device(network: keras.Model, model: keras.Model, batches: Batches) -> str:
    kinds = {layer.compute_dtype for layer in leaf_layers(network) if layer.weights}
    mixed = sorted(kinds - {"float32"})
    place = "device" if batches.rows_only else "main"
    return (
        f"{device.device_name()}, Keras on {keras.backend.backend()}, "
        f"{mixed[0] if mixed else 'float32'}, {'with' if model.jit_compile else 'without'} XLA, "
        f"inputs in {place} memory"
    )


def _model(spec: DeepSpec, network: keras.Model) -> str:
    if not network.trainable_weights:
        raise StudyError(
            f"{spec.method}: found no trainable weights in {len(network.layers)} layers; "
            "expected at least an output layer. Check which layers are frozen"
        )
    return summary(network)


def _memory(spec: DeepSpec, model: keras.Model, batch_size: int) -> str:
    """Return a line about the memory of the training; raise `StudyError` if it cannot fit."""
    need, available = needed_memory(model, spec), available_memory()
    # An accelerator's memory holds only the training; main memory holds the whole process.
    held = 0 if device.has_accelerator() else resident_bytes()
    total = held + need.bytes(batch_size)
    about = f"about {byte_size(total)} with batches of {batch_size:,}"
    if available is None:
        return about
    if total <= held + available:
        return f"{about}; {byte_size(held + available)} available"
    fitting = need.largest_batch(available)
    remedy = f"Try batch_size: {fitting}, or" if fitting else "Not even one image fits: try"
    raise StudyError(
        f"{spec.method}: training with batches of {batch_size:,} images needs about "
        f"{byte_size(total)} of memory ({byte_size(need.fixed)} of it for weights, gradients and "
        f"copies); expected at most the available {byte_size(held + available)}. {remedy} "
        "smaller images or a smaller width"
    )


def _estimate(
    seconds_per_image: float,
    compile_seconds: float,
    batches: Batches,
    measured: int,
    epochs: int,
) -> Estimate:
    """Estimate times; a forward pass, as in the evaluation, is a third of a training step.

    It is compiled separately, which is assumed to take a third of the time as well.
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


def _time(estimate: Estimate, result: OneBatchResult, batch_size: int) -> str:
    by = f" (from batches of {result.batch_size})" if result.batch_size < batch_size else ""
    return (
        f"about {estimate.images_per_second:,.0f} images/s{by}; "
        f"{duration(estimate.seconds_per_epoch)} per epoch, {duration(estimate.seconds)} in total, "
        f"including {duration(estimate.compile_seconds)} for compiling"
    )
