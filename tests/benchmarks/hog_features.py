"""HOG: ours beside skimage and OpenCV, image by image."""

import cv2
import numpy as np
from skimage.color import rgb2gray
from skimage.feature import hog

from pipeline.features.hog import Spec
from tests.benchmarks.measure import Row, race, seconds_of
from tests.benchmarks.photographs import patches

SUBJECT = "Histograms of oriented gradients"
IMAGES = 4_000
MANY = 60_000


def rows() -> list[Row]:
    """Compare two settings, after checking that the results are the same."""
    images = patches(IMAGES)
    return _grey(images) + _colour(images)


def whole_set() -> dict[str, float]:
    """Return our seconds for 60,000 images."""
    images = np.resize(patches(IMAGES), (MANY, 32, 32, 3))
    specs = {
        "HOG grey, cell 8": Spec(),
        "HOG grey, cell 8, signed": Spec(signed=True),
        "HOG strongest channel, cell 4": Spec(cell=4, channel="strongest"),
    }
    found = {}
    for name, spec in specs.items():
        extractor = spec.build(seed=0)
        extractor.transform(images[:100])
        found[name] = seconds_of(lambda extractor=extractor: extractor.transform(images))
    return found


def _grey(images: np.ndarray) -> list[Row]:
    spec = Spec(cell=8)
    extractor = spec.build(seed=0)
    options = _skimage_options(spec)
    grey = rgb2gray(images)
    whole = np.round(grey * 255).astype(np.uint8)
    descriptor = cv2.HOGDescriptor((32, 32), (16, 16), (8, 8), (8, 8), 9)

    def loop():
        return np.array([hog(rgb2gray(image), **options) for image in images])

    def grey_loop():
        return np.array([hog(image, **options) for image in grey])

    def opencv_loop():
        return np.array([descriptor.compute(image) for image in whole])

    agreement = _agreement(extractor.transform(images), loop())
    return race(
        f"HOG grey, cell 8, {len(images):,} images",
        lambda: extractor.transform(images),
        {
            "skimage.feature.hog(rgb2gray(image)) in a loop": (loop, agreement),
            "skimage.feature.hog in a loop, grey made beforehand": (grey_loop, agreement),
            "cv2.HOGDescriptor in a loop, grey made beforehand": (
                opencv_loop,
                "another variant: interpolated votes, Gaussian window",
            ),
        },
    )


def _colour(images: np.ndarray) -> list[Row]:
    spec = Spec(cell=4, channel="strongest")
    extractor = spec.build(seed=0)
    options = _skimage_options(spec) | {"channel_axis": -1}

    def loop():
        return np.array([hog(image, **options) for image in images])

    agreement = _agreement(extractor.transform(images), loop())
    return race(
        f"HOG strongest channel, cell 4, {len(images):,} images",
        lambda: extractor.transform(images),
        {"skimage.feature.hog(image, channel_axis=-1) in a loop": (loop, agreement)},
    )


def _skimage_options(spec: Spec) -> dict:
    return {
        "orientations": spec.orientations,
        "pixels_per_cell": (spec.cell, spec.cell),
        "cells_per_block": (spec.block, spec.block),
        "block_norm": spec.block_norm,
    }


def _agreement(ours: np.ndarray, theirs: np.ndarray) -> str:
    apart = float(np.abs(ours - theirs).max())
    if apart > 1e-5:
        raise SystemExit(f"HOG differs from skimage by {apart:.1e}; nothing was timed")
    return f"largest difference {apart:.0e}"
