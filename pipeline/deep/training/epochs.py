"""The loop over epochs: train, evaluate, keep the best, stop when nothing improves."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import keras
import numpy as np
from numpy.typing import NDArray

from pipeline.deep.input.batches import Batches
from pipeline.deep.spec import DeepSpec
from pipeline.deep.training.epoch_bar import EpochBar
from pipeline.deep.training.failures import StopAtNaN, raise_diverged
from pipeline.deep.training.history import Epoch, TrainingHistory
from pipeline.deep.training.pace import Pace
from pipeline.deep.training.schedules import Plateau, learning_rate_at
from pipeline.deep.training.scoring import Measured, measure
from pipeline.inference import network_scores
from pipeline.progress import duration
from pipeline.sampling import stratified_order

Weights = list[NDArray]
_BRIEF, _LINES = 2.0, 10
"""Epochs shorter than so many seconds are not all printed, but about so many lines per phase."""


@dataclass(frozen=True)
class Trainable:
    """A phase that is ready to be trained."""

    spec: DeepSpec
    phase: int
    phases: int
    network: keras.Model
    """Maps the stored inputs to class probabilities, or to one sigmoid unit."""
    model: keras.Model
    """Compiled; maps `batches` to all outputs; shares the layers of `network`."""
    batches: Batches
    inputs: Mapping[str, NDArray]
    """"train" and "validation" -> (n, ...), the inputs of `network`."""
    labels: Mapping[str, NDArray[np.int64]]


Keep = Callable[[TrainingHistory, keras.Model, Weights], None]
"""Stores the training state: the history, the training model and the best weights."""


def fit(
    trainable: Trainable, history: TrainingHistory, best: Weights, seed: int, keep: Keep
) -> None:
    """Train a phase to its end; `network` then has the weights of the best epoch so far.

    Both splits are evaluated after each epoch in inference mode (no dropout; the weights at that
    time, or their moving average), so that their curves are comparable. Keras's running averages
    over an epoch are not. The training curve is measured on a fixed sample of the training images,
    stratified by class and as large as the validation split: this saves about a third of an epoch,
    and both curves are equally noisy. Losses are cross-entropies without weight penalties, whatever
    the training loss is.

    Args:
        trainable: the phase.
        history: the training so far; its epochs of this phase are not trained again.
        best: the weights of `history.best_epoch`, or the initial ones.
        seed: of the sample of training images.
        keep: called after each epoch.

    Raises:
        Diverged: if the loss is no longer finite.
    """
    spec, network = trainable.spec, trainable.network
    watched = _watched(trainable, seed)
    plateau = Plateau(spec, history.plateau or None) if spec.schedule == "plateau" else None
    for in_phase in range(history.epochs_of(trainable.phase) + 1, spec.epochs + 1):
        if _is_over(spec, history):
            break
        began = time.perf_counter()
        raw, pace = _train_one(trainable, in_phase, len(history.epochs) + 1, plateau)
        validation = _measure(network, *watched["validation"])
        seconds = time.perf_counter() - began
        better = history.add(
            Epoch(
                phase=trainable.phase,
                train=_measure(network, *watched["train"]),
                validation=validation,
                learning_rate=_middle_rate(spec, in_phase, plateau),
                seconds=seconds,
                images_per_second=pace,
            )
        )
        _check_finite(trainable, in_phase, history, plateau)
        best = network.get_weights() if better else best
        if plateau is not None:
            plateau.update(better)
            history.plateau = plateau.state
        if raw is not None:
            for variable, value in zip(trainable.model.trainable_variables, raw, strict=True):
                variable.assign(value)
        keep(history, trainable.model, best)
        _print_line(trainable, history, in_phase, better)
    network.set_weights(best)


def _is_over(spec: DeepSpec, history: TrainingHistory) -> bool:
    return spec.patience is not None and history.waited >= spec.patience


def _watched(trainable: Trainable, seed: int) -> dict[str, tuple[NDArray, NDArray[np.int64]]]:
    inputs, labels = trainable.inputs, trainable.labels
    shown = np.sort(stratified_order(labels["train"], seed)[: len(labels["validation"])])
    return {
        "train": (inputs["train"][shown], labels["train"][shown]),
        "validation": (inputs["validation"], labels["validation"]),
    }


def _train_one(
    trainable: Trainable, in_phase: int, number: int, plateau: Plateau | None
) -> tuple[Weights | None, float]:
    """Train one epoch; with `ema`, leave the average in the model.

    Returns:
        The raw weights if there is an average, and the images per second.
    """
    spec, model = trainable.spec, trainable.model
    if plateau is not None:
        model.optimizer.learning_rate = _middle_rate(spec, in_phase, plateau)
    trainable.batches.start_epoch(number)
    batches = trainable.batches
    pace = Pace(batches.batch_size, len(batches))
    raw, watch, bar = _KeepRaw(), StopAtNaN(), EpochBar(batches, number)
    callbacks = [pace, watch, bar, *([raw] if spec.ema else [])]
    # Keras overwrites the weights with their average at the end of each fit.
    model.fit(trainable.batches, epochs=number, initial_epoch=number - 1, verbose=0,
              shuffle=False, callbacks=callbacks)  # fmt: skip
    if spec.ema:
        # On JAX they are then the optimizer's own arrays, which prediction would donate.
        for variable in model.trainable_variables:
            variable.assign(keras.ops.copy(variable))
    if watch.loss is not None:
        raise_diverged(spec, number, _middle_rate(spec, in_phase, plateau), watch.loss)
    return raw.weights, pace.images_per_second


def _middle_rate(spec: DeepSpec, in_phase: int, plateau: Plateau | None) -> float:
    scale = plateau.scale if plateau is not None else 1.0
    return learning_rate_at(spec, in_phase - 0.5) * scale


def _measure(network: keras.Model, inputs: NDArray, labels: NDArray[np.int64]) -> Measured:
    return measure(network_scores(network, inputs), labels)


def _check_finite(
    trainable: Trainable, in_phase: int, history: TrainingHistory, plateau: Plateau | None
) -> None:
    epoch = history.epochs[-1]
    losses = [epoch.train.loss, epoch.validation.loss]
    if all(map(math.isfinite, losses)) and all(
        np.isfinite(weight).all() for weight in trainable.network.get_weights()
    ):
        return
    rate = _middle_rate(trainable.spec, in_phase, plateau)
    raise_diverged(trainable.spec, len(history.epochs), rate, math.nan)


class _KeepRaw(keras.callbacks.Callback):
    """Keeps the weights at the end of an epoch, before their average replaces them."""

    weights: Weights | None = None

    def on_epoch_end(self, epoch: int, logs: Mapping[str, float] | None = None) -> None:
        variables = self.model.trainable_variables
        self.weights = [np.array(keras.ops.convert_to_numpy(variable)) for variable in variables]


def _print_line(
    trainable: Trainable, history: TrainingHistory, in_phase: int, better: bool
) -> None:
    spec, epoch = trainable.spec, history.epochs[-1]
    left = spec.epochs - in_phase
    of_phase = [each.seconds for each in history.epochs if each.phase == trainable.phase]
    phase = f"phase {trainable.phase + 1}, " if trainable.phases > 1 else ""
    usual, over = float(np.median(of_phase)), _is_over(spec, history) or not left
    if usual >= _BRIEF or over or in_phase % math.ceil(spec.epochs / _LINES) == 0:
        print(
            f"{phase}epoch {in_phase}/{spec.epochs}  train {100 * epoch.train.accuracy:.1f}%  "
            f"validation {100 * epoch.validation.accuracy:.1f}%  loss {epoch.validation.loss:.3f}  "
            f"{epoch.seconds:.1f} s, {epoch.images_per_second:,.0f} images/s"
            f"{f'  about {duration(usual * left)} left' if left else ''}"
            f"{'  best so far' if better else ''}",
            flush=True,
        )
    if over:
        early = f"; stopped early after {spec.patience} epochs without improvement" if left else ""
        print(
            f"{phase}kept epoch {history.best_epoch} of {len(history.epochs)}, validation "
            f"{history.monitor} {getattr(history.best.validation, history.monitor):.3f}{early}",
            flush=True,
        )
