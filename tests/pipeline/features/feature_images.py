"""Images for the tests of the extractors: noise, and patches of photographs."""

import numpy as np
from skimage import data
from sklearn.datasets import load_sample_images


def _patches(photo, height, width):
    rows, columns = photo.shape[0] // height, photo.shape[1] // width
    cut = photo[: rows * height, : columns * width, :3]
    cut = cut.reshape(rows, height, columns, width, 3).swapaxes(1, 2)
    return cut.reshape(-1, height, width, 3)


def photographs(height=32, width=32, limit=100):
    """`limit` patches each of five photographs: skimage's, and scikit-learn's JPEGs."""
    photos = [data.astronaut(), data.coffee(), data.rocket(), *load_sample_images().images]
    parts = []
    for photo in photos:
        cut = _patches(photo, height, width)
        parts.append(cut[:: max(1, len(cut) // limit)][:limit])
    return np.ascontiguousarray(np.concatenate(parts))


def noise(n=60, height=32, width=32, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (n, height, width, 3), dtype=np.uint8)
