"""Labeled features for timing classifiers: HOG of overlapping patches of bundled photographs."""

import numpy as np
from skimage import data
from sklearn.preprocessing import StandardScaler

from pipeline.features.hog.hog import Spec
from tests.benchmarks.photographs import photographs

SIDE, STEP, NOISE = 32, 8, 4.0


def labeled_hog(n: int) -> tuple[np.ndarray, np.ndarray]:
    """Return (n, 324) standardized float32 features and (n,) labels: the photograph of each patch.

    The patches overlap and some are drawn twice; noise on the pixels keeps them apart.
    """
    photos = photographs()
    photos.insert(7, data.colorwheel())
    rng = np.random.default_rng(0)
    cut = [_overlapping(photo[..., :3]) for photo in photos]
    chosen = [rng.choice(len(part), -(-n // len(cut)), replace=True) for part in cut]
    images = np.concatenate([part[rows] for part, rows in zip(cut, chosen, strict=True)])
    labels = np.repeat(np.arange(len(cut)), -(-n // len(cut)))
    order = rng.permutation(len(images))[:n]
    noisy = images[order] + NOISE * rng.standard_normal((n, SIDE, SIDE, 3), dtype=np.float32)
    pixels = np.clip(noisy, 0, 255).astype(np.uint8)
    features = Spec(cell=8).build(seed=0).fit(pixels).transform(pixels)
    return StandardScaler().fit_transform(features).astype(np.float32), labels[order]


def _overlapping(photo: np.ndarray) -> np.ndarray:
    windows = np.lib.stride_tricks.sliding_window_view(photo, (SIDE, SIDE), axis=(0, 1))
    return windows[::STEP, ::STEP].reshape(-1, 3, SIDE, SIDE).transpose(0, 2, 3, 1)
