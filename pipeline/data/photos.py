"""Patches of ten photographs that ship inside scikit-image and scikit-learn; nothing to download.

The task is made up for the demo: which photograph does a 32×32 patch come from? Each photograph is
cut into tiles of 96×96 pixels, the tiles are dealt to the splits, and a split's patches are cut
from its own tiles only. So no pixel of a test patch is seen in training. Patches drawn at random
from a whole photograph would not guarantee that.

Within a split, patches overlap if `stride` is below 32: they are not independent, and intervals
computed from them are too narrow. With a stride of 32 they do not overlap, and there are a third as
many.
"""

from __future__ import annotations

import hashlib
import importlib.util
from pathlib import Path
from typing import Annotated, ClassVar

import numpy as np
from pydantic import Field

from pipeline.checks import StudyError
from pipeline.data.reading.decoding import decode
from pipeline.data.spec import DatasetSpec, RawDataset
from pipeline.storage.source import Source, SourceFile
from pipeline.storage.splits import SPLITS

PATCH = 32
TILE = 96
PHOTOS = {
    "astronaut": ("skimage", "data/astronaut.png"),
    "chelsea": ("skimage", "data/chelsea.png"),
    "china": ("sklearn", "datasets/images/china.jpg"),
    "coffee": ("skimage", "data/coffee.png"),
    "flower": ("sklearn", "datasets/images/flower.jpg"),
    "hubble_deep_field": ("skimage", "data/hubble_deep_field.jpg"),
    "ihc": ("skimage", "data/ihc.png"),
    "motorcycle": ("skimage", "data/motorcycle_left.png"),
    "retina": ("skimage", "data/retina.jpg"),
    "rocket": ("skimage", "data/rocket.jpg"),
}
"""Class -> the package that ships the photograph, and its path there."""

_VALIDATION_TILES, _TEST_TILES = 1 / 7, 2 / 7

PatchCount = Annotated[int, Field(ge=1, le=10_000)]
Corner = tuple[int, int]
"""Row and column of the upper left pixel in the photograph."""


class Spec(DatasetSpec):
    """32×32 patches of ten bundled photographs, in three splits that share no pixel."""

    independent: ClassVar[bool] = False
    stride: Annotated[int, Field(ge=1, le=TILE - PATCH)] = 16
    """Distance between neighboring patches of a tile, in pixels."""
    per_class: tuple[PatchCount, PatchCount, PatchCount] = (200, 50, 100)
    """Patches of each photograph to train, validate and test on, or fewer if any photograph has
    fewer."""
    tiles_seed: Annotated[int, Field(ge=0, lt=2**32)] = 0
    """Seed for dealing the tiles. The splits are part of the data, so the study's seed does not
    change them."""

    def fetch(self) -> Source:
        """Check that all photographs exist; `path` is not used."""
        content = b"".join(content for _, content in sorted(_read_photos().items()))
        digest = hashlib.sha256(content).hexdigest()
        return Source(
            name=self.name,
            files=(SourceFile("ten photographs", None, digest, len(content)),),
            description=f"{PATCH}×{PATCH} patches of ten photographs that ship with scikit-image "
            "and scikit-learn; patches of one photograph overlap, so intervals are too narrow",
        )

    def load(self, source: Source) -> RawDataset:
        """Cut the patches."""
        photos = {
            name: decode(content, profiles=False)
            for name, content in sorted(_read_photos().items())
        }
        rng = np.random.default_rng(self.tiles_seed)
        corners = {name: self._corners(photo.shape, rng) for name, photo in photos.items()}
        columns: dict[str, list] = {"images": [], "labels": [], "split": [], "names": []}
        for split, wanted in zip(SPLITS, self.per_class, strict=True):
            count = min(wanted, *(len(corners[name][split]) for name in photos))
            for label, (name, photo) in enumerate(photos.items()):
                for y, x in corners[name][split][:count]:
                    columns["images"].append(photo[y : y + PATCH, x : x + PATCH])
                    columns["labels"].append(label)
                    columns["split"].append(split)
                    columns["names"].append(f"{split}/{name}/y{y:04d}-x{x:04d}")
        return RawDataset(
            images=np.stack(columns["images"]),
            labels=np.array(columns["labels"], dtype=np.int64),
            class_names=tuple(photos),
            split=np.array(columns["split"], dtype="<U10"),
            image_names=np.array(columns["names"]),
        )

    def _corners(self, shape: tuple[int, ...], rng: np.random.Generator) -> dict[str, list[Corner]]:
        """Return the patches that each split may use, in random order."""
        inside = range(0, TILE - PATCH + 1, self.stride)
        corners = {}
        for split, tiles in deal_tiles(shape, rng).items():
            patches = [(y + dy, x + dx) for y, x in tiles for dy in inside for dx in inside]
            corners[split] = [patches[index] for index in rng.permutation(len(patches))]
        return corners


def deal_tiles(shape: tuple[int, ...], rng: np.random.Generator) -> dict[str, list[Corner]]:
    """Deal the whole tiles of a (height, width, ...) photograph to the splits, 4 : 1 : 2.

    Each split gets at least one tile; the remainders at the lower and right edges are not used.
    """
    tiles = [
        (y, x)
        for y in range(0, shape[0] - TILE + 1, TILE)
        for x in range(0, shape[1] - TILE + 1, TILE)
    ]
    n_validation = max(1, round(len(tiles) * _VALIDATION_TILES))
    n_test = max(1, round(len(tiles) * _TEST_TILES))
    if len(tiles) <= n_validation + n_test:
        raise StudyError(
            f"found a photograph of {shape[1]}×{shape[0]} pixels; expected one with room for at "
            f"least three tiles of {TILE}×{TILE}. Install the versions of requirements.lock: "
            "make setup"
        )
    shuffled = [tiles[index] for index in rng.permutation(len(tiles))]
    held_out = n_validation + n_test
    return {
        "train": shuffled[held_out:],
        "validation": shuffled[:n_validation],
        "test": shuffled[n_validation:held_out],
    }


def _read_photos() -> dict[str, bytes]:
    """Read the files inside the packages without importing these, since loaders may download."""
    contents = {}
    for name, (package, inside) in PHOTOS.items():
        spec = importlib.util.find_spec(package)
        folders = (spec.submodule_search_locations if spec else None) or []
        found = [Path(folder) / inside for folder in folders if (Path(folder) / inside).is_file()]
        if not found:
            raise StudyError(
                f"found no {inside} in the installed package {package!r}; expected the photograph "
                "that ships with it. Install the versions of requirements.lock: make setup"
            )
        contents[name] = found[0].read_bytes()
    return contents
