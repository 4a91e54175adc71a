"""What a stored run checks of the pixels that it is given, before it says anything of them.

Each of these mistakes would otherwise be answered with a class, and a wrong one: a network takes
any numbers, and a color histogram any size. That channels are in the order BGR cannot be seen from
an array.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pipeline.checks import StudyError


def check_pixels(images: NDArray, image_shape: tuple[int, int, int], what: str) -> None:
    """Raise `StudyError` unless images are those that a run was trained for.

    Args:
        images: expected as (n, height, width, 3) uint8, RGB, values from 0 to 255.
        image_shape: (height, width, 3) of the images that the run was trained on.
        what: the run, for the message.
    """
    if not isinstance(images, np.ndarray):
        raise StudyError(
            f"{what}: found {type(images).__name__}; expected an array of pixels. Files are read "
            "with: read(paths)"
        )
    advice = _shape_advice(images, image_shape) or _dtype_advice(images)
    if advice:
        raise StudyError(
            f"{what}: found an array of shape {images.shape} and dtype {images.dtype}; expected "
            f"(n, {', '.join(map(str, image_shape))}) uint8, RGB, values from 0 to 255. {advice}"
        )
    if not len(images):
        raise StudyError(f"{what}: found no image; expected at least one")


def _shape_advice(images: NDArray, image_shape: tuple[int, int, int]) -> str | None:
    """Return what to do about the shape; None where it is right."""
    height, width, _ = image_shape
    if images.shape[1:] == image_shape:
        return None
    if images.shape == image_shape:
        return "A single image becomes a batch of one with: images[None]"
    if images.ndim == 3 or (images.ndim == 4 and images.shape[3] == 1):
        return (
            "Gray images get three equal channels with: "
            f"np.repeat(images.reshape(-1, {height}, {width}, 1), 3, axis=3)"
            if images.shape[1:3] == (height, width)
            else "Give a batch of RGB images, or read files with: read(paths)"
        )
    if images.ndim != 4:
        return "Give a batch of RGB images, or read files with: read(paths)"
    if images.shape[1:] == (3, height, width):
        return "Channels come last: np.moveaxis(images, 1, 3)"
    if images.shape[3] == 4:
        return "Lay transparent pixels over a color first, or read the files with: read(paths)"
    return (
        "Read the files with read(paths), which resizes images as `prepare` does, or resize the "
        f"arrays with: pipeline.data.reading.decoding.resize(image, {height})"
    )


def _dtype_advice(images: NDArray) -> str | None:
    """Return what to do about the kind of number; None where it is right."""
    if images.dtype == np.uint8:
        if images.size and images.max() == 1:
            return "Its values are 0 and 1 alone: multiply by 255 before rounding, not after"
        return None
    low, high = (float(images.min()), float(images.max())) if images.size else (0.0, 0.0)
    found = f"Its values lie between {low:g} and {high:g}"
    if low >= 0 and high <= 1:
        return f"{found}: scale them with: np.rint(255 * images).astype(np.uint8)"
    if low >= 0 and high <= 255:
        return f"{found}: convert them with: np.rint(images).astype(np.uint8)"
    return f"{found}: undo what was done to them, or read the files with: read(paths)"
