"""Checks of the pixels that a stored run is asked to classify.

Without them, each of these mistakes would lead to a prediction, and a wrong one: a network accepts
any numbers, and a color histogram any size. BGR channel order cannot be detected.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pipeline.channels import GRAY, RGB, named
from pipeline.checks import StudyError


def check_pixels(images: NDArray, image_shape: tuple[int, int, int], what: str) -> None:
    """Raise `StudyError` unless images have the format that a run was trained on.

    Args:
        images: expected as (n, height, width, 3) uint8, RGB, values from 0 to 255; of a run on gray
            images, as (n, height, width, 1).
        image_shape: (height, width, channels) of the images that the run was trained on.
        what: the run, for the message.
    """
    if not isinstance(images, np.ndarray):
        raise StudyError(
            f"{what}: found {type(images).__name__}; expected an array of pixels. Read files "
            "with: read(paths)"
        )
    advice = _shape_advice(images, image_shape) or _dtype_advice(images)
    if advice:
        raise StudyError(
            f"{what}: found an array of shape {images.shape} and dtype {images.dtype}; expected "
            f"(n, {', '.join(map(str, image_shape))}) uint8, {named(image_shape[2])}, values from "
            f"0 to 255. {advice}"
        )
    if not len(images):
        raise StudyError(f"{what}: found no images; expected at least one")


def _shape_advice(images: NDArray, image_shape: tuple[int, int, int]) -> str | None:
    """Return what to do about the shape; None if it is right."""
    height, width, channels = image_shape
    if images.shape[1:] == image_shape:
        return None
    if images.shape == image_shape:
        return "Make a single image a batch of one with: images[None]"
    if channels == GRAY:
        return _gray_advice(images, height, width)
    if images.ndim == 3 or (images.ndim == 4 and images.shape[3] == GRAY):
        return (
            "Give gray images three equal channels with: "
            f"np.repeat(images.reshape(-1, {height}, {width}, 1), 3, axis=3)"
            if images.shape[1:3] == (height, width)
            else "Pass a batch of RGB images, or read files with: read(paths)"
        )
    if images.ndim != 4:
        return "Pass a batch of RGB images, or read files with: read(paths)"
    if images.shape[1:] == (3, height, width):
        return "Move the channels last with: np.moveaxis(images, 1, 3)"
    if images.shape[3] == 4:
        return "Blend transparent pixels with a color first, or read the files with: read(paths)"
    return (
        "Read the files with read(paths), which resizes images as `prepare` does, or resize the "
        f"arrays with: pipeline.resizing.resize(image, {height})"
    )


def _gray_advice(images: NDArray, height: int, width: int) -> str:
    """Return what to do about images for a run that has learned from gray ones."""
    if images.ndim == 3 and images.shape[1:] == (height, width):
        return "Add the axis of the only channel with: images[..., None]"
    if images.ndim == 2 and images.shape == (height, width):
        return "Make a single image a batch of one with: images[None, ..., None]"
    if images.ndim == 4 and images.shape[1:3] == (height, width) and images.shape[3] == RGB:
        return (
            "Convert colors to gray with: "
            "np.stack([pipeline.channels.as_gray(image) for image in images])"
        )
    return "Pass a batch of gray images, or read files with: read(paths)"


def _dtype_advice(images: NDArray) -> str | None:
    """Return what to do about the dtype and range of values; None if they are right."""
    if images.dtype == np.uint8:
        if images.size and images.max() == 1:
            return "All of its values are 0 or 1: multiply by 255 before rounding, not after"
        return None
    low, high = (float(images.min()), float(images.max())) if images.size else (0.0, 0.0)
    found = f"Its values lie between {low:g} and {high:g}"
    if low >= 0 and high <= 1:
        return f"{found}: scale them with: np.rint(255 * images).astype(np.uint8)"
    if low >= 0 and high <= 255:
        return f"{found}: convert them with: np.rint(images).astype(np.uint8)"
    return f"{found}: undo the preprocessing, or read the files with: read(paths)"
