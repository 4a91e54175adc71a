"""Random numbers that belong to an image, whatever batch, run or severity it comes in."""

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
    """Draw for each image by itself.

    An image's draws are the same at all severities, so that those differ in strength alone. (The
    published code draws anew each time.)

    Args:
        ids: (n,) ids of the images, not negative.
        seed: of the study.
        name: of the corruption; each has draws of its own.
        sample: takes a generator, returns an array of one shape for all images.

    Returns:
        (n, ...), an image's sample in each row.
    """
    key = zlib.crc32(name.encode())
    return np.stack([sample(np.random.default_rng([seed, key, int(each)])) for each in ids])
