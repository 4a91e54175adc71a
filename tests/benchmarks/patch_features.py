"""Learned patches: ours compared with loops of skimage and scikit-learn over images."""

import numpy as np
from skimage.util import view_as_windows
from sklearn.feature_extraction.image import extract_patches_2d
from sklearn.metrics.pairwise import euclidean_distances

from pipeline.features.patches.patches import Patches, Spec
from tests.benchmarks.measure import Row, race, seconds_of
from tests.benchmarks.photographs import patches

SUBJECT = "Learned patches"
IMAGES = 500
COUNT = 100
SIZE = 6
MANY = 2_000


def rows() -> list[Row]:
    """Compare the triangle coding over quadrants, after checking that the results agree."""
    images = patches(IMAGES)
    extractor = Spec(count=COUNT, size=SIZE, sqrt=False, samples=20_000).build(seed=0).fit(images)

    def skimage_loop():
        return np.array([_code(_skimage_windows(image), extractor) for image in images])

    def sklearn_loop():
        return np.array([_code(_sklearn_windows(image), extractor) for image in images])

    found = extractor.transform(images)
    others = {
        "skimage.util.view_as_windows and sklearn's euclidean_distances, in a loop": skimage_loop,
        "sklearn's extract_patches_2d and euclidean_distances, in a loop": sklearn_loop,
    }
    return race(
        f"{COUNT} atoms of {SIZE}×{SIZE}, triangle coding, quadrants, {len(images):,} images",
        lambda: extractor.transform(images),
        {name: (loop, _agreement(found, loop())) for name, loop in others.items()},
    )


def whole_set() -> dict[str, float]:
    """Return our seconds for 60,000 images, as 30 times those of 2,000."""
    images = patches(MANY)
    found = {}
    for name, spec in {
        "400 k-means atoms, triangle coding": Spec(),
        "400 random atoms, nearest 40% coding": Spec(coding="nearest", dictionary="random"),
    }.items():
        extractor = spec.build(seed=0)
        found[f"{name}: learning from 50,000 patches"] = seconds_of(
            lambda each=extractor: each.fit(images), 1
        )
        seconds = seconds_of(lambda each=extractor: each.transform(images), 1)
        found[f"{name}: 30 times {MANY:,} images"] = seconds * 60_000 / MANY
    return found


def _skimage_windows(image: np.ndarray) -> np.ndarray:
    return view_as_windows(image, (SIZE, SIZE, 3)).reshape(-1, SIZE * SIZE * 3)


def _sklearn_windows(image: np.ndarray) -> np.ndarray:
    return extract_patches_2d(image, (SIZE, SIZE)).reshape(-1, SIZE * SIZE * 3)


def _code(windows: np.ndarray, extractor: Patches) -> np.ndarray:
    """Pool the codes of one image's patches, written directly from the paper."""
    learned = extractor.dictionary_
    x = windows.astype(np.float32)
    x = (x - x.mean(axis=1, keepdims=True)) / np.sqrt(x.var(axis=1, keepdims=True) + 10)
    x = (x - learned.mean) @ learned.whitening
    z = euclidean_distances(x, learned.atoms)
    codes = np.maximum(0, z.mean(axis=1, keepdims=True) - z)
    side = int(np.sqrt(len(codes)))
    maps = codes.reshape(side, side, -1)
    quadrants = [
        cell.mean(axis=(0, 1))
        for band in np.array_split(maps, 2, axis=0)
        for cell in np.array_split(band, 2, axis=1)
    ]
    return np.concatenate(quadrants)


def _agreement(ours: np.ndarray, theirs: np.ndarray) -> str:
    apart = float(np.abs(ours - theirs).max())
    if apart > 1e-3:
        raise SystemExit(f"patches differ from the loop by {apart:.1e}; nothing was timed")
    return f"largest difference {apart:.0e}"
