"""HOG: ours compared with loops of skimage and OpenCV over images."""

import cv2
import numpy as np
from skimage.color import rgb2gray
from skimage.feature import hog
from threadpoolctl import threadpool_limits

from pipeline.features.hog.hog import Spec
from pipeline.machine import core_count
from tests.benchmarks.measure import Row, race, seconds_of
from tests.benchmarks.photographs import SIDE, patches

SUBJECT = "Histograms of oriented gradients"
IMAGES = 5_000
MANY = 60_000
SIGNED = {"channel": "strongest", "orientations": 18, "signed": True}


def rows() -> list[Row]:
    """Compare both conventions, after checking that the results are the same.

    Each is compared on one thread, and with ours on all cores; the loops use one.
    """
    images = patches(IMAGES)
    found = []
    for threads in sorted({1, core_count()}):
        with threadpool_limits(threads, user_api="blas"):  # HOG uses as many threads as BLAS may
            found += _all_rows(images, f"{threads} thread{'s' if threads > 1 else ''}")
    return found


def _all_rows(images: np.ndarray, threads: str) -> list[Row]:
    found = _gray(images, threads) + _color(images, threads)
    for options in ({}, {"channel": "strongest"}, SIGNED, SIGNED | {"cell": 4}):
        found += _dalal_triggs(images, Spec(convention="dalal_triggs", **options), threads)
    return found


def whole_set() -> dict[str, float]:
    """Return our seconds for 60,000 images."""
    images = np.resize(patches(IMAGES), (MANY, 32, 32, 3))
    specs = {
        "HOG gray, cell 8": Spec(),
        "HOG gray, cell 8, signed": Spec(signed=True),
        "HOG strongest channel, cell 4": Spec(cell=4, channel="strongest"),
        "HOG strongest channel, cell 8, dalal_triggs": Spec(
            convention="dalal_triggs", channel="strongest"
        ),
        "HOG strongest channel, cells 4 and 8, 18 signed, dalal_triggs": Spec(
            convention="dalal_triggs", cell=(4, 8), **SIGNED
        ),
    }
    found = {}
    for name, spec in specs.items():
        extractor = spec.build(seed=0)
        extractor.transform(images[:100])
        found[name] = seconds_of(lambda extractor=extractor: extractor.transform(images))
    return found


def _gray(images: np.ndarray, threads: str) -> list[Row]:
    spec = Spec(cell=8)
    extractor = spec.build(seed=0)
    options = _skimage_options(spec)
    gray = rgb2gray(images)
    whole = np.round(gray * 255).astype(np.uint8)
    descriptor = cv2.HOGDescriptor((32, 32), (16, 16), (8, 8), (8, 8), 9)

    def loop():
        return np.array([hog(rgb2gray(image), **options) for image in images])

    def gray_loop():
        return np.array([hog(image, **options) for image in gray])

    def opencv_loop():
        return np.array([descriptor.compute(image) for image in whole])

    agreement = _agreement(extractor.transform(images), loop())
    return race(
        f"HOG gray, cell 8, {len(images):,} images, {threads}",
        lambda: extractor.transform(images),
        {
            "skimage.feature.hog(rgb2gray(image)) in a loop": (loop, agreement),
            "skimage.feature.hog in a loop, gray precomputed": (gray_loop, agreement),
            "cv2.HOGDescriptor in a loop, gray precomputed": (
                opencv_loop,
                "different variant: interpolated votes, Gaussian window",
            ),
        },
    )


def _color(images: np.ndarray, threads: str) -> list[Row]:
    spec = Spec(cell=4, channel="strongest")
    extractor = spec.build(seed=0)
    options = _skimage_options(spec) | {"channel_axis": -1}

    def loop():
        return np.array([hog(image, **options) for image in images])

    agreement = _agreement(extractor.transform(images), loop())
    return race(
        f"HOG strongest channel, cell 4, {len(images):,} images, {threads}",
        lambda: extractor.transform(images),
        {"skimage.feature.hog(image, channel_axis=-1) in a loop": (loop, agreement)},
    )


def _dalal_triggs(images: np.ndarray, spec: Spec, threads: str) -> list[Row]:
    """Compare with OpenCV's loop, its input precomputed."""
    extractor = spec.build(seed=0)
    gray = spec.channel == "gray"
    code = cv2.COLOR_RGB2GRAY if gray else cv2.COLOR_RGB2BGR
    inputs = [cv2.cvtColor(image, code) for image in images]
    cell, bins, blocks = (spec.cell, spec.cell), spec.orientations, SIDE // spec.cell - 1
    sides = ((SIDE, SIDE), (2 * spec.cell, 2 * spec.cell), cell, cell)
    descriptor = cv2.HOGDescriptor(*sides, bins, 1, -1, 0, 0.2, False, 64, spec.signed)

    def loop():
        return np.array([descriptor.compute(image) for image in inputs])

    theirs = loop().reshape(len(images), blocks, blocks, 2, 2, bins).transpose(0, 2, 1, 4, 3, 5)
    apart = _agreement(extractor.transform(images), theirs.reshape(len(images), -1))
    what = f"cell {spec.cell}, {bins}{' signed' if spec.signed else ''} bins"
    made = "gray" if gray else "BGR"
    return race(
        f"HOG dalal_triggs, {spec.channel}, {what}, {len(images):,} images, {threads}",
        lambda: extractor.transform(images),
        {
            f"cv2.HOGDescriptor in a loop, {made} precomputed": (
                loop,
                f"equal up to order, {apart}",
            )
        },
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
        raise SystemExit(f"HOG differs from the alternative by {apart:.1e}; nothing was timed")
    return f"largest difference {apart:.0e}"
