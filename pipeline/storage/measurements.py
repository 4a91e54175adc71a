"""What is measured beside the trainings, and left for `evaluate`.

Scores of corrupted test images, and which test images are copies of images to learn from or look
alike. They stand apart from `pipeline.storage` so that an edit here reruns no training. Scores
lie below ``runs/``, on which `evaluate` depends, in a folder that no run can be named after: names
of runs begin with a letter or digit.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, field_validator

from pipeline.storage import integrity, strict
from pipeline.storage.files import (
    atomic,
    intact,
    load_arrays,
    load_checked_table,
    load_json,
    save_json,
    save_table,
)
from pipeline.storage.runs import RUNS

if TYPE_CHECKING:
    import pandas as pd

CORRUPTED = RUNS / "_corrupted"
DUPLICATES, COPIES, LIKENESS = (
    Path(f"data/{name}") for name in ("duplicates.csv", "copies.csv", "likeness.json")
)
DUPLICATES_MANIFEST = Path("data/duplicates.json")
EXACT, ALIKE = "exact", "alike"
"""Kinds of near-duplicates: equal pixels, and details that correlate."""
DUPLICATE_KINDS: dict[str, strict.Column] = {
    "test_id": "integer", "id": "integer", "split": "text", "kind": "text", "mirrored": "flag",
    "similarity": "number",
}  # fmt: skip
DUPLICATE_COLUMNS = tuple(DUPLICATE_KINDS)
"""A row for each test image that an image to learn from equals or looks alike: the id and split of
that one, the kind, whether one is the mirror image of the other, how their details correlate."""
COPY_KINDS: dict[str, strict.Column] = {
    "id": "integer", "split": "text", "first_id": "integer", "first_split": "text",
}  # fmt: skip
COPY_COLUMNS = tuple(COPY_KINDS)
"""A row for each image whose pixels equal those of an earlier one, in any split: both of them."""
_FIND_DUPLICATES = "dvc repro duplicates"


class CorruptOptions(BaseModel):
    """How a run is held against corrupted images: an entry of the section `corrupt`."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    limit: Annotated[int, Field(ge=1, le=10**9)] = 1000
    """Test images: the first of an order that the study's seed decides, the same for all runs."""
    corruptions: Annotated[tuple[str, ...], Field(min_length=1, max_length=100)] | None = None
    """Names of corruptions, or null for all that the project makes."""
    severities: Annotated[tuple[Annotated[int, Field(ge=1, le=5)], ...], Field(min_length=1)] = (
        1, 2, 3, 4, 5,
    )  # fmt: skip
    """How strong, from 1 to 5."""

    @field_validator("corruptions", "severities")
    @classmethod
    def _each_once(cls, values: tuple[Any, ...] | None) -> tuple[Any, ...] | None:
        if values is not None and len(set(values)) < len(values):
            raise ValueError("expected each of them once")
        return values


@dataclass(frozen=True)
class CorruptedCard:
    """What a measurement was made with."""

    run: str
    seed: int
    """Of the stored model."""
    study_seed: int
    """Of the choice of images, and of what is drawn for each."""
    corruptions: tuple[str, ...]
    severities: tuple[int, ...]
    missing: dict[str, str]
    """Published corruptions that are not made here, and why."""


@dataclass(frozen=True)
class CorruptedScores:
    """Scores of one run, of the same images as they are and corrupted."""

    card: CorruptedCard
    ids: NDArray[np.int64]
    """(n,) of the images."""
    clean: NDArray[np.float32]
    """(n, classes) scores of the images as they are."""
    corrupted: dict[str, NDArray[np.float32]]
    """Corruption -> (severities, n, classes)."""


def save_corrupted(scores: CorruptedScores, trained: str = "") -> None:
    """Write ``runs/_corrupted/<run>/``: the scores, and what they were made with.

    Args:
        scores: of one run.
        trained: the seal of the run's manifest, which tells the model from any other.
    """
    folder = CORRUPTED / scores.card.run
    arrays: dict[str, Any] = {"ids": scores.ids, "clean": scores.clean}
    arrays |= {f"under_{name}": values for name, values in scores.corrupted.items()}
    with atomic(folder / "scores.npz") as temporary, temporary.open("wb") as stream:
        np.savez_compressed(stream, **arrays)
    save_json(folder / "card.json", asdict(scores.card))
    seal_corrupted(scores.card.run, trained)


def seal_corrupted(run: str, trained: str) -> None:
    """Write the manifest of the scores of one run."""
    folder = CORRUPTED / run
    files = [folder / "scores.npz", folder / "card.json"]
    of = {"corrupted": run, "model": trained}
    save_json(folder / integrity.MANIFEST, integrity.make_manifest(folder, of, files))


