"""Shuffled batches from memory-mapped arrays, with the draws for augmentation."""

from __future__ import annotations

import keras
import numpy as np
from numpy.typing import NDArray

from pipeline.deep.input.augmentation import draw
from pipeline.deep.options import AugmentationOptions


class Batches(keras.utils.PyDataset):
    """Batches in an order that depends only on the seed and the epoch, on every backend.

    All batches have the same shape, because XLA recompiles for a new one. The remainder of an
    epoch is therefore left out; it holds different inputs in each epoch. Fewer inputs than
    `batch_size` form a single batch. Train with ``shuffle=False``; otherwise Keras would reorder
    the batches with Python's global random numbers.

    Args:
        inputs: (n, ...), possibly memory-mapped and read-only; batches are copies.
        labels: (n,) in 0..classes-1.
        batch_size: inputs per batch.
        seed: of the order and of the augmentation.
        options: the augmentation.
        mirrored: like `inputs`: features of the mirrored images, if the inputs are not pixels.
            Rows that are drawn to be flipped come from it, and the draw is not passed on.
        rows_only: return row numbers instead of the rows, which are on the device. Rows of
            `mirrored` are numbered from n.

    Attributes:
        copies_of_labels: number of outputs of the trained model. With several, a batch has a tuple
            with one copy of the labels for each.
    """

    def __init__(
        self,
        inputs: NDArray,
        labels: NDArray[np.integer],
        batch_size: int,
        seed: int,
        options: AugmentationOptions,
        mirrored: NDArray | None = None,
        rows_only: bool = False,
    ) -> None:
        # With one worker, tf.data reads ahead and tunes itself, and its iterator is removed only at
        # the tuner's next turn: an epoch then ends 1.3, 2.6, 5.1, ... 41 or 82 s after its start.
        super().__init__(workers=2)
        self.inputs, self.mirrored = inputs, mirrored
        self.labels = np.asarray(labels, dtype=np.int32)
        self.batch_size, self.seed, self.options = min(batch_size, len(labels)), seed, options
        self.rows_only, self.copies_of_labels = rows_only, 1
        self.start_epoch(0)

    def start_epoch(self, epoch: int) -> None:
        """Shuffle the inputs and draw the augmentation for `epoch`."""
        n = len(self.labels)
        self._order = np.random.default_rng((self.seed, epoch)).permutation(n)
        self._draws = draw(self.options, n, self.inputs.shape[1:], self.seed, epoch)
        self._from_mirrored = (
            self._draws.pop("flip", np.zeros(n, bool)) if self.mirrored is not None else None
        )

    @property
    def images_per_epoch(self) -> int:
        """Number of inputs in an epoch, without the remainder."""
        return len(self) * self.batch_size

    def __len__(self) -> int:
        return len(self.labels) // self.batch_size

    def __getitem__(
        self, index: int
    ) -> tuple[dict[str, NDArray], NDArray[np.int32] | tuple[NDArray[np.int32], ...]]:
        """Return one batch of the epoch.

        Returns:
            A dictionary with ``inputs`` (b, ...) or ``rows`` (b,) int32, and the draws of these
            rows by name; and the labels (b,) int32.
        """
        # Sorting within the batch reads a mapped file forward and does not change the gradient.
        rows = np.sort(self._order[index * self.batch_size : (index + 1) * self.batch_size])
        found = {"rows": self._numbers(rows)} if self.rows_only else {"inputs": self._values(rows)}
        found |= {name: values[rows] for name, values in self._draws.items()}
        labels = self.labels[rows]
        copies = self.copies_of_labels
        return found, labels if copies == 1 else (labels,) * copies

    def _numbers(self, rows: NDArray[np.int64]) -> NDArray[np.int32]:
        if self._from_mirrored is not None:
            rows = rows + len(self.labels) * self._from_mirrored[rows]
        return rows.astype(np.int32)

    def _values(self, rows: NDArray[np.int64]) -> NDArray:
        values = self.inputs[rows]
        if self.mirrored is not None and self._from_mirrored is not None:
            chosen = self._from_mirrored[rows]
            values[chosen] = self.mirrored[rows[chosen]]
        return values
