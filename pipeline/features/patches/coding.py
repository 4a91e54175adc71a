"""Patches of images coded by a dictionary and pooled: the second half of `patches`.

All that happens to an image happens in a few matrix products, on blocks of rows of patches that
stay in a processor's cache. Threads take images side by side and each product has one of them:
several threads gain little on products of this size, and would idle during the square roots. An
image is worked on alone, so the same image always gives the same bits.
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
"""Codes of a block of patches: 1 MB, half of a second-level cache."""
_CHUNK = 32
"""Images that a thread takes at once."""


@dataclass(frozen=True)
class PatchGrid:
    """Where the patches of an image lie, and which of them are pooled together."""

    down: int
    """Patches in a column."""
    across: int
    """Patches in a row."""
    pooling: Floats
    """(cells, down · across) float32, the weight of each patch in each cell."""


def patch_grid(
    shape: tuple[int, int], size: int, stride: int, cells: int, average: bool
) -> PatchGrid:
    """Lay patches over images of (height, width), and cut their places into cells × cells.

    Rows and columns of places are cut as ``numpy.array_split`` cuts them: 27 into 14 and 13.
    """
    down, across = ((side - size) // stride + 1 for side in shape)
    row_cells, column_cells = _memberships(down, cells), _memberships(across, cells)
    pooling = np.einsum("ai,bj->abij", row_cells, column_cells).reshape(cells**2, -1)
    if average:
        pooling /= pooling.sum(axis=1, keepdims=True)
    return PatchGrid(down, across, pooling)


class PatchCoder:
    """A dictionary made ready for products with raw pixels.

    Args:
        dictionary: what was learnt.
        size: side of a patch in pixels.
        stride: pixels from one patch to the next.
        neighbours: how many nearest atoms code a patch, and as many nearest negatives of atoms; 0
            for the triangle coding.
    """

    def __init__(
        self, dictionary: PatchDictionary, size: int, stride: int, neighbours: int
    ) -> None:
        self.size, self.stride, self.neighbours = size, stride, neighbours
        count = len(dictionary.atoms)
        self.width = 2 * count if neighbours else count
        # (x - mean(x)) · W is x · (W less the mean of its rows).
        self.whitening = dictionary.whitening - dictionary.whitening.mean(axis=0)
        self.offset = dictionary.mean @ dictionary.whitening
        atoms = dictionary.atoms
        self.squares = np.einsum("ij,ij->i", atoms, atoms)
        # A whitened patch is followed by its squared length and 1, and the product is all there is.
        if neighbours:  # x · c - |c|² / 2, the larger the nearer
            rows = [atoms.T, np.zeros((1, count)), -self.squares[None] / 2]
        else:  # |x - c|²
            rows = [-2 * atoms.T, np.ones((1, count)), self.squares[None]]
        self.product = np.ascontiguousarray(np.concatenate(rows), dtype=np.float32)

    def pooled(self, images: NDArray[np.uint8], grid: PatchGrid) -> Floats:
        """Return (n, cells · width) float32 pooled codes of (n, height, width, 3) uint8 images."""
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
        """Code one image block by block and add up its cells in `out`, (cells, width)."""
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
        if self.neighbours:
            self._mark_nearest(codes)
        else:
            _fold_triangle(codes)
        return codes

    def _whiten(self, patches: Floats, whitened: Floats) -> None:
        """Normalise and whiten raw patches (n, d) into the first d columns of (n, d + 2)."""
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
        """Turn closeness to the atoms, in the left half, into marks for them and their negatives.

        The closeness to a negative is -x · c - |c|² / 2. All atoms as near as the last neighbour
        are marked.
        """
        count = len(self.squares)
        near, far = codes[:, :count], codes[:, count:]
        np.negative(near, out=far)
        far -= self.squares
        for half in (near, far):
            last = np.partition(half, count - self.neighbours, axis=1)
            np.greater_equal(half, last[:, count - self.neighbours, None], out=half)


class _Workspace:
    """The arrays of one thread."""

    def __init__(self, coder: PatchCoder, grid: PatchGrid) -> None:
        self.rows = min(grid.down, max(1, _BLOCK_NUMBERS // (grid.across * coder.width)))
        n, d = self.rows * grid.across, len(coder.whitening)
        self.patches = np.empty((n, d), dtype=np.float32)
        self.whitened = np.ones((n, d + 2), dtype=np.float32)
        self.codes = np.empty((n, coder.width), dtype=np.float32)


def _fold_triangle(codes: Floats) -> None:
    """Turn squared distances z² in place into max(0, mean(z) - z), means over a row's atoms."""
    np.abs(codes, out=codes)  # rounding can make a squared distance negative
    np.sqrt(codes, out=codes)
    mean = codes @ np.full(codes.shape[1], 1 / codes.shape[1], dtype=np.float32)
    np.subtract(mean[:, None], codes, out=codes)
    np.maximum(codes, 0, out=codes)


def _windows(
    pixels: NDArray[np.uint8], places: tuple[int, int], size: int, stride: int
) -> NDArray[np.uint8]:
    """Return the patches of (h, w, 3) contiguous pixels as a view: (rows, across, size, size · 3).

    A row of a patch is one run in memory, which makes copying four times as fast as pixel by pixel.
    """
    row, column, channel = pixels.strides
    return np.lib.stride_tricks.as_strided(
        pixels,
        (*places, size, size * 3),
        (row * stride, column * stride, row, channel),
        writeable=False,
    )


def _memberships(length: int, parts: int) -> Floats:
    """Return (parts, length) float32: 1 where a place lies in a part."""
    places = np.split(np.eye(length, dtype=np.float32), _cuts(length, parts))
    return np.stack([part.sum(axis=0) for part in places])


def _cuts(length: int, parts: int) -> NDArray[np.intp]:
    sizes = [len(part) for part in np.array_split(np.arange(length), parts)]
    return np.cumsum(sizes)[:-1]
