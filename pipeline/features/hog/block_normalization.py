"""In-place normalization of the blocks of `hog`, as in skimage and as in OpenCV."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_CLIP = np.float32(0.2)
"""Clipping threshold of L2-Hys: Lowe's value, also used by Dalal and Triggs."""
_EPS = 1e-5
"""skimage's guard against division by zero in each norm."""


def normalize(blocks: NDArray[np.float32], norm: str) -> None:
    """Normalize each row of (blocks, numbers) as skimage does; all numbers are >= 0."""
    if norm.startswith("L1"):
        blocks /= blocks.sum(axis=1, keepdims=True) + np.float32(_EPS)
        if norm == "L1-sqrt":
            np.sqrt(blocks, out=blocks)
        return
    _divide_by_length(blocks)
    if norm == "L2-Hys":
        np.minimum(blocks, _CLIP, out=blocks)
        _divide_by_length(blocks)


def normalize_as_opencv(blocks: NDArray[np.float32]) -> None:
    """Apply L2-Hys to each row of (blocks, numbers) in units of 8-bit levels.

    ``cv2.HOGDescriptor`` adds a tenth of the row's size to its length the first time, and 0.001 the
    second time: blocks of low contrast stay shorter than 1.
    """
    blocks /= (_lengths(blocks) + np.float32(0.1 * blocks.shape[1]))[:, None]
    np.minimum(blocks, _CLIP, out=blocks)
    blocks /= (_lengths(blocks) + np.float32(1e-3))[:, None]


def _lengths(blocks: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.sqrt(np.einsum("ij,ij->i", blocks, blocks))


def _divide_by_length(blocks: NDArray[np.float32]) -> None:
    squares = np.einsum("ij,ij->i", blocks, blocks)
    blocks /= np.sqrt(squares + np.float32(_EPS**2))[:, None]
