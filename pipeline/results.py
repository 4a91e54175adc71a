"""What `evaluate` and `illustrate` leave for `report` and for people: ``reports/study/``.

They stand apart from `pipeline.artefacts` so that a new table reruns no training: stages depend on
the formats that they write or read.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import Image

from pipeline.artefacts import (
    STUDY,
    TUNING_COLUMNS,
    atomic,
    load_json,
    load_table,
    save_json,
    save_table,
)

ACCURACY_COLUMNS = (
    "run", "family", "method", "features", "dataset", "seeds", "train_accuracy",
    "validation_accuracy", "test_accuracy", "test_ci_low", "test_ci_high", "test_seed_std",
    "macro_f1", "parameters", "train_seconds", "predict_ms_per_image", "n_test", "device",
)  # fmt: skip
"""Of ``accuracy.csv``. Accuracies are means over `seeds`. `test_ci_low` and `test_ci_high` (Wilson)
tell of other test images; `test_seed_std`, the sample standard deviation of the test accuracy over
the seeds, of training again: empty with one seed."""
PER_CLASS_COLUMNS = ("run", "class", "precision", "recall", "f1", "support")
CONFUSION_COLUMNS = ("run", "actual", "predicted", "count")
LEARNING_CURVE_COLUMNS = ("run", "seed", "x", "x_kind", "split", "metric", "value")
TUNING_RESULT_COLUMNS = ("run", "seed", *TUNING_COLUMNS)
CERTAINTY_COLUMNS = (
    "run", "family", "kind", "rank", "id", "image", "actual", "predicted", "confidence",
)  # fmt: skip
SAMPLE_COLUMNS = ("id", "image", "actual", "run", "family", "predicted", "correct")
FEATURE_PICTURE_COLUMNS = (
    "features", "method", "dimension", "kind", "id", "class", "image", "caption",
)  # fmt: skip
"""Of ``features.csv``. Kinds: ``original`` (an enlarged validation image, of no feature set),
``image`` (what a set keeps of it) and ``learnt`` (of no image: `id` -1, no class). `image` is the
picture's path inside ``reports/study/``, `caption` says what it shows."""
LARGE_PICTURE = 32_768
"""Bytes."""

RESULT_TABLES = {
    "accuracy": ACCURACY_COLUMNS,
    "per_class": PER_CLASS_COLUMNS,
    "confusion": CONFUSION_COLUMNS,
    "learning_curves": LEARNING_CURVE_COLUMNS,
    "samples": SAMPLE_COLUMNS,
    "tuning": TUNING_RESULT_COLUMNS,
    "certainty": CERTAINTY_COLUMNS,
}
"""Tables that `evaluate` writes to ``reports/study/<name>.csv``, and their columns."""


@dataclass(frozen=True)
class Results:
    """All that `evaluate` says, and all that `report` knows."""

    tables: Mapping[str, pd.DataFrame]
    """Name in `RESULT_TABLES` -> table."""
    metrics: dict[str, Any]
    """``metrics.json``: numbers by run, for ``dvc metrics show`` and ``dvc metrics diff``."""
    study: dict[str, Any]
    """``study.json``: the dataset card, the cards of all runs, comparisons, what was not run."""


def save_results(results: Results) -> None:
    """Write the results, each file atomically, after all of them have been computed."""
    for name, columns in RESULT_TABLES.items():
        save_table(STUDY / f"{name}.csv", results.tables[name][list(columns)])
    save_json(STUDY / "metrics.json", results.metrics)
    save_json(STUDY / "study.json", results.study)


def load_results(folder: Path = STUDY) -> Results:
    """Read the results of a study from its folder."""
    text = dict.fromkeys(("run", "class", "actual", "predicted", "features", "image"), str)
    tables = {
        name: load_table(folder / f"{name}.csv", "dvc repro evaluate", dtype=text)
        for name in RESULT_TABLES
    }
    tables["accuracy"]["features"] = tables["accuracy"]["features"].fillna("")
    # Results of before several seeds were told apart have no such column.
    if "test_seed_std" not in tables["accuracy"]:
        tables["accuracy"]["test_seed_std"] = np.nan
    return Results(
        tables=tables,
        metrics=load_json(folder / "metrics.json", "dvc repro evaluate"),
        study=load_json(folder / "study.json", "dvc repro evaluate"),
    )


def learnt_elsewhere(notes: Mapping[str, Any]) -> str | None:
    """Say what other images a run has learnt from, by the notes of its card.

    Returns:
        ``"imagenet"``, ``"file"`` for a file of weights, or None where weights were drawn at random
        and where there are none. Of a hybrid, the weights of its feature sets count.
    """
    sets = notes.get("feature_sets", {}).values()
    for weights in (notes.get("weights"), *(each.get("weights") for each in sets)):
        if weights not in (None, "random"):
            return "imagenet" if weights == "imagenet" else "file"
    return None


@dataclass(frozen=True)
class FeaturePicture:
    """One row of ``features.csv`` with its pixels."""

    features: str
    method: str
    dimension: int
    """Numbers that the set turns an image into; of an original, its pixels times 3."""
    kind: str
    id: int
    class_name: str
    image: str
    caption: str
    pixels: NDArray[np.uint8]
    """(height, width, 3) in RGB order."""


def save_feature_pictures(pictures: Sequence[FeaturePicture], folder: Path = STUDY) -> None:
    """Write ``features.csv`` and its PNG pictures; pictures of an earlier study are removed."""
    for picture in pictures:
        with atomic(folder / picture.image) as temporary:
            temporary.write_bytes(_png(picture))
    rows = [
        (p.features, p.method, p.dimension, p.kind, p.id, p.class_name, p.image, p.caption)
        for p in pictures
    ]
    save_table(folder / "features.csv", pd.DataFrame(rows, columns=list(FEATURE_PICTURE_COLUMNS)))
    kept = {folder / picture.image for picture in pictures}
    # Longest paths first, so that a folder is empty when its turn comes.
    for path in sorted((folder / "features").rglob("*"), reverse=True):
        if path.is_dir() and not any(path.iterdir()):
            path.rmdir()
        elif path.is_file() and path not in kept:
            path.unlink()


def _png(picture: FeaturePicture) -> bytes:
    """Encode a picture; of an image it gets 256 colours where it would be large otherwise.

    The page embeds a dozen of these. HOG's then differ by about one level of 255 on average; a
    learnt dictionary has too many colours for that, and comes but once.
    """
    exact, content = Image.fromarray(picture.pixels), io.BytesIO()
    exact.save(content, format="PNG", optimize=True)
    if picture.kind == "image" and content.tell() > LARGE_PICTURE:
        content = io.BytesIO()
        fewer = exact.quantize(256, kmeans=3, dither=Image.Dither.NONE)
        fewer.save(content, format="PNG", optimize=True)
    return content.getvalue()


def load_feature_pictures(folder: Path = STUDY) -> pd.DataFrame:
    """Read ``features.csv``, columns `FEATURE_PICTURE_COLUMNS`; words that are empty stay so."""
    words = ["features", "method", "kind", "class", "image", "caption"]
    table = load_table(
        folder / "features.csv", "dvc repro illustrate", dtype=dict.fromkeys(words, str)
    )
    return table.fillna(dict.fromkeys(words, ""))
