"""Artifacts of `ablations`: what runs predict that were trained with several values of an option.

They are below ``runs/``, on which `evaluate` depends, in a folder that cannot clash with a run:
names of runs begin with a letter or digit.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

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
from pipeline.storage.runs import HISTORY_KINDS, LEARNING, RUNS

ABLATIONS = RUNS / "_ablations"
CURVE_KINDS: dict[str, strict.Column] = {"label": "text", "repeat": "integer", **HISTORY_KINDS}
CURVE_COLUMNS = tuple(CURVE_KINDS)


@dataclass(frozen=True)
class AblatedTraining:
    """One training."""

    label: str
    """The value."""
    repeat: int
    """From 0."""
    seed: int
    images: int
    """Training images."""
    seconds: float
    """As `Card.train_seconds`; of a training that diverged, until then."""
    best_epoch: int
    """Whose weights are kept, from 1; 0 for a classical run."""
    epochs_run: int
    """0 for a classical run."""
    diverged: str
    """What happened if the loss or weights stopped being finite numbers; otherwise empty."""


@dataclass(frozen=True)
class AblatedValue:
    """One value of the option, with all of its trainings."""

    label: str
    run: str
    """The run that its other options come from."""
    family: Literal["classical", "deep", "hybrid"]
    options: dict[str, Any]
    """What it changes, as in params.yaml."""
    tuned: dict[str, Any]
    """Options that were chosen for it by validation accuracy, among those of `tune`."""
    tried: int
    """Combinations that were tried to choose them; 0 for none."""
    classes: tuple[int, ...]
    """Labels of the classes that it tells apart."""
    limit: int | None


@dataclass(frozen=True)
class AblationCard:
    """What was trained, and how."""

    name: str
    study_seed: int
    repeats: int
    reference: str
    """The value that the others are tested against."""
    values: tuple[AblatedValue, ...]
    """In the order of params.yaml."""
    trainings: tuple[AblatedTraining, ...]
    """By value, then by repeat."""


@dataclass(frozen=True)
class AblationResults:
    """What one ablation leaves."""

    card: AblationCard
    ids: NDArray[np.int64]
    """(n,) of the test images."""
    predicted: NDArray[np.int16]
    """(values, repeats, n) classes of the test images, or `DIVERGED`."""
    curves: pd.DataFrame
    """`CURVE_COLUMNS`: the histories of all trainings."""


def save_ablation(found: AblationResults, learning: str) -> None:
    """Write ``runs/_ablations/<name>/``.

    Args:
        found: of one ablation.
        learning: `learning_seal` of the prepared data.
    """
    folder = ABLATIONS / found.card.name
    with atomic(folder / "predictions.npz") as temporary, temporary.open("wb") as stream:
        np.savez_compressed(stream, ids=found.ids, predicted=found.predicted)
    save_table(folder / "curves.csv", found.curves[list(CURVE_COLUMNS)])
    save_json(folder / "card.json", asdict(found.card))
    files = [folder / name for name in ("predictions.npz", "curves.csv", "card.json")]
    of = {"ablation": found.card.name, LEARNING: learning}
    save_json(folder / integrity.MANIFEST, integrity.make_manifest(folder, of, files))


def load_ablation(name: str, remedy: str, learning: str) -> AblationResults:
    """Read what `save_ablation` has written.

    Args:
        name: of the ablation.
        remedy: the command that creates it.
        learning: the expected `learning_seal`.

    Raises:
        StudyError: if it is missing, was changed, or belongs to another ablation or other data.
    """
    of = {"ablation": name, LEARNING: learning}
    manifest = ABLATIONS / name / integrity.MANIFEST
    path = intact(manifest, of, "card.json", remedy)
    card = strict.read_record(AblationCard, load_json(path, remedy), path, remedy)
    path = intact(manifest, of, "curves.csv", remedy)
    curves = load_checked_table(path, CURVE_KINDS, remedy)
    path = intact(manifest, of, "predictions.npz", remedy)
    arrays = load_arrays(path, remedy)
    return AblationResults(
        card,
        strict.take_array(arrays, "ids", np.int64, 1, path, remedy),
        strict.take_array(arrays, "predicted", np.int16, 3, path, remedy),
        curves,
    )
