"""Shuffled batches straight from memory-mapped arrays."""

from __future__ import annotations

import keras
import numpy as np
from numpy.typing import NDArray


class Batches(keras.utils.PyDataset):
    """Batches in an order that depends on the seed and the epoch alone, on every backend.

    Args:
        inputs: (n, ...), possibly memory-mapped and read-only; a batch is a copy.
        targets: (n,) labels.
        batch_size: inputs in a batch; the last one of an epoch may be smaller.
        seed: of the order.
    """

    def __init__(self, inputs: NDArray, targets: NDArray, batch_size: int, seed: int) -> None:
        super().__init__()
        self.inputs, self.targets = inputs, targets
        self.batch_size, self.seed = batch_size, seed
        self.start_epoch(0)

    def start_epoch(self, epoch: int) -> None:
        """Shuffle for `epoch`, counted from 0."""
        self._order = np.random.default_rng((self.seed, epoch)).permutation(len(self.targets))

    def __len__(self) -> int:
        return -(-len(self.targets) // self.batch_size)

    def __getitem__(self, index: int) -> tuple[NDArray, NDArray]:
        # Sorted within the batch, which changes no gradient and reads a mapped file forwards.
        rows = np.sort(self._order[index * self.batch_size : (index + 1) * self.batch_size])
        return self.inputs[rows], self.targets[rows]
