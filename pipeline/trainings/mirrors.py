"""Features of the mirror images of the training split."""

from __future__ import annotations

import time

import numpy as np
from numpy.typing import NDArray

from pipeline.storage.features import load_extractor, load_features
from pipeline.storage.paths import BASE_FEATURES
from pipeline.storage.splits import load_images


def mirrored_features(name: str) -> tuple[NDArray[np.float32], float]:
    """Return the (n, d) features of the mirrored training images, and the seconds they take.

    They are computed from the stored features where the extractor knows how, otherwise from pixels.

    Args:
        name: of the feature set.
    """
    extractor = load_extractor(name)
    start = time.perf_counter()
    features = extractor.mirrored(load_features(name, "train"))
    if features is not None:
        return features, time.perf_counter() - start
    found: tuple[NDArray[np.float32], float] = extractor.transform_split(
        load_images("train"), "train", BASE_FEATURES, mirrored=True
    )
    return found
