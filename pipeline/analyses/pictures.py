"""The pictures of test images that tables name in their columns ``id`` and ``image``."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pipeline.analyses.tables import tables
from pipeline.channels import to_picture
from pipeline.checks import check_images
from pipeline.storage import example_images
from pipeline.storage.files import atomic
from pipeline.storage.paths import STUDY
from pipeline.storage.results import Results

PICTURE_SIDE = 96
"""Pixels of a picture's longer side: a 32-pixel image is enlarged so that it can be looked at, and
a photograph reduced, because a page embeds some 200."""
THUMBNAIL_SIDE = 48
"""Pixels that the longer side of a thumbnail has at most."""
THUMBNAIL_QUALITY = 90
"""Of JPEG with full color resolution: of 300 images of 32 pixels, 0.7 kB each against 2.1 kB as
PNG, for a mean difference of 1.2 levels of 255. There are up to 1,200 on a page."""


def save_pictures(
    images: NDArray[np.uint8],
    ids: NDArray[np.integer],
    results: Results,
    folder: Path = STUDY,
) -> None:
    """Write the pictures that tables name, where their column ``image`` says.

    Enlarged ones are PNG, by a whole factor and without smoothing: they show what the runs saw.
    Photographs are reduced instead.
    Thumbnails are small JPEGs, because they are many; the page enlarges them.

    Args:
        images: (n, height, width, 3) uint8 RGB images of the test split, or (n, height, width, 1)
            in gray; may be memory-mapped.
        ids: (n,) their ids.
        results: the tables; their records say which have pictures, and of what kind.
        folder: the study's, that the paths in column ``image`` are relative to.
    """
    check_images(images, "images of the test split")
    position = {int(image): index for index, image in enumerate(ids)}
    kinds = {table.name: table.pictures for table in tables() if table.pictures}
    for name, kind in kinds.items():
        rows = results.tables[name][["id", "image"]].drop_duplicates("image")
        for image, path in rows.itertuples(index=False):
            if (folder / path).exists():
                continue
            pixels = np.asarray(images[position[int(image)]])
            with atomic(folder / path) as temporary:
                if kind == "enlarged":
                    enlarged(pixels).save(temporary, format="PNG")
                else:
                    small, color = thumbnail(pixels), {}
                    if small.mode == "RGB":
                        color = {"subsampling": 0}
                    small.save(temporary, "JPEG", quality=THUMBNAIL_QUALITY, optimize=True, **color)


def enlarged(image: NDArray[np.uint8]) -> Image.Image:
    """Enlarge one (height, width, channels) uint8 image by a whole factor, each pixel to a square.

    An image of more than `PICTURE_SIDE` is reduced to that.
    """
    if max(image.shape[:2]) > PICTURE_SIDE:
        return _reduced(image, PICTURE_SIDE)
    return to_picture(example_images.enlarged(image, PICTURE_SIDE))


def thumbnail(image: NDArray[np.uint8]) -> Image.Image:
    """Reduce one (height, width, channels) uint8 image to `THUMBNAIL_SIDE`; smaller ones stay."""
    return _reduced(image, THUMBNAIL_SIDE)


def _reduced(image: NDArray[np.uint8], side: int) -> Image.Image:
    small = to_picture(image)
    small.thumbnail((side, side), Image.Resampling.BOX)
    return small
