"""Nested draws from the training images, the same for all runs of a study."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pipeline.sampling import stratified_order


def nested_draw(
    labels: NDArray[np.integer], seed: int, draw: int, size: int
) -> NDArray[np.int64] | None:
    """Return the images of one draw: those of a smaller size are among those of a larger one.

    Args:
        labels: (n,) of the training split; each class is drawn in proportion.
        seed: of the study.
        draw: from 0.
        size: images, at most n.

    Returns:
        (size,) ascending positions; None for all n, which every draw has.
    """
    if size == len(labels):
        return None
    own = int(np.random.SeedSequence((seed, draw)).generate_state(1)[0])
    return np.sort(stratified_order(labels, own)[:size])
