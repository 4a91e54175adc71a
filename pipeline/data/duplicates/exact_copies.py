"""Images whose decoded pixels are identical, even if their files differ."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pipeline.storage.near_duplicates import COPY_COLUMNS


def exact_copies(
    images: Mapping[str, NDArray[np.uint8]],
    ids: Mapping[str, NDArray[np.integer]],
    splits: Sequence[str] = ("train", "validation", "test"),
) -> pd.DataFrame:
    """Find the images that are identical to an earlier one, by a digest of their pixels.

    Args:
        images: split -> (n, height, width, 3) uint8; may be memory-mapped.
        ids: split -> (n,) ids of the images.
        splits: in the order of search; the first of several identical images is the original.

    Returns:
        Columns `COPY_COLUMNS`, one row for each image that repeats an earlier one.
    """
    first: dict[bytes, tuple[int, str]] = {}
    rows = []
    for split in splits:
        for image, each in zip(images[split], np.asarray(ids[split]).tolist(), strict=True):
            digest = hashlib.blake2b(np.ascontiguousarray(image).data, digest_size=16).digest()
            if digest in first:
                rows.append((each, split, *first[digest]))
            else:
                first[digest] = (each, split)
    return pd.DataFrame(rows, columns=list(COPY_COLUMNS))
