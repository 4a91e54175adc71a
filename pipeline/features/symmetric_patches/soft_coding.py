"""Coding and pooling of patches with a dictionary that is closed under mirroring.

The product of a patch with an atom is a sum e + o over even and odd coordinates, and that with the
atom's mirror image is e - o: half of the products give all codes. Threads process different images,
each with one thread of BLAS, so the same image always gives the same bits.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri
from threadpoolctl import threadpool_limits

from pipeline.features.patches.dictionary import CONTRAST_EPS
from pipeline.features.symmetric_patches.dictionary import Floats, SymmetricDictionary, lengths
from pipeline.machine import allowed_threads

_BLOCK_NUMBERS = 1 << 15
"""Number of products of a block of patches, in each of two arrays of 128 KB."""
_CHUNK = 16
"""Number of images that a thread processes at once."""


def gaussian_pooling(length: int, cells: int, spread: float) -> Floats:
    """Return the weights (cells, length) of positions along one axis; each row sums to 1.

    Args:
        length: number of positions.
        cells: number of cells, whose centers are evenly spaced.
        spread: standard deviation of a cell's Gaussian, in cells.
    """
    side = length / cells
    centers = (np.arange(cells) + 0.5) * side - 0.5
    gaps = (np.arange(length) - centers[:, None]) / (spread * side)
    # Relative to the nearest position, so that a row is never all zeros.
    squares = np.square(gaps)
    weights = np.exp((squares.min(axis=1, keepdims=True) - squares) / 2)
    return (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)


class SoftCoder:
    """A dictionary prepared for images of one size.

    Args:
        dictionary: the learned dictionary.
        size: side of a patch in pixels.
        fraction: the fraction of atoms that codes a patch if products are normally distributed.
        cells: pool in cells × cells.
        spread: see `gaussian_pooling`.
    """

    def __init__(
        self,
        dictionary: SymmetricDictionary,
        size: int,
        fraction: float,
        cells: int,
        spread: float,
    ) -> None:
        self.size, self.cells, self.spread = size, cells, spread
        self.threshold = np.float32(-ndtri(fraction))
        # (x - mean(x)) · W equals x · (W minus the mean of its rows).
        self.whitening = dictionary.whitening - dictionary.whitening.mean(axis=0)
        self.offset = dictionary.offset
        even, odd = dictionary.even, dictionary.odd
        self.half, self.n_even = even.shape
        self.even, self.odd = (np.ascontiguousarray(part.T) for part in (even, odd))
        # The mean and mean square of a patch's products with all atoms, without the products.
        self.mean = even.mean(axis=0)
        self.moments = (even.T @ even / self.half, odd.T @ odd / self.half)

    @property
    def width(self) -> int:
        """Number of codes: of all atoms, positive and negative."""
        return 4 * self.half

    def pooled(self, images: NDArray[np.uint8]) -> Floats:
        """Return the (n, cells, cells, 4, half) float32 pooled codes of (n, height, width, c).

        Axis 3: positive codes of the atoms and of their mirror images, then the negative codes of
        both. All are >= 0.
        """
        rows, columns = (
            gaussian_pooling(side - self.size + 1, self.cells, self.spread)
            for side in images.shape[1:3]
        )
        shape = (len(images), self.cells, self.cells, 4, self.half)
        out = np.zeros(shape, dtype=np.float32)

        def work(start: int) -> None:
            batch = np.ascontiguousarray(images[start : start + _CHUNK])
            for image, codes in zip(batch, out[start : start + _CHUNK], strict=True):
                self._pool_image(image, rows, columns, codes)

        count = allowed_threads()
        with threadpool_limits(1, user_api="blas"), ThreadPoolExecutor(count) as threads:
            list(threads.map(work, range(0, len(images), _CHUNK)))
        return out

    def _pool_image(
        self, image: NDArray[np.uint8], rows: Floats, columns: Floats, out: Floats
    ) -> None:
        """Add the codes of one image to `out`, block by block of rows of patches."""
        # numba is loaded where pixels become features, and not where options are read.
        from pipeline.features.symmetric_patches.compiled_pooling import pool_rows

        coordinates = self._whiten(image)
        low, high = self._thresholds(coordinates)
        across = columns.shape[1]
        step = max(1, _BLOCK_NUMBERS // (across * self.half))
        for start in range(0, rows.shape[1], step):
            some = rows[:, start : start + step]
            here = slice(start * across, (start + some.shape[1]) * across)
            pool_rows(
                coordinates[here, : self.n_even] @ self.even,
                coordinates[here, self.n_even :] @ self.odd,
                *(low[here], high[here], np.ascontiguousarray(some), columns, out),
            )

    def _thresholds(self, coordinates: Floats) -> tuple[Floats, Floats]:
        """Return each patch's mean product minus and plus `threshold` deviations: (n,) each."""
        even, odd = coordinates[:, : self.n_even], coordinates[:, self.n_even :]
        mean = even @ self.mean
        squares = np.einsum("ij,ij->i", even @ self.moments[0], even)
        squares += np.einsum("ij,ij->i", odd @ self.moments[1], odd)
        deviation = self.threshold * np.sqrt(np.maximum(squares - mean**2, 0))
        return mean - deviation, mean + deviation

    def _whiten(self, image: NDArray[np.uint8]) -> Floats:
        """Return the whitened patches of an image, (places, d), each of length 1."""
        size, (height, width, channels) = self.size, image.shape
        row, column, channel = image.strides
        # A row of a patch is contiguous, which is copied faster than pixel by pixel.
        windows = np.lib.stride_tricks.as_strided(
            image,
            (height - size + 1, width - size + 1, size, size * channels),
            (row, column, row, channel),
            writeable=False,
        )
        patches = windows.astype(np.float32).reshape(-1, size * size * channels)
        d = patches.shape[1]
        means = patches @ np.full(d, 1 / d, dtype=np.float32)
        variance = np.einsum("ij,ij->i", patches, patches) / np.float32(d) - means**2
        whitened = patches @ self.whitening
        whitened /= np.sqrt(np.maximum(variance, 0) + np.float32(CONTRAST_EPS))[:, None]
        whitened -= self.offset
        whitened /= lengths(whitened)[:, None]
        return whitened
