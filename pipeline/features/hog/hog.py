"""Histograms of oriented gradients (Dalal and Triggs 2005), batch by batch."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Annotated, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from pipeline.channels import RGB
from pipeline.features.hog import hard_binning, trilinear_interpolation
from pipeline.features.hog.hard_binning import HardBinnedBlocks
from pipeline.features.hog.layout import Layout
from pipeline.features.hog.orientation_bins import Orientations
from pipeline.features.hog.trilinear_interpolation import InterpolatedBlocks
from pipeline.features.spec import Extractor, FeatureSpec, batch_size
from pipeline.machine import allowed_threads
from pipeline.resizing import Sides

Cell = Annotated[int, Field(ge=1, le=256)]


class Spec(FeatureSpec):
    """Options of the histograms of oriented gradients."""

    method: Literal["hog"] = "hog"
    """The name of this extractor."""
    convention: Literal["skimage", "dalal_triggs"] = "skimage"
    """skimage: hard binning; a pixel votes for one bin of one cell. dalal_triggs: trilinear
    interpolation between the nearest bins and cells, with less weight away from the block's center,
    as in OpenCV."""
    cell: Cell | Annotated[tuple[Cell, ...], Field(min_length=1, max_length=8)] = 8
    """Side of a cell in pixels, or several sides, whose scales are joined in this order. Rows and
    columns beyond the last whole cell do not vote."""
    block: int = Field(default=2, ge=1, le=16)
    """Side of a block in cells; blocks overlap, with a stride of one cell."""
    orientations: int = Field(default=9, ge=1, le=36)
    """Number of orientation bins over 180 degrees, or over 360 if signed."""
    signed: bool = False
    """Distinguish opposite gradients (dark to light from light to dark)."""
    channel: Literal["gray", "strongest"] = "gray"
    """Take gradients of the luminance, or of the channel with the largest one at each pixel; the
    same for gray images."""
    block_norm: Literal["L2-Hys", "L2", "L1", "L1-sqrt"] = "L2-Hys"
    """How a block is normalized; L2-Hys is L2, clipped at 0.2, then L2 again."""
    centered: bool = False
    """Center the weights of a block's pixels on the block, so that mirror images have mirrored
    descriptors; otherwise they are half a pixel off, as in OpenCV. Only with dalal_triggs."""
    transform_sqrt: bool = False
    """Take the square root of the pixels first, to reduce the effect of illumination."""

    @property
    def cells(self) -> tuple[int, ...]:
        """The sides of cells, one per scale."""
        return self.cell if isinstance(self.cell, tuple) else (self.cell,)

    @property
    def layout(self) -> Layout:
        """The options without the convention."""
        return Layout(
            cells=self.cells,
            block=self.block,
            orientations=Orientations(self.orientations, self.signed),
            strongest=self.channel == "strongest",
            compressed=self.transform_sqrt,
            block_norm=self.block_norm,
            centered=self.centered,
        )

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if len(set(self.cells)) < len(self.cells):
            raise ValueError(f"cell: found {list(self.cells)}; expected each scale once")
        if self.convention == "dalal_triggs" and self.block_norm != "L2-Hys":
            raise ValueError(
                f"found block_norm: {self.block_norm} with convention: dalal_triggs; expected "
                "block_norm: L2-Hys, the only norm it supports, or convention: skimage"
            )
        if self.convention == "skimage" and self.centered:
            raise ValueError(
                "found centered: true with convention: skimage, which weighs no pixels; expected "
                "centered: false, or convention: dalal_triggs"
            )
        if self.convention == "dalal_triggs" and self.orientations == 1:
            raise ValueError(
                "found orientations: 1 with convention: dalal_triggs, which divides votes between "
                "two; expected orientations: 2 or more"
            )
        return self

    def smallest_side(self) -> int:
        """Return the side of the largest block."""
        return max(self.cells) * self.block

    def size_advice(self) -> str:
        """Return what to choose for smaller images."""
        cells = f"{self.block} cells of {max(self.cells)} pixels"
        return f", for blocks of {cells}. Choose a smaller cell or block"

    def features_per_image(self, sides: Sides, channels: int = RGB) -> int:
        """Return the length of the descriptors of all scales."""
        return self.layout.dimension(*sides) if min(sides) >= self.smallest_side() else 0

    def build(self, seed: int) -> Hog:
        """Return the extractor; nothing in it is random."""
        return Hog(self)


class Hog(Extractor):
    """Histograms of oriented gradients, with the convention of skimage or of OpenCV.

    N. Dalal, B. Triggs, "Histograms of Oriented Gradients for Human Detection", CVPR 2005,
    section 6: gradients by [-1, 0, 1] without smoothing (6.2), votes by magnitude into the
    orientation bins of a cell (6.3), overlapping normalized blocks (6.4).

    ``convention="skimage"`` equals ``skimage.feature.hog`` within 1e-5, for the options it has:
    ``channel="gray"`` on ``rgb2gray(image)``, and ``"strongest"`` with ``channel_axis=-1``.
    Departures from the paper, all from skimage: hard binning, where the paper interpolates between
    adjacent bins and cells; no Gaussian window over a block; a cell's histogram is divided by its
    area. Signed orientations, which skimage lacks, work the same way over 360°.

    ``convention="dalal_triggs"`` equals ``cv2.HOGDescriptor`` (OpenCV 4) with a stride of one cell,
    within 1e-5, given ``cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)`` or the image in BGR order: votes
    are interpolated between bins and between the cells of a block, and weighted by a Gaussian over
    the block. Among channels with equally large gradients, blue has priority over green, and green
    over red; OpenCV reverses this order in the last ``width % 4`` columns, but this class does not.
    OpenCV stores columns first, this class rows first: OpenCV's descriptor of an image is
    ``blocks.transpose(1, 0, 3, 2, 4).ravel()``, where `blocks` is the descriptor of this class with
    the shape (blocks down, blocks across, cells down, cells across, orientations). With
    ``centered=True``, the Gaussian is that of the paper, centered on the block.
    """

    def __init__(self, spec: Spec) -> None:
        self.spec = spec

    def fit(self, images: NDArray[np.uint8]) -> Self:
        """Check that the images hold a block at least; there is nothing to learn."""
        self.spec.check_images(images)
        return self

    def transform(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return the descriptors of images.

        Args:
            images: (n, height, width, 3) uint8 in RGB order, or (n, height, width, 1) in gray.

        Returns:
            (n, blocks down · blocks across · block · block · orientations) float32, in that order,
            each in 0..1; one scale after the other.

        Raises:
            StudyError: if `images` has another form, or is smaller than a block.
        """
        self.spec.check_images(images)
        features = np.empty(
            (len(images), self.spec.layout.dimension(*images.shape[1:3])), dtype=np.float32
        )
        size = batch_size(images.shape, self._batch_pixels, features.shape[1])
        parts = [slice(start, start + size) for start in range(0, len(images), size)]
        if len(parts) == 1:
            self._describe(images, iter(parts), features)
            return features
        count, waiting = min(len(parts), allowed_threads()), iter(parts)
        with ThreadPoolExecutor(count) as threads:
            work = [threads.submit(self._describe, images, waiting, features) for _ in range(count)]
            for each in work:
                each.result()
        return features

    def _describe(
        self, images: NDArray[np.uint8], parts: Iterator[slice], features: NDArray[np.float32]
    ) -> None:
        """Describe parts of the images, as long as there are any; other threads take some too.

        An image is always described by a single thread, in the same way.
        """
        descriptor = self._descriptor(*images.shape[1:3])
        for here in parts:
            descriptor.describe(np.ascontiguousarray(images[here]), features[here])

    def multiply_adds(self, image_shape: tuple[int, int, int]) -> int:
        """Count gradients, votes, and the normalization of blocks.

        A gradient costs two taps of ±1 down, two across, and the squares of both differences; the
        gray value of a color costs three more. The norms L1 and L1-sqrt divide each number of a
        block, L2 also squares it, and L2-Hys does both twice.
        """
        height, width, channels = image_shape
        spec = self.spec
        luminance = 3 if channels == RGB else 0
        pixel = channels * 6 if spec.channel == "strongest" else luminance + 6
        norm = {"L1": 1, "L1-sqrt": 1, "L2": 2, "L2-Hys": 4}[spec.block_norm]
        votes = self._descriptor(height, width).vote_products
        return height * width * pixel + votes + norm * spec.layout.dimension(height, width)

    @property
    def _batch_pixels(self) -> int:
        """Number of pixels to process at once."""
        batches = hard_binning if self.spec.convention == "skimage" else trilinear_interpolation
        return batches.BATCH_PIXELS

    def _descriptor(self, height: int, width: int) -> HardBinnedBlocks | InterpolatedBlocks:
        """Return the descriptor for one image size."""
        kind = HardBinnedBlocks if self.spec.convention == "skimage" else InterpolatedBlocks
        return kind(self.spec.layout, height, width)
