"""The history of a training, in numbers that JSON can represent."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import pandas as pd

from pipeline.deep.options import Metric
from pipeline.deep.training.scoring import Measured
from pipeline.storage.runs import HISTORY_COLUMNS


@dataclass(frozen=True)
class Epoch:
    """One pass over the training images, and its results."""

    phase: int
    train: Measured
    """Measured on a sample of the training images, as large as the validation split."""
    validation: Measured
    learning_rate: float
    """In the middle of the epoch."""
    seconds: float
    """Time for training and for evaluating the validation split, which selects the epoch."""
    images_per_second: float
    """Of training steps alone, without starting the epoch and without compiling."""


@dataclass
class TrainingHistory:
    """The history of a training so far, over all of its phases."""

    monitor: Metric = "loss"
    epochs: list[Epoch] = field(default_factory=list)
    best_epoch: int = 0
    """Counted from 1 over all phases; 0 before the first epoch."""
    waited: int = 0
    """Epochs of the phase since the best epoch."""
    plateau: dict[str, Any] = field(default_factory=dict)
    """The state of `schedules.Plateau`."""
    setup_seconds: float = 0.0
    """Time for building the network and fitting the preprocessing, over all phases."""
    notes: dict[str, Any] = field(default_factory=dict)
    """Results of the checks before training, by phase."""

    def add(self, epoch: Epoch) -> bool:
        """Append an epoch; return whether it is the best so far."""
        best = self.best_score
        self.epochs.append(epoch)
        better = _rank(epoch.validation, self.monitor) > best
        if better:
            self.best_epoch = len(self.epochs)
        self.waited = 0 if better else self.waited + 1
        return better

    @property
    def best_score(self) -> float:
        """The best epoch's score in the monitored metric; larger is better."""
        if not self.best_epoch:
            return -math.inf
        return _rank(self.epochs[self.best_epoch - 1].validation, self.monitor)

    @property
    def best(self) -> Epoch:
        """The best epoch."""
        return self.epochs[self.best_epoch - 1]

    @property
    def seconds(self) -> float:
        """Total time of setup, training and selecting the epoch."""
        return self.setup_seconds + sum(epoch.seconds for epoch in self.epochs)

    def epochs_of(self, phase: int) -> int:
        """Return the number of epochs trained in a phase."""
        return sum(epoch.phase == phase for epoch in self.epochs)

    @property
    def table(self) -> pd.DataFrame:
        """Rows of `HISTORY_COLUMNS`; epochs are counted from 1."""
        rows: list[tuple[int, str, str, str, float]] = []
        for number, epoch in enumerate(self.epochs, start=1):
            for split in ("train", "validation"):
                measured: Measured = getattr(epoch, split)
                for metric, value in asdict(measured).items():
                    rows.append((number, "epoch", split, metric, value))
            for metric in ("learning_rate", "seconds", "images_per_second"):
                rows.append((number, "epoch", "train", metric, getattr(epoch, metric)))
        return pd.DataFrame(rows, columns=list(HISTORY_COLUMNS))

    def as_json(self) -> dict[str, Any]:
        """Return everything in a form that `from_json` reads."""
        return asdict(self)

    @classmethod
    def from_json(cls, facts: Mapping[str, Any]) -> TrainingHistory:
        """Return the history from the result of `as_json`."""
        epochs = [
            Epoch(
                **{
                    **each,
                    "train": Measured(**each["train"]),
                    "validation": Measured(**each["validation"]),
                }
            )
            for each in facts["epochs"]
        ]
        return cls(**{**facts, "epochs": epochs})


def _rank(measured: Measured, monitor: Metric) -> float:
    value: float = getattr(measured, monitor)
    return -value if monitor in ("loss", "balanced_loss") else value
