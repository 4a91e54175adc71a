"""Learned features without labels whose mirror images are changes of sign."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from pipeline.channels import RGB
from pipeline.features.patches.dictionary import draw_for_atoms
from pipeline.features.spec import Extractor, FeatureSpec, batches
from pipeline.features.symmetric_patches.components import Pair, ParityComponents, fit_components
from pipeline.features.symmetric_patches.dictionary import (
    SymmetricDictionary,
    learn_symmetric_dictionary,
)
from pipeline.features.symmetric_patches.soft_coding import SoftCoder
from pipeline.resizing import Sides

_MOST_NUMBERS = 1 << 28
"""Maximum size of the training patches, and of the codes of images for components: 1 GB."""
_BATCH_NUMBERS = 1 << 23
"""Number of pooled codes to hold at once: 32 MB."""
_CHANNEL_NUMBERS = 1 << 26
"""Number of pooled codes to learn the components of a cell from: 256 MB."""


class Spec(FeatureSpec):
    """Options of the symmetric patches."""

    learns: ClassVar[bool] = True

    method: Literal["symmetric_patches"] = "symmetric_patches"
    """The name of this extractor."""
    size: int = Field(default=6, ge=2, le=16)
    """Side of a patch in pixels."""
    count: int = Field(default=1024, ge=4, le=16_384, multiple_of=2)
    """Number of atoms in the dictionary; half of them are mirror images of the others."""
    samples: int = Field(default=100_000, ge=100, le=2_000_000)
    """Maximum number of training patches for learning the whitening and the dictionary."""
    whiten_eps: float = Field(default=0.1, ge=1e-6, le=10)
    """Added to the variances before whitening, times the mean variance."""
    fraction: float = Field(default=0.2, ge=1e-4, le=0.5)
    """About this fraction of atoms codes a patch, and as many of their negatives."""
    grid: int = Field(default=3, ge=1, le=8)
    """Pool the patches in grid × grid overlapping cells."""
    spread: float = Field(default=0.5, ge=0.05, le=10)
    """Standard deviation of a cell's Gaussian weights, as a fraction of the cell's side."""
    channels: int = Field(default=384, ge=2, le=8192)
    """Components of the codes in a cell, the same for all cells."""
    components: int = Field(default=1024, ge=2, le=16_384)
    """Components of the cells together: the most numbers per image."""
    flatten: float = Field(default=0.5, ge=0, le=1)
    """Divide components by their standard deviation to this power; 1 whitens them."""
    images: int = Field(default=8_000, ge=100, le=200_000)
    """Maximum number of training images for learning the components."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.samples < self.count:
            raise ValueError(
                f"found samples: {self.samples:,}; expected at least count, {self.count:,}"
            )
        limits = {"samples": self.size**2 * 3, "images": self.grid**2 * self.channels}
        for name, each in limits.items():
            if getattr(self, name) * each > _MOST_NUMBERS:
                raise ValueError(
                    f"found {name}: {getattr(self, name):,}; expected at most "
                    f"{_MOST_NUMBERS // each:,} with these options, because more do not fit in "
                    "memory"
                )
        return self

    def smallest_side(self) -> int:
        """Return the side that leaves each cell of the grid a patch."""
        return self.size + self.grid - 1

    def size_advice(self) -> str:
        """Return what to choose for smaller images."""
        patches = f"patches of {self.size} pixels in {self.grid}×{self.grid} cells"
        return f", for {patches}. Choose a smaller size or grid"

    def features_per_image(self, sides: Sides, channels: int = RGB) -> int:
        """Return `components`, the most numbers, whatever the size of images."""
        return self.components

    def build(self, seed: int) -> SymmetricPatches:
        """Return the extractor; `seed` draws the training patches and the initial atoms."""
        return SymmetricPatches(self, seed)


