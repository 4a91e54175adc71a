"""What is measured beside the trainings, and left for `evaluate`.

Scores of corrupted test images, and which test images have a near-duplicate among those to learn
from. They stand apart from `pipeline.artefacts` so that an edit here reruns no training. Scores lie
below ``runs/``, on which `evaluate` depends, in a folder that no run can be named after: names of
runs begin with a letter or digit.
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
DUPLICATES = Path("data/duplicates.csv")
DUPLICATE_COLUMNS = ("test_id", "id", "split", "mirrored", "similarity")
"""A row for each test image of which an image to learn from holds the same photograph: the id and
split of that one, whether one is the mirror image of the other, and how their details correlate."""
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


def save_duplicates(table: pd.DataFrame) -> None:
    """Write near-duplicates, columns `DUPLICATE_COLUMNS`."""
    save_table(DUPLICATES, table[list(DUPLICATE_COLUMNS)])


def load_duplicates() -> pd.DataFrame:
    """Read near-duplicates, columns `DUPLICATE_COLUMNS`.

    Raises:
        StudyError: if the file is missing, or another one.
    """
    table = load_table(DUPLICATES, _FIND_DUPLICATES)
    if tuple(table) != DUPLICATE_COLUMNS:
        raise StudyError(
            f"{DUPLICATES} has the columns {listing(table)}; expected "
            f"{listing(DUPLICATE_COLUMNS)}. Make it anew with: {_FIND_DUPLICATES}"
        )
    return table
