"""Local binary patterns: ours compared with a loop of skimage over images."""

import cv2
import numpy as np
from skimage.feature import local_binary_pattern

from pipeline.features.lbp.binary_patterns import pattern_labels
from pipeline.features.lbp.lbp import Spec
from tests.benchmarks.measure import Row, race, seconds_of
from tests.benchmarks.photographs import SIDE, patches

SUBJECT = "Local binary patterns"
IMAGES = 2_000
MANY = 60_000


def rows() -> list[Row]:
    """Compare one radius and two, after checking that the results are the same."""
    images = patches(IMAGES)
    return _compare(images, Spec()) + _compare(images, Spec(radius=(1, 2), patterns="uniform"))


def whole_set() -> dict[str, float]:
    """Return our seconds for 60,000 images."""
    images = np.resize(patches(IMAGES), (MANY, SIDE, SIDE, 3))
    extractor = Spec().build(seed=0)
    return {"LBP, 8 points, radius 1, 4×4 grid": seconds_of(lambda: extractor.transform(images), 1)}


def _compare(images: np.ndarray, spec: Spec) -> list[Row]:
    extractor = spec.build(seed=0)
    bins = pattern_labels(spec.points, spec.patterns)[1]
    side = SIDE // spec.grid

    def describe(image):
        gray = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
        shares = []
        for radius in spec.radii:
            labels = local_binary_pattern(gray, spec.points, radius, spec.patterns).astype(int)
            for row in range(0, SIDE, side):
                for column in range(0, SIDE, side):
                    cell = labels[row : row + side, column : column + side]
                    shares.append(np.bincount(cell.ravel(), minlength=bins) / cell.size)
        return np.sqrt(np.concatenate(shares))

    def loop():
        return np.array([describe(image) for image in images])

    apart = float(np.abs(extractor.transform(images) - loop()).max())
    if apart > 1e-5:
        raise SystemExit(f"LBP differs from skimage by {apart:.1e}; nothing was timed")
    radii = " and ".join(f"{radius:g}" for radius in spec.radii)
    return race(
        f"LBP {spec.patterns}, radius {radii}, 4×4 grid, {len(images):,} images",
        lambda: extractor.transform(images),
        {
            "skimage local_binary_pattern and np.bincount in a loop": (
                loop,
                f"largest difference {apart:.0e}",
            )
        },
    )
