"""The interface of feature extractors: options that build one, and `fit` and `transform`."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

import numpy as np
from numpy.typing import NDArray

from pipeline.channels import RGB
from pipeline.checks import StudyError, check_images
from pipeline.config.image_size import SizeOptions
from pipeline.resizing import Sides
from pipeline.storage.scratch import mirrored_images


class Extractor(ABC):
    """Turns images into vectors, following the conventions of scikit-learn.

    ``__init__`` only stores its options; `fit` returns self and keeps what it learns in attributes
    whose names end in ``_``; `transform` changes neither the extractor nor its input.
    `pipeline.storage.object_files` stores all attributes, and says which types are allowed; names
    that begin with ``_`` are caches and are not stored. The result for an image does not depend on
    the other images.
    """

    def fit(self, images: NDArray[np.uint8]) -> Self:
        """Learn from the training images; an extractor that learns nothing only checks them.

        Args:
            images: (n, height, width, 3) uint8 in RGB order, or (n, height, width, 1) in gray; may
                be a read-only memory map.

        Returns:
            The extractor itself.
        """
        check_images(images)
        return self

    @abstractmethod
    def transform(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return one vector per image.

        Args:
            images: (n, height, width, 3) uint8 in RGB order, or (n, height, width, 1) in gray; may
                be a read-only memory map.

        Returns:
            (n, d) float32, finite.
        """

    def transform_split(
        self,
        images: NDArray[np.uint8],
        split: str,
        cache_folder: Path | None = None,
        mirrored: bool = False,
    ) -> tuple[NDArray[np.float32], float]:
        """Return the features of a whole split, and the seconds that they take.

        Args:
            images: as for `transform`.
            split: name of the split, for progress lines.
            cache_folder: where an extractor may keep what others also need, named by all that
                determines it. What it finds there counts with the seconds of its computation.
            mirrored: flip the images left to right first.
        """
        start = time.perf_counter()
        features = self.transform(mirrored_images(images) if mirrored else images)
        return features, time.perf_counter() - start

    def record(self) -> dict[str, Any]:
        """Return what `fit` decided where the options leave it open; it replaces them on the card.

        It is called after `fit` in the same process.
        """
        return {}

    def mirrored(self, features: NDArray[np.float32]) -> NDArray[np.float32] | None:
        """Return the features of left-right mirror images, computed from those of the images.

        This is for extractors whose features change in a simple way under mirroring; it saves a
        second extraction.

        Args:
            features: (n, d) from `transform`; not changed.

        Returns:
            (n, d) float32, equal to `transform` of the mirror images except for rounding; None if
            they must be extracted.
        """
        return None

    @property
    def n_parameters(self) -> int:
        """Number of stored parameters; 0 for an extractor that learns nothing."""
        return 0

    def multiply_adds(self, image_shape: tuple[int, int, int]) -> int | None:
        """Count the products for one image; None if the extractor does not define this.

        The count follows the method's definition, whatever shortcuts the code takes: products and
        quotients of two numbers, and one for each vote for a bin. As in counts for networks in the
        literature, it leaves out sums, comparisons, roots and other functions of one number,
        look-ups, resizing, pooling, and changes of unit (a division of all pixels by 255).

        Args:
            image_shape: (height, width, channels).
        """
        return None


class FeatureSpec(SizeOptions, ABC):
    """The options of a feature extractor; each method's ``Spec`` derives from this class."""

    family: ClassVar[Literal["classical", "hybrid"]] = "classical"
    """`hybrid` if a trained network computes the features; runs that use them are hybrid too."""

    learns: ClassVar[bool] = False
    """Whether the extractor learns from the images that it is fitted on, so that these must not
    contain test images. Cross-validation computes features once for all images, and excludes it."""

    method: str
    """The extractor's name, which is the name of its file."""

    def check_files(self) -> None:
        """Raise `StudyError` if a file named in the options is missing or wrong; must be fast."""

    def smallest_side(self) -> int:
        """Return the smallest height and width of images that the extractor can read."""
        return 1

    def size_advice(self) -> str:
        """Return what needs `smallest_side`, and what to choose instead; it ends the message."""
        return ""

    def check_images(self, images: NDArray[np.uint8]) -> None:
        """Raise `StudyError` unless `images` can be read: what they are, and how large.

        Args:
            images: (n, height, width, 3) uint8, or (n, height, width, 1).
        """
        check_images(images)
        self.check_channels(images.shape[3])
        height, width = images.shape[1:3]
        least = self.smallest_side()
        if min(height, width) < least:
            raise StudyError(
                f"{self.method}: found images of {height}×{width} pixels; expected at least "
                f"{least}×{least}{self.size_advice()}"
            )

    def check_channels(self, channels: int) -> None:
        """Raise `StudyError` if the features make no sense for images of 1 (gray) or 3 channels."""

    def features_per_image(self, sides: Sides, channels: int = RGB) -> int:
        """Return the length of an image's vector, at most, for images of (height, width).

        This default describes a black image; a method that learns, or is slow, says it itself.

        Raises:
            StudyError: if such images are too small.
        """
        black = np.zeros((1, *sides, channels), np.uint8)
        return int(self.build(0).fit(black).transform(black).shape[1])

    @abstractmethod
    def build(self, seed: int) -> Extractor:
        """Return the extractor of images as it gets them, unfitted; `seed` determines all draws.

        `pipeline.features.resized` resizes images in front of it, if `image_size` says so.
        """


_BATCH_NUMBERS = 1 << 23
"""Maximum output of a batch: 64 MB of 8-byte numbers."""


def batch_size(shape: tuple[int, ...], pixels: int, dimension: int) -> int:
    """Return how many images to process at once, at least one.

    This keeps working arrays at about the size of a CPU cache, however many images there are.

    Args:
        shape: (n, height, width, channels) of all images.
        pixels: maximum number of pixels to process at once.
        dimension: length of an image's output, which is also bounded.
    """
    most = min(shape[0], pixels // (shape[1] * shape[2]), _BATCH_NUMBERS // dimension)
    return max(1, most)


def batches(images: NDArray[np.uint8], size: int) -> Iterator[tuple[slice, NDArray[np.uint8]]]:
    """Split images into batches of `size`; only one at a time is read from a memory map.

    Yields:
        The slice of `images`, and those images as a contiguous array; do not write to it.
    """
    for start in range(0, len(images), size):
        here = slice(start, min(start + size, len(images)))
        yield here, np.ascontiguousarray(images[here])
