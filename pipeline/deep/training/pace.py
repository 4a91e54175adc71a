"""The speed of an epoch."""

from __future__ import annotations

import time
from collections.abc import Mapping

import keras


class Pace(keras.callbacks.Callback):
    """Measures the images per second of an epoch from the end of its first batch on.

    The first batch waits for the input pipeline to start and, in a first epoch, for the compiler:
    that took most of a short epoch and said nothing about later epochs. An epoch of one
    batch is measured as a whole.

    Args:
        batch_size: images in a batch.
    """

    async_safe = True

    def __init__(self, batch_size: int) -> None:
        super().__init__()
        self._batch_size, self._images = batch_size, batch_size
        self._since = self._second_from = self._until = 0.0

    def on_train_begin(self, logs: Mapping[str, float] | None = None) -> None:
        """Start the clock, for an epoch of one batch."""
        self._since = time.perf_counter()

    def on_train_batch_end(self, batch: int, logs: Mapping[str, float] | None = None) -> None:
        """Restart the clock after the first batch; count those after it."""
        if batch == 0:
            self._second_from = time.perf_counter()
        elif batch == 1:
            self._since = self._second_from
        else:
            self._images += self._batch_size

    def on_epoch_end(self, epoch: int, logs: Mapping[str, float] | None = None) -> None:
        """Stop the clock: Keras has waited for the last step to end."""
        self._until = time.perf_counter()

    @property
    def images_per_second(self) -> float:
        """Of the epoch that has ended."""
        return self._images / (self._until - self._since)
