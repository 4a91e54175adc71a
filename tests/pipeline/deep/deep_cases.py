"""Small images of distinguishable classes, and options of networks by name."""

import numpy as np

from pipeline.config import registry

COLORS = np.array(
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


def colored_squares(n, n_classes, side, seed):
    """Noise with a square in the class's color at a random place: (n, side, side, 3), (n,)."""
    rng = np.random.default_rng(seed)
    labels = rng.permutation(np.arange(n) % n_classes)
    images = rng.integers(60, 160, (n, side, side, 3))
    for image, label in zip(images, labels, strict=True):
        row, column = rng.integers(0, side // 2, 2)
        image[row : row + side // 2, column : column + side // 2] = COLORS[label]
    return images.astype(np.uint8), labels.astype(np.int64)


def splits(n_classes, side=16, sizes=(200, 60, 45)):
    """Images of three splits and labels of two, all read-only, like DVC files."""
    images, labels = {}, {}
    for seed, (split, n) in enumerate(zip(("train", "validation", "test"), sizes, strict=True)):
        images[split], labels[split] = colored_squares(n, n_classes, side, seed)
        images[split].flags.writeable = labels[split].flags.writeable = False
    test_labels = labels.pop("test")
    return images, labels, test_labels


def deep_spec(method, **options):
    return registry.parse("deep", {"method": method, **options}, f"deep.{method}")
