"""What a training remembers from epoch to epoch, in numbers that JSON can hold."""

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
    """One pass over the training images, and what it led to."""

    phase: int
    train: Measured
    """On as many training images as there are validation images."""
    validation: Measured
    learning_rate: float
    """In the middle of the epoch."""
    seconds: float
    """Training, and measuring the validation split, which chooses the epoch."""
    images_per_second: float
    """Of training alone."""


@dataclass
class Course:
    """The course of a training so far, over all of its phases."""

    monitor: Metric = "loss"
    epochs: list[Epoch] = field(default_factory=list)
    best_epoch: int = 0
    """From 1, over all phases; 0 before the first."""
    waited: int = 0
    """Epochs of the phase since the best one."""
    plateau: dict[str, Any] = field(default_factory=dict)
    """The state of `schedules.Plateau`."""
    setup_seconds: float = 0.0
    """Of building and of fitting the preprocessing, all phases."""
    notes: dict[str, Any] = field(default_factory=dict)
    """What checks before training said, phase by phase."""

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
        """What the best epoch reached in the monitored metric, the larger the better."""
        if not self.best_epoch:
            return -math.inf
        return _rank(self.epochs[self.best_epoch - 1].validation, self.monitor)

    @property
    def best(self) -> Epoch:
        """The best epoch."""
        return self.epochs[self.best_epoch - 1]

    @property
    def seconds(self) -> float:
        """Of all that made the network: setup, training, and choosing the epoch."""
        return self.setup_seconds + sum(epoch.seconds for epoch in self.epochs)

    def epochs_of(self, phase: int) -> int:
        """Return how many epochs of a phase were trained."""
        return sum(epoch.phase == phase for epoch in self.epochs)

    @property
    def history(self) -> pd.DataFrame:
        """Rows of `HISTORY_COLUMNS`, epochs counted from 1."""
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
        """Return all of it for `from_json`."""
        return asdict(self)

    @classmethod
    def from_json(cls, facts: Mapping[str, Any]) -> Course:
        """Return what `as_json` was taken of."""
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
    return -value if monitor == "loss" else value
