"""Shuffled batches straight from memory-mapped arrays, with what augmentation needs."""

from __future__ import annotations

import keras
import numpy as np
from numpy.typing import NDArray

from pipeline.deep.input.augmentation import draw
from pipeline.deep.options import AugmentationOptions


class Batches(keras.utils.PyDataset):
    """Batches in an order that depends on the seed and the epoch alone, on every backend.

    All have one shape, because XLA compiles anew for another: with at least `batch_size` inputs the
    remainder of an epoch is left out, which holds other inputs in each epoch; fewer inputs make one
    batch of them all. To be trained on with ``shuffle=False``: Keras would put the batches into an
    order of Python's global random numbers.

    Args:
        inputs: (n, ...), possibly memory-mapped and read-only; a batch is a copy.
        labels: (n,) in 0..classes-1.
        batch_size: inputs in a batch.
        seed: of the order and of the augmentation.
        options: the augmentation that is drawn for.
        mirrored: like `inputs`, the features of the mirrored images, for inputs that are no pixels.
            Rows that are drawn to be mirrored come from it, and the draw is not passed on.
        rows_only: give the rows' numbers instead of the rows, which are on the device. Those of
            `mirrored` are counted on from n.

    Attributes:
        copies_of_labels: outputs of the model that is trained. With several, the second of a batch
            is a tuple with the labels once for each.
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
        super().__init__()
        self.inputs, self.mirrored = inputs, mirrored
        self.labels = np.asarray(labels, dtype=np.int32)
        self.batch_size, self.seed, self.options = min(batch_size, len(labels)), seed, options
        self.rows_only, self.copies_of_labels = rows_only, 1
        self.start_epoch(0)

    def start_epoch(self, epoch: int) -> None:
        """Shuffle and draw for `epoch`."""
        n = len(self.labels)
        self._order = np.random.default_rng((self.seed, epoch)).permutation(n)
        self._draws = draw(self.options, n, self.inputs.shape[1:], self.seed, epoch)
        self._from_mirrored = (
            self._draws.pop("flip", np.zeros(n, bool)) if self.mirrored is not None else None
        )

    @property
    def images_per_epoch(self) -> int:
        """How many inputs an epoch trains on, without the remainder."""
        return len(self) * self.batch_size

    def __len__(self) -> int:
        return len(self.labels) // self.batch_size

    def __getitem__(
        self, index: int
    ) -> tuple[dict[str, NDArray], NDArray[np.int32] | tuple[NDArray[np.int32], ...]]:
        """Return one batch of the epoch.

        Returns:
            ``inputs`` (b, ...), or ``rows`` (b,) int32, and the draws of these rows by their names;
            and the labels (b,) int32.
        """
        # Sorted within the batch, which changes no gradient and reads a mapped file forwards.
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
