"""What is measured beside the trainings, and left for `evaluate`.

Scores of corrupted test images, and which test images are copies of images to learn from or look
alike. They stand apart from `pipeline.artefacts` so that an edit here reruns no training. Scores
lie below ``runs/``, on which `evaluate` depends, in a folder that no run can be named after: names
of runs begin with a letter or digit.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, field_validator

from pipeline.artefacts import RUNS, atomic, load_json, load_table, save_json, save_table
from pipeline.checks import StudyError, listing

CORRUPTED = RUNS / "_corrupted"
DUPLICATES, COPIES, LIKENESS = (
    Path(f"data/{name}") for name in ("duplicates.csv", "copies.csv", "likeness.json")
)
EXACT, ALIKE = "exact", "alike"
"""Kinds of near-duplicates: equal pixels, and details that correlate."""
DUPLICATE_COLUMNS = ("test_id", "id", "split", "kind", "mirrored", "similarity")
"""A row for each test image that an image to learn from equals or looks alike: the id and split of
that one, the kind, whether one is the mirror image of the other, how their details correlate."""
COPY_COLUMNS = ("id", "split", "first_id", "first_split")
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


def save_corrupted(scores: CorruptedScores) -> None:
    """Write ``runs/_corrupted/<run>/``: the scores, and what they were made with."""
    folder = CORRUPTED / scores.card.run
    arrays: dict[str, Any] = {"ids": scores.ids, "clean": scores.clean}
    arrays |= {f"under_{name}": values for name, values in scores.corrupted.items()}
    with atomic(folder / "scores.npz") as temporary, temporary.open("wb") as stream:
        np.savez_compressed(stream, **arrays)
    save_json(folder / "card.json", asdict(scores.card))


def load_corrupted(run: str, remedy: str) -> CorruptedScores:
    """Read the scores of one run.

    Raises:
        StudyError: if they are missing or cannot be read, with the `remedy`.
    """
    folder = CORRUPTED / run
    values = load_json(folder / "card.json", remedy)
    path = folder / "scores.npz"
    try:
        values = {each.name: values[each.name] for each in fields(CorruptedCard)}
        names = ("corruptions", "severities")
        card = CorruptedCard(**values | {name: tuple(values[name]) for name in names})
    except (KeyError, TypeError) as error:
        raise StudyError(
            f"{folder / 'card.json'} is another file ({error!r}); make it anew with: {remedy}"
        ) from None
    if not path.exists():
        raise StudyError(f"there is no {path}; make it with: {remedy}")
    try:
        with np.load(path, allow_pickle=False) as arrays:
            return CorruptedScores(
                card=card,
                ids=arrays["ids"],
                clean=arrays["clean"],
                corrupted={name: arrays[f"under_{name}"] for name in card.corruptions},
            )
    except Exception as error:
        raise StudyError(f"{path} cannot be read ({error}); make it anew with: {remedy}") from None


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


def save_duplicates(found: Duplicates) -> None:
    """Write the pairs, the exact copies, and the check of the threshold."""
    save_table(DUPLICATES, found.pairs[list(DUPLICATE_COLUMNS)])
    save_table(COPIES, found.copies[list(COPY_COLUMNS)])
    save_json(LIKENESS, found.check)


def load_duplicates() -> Duplicates:
    """Read what `duplicates` has left.

    Raises:
        StudyError: if a file is missing, or another one.
    """
    values = load_json(LIKENESS, _FIND_DUPLICATES)
    try:
        check = LikenessCheck(**values)
    except TypeError as error:
        raise StudyError(
            f"{LIKENESS} is another file ({error}); make it anew with: {_FIND_DUPLICATES}"
        ) from None
    pairs, copies = _load(DUPLICATES, DUPLICATE_COLUMNS), _load(COPIES, COPY_COLUMNS)
    return Duplicates(pairs, copies, check)


def _load(path: Path, columns: tuple[str, ...]) -> pd.DataFrame:
    table = load_table(path, _FIND_DUPLICATES)
    if tuple(table) != columns:
        raise StudyError(
            f"{path} has the columns {listing(table)}; expected {listing(columns)}. Make it anew "
            f"with: {_FIND_DUPLICATES}"
        )
    return table
