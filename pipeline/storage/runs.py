"""Artifacts of every run: predictions, history, card, trials and model."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from pipeline.storage import integrity, strict

if TYPE_CHECKING:
    import pandas as pd
from pipeline.storage.files import (
    atomic,
    existing_file,
    load_arrays,
    load_checked_table,
    load_record,
    save_json,
    save_table,
)
from pipeline.storage.splits import SPLITS, Task
from pipeline.tta import TTA_SPLITS

RUNS = Path("runs")
LEARNING = "images and labels to learn from"
"""The key of `learning_seal` in a manifest."""
DIVERGED = -1
"""What a training that diverged predicts, instead of a class."""
ScoreKind = Literal["probability", "decision"]
HISTORY_KINDS: dict[str, strict.Column] = {
    "x": "number", "x_kind": "text", "split": "text", "metric": "text", "value": "number",
}  # fmt: skip
HISTORY_COLUMNS = tuple(HISTORY_KINDS)
TUNING_KINDS: dict[str, strict.Column] = {
    "trial": "integer", "state": "text", "images": "integer", "epochs": "integer",
    "validation_accuracy": "number", "seconds": "number", "options": "text",
}  # fmt: skip
TUNING_COLUMNS = tuple(TUNING_KINDS)
"""One row per trial: `state` is ``complete``, ``pruned`` or ``diverged``, `images` is the number of
training images of its last fit, `epochs` is that of a network (0 for a classifier), and `options`
is a JSON object, option -> value. The accuracy of a trial that diverged is missing."""


@dataclass(frozen=True)
class Predictions:
    """Scores of one run for every image of every split."""

    ids: dict[str, NDArray[np.int64]]
    """split -> (n,) image ids."""
    scores: dict[str, NDArray[np.float32]]
    """split -> (n, classes), also for two classes; larger means more likely."""
    probabilities: dict[str, NDArray[np.float32]]
    """split -> (n, classes), rows sum to 1. For decision values they are calibrated on the
    validation split, so those of that split are optimistic; otherwise they equal the scores."""
    tta_scores: dict[str, NDArray[np.float32]] = field(default_factory=dict)
    """Each of `TTA_SPLITS` -> (n, classes): the scores with test-time augmentation; empty for runs
    without it. Nothing but the columns that are called ``tta`` is computed from them."""


@dataclass(frozen=True)
class Card:
    """The description and cost of a run."""

    run: str
    family: Literal["classical", "deep", "hybrid"]
    method: str
    features: tuple[str, ...]
    options: dict[str, Any]
    """All options of the method, defaults included."""
    seed: int
    score_kind: ScoreKind
    sizes: dict[str, int]
    parameters: int
    """Stored numbers used for prediction, including those of the feature extractors."""
    train_seconds: float
    """Time from pixels to the fitted model, with feature extraction, without the learning curve."""
    predict_ms_per_image: float
    """Time from pixels to scores, measured on the test split."""
    stage_seconds: float
    """Time of the whole stage for this seed, including the learning curve, predictions for all
    splits, saving, and tuning."""
    device: str
    engine: str
    """The library that trained it, with its version."""
    peak_memory_mb: float
    versions: dict[str, str]
    tuning_seconds: float = 0.0
    """Time of the search for options, if there is one; not included in `train_seconds`."""
    notes: dict[str, Any] = field(default_factory=dict)
    """Details that only this family has: ``best_epoch``, ``weights_sha256``, ..."""


_TTA = "tta_scores"
"""In the names of the arrays of `Predictions.tta_scores`."""


def run_folder(run: str, seed: int) -> Path:
    """Return the folder of one seed of a run."""
    return RUNS / run / f"seed-{seed}"


def save_run(
    run: str,
    seed: int,
    predictions: Predictions,
    history: pd.DataFrame,
    card: Card,
    tuning: pd.DataFrame | None = None,
    learning: str = "",
) -> None:
    """Write the predictions, history and card of a run, and its trials if it was tuned.

    The trials have the columns `TUNING_COLUMNS`. Save the model first: this function ends with the
    manifest of all files in the folder. `learning` is the checksum of the data that the run was
    trained on (`learning_seal`).
    """
    folder = run_folder(run, seed)
    arrays: dict[str, Any] = {f"{split}_ids": ids for split, ids in predictions.ids.items()}
    arrays |= {f"{split}_scores": s.astype(np.float32) for split, s in predictions.scores.items()}
    arrays |= {
        f"{split}_{_TTA}": s.astype(np.float32) for split, s in predictions.tta_scores.items()
    }
    if card.score_kind == "decision":
        for split, values in predictions.probabilities.items():
            arrays[f"{split}_probabilities"] = values.astype(np.float32)
    with atomic(folder / "predictions.npz") as temporary, temporary.open("wb") as stream:
        np.savez_compressed(stream, **arrays)
    save_table(folder / "history.csv", history[list(HISTORY_COLUMNS)])
    if tuning is not None:
        save_table(folder / "tuning.csv", tuning[list(TUNING_COLUMNS)])
    save_json(folder / "card.json", card)
    seal_run(run, seed, learning)


def seal_run(run: str, seed: int, learning: str) -> None:
    """Write the manifest of the files of one seed of a run."""
    folder = run_folder(run, seed)
    of = {"run": run, "seed": seed, LEARNING: learning}
    # Hidden files were left by killed processes.
    files = [path for path in integrity.files_below(folder) if path.name[0] != "."]
    manifest = integrity.make_manifest(folder, of, files)
    save_json(folder / integrity.MANIFEST, manifest)


def run_manifest(
    run: str, seed: int, remedy: str, learning: str | None = None
) -> integrity.Manifest:
    """Read the manifest of one seed of a run.

    Args:
        run: its name.
        seed: the seed.
        remedy: the command that trains the run.
        learning: the expected checksum of its training data; None to accept any.
    """
    of: dict[str, Any] = {"run": run, "seed": seed}
    if learning is not None:
        of[LEARNING] = learning
    return integrity.load_manifest(run_folder(run, seed) / integrity.MANIFEST, of, remedy)


def intact_run_file(run: str, seed: int, name: str, remedy: str) -> Path:
    """Verify a file of a run by its manifest, and return its path."""
    existing_file(run_folder(run, seed) / name, remedy)
    return run_manifest(run, seed, remedy).verify(name)


def model_file(run: str, seed: int, family: str) -> Path:
    """Return the path of the fitted model of a run: ``model.keras`` or ``model.npz``."""
    return run_folder(run, seed) / ("model.keras" if family == "deep" else "model.npz")


def save_run_task(run: str, seed: int, task: Task) -> None:
    """Write what a run was trained on, beside its model; call it before `save_run`."""
    save_json(run_folder(run, seed) / "task.json", task)


def load_run_task(run: str, seed: int, remedy: str) -> Task:
    """Read what one seed of a run was trained on."""
    return load_record(Task, intact_run_file(run, seed, "task.json", remedy), remedy)


def load_card(run: str, seed: int, remedy: str) -> Card:
    """Read the card of one seed of a run."""
    path = intact_run_file(run, seed, "card.json", remedy)
    card = load_record(Card, path, remedy)
    if (card.run, card.seed) != (run, seed):
        found = f"found the card of run {card.run!r}, seed {card.seed}"
        integrity.refuse(path, f"{found}; expected {run!r}, seed {seed}", remedy)
    sets = card.notes.get("feature_sets", {})
    if not isinstance(sets, dict) or not all(isinstance(each, dict) for each in sets.values()):
        strict.refuse(path, f"notes.feature_sets: found {sets!r:.80}; expected objects", remedy)
    for name in ("multiply_adds", "tta_ms_per_image"):
        if not isinstance(value := card.notes.get(name, 0), int | float):
            strict.refuse(path, f"notes.{name}: found {value!r:.80}; expected a number", remedy)
    return card


def load_history(run: str, seed: int, remedy: str) -> pd.DataFrame:
    """Read the history of one seed of a run, columns `HISTORY_COLUMNS`."""
    path = intact_run_file(run, seed, "history.csv", remedy)
    return load_checked_table(path, HISTORY_KINDS, remedy)


def load_tuning(run: str, seed: int, remedy: str) -> pd.DataFrame:
    """Read the trials of one seed of a run that was tuned, columns `TUNING_COLUMNS`."""
    path = intact_run_file(run, seed, "tuning.csv", remedy)
    table = load_checked_table(path, TUNING_KINDS, remedy)
    for text in table["options"]:
        try:
            options = json.loads(text)
        except (TypeError, ValueError, RecursionError):
            options = None
        if not isinstance(options, dict):
            strict.refuse(path, f"options: found {text!r:.80}; expected a JSON object", remedy)
    return table


def load_predictions(run: str, seed: int, remedy: str) -> Predictions:
    """Read the predictions of one seed of a run."""
    path = intact_run_file(run, seed, "predictions.npz", remedy)
    arrays = load_arrays(path, remedy)

    def checked(what: str, split: str, dtype: Any, dimensions: int) -> NDArray:
        return strict.take_array(arrays, f"{split}_{what}", dtype, dimensions, path, remedy)

    scores = {split: checked("scores", split, np.float32, 2) for split in SPLITS}
    shares = {f"{split}_probabilities" for split in SPLITS} & arrays.keys()
    augmented = {f"{split}_{_TTA}" for split in TTA_SPLITS} & arrays.keys()
    return Predictions(
        ids={split: checked("ids", split, np.int64, 1) for split in SPLITS},
        scores=scores,
        probabilities={s: checked("probabilities", s, np.float32, 2) for s in SPLITS}
        if shares
        else scores,
        tta_scores={s: checked(_TTA, s, np.float32, 2) for s in TTA_SPLITS} if augmented else {},
    )
