"""The training of a trial, which may be ended after any epoch."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import keras
from numpy.typing import NDArray

from pipeline.deep.training.checkpoint import Checkpoint
from pipeline.deep.training.history import TrainingHistory

Report = Callable[[TrainingHistory], None]
"""Gets the history after each epoch; raises `Pruned` to end the training."""


class Pruned(Exception):
    """Ends the training of a trial."""

    def __init__(self, history: TrainingHistory) -> None:
        super().__init__()
        self.history = history


class Watched(Checkpoint):
    """A checkpoint that reports each epoch after it is stored, those of an earlier process too."""

    def __init__(self, path: Path | None, report: Report) -> None:
        super().__init__(path)
        self.report = report

    def history(self) -> TrainingHistory | None:
        """Return the history up to the last finished epoch, or None to start from scratch."""
        found = super().history()
        if found is not None:
            self.report(found)
        return found

    def keep(self, history: TrainingHistory, model: keras.Model, best: list[NDArray]) -> None:
        """Store the state after an epoch, and report it."""
        super().keep(history, model, best)
        self.report(history)
