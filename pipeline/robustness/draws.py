"""Random numbers that depend on the image, and not on its batch, run or severity."""

from __future__ import annotations

import zlib
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray


def draw(
    ids: NDArray[np.integer],
    seed: int,
    name: str,
    sample: Callable[[np.random.Generator], NDArray],
) -> NDArray:
    """Draw a sample for each image from its own generator.

    An image's draws are the same at all severities, so that severities differ in strength alone.
    (The published code draws new numbers each time.)

    Args:
        ids: (n,) non-negative ids of the images.
        seed: the study's seed.
        name: the corruption; each has its own draws.
        sample: takes a generator and returns an array, of the same shape for all images.

    Returns:
        (n, ...), one image's sample per row.
    """
    key = zlib.crc32(name.encode())
    return np.stack([sample(np.random.default_rng([seed, key, int(each)])) for each in ids])
