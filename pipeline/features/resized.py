"""Features of images of another size than those of the study: the option `image_size`.

It is the same for every method, and no method knows of it: images are resized in front of the
extractor. Without resizing there is no `Resized`, and an extractor is what it was before.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from pipeline.checks import check_images
from pipeline.features.spec import Extractor, FeatureSpec
from pipeline.resizing import Sides
from pipeline.storage.scratch import resized_images

_BLOCK_VALUES = 1 << 25
"""Values of the images that are resized at once: 32 MB, or as many after resizing."""


def build_extractor(spec: FeatureSpec, seed: int, stored: Sides) -> Extractor:
    """Return the extractor of a feature set, unfitted.

    Args:
        spec: its options.
        seed: determines all of its random draws.
        stored: (height, width) of the images of the study.
    """
    extractor, sides = spec.build(seed), spec.sides_seen(stored)
    return extractor if sides == stored else Resized(extractor, sides)


class Resized(Extractor):
    """An extractor of images that are resized first, as `pipeline.resizing.resize` does.

    Args:
        extractor: of the resized images.
        sides: their height and width.
    """

    def __init__(self, extractor: Extractor, sides: Sides) -> None:
        self.extractor = extractor
        self.sides = sides

    def fit(self, images: NDArray[np.uint8]) -> Self:
        """Fit the extractor on the resized training images."""
        check_images(images)
        self.extractor.fit(resized_images(images, self.sides))
        return self

    def transform(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return the features (n, d) of images (n, height, width, channels) uint8 of any size."""
        check_images(images)
        return np.concatenate([self.extractor.transform(block) for block in self._blocks(images)])

    def transform_split(
        self,
        images: NDArray[np.uint8],
        split: str,
        cache_folder: Path | None = None,
        mirrored: bool = False,
    ) -> tuple[NDArray[np.float32], float]:
        """Return the features of a whole split, and the seconds that they and resizing take."""
        start = time.perf_counter()
        check_images(images)
        seen = resized_images(images, self.sides)
        resizing = time.perf_counter() - start
        found, seconds = self.extractor.transform_split(seen, split, cache_folder, mirrored)
        return found, seconds + resizing

    def record(self) -> dict[str, Any]:
        """Return what the extractor has decided."""
        return self.extractor.record()

    def mirrored(self, features: NDArray[np.float32]) -> NDArray[np.float32] | None:
        """Return the features of mirror images, if the extractor can compute them."""
        return self.extractor.mirrored(features)

    @property
    def n_parameters(self) -> int:
        """Number of stored parameters of the extractor."""
        return self.extractor.n_parameters

    def multiply_adds(self, image_shape: tuple[int, int, int]) -> int | None:
        """Count the products for one resized image; resizing is left out, as everywhere."""
        return self.extractor.multiply_adds((*self.sides, image_shape[2]))

    def seen(self, images: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Return a few images (n, height, width, channels) as the extractor gets them."""
        return resized_images(images, self.sides)

    def _blocks(self, images: NDArray[np.uint8]) -> Iterator[NDArray[np.uint8]]:
        largest = max(images[0].size, images.shape[3] * self.sides[0] * self.sides[1])
        count = max(1, _BLOCK_VALUES // largest)
        for start in range(0, len(images), count):
            yield self.seen(images[start : start + count])
