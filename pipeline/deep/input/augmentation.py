"""What is done to training images: drawn on the host, done in batches on the device.

Random numbers are NumPy's and depend on the seed and the epoch alone, so that a resumed training
sees the images that an uninterrupted one sees, on every backend.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from keras import ops
from numpy.typing import NDArray

from pipeline.deep.options import AugmentationOptions

STREAMS = {"flip": 1, "offset": 2, "centre": 3}
"""Each draw has random numbers of its own, so that adding one leaves the others as they were. Not
0: NumPy takes the seeds (seed, epoch) and (seed, epoch, 0) for the same."""


def draw(
    options: AugmentationOptions, n: int, image_shape: tuple[int, ...], seed: int, epoch: int
) -> dict[str, NDArray]:
    """Draw what happens to each training image in one epoch.

    Args:
        options: what may happen.
        n: images.
        image_shape: (height, width, channels); only its sides matter.
        seed: of the training.
        epoch: the numbers are a function of `seed` and `epoch`.

    Returns:
        Only what `options` ask for: ``flip`` (n,) bool, whether the image is mirrored; ``offset``
        (n, 2) int32, rows and columns by which the window that is cut out lies from the image, in
        -crop..crop or in plus or minus the rounded share of each side; ``centre`` (n, 2) int32, row
        and column of the cut-out square, anywhere in the image.
    """

    def stream(name: str) -> np.random.Generator:
        return np.random.default_rng((seed, epoch, STREAMS[name]))

    sides = np.array(image_shape[:2])
    draws: dict[str, NDArray] = {}
    if options.flip:
        draws["flip"] = stream("flip").random(n) < 0.5
    if options.crop or options.shift:
        reach = np.full(2, options.crop) if options.crop else np.rint(options.shift * sides)
        reach = reach.astype(np.int32)
        draws["offset"] = stream("offset").integers(-reach, reach + 1, (n, 2), np.int32)
    if options.cutout:
        draws["centre"] = stream("centre").integers(0, sides, (n, 2), np.int32)
    return draws


def augment(
    images: Any,
    draws: Mapping[str, Any],
    options: AugmentationOptions,
    fill: NDArray | None = None,
    dtype: str = "float32",
) -> Any:
    """Change a batch of images as drawn; a function of tensors that any backend can compile.

    Mirrored first, then moved, then cut out. A pixel of the result is one of the image, black
    (`crop`), or `fill` (`cutout`), to the last bit: nothing is interpolated, and all is one gather
    of pixels by their numbers. It gathers floats, because TensorFlow gathers no uint8 on a GPU. The
    cut-out square is clipped at the border, as in DeVries and Taylor (2017), section 3.2; an odd
    side is kept here, where theirs is rounded down.

    Args:
        images: (b, height, width, channels) tensor of any numeric dtype.
        draws: what `draw` gives, of these images, as tensors.
        options: those that `draw` was given.
        fill: (channels,) colour of the cut-out square.
        dtype: of the result, a float; bfloat16 holds 0..255 exactly.

    Returns:
        (b, height, width, channels) tensor.
    """
    images = ops.cast(images, dtype)
    if not draws:
        return images
    channels = images.shape[-1]
    # Behind the pixels of all images come a black one and one of the colour of cut-out squares.
    black = ops.shape(images)[0] * images.shape[1] * images.shape[2]
    colour = np.zeros(channels) if fill is None else fill
    extra = ops.cast(np.stack([np.zeros(channels), colour]), dtype)
    pixels = ops.concatenate([ops.reshape(images, (-1, channels)), extra], axis=0)
    numbers = _moved(draws, images, black, black_border=options.crop > 0)
    if "centre" in draws:
        square = _square(draws["centre"], images.shape[1:3], options.cutout)
        numbers = ops.maximum(numbers, square * (black + 1))
    return ops.take(pixels, numbers, axis=0)


def _moved(draws: Mapping[str, Any], images: Any, black: Any, black_border: bool) -> Any:
    """Return, of each pixel of the result, the number (b, height, width) of the one it shows.

    Masks are laid on the numbers of rows and of columns, which are few: one that is `black` makes
    the sum so, and on the pixels themselves they would take as long as the gather.
    """
    height, width = images.shape[1:3]
    rows, columns = ops.arange(height)[None, :], ops.arange(width)[None, :]
    inside_rows = inside_columns = None
    if "offset" in draws:
        rows, columns = rows + draws["offset"][:, :1], columns + draws["offset"][:, 1:]
        inside_rows = ops.logical_and(rows >= 0, rows < height)
        inside_columns = ops.logical_and(columns >= 0, columns < width)
        rows, columns = ops.clip(rows, 0, height - 1), ops.clip(columns, 0, width - 1)
    if "flip" in draws:
        columns = ops.where(draws["flip"][:, None], width - 1 - columns, columns)
    starts = (ops.arange(ops.shape(images)[0])[:, None] * height + rows) * width
    if black_border:
        starts = ops.where(inside_rows, starts, black)
        columns = ops.where(inside_columns, columns, black)
    return ops.minimum(starts[:, :, None] + columns[:, None, :], black)


def _square(centre: Any, sides: tuple[int, int], side: int) -> Any:
    """Return (b, height, width) int32, 1 within a square of `side` around each centre, else 0."""

    def within(length: int, middle: Any) -> Any:
        from_start = ops.arange(length)[None, :] - middle + side // 2
        return ops.cast(ops.logical_and(from_start >= 0, from_start < side), "int32")

    rows, columns = within(sides[0], centre[:, :1]), within(sides[1], centre[:, 1:])
    return rows[:, :, None] * columns[:, None, :]
