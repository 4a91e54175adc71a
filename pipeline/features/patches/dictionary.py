"""A dictionary of image patches, learned without labels: the first half of `patches`.

Patches of the training images are drawn at random, contrast-normalized, whitened, and clustered. A
patch is one row of size · size · channels numbers: its rows from the top, its pixels from the left,
RGB or gray.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from pipeline.checks import StudyError

CONTRAST_EPS = 10.0
"""Added to a patch's variance, in squared 8-bit levels: the value of Coates et al. for this range.

It avoids amplifying the noise of flat patches, where JPEG leaves a level or two.
"""

_ITERATIONS = 15
"""Maximum number of k-means iterations. With 400 atoms on CIFAR-10 the mean squared distance was
24.67 after 10 iterations, 24.56 after 20, and 24.50 after 40."""
_CHUNK = 4096
"""Number of patches whose distances to all atoms are computed at once; 6.5 MB with 400 atoms."""

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class PatchDictionary:
    """The learned atoms and whitening."""

    mean: Floats
    """(d,) float32 mean of the contrast-normalized training patches."""
    whitening: Floats
    """(d, d) float32: a normalized patch x becomes (x - mean) · whitening. `learn_dictionary` makes
    it symmetric (ZCA)."""
    atoms: Floats
    """(count, d) float32, in whitened coordinates."""

    def atoms_as_patches(self) -> Floats:
        """Return the atoms (count, d) without whitening, as contrast-normalized patches."""
        whitened = self.atoms.astype(np.float64).T
        patches = np.linalg.solve(self.whitening.astype(np.float64).T, whitened).T + self.mean
        return patches.astype(np.float32)


def learn_dictionary(
    patches: Floats, count: int, eps: float, kmeans: bool, rng: np.random.Generator
) -> PatchDictionary:
    """Learn the whitening and the atoms.

    Args:
        patches: (n, d) float32 pixels of training patches, n >= count; overwritten.
        count: number of atoms.
        eps: added to the eigenvalues of the patches' covariance before their inverse root.
        kmeans: use centroids of the whitened patches, instead of `count` of the patches.
        rng: draws the initial atoms.
    """
    normalize_contrast(patches)
    mean = patches.mean(axis=0, dtype=np.float64)
    patches -= mean.astype(np.float32)
    whitening = zca(patches, eps)
    whitened = patches @ whitening
    if kmeans:
        atoms = centroids(whitened, count, rng)
    else:
        atoms = whitened[rng.choice(len(whitened), count, replace=False)]
    return PatchDictionary(mean.astype(np.float32), whitening, atoms)


def draw_patches(
    images: NDArray[np.uint8], size: int, samples: int, rng: np.random.Generator
) -> Floats:
    """Draw distinct patches at random, uniformly over all positions of all images.

    Args:
        images: (n, height, width, channels) uint8, no side below `size`.
        size: side of a patch in pixels.
        samples: number of patches; all are returned if there are fewer.
        rng: draws the patches.

    Returns:
        (samples, size · size · channels) float32 pixels in 0..255, in the order of the images.
    """
    windows = np.lib.stride_tricks.sliding_window_view(images, (size, size), axis=(1, 2))
    places = windows.shape[:3]
    total = int(np.prod(places))
    chosen = np.sort(rng.choice(total, min(samples, total), replace=False, shuffle=False))
    patches = windows[np.unravel_index(chosen, places)]
    return patches.transpose(0, 2, 3, 1).reshape(len(chosen), -1).astype(np.float32)


def draw_for_atoms(
    images: NDArray[np.uint8],
    size: int,
    samples: int,
    count: int,
    rng: np.random.Generator,
    method: str,
) -> Floats:
    """Draw the patches that `count` atoms are learned from, as `draw_patches` does.

    Raises:
        StudyError: names `method`, if there are fewer patches than atoms.
    """
    patches = draw_patches(images, size, samples, rng)
    if len(patches) < count:
        raise StudyError(
            f"{method}: found {len(patches):,} patches in {len(images):,} training images; "
            f"expected at least {count:,}, one per atom. Choose a smaller count"
        )
    return patches


def normalize_contrast(patches: Floats) -> None:
    """Subtract the mean of each row in place, and divide by the root of its variance + 10.

    Variances divide by d here, and by d - 1 in the code of Coates et al.
    """
    patches -= patches.mean(axis=1, keepdims=True)
    variance = np.einsum("ij,ij->i", patches, patches) / np.float32(patches.shape[1])
    patches /= np.sqrt(variance + np.float32(CONTRAST_EPS))[:, None]


def zca(patches: Floats, eps: float) -> Floats:
    """Return the (d, d) matrix U (S + eps)^(-1/2) U' for the covariance U S U' of centered rows."""
    covariance = (patches.T @ patches).astype(np.float64) / len(patches)
    values, vectors = np.linalg.eigh(covariance)
    roots = 1 / np.sqrt(np.maximum(values, 0) + eps)
    whitening: Floats = ((vectors * roots) @ vectors.T).astype(np.float32)
    return whitening


def centroids(points: Floats, count: int, rng: np.random.Generator) -> Floats:
    """Return k-means centroids by Lloyd's algorithm, starting from random points.

    An empty cluster gets a random point as its centroid. The order of sums does not depend on the
    number of threads, unlike in scikit-learn's ``KMeans``.

    Args:
        points: (n, d) float32, n >= count.
        count: number of centroids.
        rng: draws the random points.

    Returns:
        (count, d) float32.
    """
    found = points[rng.choice(len(points), count, replace=False)]
    before: NDArray[np.intp] | None = None
    for _ in range(_ITERATIONS):
        nearest = nearest_atoms(points, found)
        if before is not None and np.array_equal(nearest, before):
            break
        before = nearest
        ones = np.ones(len(points), dtype=np.float32)
        members = csr_array((ones, nearest, np.arange(len(points) + 1)), (len(points), count))
        sizes = np.bincount(nearest, minlength=count)
        found = (members.T @ points) / np.maximum(sizes, 1)[:, None].astype(np.float32)
        empty = np.flatnonzero(sizes == 0)
        found[empty] = points[rng.choice(len(points), len(empty), replace=False)]
    return found


def nearest_atoms(points: Floats, atoms: Floats) -> NDArray[np.intp]:
    """Return the index (n,) of the atom nearest to each of (n, d) points; first among equals."""
    nearest = np.empty(len(points), dtype=np.intp)
    half_squares = np.einsum("ij,ij->i", atoms, atoms) / 2
    for start in range(0, len(points), _CHUNK):
        closeness = points[start : start + _CHUNK] @ atoms.T
        closeness -= half_squares
        np.argmax(closeness, axis=1, out=nearest[start : start + _CHUNK])
    return nearest
