"""Color histograms: ours compared with loops of NumPy and OpenCV over images and cells."""

import cv2
import numpy as np

from pipeline.features.color_histogram.color_histogram import Spec
from tests.benchmarks.measure import Row, race, seconds_of
from tests.benchmarks.photographs import patches

SUBJECT = "Color histograms"
IMAGES = 4_000
MANY = 60_000
GRID, BINS = 4, 16


def rows() -> list[Row]:
    """Compare counts per channel and cell, after checking that they are the same."""
    images = patches(IMAGES)
    extractor = Spec(grid=GRID, bins=BINS).build(seed=0)

    def numpy_loop():
        return np.array([_each_cell(image, _numpy) for image in images])

    def opencv_loop():
        return np.array([_each_cell(image, _opencv) for image in images])

    counts = extractor.counts(images).reshape(len(images), -1)
    for name, loop in (("numpy.histogram", numpy_loop), ("cv2.calcHist", opencv_loop)):
        if not np.array_equal(counts, loop()):
            raise SystemExit(f"color histogram: counts differ from {name}; nothing was timed")
    return race(
        f"RGB, 16 bins per channel, 4×4 cells, {len(images):,} images",
        lambda: extractor.counts(images),
        {
            "numpy.histogram in a loop": (numpy_loop, "equal counts"),
            "cv2.calcHist in a loop": (opencv_loop, "equal counts"),
        },
    )


def whole_set() -> dict[str, float]:
    """Return our seconds for 60,000 images, including normalization."""
    images = np.resize(patches(IMAGES), (MANY, 32, 32, 3))
    specs = {
        "RGB, 16 bins per channel, 4×4 cells, square root": Spec(grid=GRID, bins=BINS),
        "HSV, 8×4×4 joint bins, 4×4 cells, square root": Spec(
            space="hsv", bins=(8, 4, 4), joint=True, grid=GRID
        ),
    }
    found = {}
    for name, spec in specs.items():
        extractor = spec.build(seed=0)
        found[name] = seconds_of(lambda extractor=extractor: extractor.transform(images))
    return found


def _each_cell(image: np.ndarray, count) -> np.ndarray:
    cells = [
        cell
        for band in np.array_split(image, GRID, axis=0)
        for cell in np.array_split(band, GRID, axis=1)
    ]
    return np.concatenate([count(cell, channel) for cell in cells for channel in range(3)])


def _numpy(cell: np.ndarray, channel: int) -> np.ndarray:
    return np.histogram(cell[..., channel], BINS, (0, 256))[0]


def _opencv(cell: np.ndarray, channel: int) -> np.ndarray:
    return cv2.calcHist([cell], [channel], None, [BINS], [0, 256])[:, 0]
