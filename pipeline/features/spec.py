"""What every feature extractor is: options that build it, and `fit` and `transform`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import ClassVar, Literal, Self

import numpy as np
from numpy.typing import NDArray

from pipeline.checks import StudyError, check_images
from pipeline.config.registry import MethodSpec


class Extractor(ABC):
    """Turns images into vectors, after the conventions of scikit-learn.

    ``__init__`` only stores its options; `fit` returns self and leaves what it learns in attributes
    whose names end in ``_``; `transform` changes neither the extractor nor its input. All that is
    an attribute is stored by `pipeline.storage.object_files`, which says what can be; a name that
    begins with ``_`` is a cache, and is not. The result for an image does not depend on the
    images beside it.
    """

    def fit(self, images: NDArray[np.uint8]) -> Self:
        """Learn from the training images; an extractor that learns nothing only checks them.

        Args:
            images: (n, height, width, 3) uint8 in RGB order; a read-only memory map will do.

        Returns:
            The extractor itself.
        """
        check_images(images)
        return self

    @abstractmethod
    def transform(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return one vector an image.

        Args:
            images: (n, height, width, 3) uint8 in RGB order; a read-only memory map will do.

        Returns:
            (n, d) float32, finite.
        """

    @property
    def n_parameters(self) -> int:
        """Learnt numbers that are stored; 0 for an extractor that learns nothing."""
        return 0

    def multiply_adds(self, image_shape: tuple[int, int, int]) -> int | None:
        """Count the products that one image costs; None where the author has not counted them.

        Counted is what the method's definition asks for, whatever shortcuts its code takes:
        products and quotients of two numbers, and one for each vote for a bin. Left out, as in the
        literature's counts of networks: sums, comparisons, roots and other functions of one number,
        look-ups, resizing, poolings, and units (a division of all pixels by 255).

        Args:
            image_shape: (height, width, 3).
        """
        return None

    def picture(self, image: NDArray[np.uint8]) -> NDArray[np.uint8] | None:
        """Draw what the extractor keeps of an image; None where that cannot be drawn.

        Args:
            image: (height, width, 3) uint8 in RGB order.

        Returns:
            (h, w, 3) uint8 in RGB order, both sides from 128 to 512 pixels.
        """
        return None

    def learnt_picture(self) -> NDArray[np.uint8] | None:
        """Draw what `fit` has learnt, such as a dictionary; None where there is nothing to see.

        Returns:
            (h, w, 3) uint8 in RGB order, at most 1,024 pixels wide.
        """
        return None


class FeatureSpec(MethodSpec, ABC):
    """The options of a feature extractor; each method's ``Spec`` derives from it."""

    family: ClassVar[Literal["classical", "hybrid"]] = "classical"
    """`hybrid` for what a trained network computes: a run that joins such a set is hybrid too."""

    method: str
    """The extractor's name, which is the name of its file."""

    def check_files(self) -> None:
        """Raise `StudyError` if a file that the options name is missing or another one; cheap."""

    def smallest_side(self) -> int:
        """Return the smallest height and width of images that the extractor can read."""
        return 1

    def size_advice(self) -> str:
        """Return what needs `smallest_side`, and what to choose instead; it ends the message."""
        return ""

    def check_images(self, images: NDArray[np.uint8]) -> None:
        """Raise `StudyError` unless `images` can be read: what they are, and how large.

        Args:
            images: (n, height, width, 3) uint8.
        """
        check_images(images)
        height, width = images.shape[1:3]
        least = self.smallest_side()
        if min(height, width) < least:
            raise StudyError(
                f"{self.method}: found images of {height}×{width} pixels; expected at least "
                f"{least}×{least}{self.size_advice()}"
            )

    @abstractmethod
    def build(self, seed: int) -> Extractor:
        """Return the extractor, unfitted; `seed` decides all that it draws at random."""


_BATCH_NUMBERS = 1 << 23
"""Numbers that a batch may make: 64 MB of 8 bytes."""


def batch_size(shape: tuple[int, ...], pixels: int, dimension: int) -> int:
    """Return how many images to work on at once, at least one.

    Working arrays then stay about as large as a processor's cache, however many images there are.

    Args:
        shape: (n, height, width, 3) of all images.
        pixels: the most pixels to work on at once.
        dimension: numbers that an image is turned into; they too are bounded.
    """
    most = min(shape[0], pixels // (shape[1] * shape[2]), _BATCH_NUMBERS // dimension)
    return max(1, most)


def batches(images: NDArray[np.uint8], size: int) -> Iterator[tuple[slice, NDArray[np.uint8]]]:
    """Cut images into runs of `size`, of which only one at a time is read from a memory map.

    Yields:
        The slice of `images`, and those images as a contiguous array, not to be written to.
    """
    for start in range(0, len(images), size):
        here = slice(start, min(start + size, len(images)))
        yield here, np.ascontiguousarray(images[here])
