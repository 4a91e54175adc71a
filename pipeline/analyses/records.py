"""What the seeds of a run have left on disk, and the checks before anything is computed of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pipeline.analyses.labels import Labels
from pipeline.checks import StudyError, check_finite, check_paired, listing
from pipeline.storage.runs import HISTORY_COLUMNS, TUNING_COLUMNS, Card, Predictions
from pipeline.storage.splits import SPLITS
from pipeline.tta import TTA_SPLITS


@dataclass(frozen=True)
class SeedRecord:
    """What one seed of a run has left on disk."""

    card: Card
    predictions: Predictions
    history: pd.DataFrame
    """Columns `HISTORY_COLUMNS`."""
    tuning: pd.DataFrame | None = None
    """Columns `TUNING_COLUMNS`, where the run was tuned."""
    model_bytes: float = float("nan")
    """Size of the stored model's file."""


@dataclass(frozen=True)
class RunRecord:
    """A run of the roster with what each of its seeds has left."""

    name: str
    remedy: str
    """The command that regenerates these files, for messages."""
    seeds: tuple[SeedRecord, ...]


def check_record(run: RunRecord, record: SeedRecord, labels: Labels) -> None:
    """Check what one seed of a run has left.

    Raises:
        StudyError: naming the run and the command that repairs it, if a column is missing, a value
            is not finite, or predictions are not for exactly the images of each split, with one
            score per class and probabilities that sum to 1.
    """
    what = f"run {run.name!r}, seed {record.card.seed}"
    _check_columns(record.history, HISTORY_COLUMNS, f"{what}: the history", run.remedy)
    if record.tuning is not None:
        _check_columns(record.tuning, TUNING_COLUMNS, f"{what}: the table of trials", run.remedy)
    if not np.isfinite(record.history["value"].to_numpy(dtype=float, na_value=np.nan)).all():
        raise StudyError(
            f"{what}: the history holds a value that is no finite number; the file may be cut. "
            f"Repair it with: {run.remedy}"
        )
    for split in SPLITS:
        here = f"{what}, {split} predictions"
        ids = record.predictions.ids[split]
        check_paired(ids, np.asarray(labels.ids[split]), here, run.remedy)
        shape = (len(ids), len(labels.class_names))
        _check_numbers(record.predictions.scores[split], shape, "scores", here, run.remedy)
        shares = record.predictions.probabilities[split]
        _check_numbers(shares, shape, "probabilities", here, run.remedy)
        _check_shares(shares, here, run.remedy)
    _check_augmented(record, labels, what, run.remedy)


def _check_augmented(record: SeedRecord, labels: Labels, what: str, remedy: str) -> None:
    """Raise `StudyError` unless scores with test-time augmentation are there if wanted."""
    wanted = record.card.options.get("tta", "none") != "none"
    expected, found = set(TTA_SPLITS) if wanted else set(), record.predictions.tta_scores
    if found.keys() != expected:
        raise StudyError(
            f"{what}: found scores with test-time augmentation of {listing(sorted(found))}; "
            f"expected those of {listing(sorted(expected))}. Repair it with: {remedy}"
        )
    for split, scores in found.items():
        here = f"{what}, {split} predictions with test-time augmentation"
        shape = (len(labels.ids[split]), len(labels.class_names))
        _check_numbers(scores, shape, "scores", here, remedy)


def _check_columns(table: pd.DataFrame, columns: Sequence[str], what: str, remedy: str) -> None:
    missing = [name for name in columns if name not in table]
    if missing:
        raise StudyError(
            f"{what} has no column {listing(missing)}; expected {listing(columns)}. "
            f"Repair it with: {remedy}"
        )


def _check_numbers(
    values: NDArray[np.float32], shape: tuple[int, int], name: str, what: str, remedy: str
) -> None:
    if values.shape != shape:
        raise StudyError(
            f"{what}: found {name} of shape {values.shape}; expected {shape}, one per image "
            f"and class. Repair it with: {remedy}"
        )
    try:
        check_finite(values, what)
    except StudyError as error:
        raise StudyError(f"{error}. Repair it with: {remedy}") from None


def _check_shares(values: NDArray[np.float32], what: str, remedy: str) -> None:
    """Raise `StudyError` unless rows are shares that sum to 1, as far as half precision tells."""
    sums = values.sum(axis=1)
    wrong = np.flatnonzero((np.abs(sums - 1) > 0.01) | (values.min(axis=1) < 0))
    if wrong.size:
        row = int(wrong[0])
        raise StudyError(
            f"{what}: found probabilities from {values[row].min():.3g} that sum to "
            f"{sums[row]:.3g} in row {row}; expected none below 0, and a sum of 1. "
            f"Repair it with: {remedy}"
        )
