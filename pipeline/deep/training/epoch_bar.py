"""The progress bar of an epoch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import keras
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
)

if TYPE_CHECKING:
    from pipeline.deep.input.batches import Batches

AFFECTS_OUTPUTS = False
"""It writes to the terminal alone; see `pipeline.fingerprints`."""


class EpochBar(keras.callbacks.Callback):
    """A progress bar with the time left, on a terminal only; a log file gets nothing."""

    async_safe = True
    """Tells Keras that the next step can start before this callback has run."""

    def __init__(self, batches: Batches, number: int) -> None:
        super().__init__()
        self._total, self._batch_size = batches.images_per_epoch, batches.batch_size
        self._bar = Progress(
            TextColumn(f"epoch {number}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("images,"),
            TimeRemainingColumn(),
            TextColumn("left"),
            transient=True,
            disable=not Console().is_terminal,
        )
        self._task = self._bar.add_task("", total=self._total)

    def on_train_begin(self, logs: Mapping[str, float] | None = None) -> None:
        """Show the bar."""
        self._bar.start()

    def on_train_batch_end(self, batch: int, logs: Mapping[str, float] | None = None) -> None:
        """Advance the bar."""
        self._bar.update(self._task, completed=min((batch + 1) * self._batch_size, self._total))

    def on_train_end(self, logs: Mapping[str, float] | None = None) -> None:
        """Remove the bar."""
        self._bar.stop()
