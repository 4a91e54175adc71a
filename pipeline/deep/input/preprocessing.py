"""Layers that are fitted on the training split and put in front of a network."""

from __future__ import annotations

import keras
import numpy as np
from numpy.typing import NDArray

STANDARDISATION = "standardisation"
"""Name of every layer that gives each channel mean 0 and variance 1 on the training split."""
BLOCK_VALUES = 2**23
"""Values converted at a time, so that no float copy of a whole memory-mapped split is made."""


def standardisation(inputs: NDArray) -> keras.layers.Normalization:
    """Return a layer that gives each channel mean 0 and variance 1 on `inputs`.

    A channel that never varies, as a unit of a frozen base that is never active, is centred and not
    scaled: dividing by next to nothing would let one odd image swamp the network.

    Args:
        inputs: (n, ..., channels), uint8 or float; the training split alone.
    """
    channels = inputs.shape[-1]
    total, squares, count = np.zeros(channels), np.zeros(channels), 0
    shift = np.asarray(inputs[0], dtype=np.float64).reshape(-1, channels).mean(axis=0)
    block_size = max(1, BLOCK_VALUES // inputs[0].size)
    for start in range(0, len(inputs), block_size):
        # Sums about a value near the mean: no cancellation, in one pass.
        block = np.asarray(inputs[start : start + block_size], dtype=np.float64)
        block = block.reshape(-1, channels) - shift
        total += block.sum(axis=0)
        squares += np.einsum("ij,ij->j", block, block)
        count += len(block)
    mean = total / count
    variance = squares / count - mean**2
    variance[variance < 1e-8] = 1.0
    return keras.layers.Normalization(
        axis=-1, mean=mean + shift, variance=variance, name=STANDARDISATION
    )
