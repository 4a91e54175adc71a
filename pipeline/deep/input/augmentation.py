"""Augmentation of training images: drawn on the host, applied in batches on the device.

Random numbers come from NumPy and depend only on the seed and the epoch. So a resumed training
sees the same images as an uninterrupted one, on every backend.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from keras import ops
from numpy.typing import NDArray

from pipeline.deep.options import AugmentationOptions, Border

STREAMS = {"flip": 1, "offset": 2, "center": 3}
"""Each draw has its own random stream, so that adding one does not change the others. 0 is not used
because NumPy treats the seeds (seed, epoch) and (seed, epoch, 0) as equal."""


def draw(
    options: AugmentationOptions, n: int, image_shape: tuple[int, ...], seed: int, epoch: int
) -> dict[str, NDArray]:
    """Draw the augmentation of each training image in one epoch.

    Args:
        options: the augmentations to draw.
        n: number of images.
        image_shape: (height, width, channels); only height and width matter.
        seed: of the training.
        epoch: the draws are a function of `seed` and `epoch`.

    Returns:
        Only what `options` ask for: ``flip`` (n,) bool, whether to flip the image, which if
        alternating depends on the seed and on whether `epoch` is odd or even; ``offset``
        (n, 2) int32, offset of the cropped window from the image in rows and columns, within
        ±crop or ± the rounded fraction of each side; ``center`` (n, 2) int32, row and column of
        the center of the cutout square, anywhere in the image.
    """

    def stream(name: str) -> np.random.Generator:
        return np.random.default_rng((seed, epoch, STREAMS[name]))

    sides = np.array(image_shape[:2])
    draws: dict[str, NDArray] = {}
    if options.flip == "alternating":
        first = np.random.default_rng((seed, 0, STREAMS["flip"])).random(n) < 0.5
        draws["flip"] = first ^ (epoch % 2 == 1)
    elif options.flip:
        draws["flip"] = stream("flip").random(n) < 0.5
    if options.crop or options.shift:
        reach = np.full(2, options.crop) if options.crop else np.rint(options.shift * sides)
        reach = reach.astype(np.int32)
        draws["offset"] = stream("offset").integers(-reach, reach + 1, (n, 2), np.int32)
    if options.cutout:
        draws["center"] = stream("center").integers(0, sides, (n, 2), np.int32)
    return draws


def augment(
    images: Any,
    draws: Mapping[str, Any],
    options: AugmentationOptions,
    fill: NDArray | None = None,
    dtype: str = "float32",
) -> Any:
    """Augment a batch of images as drawn; uses tensor operations that any backend can compile.

    Images are flipped first, then moved, then cut out. Each pixel of the result is exactly a pixel
    of the image, black (`border`), or `fill` (`cutout`): nothing is interpolated, and a single
    gather by pixel index does it all. It gathers floats because TensorFlow cannot gather uint8 on a
    GPU. The cutout square is clipped at the border, as in DeVries and Taylor (2017), section 3.2;
    an odd side stays odd, where theirs is rounded down.

    Args:
        images: (b, height, width, channels) tensor of any numeric dtype.
        draws: the result of `draw` for these images, as tensors.
        options: as passed to `draw`.
        fill: (channels,) color of the cutout square.
        dtype: float dtype of the result; bfloat16 represents 0..255 exactly.

    Returns:
        (b, height, width, channels) tensor.
    """
    images = ops.cast(images, dtype)
    if not draws:
        return images
    channels = images.shape[-1]
    # After the pixels of all images come a black pixel and one in the color of cutout squares.
    black = ops.shape(images)[0] * images.shape[1] * images.shape[2]
    color = np.zeros(channels) if fill is None else fill
    extra = ops.cast(np.stack([np.zeros(channels), color]), dtype)
    pixels = ops.concatenate([ops.reshape(images, (-1, channels)), extra], axis=0)
    border = options.border if options.crop else "edge"
    index = _moved(draws, images, black, border)
    if "center" in draws:
        square = _square(draws["center"], images.shape[1:3], options.cutout)
        index = ops.maximum(index, square * (black + 1))
    return ops.take(pixels, index, axis=0)


def _moved(draws: Mapping[str, Any], images: Any, black: Any, border: Border) -> Any:
    """Return the index (b, height, width) of the source pixel for each pixel of the result.

    Masks apply to row and column indices, which are few; masking the pixels would take as long as
    the gather. If either index is `black`, the pixel is black.
    """
    height, width = images.shape[1:3]
    rows, columns = ops.arange(height)[None, :], ops.arange(width)[None, :]
    inside_rows = inside_columns = None
    if "offset" in draws:
        rows, columns = rows + draws["offset"][:, :1], columns + draws["offset"][:, 1:]
        inside_rows = ops.logical_and(rows >= 0, rows < height)
        inside_columns = ops.logical_and(columns >= 0, columns < width)
        rows, columns = _within(rows, height, border), _within(columns, width, border)
    if "flip" in draws:
        columns = ops.where(draws["flip"][:, None], width - 1 - columns, columns)
    starts = (ops.arange(ops.shape(images)[0])[:, None] * height + rows) * width
    if border == "black" and "offset" in draws:
        starts = ops.where(inside_rows, starts, black)
        columns = ops.where(inside_columns, columns, black)
    return ops.minimum(starts[:, :, None] + columns[:, None, :], black)


def _within(index: Any, length: int, border: Border) -> Any:
    """Return indices in 0..length-1 for those beyond the border: reflected there, or its own."""
    if border == "reflect":
        # As in NumPy, the border's pixel itself is not repeated.
        return length - 1 - ops.absolute(length - 1 - ops.absolute(index))
    return ops.clip(index, 0, length - 1)


def _square(center: Any, sides: tuple[int, int], side: int) -> Any:
    """Return (b, height, width) int32: 1 inside the square around each center, else 0."""

    def within(length: int, middle: Any) -> Any:
        from_start = ops.arange(length)[None, :] - middle + side // 2
        return ops.cast(ops.logical_and(from_start >= 0, from_start < side), "int32")

    rows, columns = within(sides[0], center[:, :1]), within(sides[1], center[:, 1:])
    return rows[:, :, None] * columns[:, None, :]
