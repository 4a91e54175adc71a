"""Layers that are fitted on the training split and precede a network."""

from __future__ import annotations

import keras
import numpy as np
from numpy.typing import NDArray

STANDARDIZATION = "standardization"
"""Name of every layer that gives each channel mean 0 and variance 1 on the training split."""
BLOCK_VALUES = 2**23
"""Number of values converted at a time, to avoid a float copy of a whole memory-mapped split."""


def standardization(inputs: NDArray) -> keras.layers.Normalization:
    """Return a layer that gives each channel mean 0 and variance 1 on `inputs`.

    A channel that never varies, such as a unit of a frozen base that is never active, is centered
    but not scaled: dividing by almost 0 would let one unusual image dominate.

    Args:
        inputs: (n, ..., channels), uint8 or float; the training split only.
    """
    channels = inputs.shape[-1]
    total, squares, count = np.zeros(channels), np.zeros(channels), 0
    shift = np.asarray(inputs[0], dtype=np.float64).reshape(-1, channels).mean(axis=0)
    block_size = max(1, BLOCK_VALUES // inputs[0].size)
    for start in range(0, len(inputs), block_size):
        # Sums of deviations from a value near the mean avoid cancellation, in one pass.
        block = np.asarray(inputs[start : start + block_size], dtype=np.float64)
        block = block.reshape(-1, channels) - shift
        total += block.sum(axis=0)
        squares += np.einsum("ij,ij->j", block, block)
        count += len(block)
    mean = total / count
    variance = squares / count - mean**2
    variance[variance < 1e-8] = 1.0
    return keras.layers.Normalization(
        axis=-1, mean=mean + shift, variance=variance, name=STANDARDIZATION
    )
