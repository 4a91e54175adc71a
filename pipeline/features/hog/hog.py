"""Histograms of oriented gradients (Dalal & Triggs 2005), many images at once."""

from __future__ import annotations

from typing import Annotated, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from pipeline.features.hog import hard_binning, trilinear_interpolation
from pipeline.features.hog.glyphs import draw_glyphs
from pipeline.features.hog.hard_binning import CountedBlocks
from pipeline.features.hog.layout import Layout
from pipeline.features.hog.orientation_bins import Orientations
from pipeline.features.hog.trilinear_interpolation import InterpolatedBlocks
from pipeline.features.spec import Extractor, FeatureSpec, batch_size, batches

Cell = Annotated[int, Field(ge=1, le=256)]


class Spec(FeatureSpec):
    """Options of the histograms of oriented gradients."""

    method: Literal["hog"] = "hog"
    """The name of this extractor."""
    convention: Literal["skimage", "dalal_triggs"] = "skimage"
    """skimage: a pixel votes for one bin of one cell. dalal_triggs: its vote is divided between the
    nearest bins and cells, and counts less away from the block's middle, as in OpenCV."""
    cell: Cell | Annotated[tuple[Cell, ...], Field(min_length=1, max_length=8)] = 8
    """Side of a cell in pixels, or several of them: scales that are joined, in that order. Rows and
    columns beyond the last whole cell cast no vote."""
    block: int = Field(default=2, ge=1, le=16)
    """Side of a block in cells; blocks overlap, moving by one cell."""
    orientations: int = Field(default=9, ge=1, le=36)
    """Bins of the angle, over 180 degrees, or over 360 if signed."""
    signed: bool = False
    """Tell a gradient from its opposite (dark to light from light to dark)."""
    channel: Literal["grey", "strongest"] = "grey"
    """What is differentiated: the luminance, or in each pixel the channel that changes most."""
    block_norm: Literal["L2-Hys", "L2", "L1", "L1-sqrt"] = "L2-Hys"
    """How a block is normalised; L2-Hys is L2, clipped at 0.2, and L2 again."""
    transform_sqrt: bool = False
    """Take the square root of the pixels first, against differences in illumination."""

    @property
    def cells(self) -> tuple[int, ...]:
        """The sides of a cell, one a scale."""
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
        )

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if len(set(self.cells)) < len(self.cells):
            raise ValueError(f"cell: found {list(self.cells)}; expected each scale once")
        if self.convention == "dalal_triggs" and self.block_norm != "L2-Hys":
            raise ValueError(
                f"found block_norm: {self.block_norm} with convention: dalal_triggs; expected "
                "block_norm: L2-Hys, the only one it has, or convention: skimage"
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

    def build(self, seed: int) -> Hog:
        """Return the extractor; nothing in it is random."""
        return Hog(self)


class Hog(Extractor):
    """Histograms of oriented gradients, in either of the two forms that libraries have.

    N. Dalal, B. Triggs, "Histograms of Oriented Gradients for Human Detection", CVPR 2005,
    section 6: gradients by [-1, 0, 1] without smoothing (6.2), votes by magnitude into the
    orientation bins of a cell (6.3), overlapping normalised blocks (6.4).

    ``convention="skimage"`` equals ``skimage.feature.hog`` where that has the option, within 1e-5:
    ``channel="grey"`` that of ``rgb2gray(image)``, ``"strongest"`` that with ``channel_axis=-1``.
    Departures from the paper, all of them skimage's: a pixel votes for one bin and one cell, where
    the paper interpolates between neighbours; no Gaussian window over a block; a cell's histogram
    is divided by its area. Signed orientations, which skimage lacks, are the same over 360°.

    ``convention="dalal_triggs"`` equals ``cv2.HOGDescriptor`` (OpenCV 4) with a stride of one cell,
    within 1e-5, given ``cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)`` or the image in BGR order: votes
    are interpolated between bins and between the cells of a block, and weighed by a Gaussian over
    the block. Of channels with equally large gradients, blue goes before green and green before
    red; in the last ``width % 4`` columns OpenCV turns that around, and this does not. OpenCV has
    columns first where this has rows first: its descriptor of an image is
    ``blocks.transpose(1, 0, 3, 2, 4).ravel()``, if `blocks` is ours in the shape (blocks down,
    blocks across, cells down, cells across, orientations).
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
            images: (n, height, width, 3) uint8 in RGB order.

        Returns:
            (n, blocks down · blocks across · block · block · orientations) float32, in that order,
            each in 0..1; one scale after the other.

        Raises:
            StudyError: if `images` is something else, or smaller than a block.
        """
        self.spec.check_images(images)
        _, height, width, _ = images.shape
        descriptor, pixels = self._descriptor(height, width)
        dimension = self.spec.layout.dimension(height, width)
        features = np.empty((len(images), dimension), dtype=np.float32)
        for here, batch in batches(images, batch_size(images.shape, pixels, features.shape[1])):
            start = 0
            for scale in descriptor.describe(batch):
                features[here, start : start + scale.shape[1]] = scale
                start += scale.shape[1]
        return features

    def multiply_adds(self, image_shape: tuple[int, int, int]) -> int:
        """Count gradients, votes, and the normalisation of blocks.

        For each pixel, and each of its channels that is differentiated: two taps ±1 down, two
        across, and the squares of both differences; the grey value costs three more. The norms L1
        and L1-sqrt divide each number of a block, L2 squares it first, L2-Hys does so twice.
        """
        height, width, _ = image_shape
        spec = self.spec
        pixel = 3 * 6 if spec.channel == "strongest" else 3 + 6
        norm = {"L1": 1, "L1-sqrt": 1, "L2": 2, "L2-Hys": 4}[spec.block_norm]
        votes = self._descriptor(height, width)[0].vote_products
        return height * width * pixel + votes + norm * spec.layout.dimension(height, width)

    def picture(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Draw the cells' histograms, of the first scale, as strokes over the image.

        Args:
            image: (height, width, 3) uint8 in RGB order.

        Returns:
            (h, w, 3) uint8 in RGB order, both sides from 128 to 512 pixels.
        """
        cell = self.spec.cells[0]
        features = self.transform(image[None])[0]
        layout = self.spec.layout
        down, across = (layout.blocks_along(side, cell) for side in image.shape[:2])
        shape = (down, across, layout.block, layout.block, layout.orientations.count)
        blocks = features[: np.prod(shape)].reshape(shape)
        return draw_glyphs(image, blocks, cell, layout.orientations)

    def _descriptor(
        self, height: int, width: int
    ) -> tuple[CountedBlocks | InterpolatedBlocks, int]:
        """Return what describes images of one size, and how many pixels to give it at once."""
        layout = self.spec.layout
        if self.spec.convention == "skimage":
            return CountedBlocks(layout, height, width), hard_binning.BATCH_PIXELS
        return InterpolatedBlocks(layout, height, width), trilinear_interpolation.BATCH_PIXELS