def load_corrupted(run: str, remedy: str, trained: str | None = None) -> CorruptedScores:
    """Read the scores of one run.

    Args:
        run: its name.
        remedy: the command that makes them.
        trained: the seal of the run's manifest, where it should be compared.

    Raises:
        StudyError: if they are missing, were changed, or are of another run or model.
    """
    of = {"corrupted": run} | ({} if trained is None else {"model": trained})
    manifest = CORRUPTED / run / integrity.MANIFEST
    path = intact(manifest, of, "card.json", remedy)
    card = strict.read_record(CorruptedCard, load_json(path, remedy), path, remedy)
    if card.run != run:
        integrity.refuse(path, f"found the card of {card.run!r}; expected {run!r}", remedy)
    path = intact(manifest, of, "scores.npz", remedy)
    arrays = load_arrays(path, remedy)
    wanted: dict[str, tuple[type, int]] = {"ids": (np.int64, 1), "clean": (np.float32, 2)}
    wanted |= {f"under_{name}": (np.float32, 3) for name in card.corruptions}
    for name, (dtype, dimensions) in wanted.items():
        strict.take_array(arrays, name, dtype, dimensions, path, remedy)
    return CorruptedScores(
        card=card,
        ids=arrays["ids"],
        clean=arrays["clean"],
        corrupted={name: arrays[f"under_{name}"] for name in card.corruptions},
    )


@dataclass(frozen=True)
class LikenessCheck:
    """Whether a threshold of likeness tells copies from other pairs, by pairs within train."""

    similarity: float
    """The threshold: a correlation of details."""
    images: int
    """Training images that were looked at, none of which has an exact copy in train."""
    alike: int
    """Those of which another training image is as much alike as the threshold asks, or more."""
    nearly: int
    """Those whose most similar training image falls short of that, but not by much."""
    test_alike: int
    """Test images above the threshold, exact copies left aside."""

    @property
    def tells(self) -> bool:
        """Whether images that are no copies mostly lie well below the threshold.

        Of the training images below it, no more than `NEARLY` may come near it; and no more than
        half of all may be above it. Of 2,000 of CIFAR-10, 4 % are above and 4 % of the others come
        near; of digits drawn by hand, in sets of 120 to 5,000, half to all of the others do.
        """
        below = self.images - self.alike
        return self.images > 0 and 2 * self.alike <= self.images and self.nearly <= NEARLY * below


NEARLY = 0.2
"""Share of training images near the threshold from which on likeness is ordinary."""


@dataclass(frozen=True)
class Duplicates:
    """Copies and look-alikes, as `duplicates` leaves them."""

    pairs: pd.DataFrame
    """Columns `DUPLICATE_COLUMNS`; look-alikes only where `check` tells."""
    copies: pd.DataFrame
    """Columns `COPY_COLUMNS`."""
    check: LikenessCheck


def save_duplicates(found: Duplicates, images: str = "") -> None:
    """Write the pairs, the exact copies, and the check of the threshold.

    Args:
        found: what was found.
        images: the checksum of the images that were compared (`images_seal`).
    """
    save_table(DUPLICATES, found.pairs[list(DUPLICATE_COLUMNS)])
    save_table(COPIES, found.copies[list(COPY_COLUMNS)])
    save_json(LIKENESS, found.check)
    seal_duplicates(images)


def seal_duplicates(images: str) -> None:
    """Write the manifest of what was found."""
    manifest, files = DUPLICATES_MANIFEST, [DUPLICATES, COPIES, LIKENESS]
    of = {"images": images}
    save_json(manifest, integrity.make_manifest(manifest.parent, of, files, manifest.name))


def load_duplicates(images: str | None = None) -> Duplicates:
    """Read what `duplicates` has left.

    Args:
        images: the checksum of the study's images, where it should be compared.

    Raises:
        StudyError: if a file is missing, was changed, or is of other images.
    """
    of = {} if images is None else {"images": images}
    pairs, copies, check = (
        intact(DUPLICATES_MANIFEST, of, path.name, _FIND_DUPLICATES)
        for path in (DUPLICATES, COPIES, LIKENESS)
    )
    return Duplicates(
        load_checked_table(pairs, DUPLICATE_KINDS, _FIND_DUPLICATES),
        load_checked_table(copies, COPY_KINDS, _FIND_DUPLICATES),
        strict.read_record(
            LikenessCheck, load_json(check, _FIND_DUPLICATES), check, _FIND_DUPLICATES
        ),
    )
