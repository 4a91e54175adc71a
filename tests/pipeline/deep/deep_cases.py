"""Small images that can be told apart, and options of networks by their names."""

import numpy as np

from pipeline.config import registry

COLOURS = np.array(
    [
        [200, 60, 60],
        [60, 200, 60],
        [60, 60, 200],
        [200, 200, 60],
        [200, 60, 200],
        [60, 200, 200],
        [20, 20, 20],
        [240, 240, 240],
        [20, 120, 20],
        [120, 20, 20],
    ]
)


def coloured_squares(n, n_classes, side, seed):
    """Noise with a bright square of the class's colour somewhere: (n, side, side, 3), (n,)."""
    rng = np.random.default_rng(seed)
    labels = rng.permutation(np.arange(n) % n_classes)
    images = rng.integers(60, 160, (n, side, side, 3))
    for image, label in zip(images, labels, strict=True):
        row, column = rng.integers(0, side // 2, 2)
        image[row : row + side // 2, column : column + side // 2] = COLOURS[label]
    return images.astype(np.uint8), labels.astype(np.int64)


def splits(n_classes, side=16, sizes=(200, 60, 45)):
    """Images of three splits and labels of two, all read-only, as files of DVC are."""
    images, labels = {}, {}
    for seed, (split, n) in enumerate(zip(("train", "validation", "test"), sizes, strict=True)):
        images[split], labels[split] = coloured_squares(n, n_classes, side, seed)
        images[split].flags.writeable = labels[split].flags.writeable = False
    test_labels = labels.pop("test")
    return images, labels, test_labels


def deep_spec(method, **options):
    return registry.parse("deep", {"method": method, **options}, f"deep.{method}")
