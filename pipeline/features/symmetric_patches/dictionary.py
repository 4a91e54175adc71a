"""Whitening and a dictionary of patches that are closed under mirroring.

Mirroring left to right permutes the pixels of a patch. The covariance of patches and their mirror
images commutes with that permutation, so each of its eigenvectors is even (mirroring keeps it) or
odd (mirroring negates it). In whitened coordinates, mirroring is a change of sign of the odd ones.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from pipeline.features.patches.dictionary import normalize_contrast
from pipeline.machine import allowed_threads

_ITERATIONS = 10
_CHUNK = 1024
"""Number of patches whose products with all atoms are computed at once."""

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class SymmetricDictionary:
    """The learned whitening and atoms."""

    whitening: Floats
    """(d, d) float32: a normalized patch x becomes x · whitening - offset, the even coordinates
    first."""
    offset: Floats
    """(d,) float32, 0 for odd coordinates."""
    even: Floats
    """(count / 2, even coordinates) float32; with `odd`, the atoms, each of length 1."""
    odd: Floats
    """(count / 2, odd coordinates) float32; its negative belongs to the mirror images of the
    atoms, which are the other half of the dictionary."""

    @property
    def n_parameters(self) -> int:
        """Learned numbers."""
        return self.whitening.size + self.offset.size + self.even.size + self.odd.size


def learn_symmetric_dictionary(
    patches: Floats, size: int, half: int, eps: float, rng: np.random.Generator
) -> SymmetricDictionary:
    """Learn the whitening and one of each pair of atoms.

    Args:
        patches: (n, size · size · channels) float32 pixels of training patches, n >= half;
            overwritten.
        size: side of a patch in pixels.
        half: number of pairs of an atom and its mirror image.
        eps: added to the variances before their inverse root, times the mean variance.
        rng: draws the initial atoms.
    """
    normalize_contrast(patches)
    flip = np.arange(patches.shape[1]).reshape(size, size, -1)[:, ::-1].ravel()
    mean = patches.mean(axis=0, dtype=np.float64)
    mean = (mean + mean[flip]) / 2
    patches -= mean.astype(np.float32)
    covariance = (patches.T @ patches).astype(np.float64) / len(patches)
    covariance = (covariance + covariance[flip][:, flip]) / 2
    least = eps * float(np.trace(covariance)) / len(covariance)
    parts = [_whitening(covariance, basis, least) for basis in parity_bases(flip)]
    whitening = np.concatenate(parts, axis=1).astype(np.float32)
    n_even = parts[0].shape[1]
    coordinates = patches @ whitening
    coordinates /= lengths(coordinates)[:, None]
    atoms = _mirrored_centroids(coordinates, n_even, half, rng)
    offset = (mean @ whitening).astype(np.float32)
    offset[n_even:] = 0
    even, odd = (np.ascontiguousarray(part) for part in np.split(atoms, [n_even], axis=1))
    return SymmetricDictionary(whitening, offset, even, odd)


def parity_bases(flip: NDArray[np.intp]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return orthonormal bases (d, even) and (d, odd) of what a permutation keeps and negates.

    Args:
        flip: (d,) a permutation that is its own inverse.
    """
    identity = np.eye(len(flip))
    here = np.arange(len(flip))
    pairs = identity[:, here < flip], identity[:, flip[here < flip]]
    even = np.concatenate([(pairs[0] + pairs[1]) / np.sqrt(2), identity[:, here == flip]], axis=1)
    return even, (pairs[0] - pairs[1]) / np.sqrt(2)


def lengths(rows: Floats) -> Floats:
    """Return the lengths (n,) of rows; a row of zeros counts as 1."""
    found: Floats = np.sqrt(np.einsum("ij,ij->i", rows, rows))
    found[found == 0] = 1
    return found


def _whitening(
    covariance: NDArray[np.float64], basis: NDArray[np.float64], least: float
) -> NDArray[np.float64]:
    """Return the eigenvectors within a subspace, each divided by the root of its variance."""
    values, vectors = np.linalg.eigh(basis.T @ covariance @ basis)
    roots = np.sqrt(np.maximum(values, 0) + least)
    whitening: NDArray[np.float64] = (basis @ vectors)[:, ::-1] / roots[::-1]
    return whitening


def _mirrored_centroids(points: Floats, n_even: int, half: int, rng: np.random.Generator) -> Floats:
    """Return spherical k-means centroids, (half, d), of points up to mirroring.

    A point belongs to the atom whose product with it, or with its mirror image, is the largest:
    with the products e of the even coordinates and o of the odd ones, e + |o|. It counts as its
    mirror image if o is negative. An empty cluster gets a random point.
    """
    atoms = points[rng.choice(len(points), half, replace=False)]
    chunks = [points[start : start + _CHUNK] for start in range(0, len(points), _CHUNK)]
    count = allowed_threads()
    with threadpool_limits(1, user_api="blas"), ThreadPoolExecutor(count) as threads:
        for _ in range(_ITERATIONS):
            sums, sizes = np.zeros_like(atoms), np.zeros(half)
            work = partial(_sums_of_clusters, atoms=atoms, n_even=n_even)
            for found, part, size in threads.map(work, chunks):  # in the order of the points
                sums[found] += part
                sizes[found] += size
            empty = np.flatnonzero(sizes == 0)
            sums[empty] = points[rng.choice(len(points), len(empty), replace=False)]
            atoms = sums / lengths(sums)[:, None]
    return atoms


def _sums_of_clusters(
    points: Floats, atoms: Floats, n_even: int
) -> tuple[NDArray[np.intp], Floats, NDArray[np.intp]]:
    """Return the nearest atoms of points, and for each the sum and the number of its points."""
    odd = points[:, n_even:] @ atoms[:, n_even:].T
    closeness = np.abs(odd)
    closeness += points[:, :n_even] @ atoms[:, :n_even].T
    nearest = closeness.argmax(axis=1)
    turned = points.copy()
    turned[odd[np.arange(len(points)), nearest] < 0, n_even:] *= -1
    order = np.argsort(nearest, kind="stable")
    found, first, count = np.unique(nearest[order], return_index=True, return_counts=True)
    return found, np.add.reduceat(turned[order], first, axis=0), count
