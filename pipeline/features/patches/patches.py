"""Features learned without labels: image patches coded by a dictionary of patches, and pooled."""

from __future__ import annotations

from typing import ClassVar, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from pipeline.channels import RGB
from pipeline.features.patches.coding import PatchCoder, patch_grid
from pipeline.features.patches.dictionary import PatchDictionary, draw_for_atoms, learn_dictionary
from pipeline.features.spec import Extractor, FeatureSpec
from pipeline.resizing import Sides

_MOST_NUMBERS = 1 << 28
"""Maximum size of the training patches: 1 GB."""


class Spec(FeatureSpec):
    """Options of the learned patches."""

    learns: ClassVar[bool] = True

    method: Literal["patches"] = "patches"
    """The name of this extractor."""
    size: int = Field(default=6, ge=2, le=16)
    """Side of a patch in pixels."""
    stride: int = Field(default=1, ge=1, le=16)
    """Pixels from one patch of an image to the next."""
    count: int = Field(default=400, ge=2, le=16_384)
    """Number of atoms in the dictionary."""
    dictionary: Literal["kmeans", "random"] = "kmeans"
    """The atoms: centroids of whitened training patches, or random whitened training patches."""
    samples: int = Field(default=50_000, ge=100, le=2_000_000)
    """Maximum number of training patches for learning the whitening and the dictionary."""
    whiten_eps: float = Field(default=0.1, ge=1e-6, le=10)
    """Added to the variances before whitening; a larger value gives smoother atoms."""
    coding: Literal["triangle", "nearest"] = "triangle"
    """triangle: how much nearer an atom is than the mean; nearest: 1 for the nearest atoms."""
    fraction: float = Field(default=0.4, ge=1e-6, le=0.9)
    """Fraction of atoms, and of their negatives, that code a patch; only with coding nearest."""
    pooling: Literal["average", "sum"] = "average"
    """How the codes of a cell's patches are combined."""
    grid: int = Field(default=2, ge=1, le=8)
    """Pool the patches in grid × grid cells."""
    sqrt: bool = True
    """Take the square root of the pooled codes, which compresses large values."""

    @property
    def neighbors(self) -> int:
        """Number of atoms that code a patch, at least one; 0 for the triangle coding."""
        return max(1, round(self.fraction * self.count)) if self.coding == "nearest" else 0

    @property
    def dimension(self) -> int:
        """Length of an image's vector."""
        return self.grid**2 * self.count * (2 if self.coding == "nearest" else 1)

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.coding != "nearest" and "fraction" in self.model_fields_set:
            raise ValueError(
                f"found fraction: {self.fraction:g} with coding: {self.coding}; it belongs to "
                "coding: nearest. Drop it, or change the coding"
            )
        if self.samples < self.count:
            raise ValueError(
                f"found samples: {self.samples:,}; expected at least count, {self.count:,}"
            )
        if self.samples * self.size**2 * 3 > _MOST_NUMBERS:
            raise ValueError(
                f"found samples: {self.samples:,}; expected at most "
                f"{_MOST_NUMBERS // (self.size**2 * 3):,} patches of {self.size}×{self.size} "
                "pixels, because more do not fit in memory"
            )
        return self

    def smallest_side(self) -> int:
        """Return the side that leaves each cell of the grid a patch."""
        return self.size + (self.grid - 1) * self.stride

    def size_advice(self) -> str:
        """Return what to choose for smaller images."""
        patches = f"patches of {self.size} pixels in {self.grid}×{self.grid} cells"
        return f", for {patches}. Choose a smaller size or grid"

    def features_per_image(self, sides: Sides, channels: int = RGB) -> int:
        """Return `dimension`, whatever the size of images."""
        return self.dimension

    def build(self, seed: int) -> Patches:
        """Return the extractor; `seed` draws the training patches and the initial atoms."""
        return Patches(self, seed)


class Patches(Extractor):
    """Patches of an image, contrast-normalized and whitened, coded by a learned dictionary.

    A. Coates, H. Lee, A. Ng, "An Analysis of Single-Layer Networks in Unsupervised Feature
    Learning", AISTATS 2011, section 3: contrast and whitening, k-means with the "triangle" coding
    max(0, mean(z) - z) of the distances z to all atoms, pooling over quadrants.

    ``coding="nearest"`` with ``dictionary="random"`` is that of L. Thiry, M. Arbel, E. Belilovsky,
    E. Oyallon, "The Unreasonable Effectiveness of Patches in Deep Convolutional Kernels Methods",
    ICLR 2021: 1 for each of the nearest atoms and, separately, for each of the nearest negatives
    of atoms, else 0.

    Departures: contrast uses the population variance; Coates et al. sum over quadrants and do not
    take square roots; Thiry et al. do not normalize contrast, pad the image, and pool twice over
    overlapping windows before a low-rank classifier.

    `fit` stores the learned dictionary in `dictionary_`.
    """

    dictionary_: PatchDictionary

    def __init__(self, spec: Spec, seed: int) -> None:
        self.spec = spec
        self.seed = seed

    def fit(self, images: NDArray[np.uint8]) -> Self:
        """Learn the whitening and the dictionary from patches of the training images.

        Args:
            images: (n, height, width, 3) uint8 in RGB order, or (n, height, width, 1) in gray.

        Raises:
            StudyError: if `images` has another form, is too small, or has fewer patches than atoms.
        """
        self.spec.check_images(images)
        spec = self.spec
        rng = np.random.default_rng(self.seed)
        patches = draw_for_atoms(images, spec.size, spec.samples, spec.count, rng, spec.method)
        kmeans = spec.dictionary == "kmeans"
        self.dictionary_ = learn_dictionary(patches, spec.count, spec.whiten_eps, kmeans, rng)
        return self

    def transform(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return the pooled codes of images.

        Args:
            images: (n, height, width, 3) uint8 in RGB order, or (n, height, width, 1) in gray.

        Returns:
            (n, grid · grid · width) float32, >= 0: cells row by row from the top left; within each
            cell the atoms and, with coding `nearest`, then their negatives.

        Raises:
            StudyError: if `images` has another form, or is too small.
        """
        self.spec.check_images(images)
        spec = self.spec
        coder = PatchCoder(self.dictionary_, spec.size, spec.stride, spec.neighbors)
        average = spec.pooling == "average"
        grid = patch_grid(images.shape[1:3], spec.size, spec.stride, spec.grid, average)
        features = coder.pooled(images, grid)
        if spec.sqrt:
            np.sqrt(features, out=features)
        return features

    @property
    def n_parameters(self) -> int:
        """Size of the atoms, the whitening and the mean patch."""
        learned = self.dictionary_
        return learned.atoms.size + learned.whitening.size + learned.mean.size

    def multiply_adds(self, image_shape: tuple[int, int, int]) -> int:
        """Count, for each patch, its contrast, its whitening, and its distances to all atoms.

        With d numbers per patch: squares and quotients (2 d), whitening (d · d), its squared length
        (d), and a product with each atom (d · atoms), which also covers the atom's negative.
        """
        spec = self.spec
        down, across = ((side - spec.size) // spec.stride + 1 for side in image_shape[:2])
        d = image_shape[2] * spec.size**2
        return down * across * d * (3 + d + spec.count)
