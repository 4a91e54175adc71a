"""Coding and pooling of image patches with a dictionary: the second half of `patches`.

An image is processed by a few matrix products, on blocks of rows of patches that fit in the CPU's
cache. Threads process different images, and each product uses a single thread: more threads would
gain little on products of this size and would idle during the square roots. Each image is processed
separately, so the same image always gives the same bits.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import (
    threadpool_limits,
)

from pipeline.features.patches.dictionary import CONTRAST_EPS, Floats, PatchDictionary
from pipeline.machine import allowed_threads

_BLOCK_NUMBERS = 1 << 18
"""Number of codes in a block of patches: 1 MB, half of a second-level cache."""
_CHUNK = 32
"""Number of images that a thread processes at once."""


@dataclass(frozen=True)
class PatchGrid:
    """The positions of an image's patches, and how they are pooled."""

    down: int
    """Number of patches in a column."""
    across: int
    """Number of patches in a row."""
    pooling: Floats
    """(cells, down · across) float32, the weight of each patch in each cell."""


def patch_grid(
    shape: tuple[int, int], size: int, stride: int, cells: int, average: bool
) -> PatchGrid:
    """Place patches on images of (height, width), and divide them into cells × cells.

    Rows and columns of patches are divided as in ``numpy.array_split``: 27 into 14 and 13.
    """
    down, across = ((side - size) // stride + 1 for side in shape)
    row_cells, column_cells = _memberships(down, cells), _memberships(across, cells)
    pooling = np.einsum("ai,bj->abij", row_cells, column_cells).reshape(cells**2, -1)
    if average:
        pooling /= pooling.sum(axis=1, keepdims=True)
    return PatchGrid(down, across, pooling)


class PatchCoder:
    """A dictionary prepared for products with raw pixels.

    Args:
        dictionary: the learned dictionary.
        size: side of a patch in pixels.
        stride: pixels from one patch to the next.
        neighbors: number of nearest atoms that code a patch, and of nearest negatives of atoms; 0
            for the triangle coding.
    """

    def __init__(self, dictionary: PatchDictionary, size: int, stride: int, neighbors: int) -> None:
        self.size, self.stride, self.neighbors = size, stride, neighbors
        count = len(dictionary.atoms)
        self.width = 2 * count if neighbors else count
        # (x - mean(x)) · W equals x · (W minus the mean of its rows).
        self.whitening = dictionary.whitening - dictionary.whitening.mean(axis=0)
        self.offset = dictionary.mean @ dictionary.whitening
        atoms = dictionary.atoms
        self.squares = np.einsum("ij,ij->i", atoms, atoms)
        # A whitened patch is extended by its squared length and 1, so that one product is enough.
        if neighbors:  # x · c - |c|² / 2; larger means nearer
            rows = [atoms.T, np.zeros((1, count)), -self.squares[None] / 2]
        else:  # |x - c|²
            rows = [-2 * atoms.T, np.ones((1, count)), self.squares[None]]
        self.product = np.ascontiguousarray(np.concatenate(rows), dtype=np.float32)

    def pooled(self, images: NDArray[np.uint8], grid: PatchGrid) -> Floats:
        """Return (n, cells · width) float32 pooled codes of (n, height, width, channels) uint8."""
        features = np.empty((len(images), len(grid.pooling) * self.width), dtype=np.float32)

        def work(start: int) -> None:
            batch = np.ascontiguousarray(images[start : start + _CHUNK])
            workspace = _Workspace(self, grid)
            for image, row in zip(batch, features[start : start + _CHUNK], strict=True):
                self._pool_image(image, grid, workspace, row.reshape(-1, self.width))

        threads = allowed_threads()
        with threadpool_limits(1, user_api="blas"), ThreadPoolExecutor(threads) as pool:
            for _ in pool.map(work, range(0, len(images), _CHUNK)):
                pass
        return features

    def _pool_image(
        self, image: NDArray[np.uint8], grid: PatchGrid, workspace: _Workspace, out: Floats
    ) -> None:
        """Code one image block by block and sum the codes of each cell in `out`, (cells, width)."""
        out[...] = 0
        for start in range(0, grid.down, workspace.rows):
            rows = min(workspace.rows, grid.down - start)
            pixels = image[start * self.stride : (start + rows - 1) * self.stride + self.size]
            codes = self._code(pixels, (rows, grid.across), workspace)
            places = slice(start * grid.across, (start + rows) * grid.across)
            out += grid.pooling[:, places] @ codes

    def _code(
        self, pixels: NDArray[np.uint8], places: tuple[int, int], workspace: _Workspace
    ) -> Floats:
        """Return the codes of a block of patches: (rows · across, width)."""
        n = places[0] * places[1]
        patches, whitened = workspace.patches[:n], workspace.whitened[:n]
        windows = _windows(pixels, places, self.size, self.stride)
        np.copyto(patches.reshape(windows.shape), windows)
        self._whiten(patches, whitened)
        codes = workspace.codes[:n]
        np.matmul(whitened, self.product, out=codes[:, : len(self.squares)])
        if self.neighbors:
            self._mark_nearest(codes)
        else:
            _fold_triangle(codes)
        return codes

    def _whiten(self, patches: Floats, whitened: Floats) -> None:
        """Normalize and whiten raw patches (n, d) into the first d columns of (n, d + 2)."""
        d = patches.shape[1]
        sums = (patches @ np.ones(d, dtype=np.float32)).astype(np.float64)
        squares = np.einsum("ij,ij->i", patches, patches).astype(np.float64)
        variance = np.maximum(squares / d - (sums / d) ** 2, 0)
        out = whitened[:, :d]
        np.matmul(patches, self.whitening, out=out)
        out *= (1 / np.sqrt(variance + CONTRAST_EPS)).astype(np.float32)[:, None]
        out -= self.offset
        np.einsum("ij,ij->i", out, out, out=whitened[:, d])

    def _mark_nearest(self, codes: Floats) -> None:
        """Turn closeness to atoms, in the left half, into 1 for the nearest atoms and negatives.

        The closeness to a negative is -x · c - |c|² / 2. Ties with the last neighbor are also
        marked.
        """
        count = len(self.squares)
        near, far = codes[:, :count], codes[:, count:]
        np.negative(near, out=far)
        far -= self.squares
        for half in (near, far):
            last = np.partition(half, count - self.neighbors, axis=1)
            np.greater_equal(half, last[:, count - self.neighbors, None], out=half)


class _Workspace:
    """The arrays of one thread."""

    def __init__(self, coder: PatchCoder, grid: PatchGrid) -> None:
        self.rows = min(grid.down, max(1, _BLOCK_NUMBERS // (grid.across * coder.width)))
        n, d = self.rows * grid.across, len(coder.whitening)
        self.patches = np.empty((n, d), dtype=np.float32)
        self.whitened = np.ones((n, d + 2), dtype=np.float32)
        self.codes = np.empty((n, coder.width), dtype=np.float32)


def _fold_triangle(codes: Floats) -> None:
    """Turn squared distances z² in place into max(0, mean(z) - z), with the mean over all atoms."""
    np.abs(codes, out=codes)  # rounding can make squared distances negative
    np.sqrt(codes, out=codes)
    mean = codes @ np.full(codes.shape[1], 1 / codes.shape[1], dtype=np.float32)
    np.subtract(mean[:, None], codes, out=codes)
    np.maximum(codes, 0, out=codes)


def _windows(
    pixels: NDArray[np.uint8], places: tuple[int, int], size: int, stride: int
) -> NDArray[np.uint8]:
    """Return the patches of (h, w, c) contiguous pixels as a view: (rows, across, size, size · c).

    A row of a patch is contiguous, which makes copying four times as fast as pixel by pixel.
    """
    row, column, channel = pixels.strides
    return np.lib.stride_tricks.as_strided(
        pixels,
        (*places, size, size * pixels.shape[2]),
        (row * stride, column * stride, row, channel),
        writeable=False,
    )


def _memberships(length: int, parts: int) -> Floats:
    """Return (parts, length) float32: 1 where a position belongs to a part."""
    places = np.split(np.eye(length, dtype=np.float32), _cuts(length, parts))
    return np.stack([part.sum(axis=0) for part in places])


def _cuts(length: int, parts: int) -> NDArray[np.intp]:
    sizes = [len(part) for part in np.array_split(np.arange(length), parts)]
    return np.cumsum(sizes)[:-1]
