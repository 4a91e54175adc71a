"""What `evaluate` leaves for `report` and for people: ``reports/study/tables/`` and pictures.

Which tables there are is not known here: `pipeline.analyses.tables` has a record of each, by which
they are written and read.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from pipeline.checks import StudyError, listing
from pipeline.storage import file_sets, integrity
from pipeline.storage.columns import Table
from pipeline.storage.files import load_json, load_table, save_json, save_table
from pipeline.storage.paths import STUDY
from pipeline.storage.pictures import DRAWN_BY, verify_pictures

TABLES_FOLDER = "tables"
"""Inside the study's folder: all CSV files, ``study.json`` and ``metrics.json``."""
SAMPLE_PICTURES = "samples"
"""Inside the study's folder: pictures of test images."""
CELL_PICTURES = f"{SAMPLE_PICTURES}/small"
"""Thumbnails behind the cells of confusion matrices."""
MEASURED = ("train_seconds", "predict_ms_per_image", "device")
"""Columns of the table ``cost`` that the page shows beside accuracies."""
_OF_RESULTS = {"results": "study"}
_EVALUATE = "dvc repro evaluate"
_REPORT = "report.json"
MANIFESTS = (integrity.MANIFEST, *(f"{name}.json" for name in DRAWN_BY), _REPORT)
"""Files of ``reports/study/`` with the checksums of what each of the stages has left there."""


@dataclass(frozen=True)
class Results:
    """All that `evaluate` found, and all that `report` knows."""

    tables: Mapping[str, pd.DataFrame]
    """Name of a table -> its rows."""
    metrics: dict[str, Any]
    """``metrics.json``: numbers by run, for ``dvc metrics show`` and ``dvc metrics diff``."""
    study: dict[str, Any]
    """``study.json``: the dataset card, the cards of all runs, comparisons, what was not run."""


def picture_path(image: int) -> str:
    """Return the path of the enlarged picture of a test image, by its id."""
    return f"{SAMPLE_PICTURES}/{image}.png"


def thumbnail_path(image: int) -> str:
    """Return the path of the thumbnail of a test image, by its id."""
    return f"{CELL_PICTURES}/{image}.jpg"


def save_results(results: Results, tables: Iterable[Table], folder: Path = STUDY) -> None:
    """Write the results, each file atomically, after all of them have been computed.

    Args:
        results: of this study.
        tables: the records of its tables.
        folder: the study's, in which ``tables/`` is made.
    """
    there = folder / TABLES_FOLDER
    for table in tables:
        if table.optional and table.name not in results.tables:
            continue  # these are results of an earlier version
        save_table(there / f"{table.name}.csv", results.tables[table.name][list(table.names)])
    save_json(there / "metrics.json", results.metrics)
    save_json(there / "study.json", results.study)


def replacing_results(folder: Path = STUDY) -> AbstractContextManager[Path]:
    """Give an empty folder for results and pictures; in the end they replace the old ones."""
    return file_sets.replacing(folder, _OF_RESULTS, owned=(TABLES_FOLDER, SAMPLE_PICTURES))


def replacing_report(folder: Path = STUDY) -> AbstractContextManager[Path]:
    """Give an empty folder for the page, the summary and ``figures/``, which replace the old."""
    return file_sets.replacing(folder, {"report": "study"}, ("figures",), _REPORT)


def verify_results(folder: Path = STUDY) -> None:
    """Raise `StudyError` unless the files of each stage are all of one run of it, and unchanged.

    Those stages are `evaluate` and, where they have left anything, both that draw.
    """
    file_sets.verify(folder, _OF_RESULTS, _EVALUATE)
    verify_pictures(folder)


def load_results(tables: Iterable[Table], folder: Path = STUDY) -> Results:
    """Read the results of a study.

    Args:
        tables: the records of its tables.
        folder: the study's. Results of earlier versions lie there without a folder ``tables/``,
            and may lack the optional columns and tables.

    Raises:
        StudyError: if a file or a column is missing.
    """
    there = folder / TABLES_FOLDER
    there = there if there.exists() else folder
    paths = {table.name: there / f"{table.name}.csv" for table in tables}
    records = {t.name: t for t in tables if not t.optional or paths[t.name].exists()}
    found = {name: _load(paths[name], table) for name, table in records.items()}
    for name, table in records.items():
        for column in table.columns:
            if column.name not in found[name]:
                value = np.nan if column.otherwise is None else column.otherwise(found)
                found[name][column.name] = value
    return Results(
        tables=found,
        metrics=load_json(there / "metrics.json", _EVALUATE),
        study=load_json(there / "study.json", _EVALUATE),
    )


def _load(path: Path, table: Table) -> pd.DataFrame:
    """Read one table; texts that are empty stay so."""
    found = load_table(path, _EVALUATE, dtype=dict.fromkeys(table.text, str))
    required = [column.name for column in table.columns if not column.optional]
    missing = [name for name in required if name not in found]
    if missing:
        raise StudyError(
            f"{path} has no column {listing(missing)}; expected {listing(table.names, 40)}. "
            f"Regenerate it with: {_EVALUATE}"
        )
    return found.fillna({name: "" for name in table.text if name in found})


def accuracy_with_costs(results: Results) -> pd.DataFrame:
    """Return the accuracy table with the costs beside it that people look for there."""
    accuracy, cost = results.tables["accuracy"], results.tables["cost"]
    measured = [name for name in MEASURED if name not in accuracy]  # as it is in older results
    return accuracy.merge(cost[["run", *measured]], on="run", how="left")


def pretrained_on(notes: Mapping[str, Any]) -> str | None:
    """Return what other images a run has learned from, by the notes of its card.

    Returns:
        ``"imagenet"``, ``"file"`` for a weights file, or None where weights were drawn at random
        and where there are none. Of a hybrid, the weights of its feature sets count.
    """
    sets = notes.get("feature_sets", {}).values()
    for weights in (notes.get("weights"), *(each.get("weights") for each in sets)):
        if weights not in (None, "random"):
            return "imagenet" if weights == "imagenet" else "file"
    return None
