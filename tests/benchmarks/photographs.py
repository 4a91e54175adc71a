"""Real images for timing: the photographs that ship with the dependencies, cut into patches."""

import numpy as np
from skimage import data
from sklearn.datasets import load_sample_images

SIDE = 32


def photographs() -> list[np.ndarray]:
    """Return photographs of (height, width, 3 or 4) uint8, each of a different scene."""
    return [
        data.astronaut(),
        data.chelsea(),
        data.coffee(),
        data.immunohistochemistry(),
        data.hubble_deep_field(),
        data.rocket(),
        data.retina(),
        *load_sample_images().images,
    ]


def patches(n: int) -> np.ndarray:
    """Return (n, 32, 32, 3) shuffled uint8 RGB patches, of which more than 4,000 are different."""
    cut = []
    for photo in photographs():
        rows, columns = photo.shape[0] // SIDE, photo.shape[1] // SIDE
        whole = photo[: rows * SIDE, : columns * SIDE, :3]
        tiles = whole.reshape(rows, SIDE, columns, SIDE, 3).swapaxes(1, 2)
        cut.append(tiles.reshape(-1, SIDE, SIDE, 3))
    images = np.concatenate(cut)
    order = np.random.default_rng(0).permutation(len(images))
    return np.ascontiguousarray(images[np.resize(order, n)])
