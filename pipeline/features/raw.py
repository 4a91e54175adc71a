"""Raw pixels: the baseline of the comparison."""

from __future__ import annotations

from typing import Literal, Self

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from pipeline.channels import GRAY, RGB
from pipeline.features.spec import Extractor, FeatureSpec, batch_size, batches
from pipeline.resizing import Sides

_BATCH_PIXELS = 1 << 17
"""Pixels to process at once: 1.5 MB in single precision."""

_LUMINANCE = np.array([[0.2125, 0.7154, 0.0721]], dtype=np.float32)
"""Weights of red, green and blue (ITU-R BT.709), as in ``skimage.color.rgb2gray``."""


class Spec(FeatureSpec):
    """Options of the raw pixels."""

    method: Literal["raw"] = "raw"
    """The name of this extractor."""
    size: int | None = Field(default=None, ge=1, le=256)
    """Reduce images to a square with this side by averaging areas; null keeps their size."""
    gray: bool = False
    """Use only the luminance, instead of red, green and blue; gray images have nothing else."""

    def smallest_side(self) -> int:
        """Return `size`: images are made smaller, never larger."""
        return self.size or 1

    def size_advice(self) -> str:
        """Return what to choose for smaller images."""
        return ". Choose a smaller size, or none"

    def features_per_image(self, sides: Sides, channels: int = RGB) -> int:
        """Return the number of values that are kept."""
        height, width = (self.size, self.size) if self.size else sides
        return height * width * (1 if self.gray else channels)

    def build(self, seed: int) -> Raw:
        """Return the extractor; nothing in it is random."""
        return Raw(self)


class Raw(Extractor):
    """The pixels of an image, divided by 255, as one vector.

    Images are reduced by averaging areas, as in ``cv2.resize(..., interpolation=cv2.INTER_AREA)``
    on floating-point images; the aspect ratio is not kept.
    """

    def __init__(self, spec: Spec) -> None:
        self.spec = spec

    def fit(self, images: NDArray[np.uint8]) -> Self:
        """Check that the images are large enough; there is nothing to learn."""
        self.spec.check_images(images)
        return self

    def transform(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return the pixels of images.

        Args:
            images: (n, height, width, 3) uint8 in RGB order, or (n, height, width, 1) in gray.

        Returns:
            (n, h · w · 3) float32 in 0..1: rows from the top, pixels from the left, RGB; of gray
            images, or with `gray`, (n, h · w). h and w are `size`, or those of the images.

        Raises:
            StudyError: if `images` has another form, or is smaller than `size`.
        """
        self.spec.check_images(images)
        height, width = self._shape(images)
        width_kept = height * width * (1 if self.spec.gray else images.shape[3])
        features = np.empty((len(images), width_kept), dtype=np.float32)
        for here, batch in batches(images, batch_size(images.shape, _BATCH_PIXELS, 1)):
            features[here] = self._pixels(batch).reshape(len(batch), -1)
        return features

    def multiply_adds(self, image_shape: tuple[int, int, int]) -> int:
        """Count the luminance's three products per pixel; unchanged pixels cost nothing."""
        height, width, channels = image_shape
        return 3 * height * width if self.spec.gray and channels == RGB else 0

    def _shape(self, images: NDArray[np.uint8]) -> tuple[int, int]:
        size = self.spec.size
        return (size, size) if size else (images.shape[1], images.shape[2])

    def _pixels(self, batch: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return (n, h, w) or (n, h, w, 3) float32 in 0..1 of a contiguous batch."""
        n, height, width, channels = batch.shape
        pixels = batch.astype(np.float32)
        if channels == GRAY:
            pixels = pixels[..., 0]
        elif self.spec.gray:
            pixels = cv2.transform(pixels.reshape(n * height, width, 3), _LUMINANCE)
            pixels = pixels.reshape(n, height, width)
        size = self._shape(batch)
        if size != (height, width):
            area = cv2.INTER_AREA
            pixels = np.stack([cv2.resize(each, size, interpolation=area) for each in pixels])
        pixels /= 255
        return np.minimum(pixels, 1, out=pixels)  # weights may add up to a hair above 1
