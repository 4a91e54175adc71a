"""The loop over epochs: train, measure, keep the best, stop when nothing improves."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

import keras
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pipeline import artefacts
from pipeline.checks import StudyError
from pipeline.deep.batches import Batches
from pipeline.deep.scoring import accuracy, class_scores, cross_entropy
from pipeline.deep.spec import DeepSpec
from pipeline.inference import predict
from pipeline.progress import duration
from pipeline.sampling import stratified_order


@dataclass(frozen=True)
class Measured:
    """Accuracy and cross-entropy of one split after one epoch."""

    accuracy: float
    loss: float


@dataclass
class Fit:
    """The course of a training; the model holds the weights of `best_epoch` when it is over."""

    epochs: list[dict[str, Measured]] = field(default_factory=list)
    """Per epoch: "train" and "validation"."""
    best_epoch: int = 0
    best_loss: float = math.inf
    curve_seconds: float = 0.0
    """Of measuring the training split, which is for the learning curve alone."""

    @property
    def epochs_run(self) -> int:
        """How many epochs were trained."""
        return len(self.epochs)

    @property
    def history(self) -> pd.DataFrame:
        """Rows of `artefacts.HISTORY_COLUMNS`, epochs counted from 1."""
        rows = [
            (epoch, "epoch", split, metric, getattr(measured, metric))
            for epoch, splits in enumerate(self.epochs, start=1)
            for split, measured in splits.items()
            for metric in ("accuracy", "loss")
        ]
        return pd.DataFrame(rows, columns=list(artefacts.HISTORY_COLUMNS))


def fit(
    model: keras.Model,
    spec: DeepSpec,
    inputs: Mapping[str, NDArray],
    labels: Mapping[str, NDArray[np.int64]],
    seed: int,
) -> Fit:
    """Train a compiled `model` and leave it with the weights of its lowest validation loss.

    Both splits are measured after each epoch in inference mode (no dropout, weights as they then
    are), so that their curves compare, which Keras's running averages over an epoch do not. The
    training curve is measured on as many training images as there are validation images, always the
    same, drawn by class: all of them would cost about a third of an epoch more, and this way both
    curves are equally noisy. Losses are cross-entropies without penalties on weights.

    Args:
        model: ends in class probabilities or in one sigmoid unit; compiled.
        spec: epochs, batch size, patience.
        inputs: "train" and "validation" -> (n, ...) arrays as the model takes them.
        labels: "train" and "validation" -> (n,) int64.
        seed: of the order of images.

    Raises:
        StudyError: when the loss is no longer finite.
    """
    batches = Batches(inputs["train"], labels["train"], spec.batch_size, seed)
    shown = np.sort(stratified_order(labels["train"], seed)[: len(labels["validation"])])
    watched = {
        "train": (inputs["train"][shown], labels["train"][shown]),
        "validation": (inputs["validation"], labels["validation"]),
    }
    result, best_weights, start = Fit(), model.get_weights(), time.perf_counter()
    for epoch in range(1, spec.epochs + 1):
        began = time.perf_counter()
        batches.start_epoch(epoch)
        logs = model.fit(batches, epochs=epoch, initial_epoch=epoch - 1, verbose=0).history
        measured = {"validation": _measure(model, *watched["validation"])}
        off_clock = time.perf_counter()
        measured = {"train": _measure(model, *watched["train"]), **measured}
        result.curve_seconds += time.perf_counter() - off_clock
        _check_finite(model, spec, epoch, logs["loss"][-1], measured)
        result.epochs.append(measured)
        if measured["validation"].loss < result.best_loss:
            result.best_epoch, result.best_loss = epoch, measured["validation"].loss
            best_weights = model.get_weights()
        now = time.perf_counter()
        left = (now - start) / epoch * (spec.epochs - epoch)
        _print_line(spec, result, now - began, left)
        if spec.patience is not None and epoch - result.best_epoch >= spec.patience:
            break
    model.set_weights(best_weights)
    _print_outcome(spec, result)
    return result


def _measure(model: keras.Model, inputs: NDArray, labels: NDArray[np.int64]) -> Measured:
    scores = class_scores(predict(model, inputs))
    return Measured(accuracy(scores, labels), cross_entropy(scores, labels))


def _check_finite(
    model: keras.Model,
    spec: DeepSpec,
    epoch: int,
    training_loss: float,
    measured: Mapping[str, Measured],
) -> None:
    losses = [training_loss, *(split.loss for split in measured.values())]
    if all(map(math.isfinite, losses)) and all(
        np.isfinite(weight).all() for weight in model.get_weights()
    ):
        return
    raise StudyError(
        f"{spec.method}: the loss is {training_loss} in epoch {epoch}, with the optimizer "
        f"{spec.optimizer} at learning_rate {spec.learning_rate:g}; expected a finite number. "
        f"Training has run away: try learning_rate {spec.learning_rate / 10:g}, or the optimizer "
        f"adam at 0.001"
    )


def _print_line(spec: DeepSpec, result: Fit, seconds: float, left: float) -> None:
    train, validation = result.epochs[-1]["train"], result.epochs[-1]["validation"]
    last = result.epochs_run == spec.epochs
    print(
        f"epoch {result.epochs_run}/{spec.epochs}  train {100 * train.accuracy:.1f} %  "
        f"validation {100 * validation.accuracy:.1f} %  loss {validation.loss:.3f}  "
        f"{seconds:.1f} s{'' if last else f'  about {duration(left)} left'}"
        f"{'  best so far' if result.best_epoch == result.epochs_run else ''}",
        flush=True,
    )


def _print_outcome(spec: DeepSpec, result: Fit) -> None:
    early = result.epochs_run < spec.epochs
    print(
        f"kept epoch {result.best_epoch} of {result.epochs_run}, validation loss "
        f"{result.best_loss:.3f}"
        f"{f'; stopped early, {spec.patience} epochs without a lower one' if early else ''}",
        flush=True,
    )
