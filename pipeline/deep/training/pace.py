"""The speed of an epoch."""

from __future__ import annotations

import time
from collections.abc import Mapping

import keras


class Pace(keras.callbacks.Callback):
    """Measures the images per second of an epoch from the end of its first call on.

    A call of the compiled function takes one or several steps (`steps_per_call`). The first one
    waits for the input pipeline to start and, in a first epoch, for the compiler: that took most of
    a short epoch and said nothing about later epochs. An epoch of one call is measured as a whole.

    Args:
        batch_size: images in a batch.
        steps: batches in an epoch.
    """

    async_safe = True

    def __init__(self, batch_size: int, steps: int) -> None:
        super().__init__()
        self._batch_size, self._steps = batch_size, steps
        self._first_call: tuple[int, float] | None = None
        self._done, self._since, self._until = 0, 0.0, 0.0

    def on_train_begin(self, logs: Mapping[str, float] | None = None) -> None:
        """Start the clock, for an epoch of one call."""
        self._since = time.perf_counter()

    def on_train_batch_end(self, batch: int, logs: Mapping[str, float] | None = None) -> None:
        """Note the steps that are done, and when the first call ended.

        Keras names the last step of a call, from 0, as if the last call of an epoch were full.
        """
        self._done = min(batch + 1, self._steps)
        if self._first_call is None:
            self._first_call = self._done, time.perf_counter()

    def on_epoch_end(self, epoch: int, logs: Mapping[str, float] | None = None) -> None:
        """Stop the clock: Keras has waited for the last step to end."""
        self._until = time.perf_counter()

    @property
    def images_per_second(self) -> float:
        """Of the epoch that has ended."""
        first, ended = self._first_call or (0, self._since)
        if first == self._done:
            first, ended = 0, self._since
        return (self._done - first) * self._batch_size / (self._until - ended)