class SymmetricPatches(Extractor):
    """Whitened patches coded by a soft threshold, pooled, and projected; no label is used.

    1. Each patch is contrast-normalized and whitened (A. Coates, H. Lee, A. Ng, "An Analysis of
       Single-Layer Networks in Unsupervised Feature Learning", AISTATS 2011, section 3), and scaled
       to length 1.
    2. Its products z with all atoms, spherical k-means centroids, become max(0, z - mean - t s) and
       max(0, mean - z - t s), with the mean and standard deviation s of its products: the soft
       threshold of A. Coates, A. Ng, "The Importance of Encoding Versus Training with Sparse Coding
       and Vector Quantization", ICML 2011, section 3.3, with both signs. There the threshold is
       a constant; here it varies with the patch, so that about the same fraction of atoms codes
       each, as in L. Thiry, M. Arbel, E. Belilovsky, E. Oyallon, "The Unreasonable Effectiveness of
       Patches in Deep Convolutional Kernels Methods", ICLR 2021.
    3. Codes are averaged with Gaussian weights around the centers of a grid of cells, and their
       square roots are taken.
    4. They are projected onto principal components: first those of a cell, then those of all cells.
       Components are divided by a power of their standard deviation (`flatten`), which lets weak
       ones count for more in distances.

    Each of these steps is closed under mirroring (B. Haasdonk, A. Vossen, H. Burkhardt, "Invariance
    in Kernel Methods by Haar-Integration Kernels", SCIA 2005, on kernels that average over such a
    group): half of the atoms are mirror images of the others, and components are fitted on training
    images and their mirror images. Each feature is even or odd: `mirrored` changes signs.
    """

    dictionary_: SymmetricDictionary
    channels_: ParityComponents
    components_: ParityComponents

    def __init__(self, spec: Spec, seed: int) -> None:
        self.spec = spec
        self.seed = seed

    def fit(self, images: NDArray[np.uint8]) -> Self:
        """Learn the dictionary from patches, and the components from codes, of training images.

        Args:
            images: (n, height, width, 3) uint8 in RGB order, or (n, height, width, 1) in gray.

        Raises:
            StudyError: if `images` has another form, is too small, or has fewer patches than atoms.
        """
        self.spec.check_images(images)
        spec, rng = self.spec, np.random.default_rng(self.seed)
        patches = draw_for_atoms(images, spec.size, spec.samples, spec.count, rng, spec.method)
        half, eps = spec.count // 2, spec.whiten_eps
        self.dictionary_ = learn_symmetric_dictionary(patches, spec.size, half, eps, rng)
        del patches
        some = np.sort(rng.permutation(len(images))[: spec.images])
        self._fit_components(images, some, rng)
        return self

    def _fit_components(
        self, images: NDArray[np.uint8], chosen: NDArray[np.intp], rng: np.random.Generator
    ) -> None:
        """Learn the components of a cell from some of the chosen images, and those of all cells."""
        spec, coder = self.spec, self._coder()
        most = max(100, _CHANNEL_NUMBERS // (spec.grid**2 * coder.width))
        few = chosen[:: -(-len(chosen) // most)]
        codes = parity_codes(coder.pooled(images[few]))
        cells = codes[0].reshape(-1, 2 * coder.half), codes[1].reshape(-1, 2 * coder.half)
        self.channels_ = fit_components(cells, spec.channels, 0, rng)
        del codes, cells
        maps = [across_cells(each) for each in self._channels(coder, images[chosen])]
        even, odd = (np.concatenate([each[part] for each in maps]) for part in (0, 1))
        del maps
        self.components_ = fit_components((even, odd), spec.components, spec.flatten, rng)

    def transform(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return the components of images.

        Args:
            images: (n, height, width, 3) uint8 in RGB order, or (n, height, width, 1) in gray.

        Returns:
            (n, components) float32: the even ones, then the odd ones, each from the largest
            variance down.

        Raises:
            StudyError: if `images` has another form, or is too small.
        """
        self.spec.check_images(images)
        features = [
            np.concatenate(self.components_.project(across_cells(each)), axis=1)
            for each in self._channels(self._coder(), images)
        ]
        return np.concatenate(features)

    def mirrored(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the features of mirror images: the odd ones change sign."""
        changed = np.array(features)
        changed[:, self.components_.even.shape[1] :] *= -1
        return changed

    def _coder(self) -> SoftCoder:
        spec = self.spec
        return SoftCoder(self.dictionary_, spec.size, spec.fraction, spec.grid, spec.spread)

    def _channels(self, coder: SoftCoder, images: NDArray[np.uint8]) -> Iterator[Pair]:
        """Yield the components of all cells, each (n, grid, grid, k), of batches of images."""
        size = max(1, _BATCH_NUMBERS // (self.spec.grid**2 * coder.width))
        for _, batch in batches(images, size):
            yield self.channels_.project(parity_codes(coder.pooled(batch)))

    @property
    def n_parameters(self) -> int:
        """Numbers in the dictionary, the whitening and both projections."""
        learned = self.dictionary_, self.channels_, self.components_
        return sum(each.n_parameters for each in learned)

    def multiply_adds(self, image_shape: tuple[int, int, int]) -> int:
        """Count contrast, whitening, length and atoms of each patch, and both projections.

        With d numbers per patch: squares and quotients (2 d), whitening (d · d), its length and
        division by it (2 d), and a product with each atom (d · atoms), which also covers the atom's
        negative. Each cell is projected, and then all cells together.
        """
        spec = self.spec
        down, across = (side - spec.size + 1 for side in image_shape[:2])
        d = image_shape[2] * spec.size**2
        coding = down * across * d * (4 + d + spec.count)
        channels, components = self.channels_, self.components_
        pooled = spec.grid**2 * (channels.even.size + channels.odd.size)
        return coding + pooled + components.even.size + components.odd.size


def parity_codes(pooled: NDArray[np.float32]) -> Pair:
    """Return even and odd combinations, each (n, rows, columns, 2 · half), of pooled codes' roots.

    Args:
        pooled: (n, rows, columns, 4, half) as from `SoftCoder.pooled`; overwritten.
    """
    roots = np.sqrt(pooled, out=pooled)
    roots *= np.float32(np.sqrt(0.5))
    shape = (*pooled.shape[:3], -1)
    even = (roots[..., ::2, :] + roots[..., 1::2, :]).reshape(shape)
    return even, (roots[..., ::2, :] - roots[..., 1::2, :]).reshape(shape)


def across_cells(maps: Pair) -> Pair:
    """Return the even and odd numbers (n, ...) of whole images.

    Mirroring exchanges the cells of a row, and negates odd channels. So sums of two mirrored cells
    are even for even channels and odd for odd ones; for differences it is the other way around.

    Args:
        maps: (n, rows, columns, k) even and (n, rows, columns, k') odd channels.
    """
    sums, differences = zip(*(_fold(each) for each in maps), strict=True)
    even = np.concatenate([sums[0], differences[1]], axis=1)
    return even, np.concatenate([differences[0], sums[1]], axis=1)


def _fold(cells: NDArray[np.float32]) -> Pair:
    """Return sums (with the middle column) and differences of mirrored cells."""
    n, _, columns, _ = cells.shape
    half = columns // 2
    left, right = cells[:, :, :half], cells[:, :, ::-1][:, :, :half]
    scale = np.float32(np.sqrt(0.5))
    middle = cells[:, :, half : columns - half]
    sums = np.concatenate([(left + right) * scale, middle], axis=2)
    return sums.reshape(n, -1), ((left - right) * scale).reshape(n, -1)
