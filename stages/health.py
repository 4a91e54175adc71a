"""Describe the images, and test whether facts about their files give the class away.

It reads no label of the test split: `evaluate` compares the predictions of the control with them.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pipeline.config.entries import read_params
from pipeline.data.health.pixel_facts import pixel_facts
from pipeline.data.health.shortcut import fact_sets, predict_from_facts
from pipeline.folds import Rows, fold_count, rows_of_model
from pipeline.storage.file_facts import load_file_facts
from pipeline.storage.health import CONTROL_COLUMNS, FACT_COLUMNS, Health, save_health
from pipeline.storage.splits import (
    SPLITS,
    learning_seal,
    load_folds,
    load_ids,
    load_images,
    load_labels,
)
from stages import run


def main() -> None:
    """Write data/health/."""
    seed, folds = read_params()[1], load_folds()
    splits = SPLITS if folds is None else ("test",)  # with folds, each split holds all images
    facts = pd.concat([_of_split(split) for split in splits], ignore_index=True)
    files = load_file_facts()
    facts = facts.merge(files, on="id", how="left")
    for name in ("width", "height", "bytes"):
        facts[name] = facts[name].fillna(0).astype(np.int64)
    facts["format"] = facts["format"].fillna("").astype(str)
    rows = [_rows(facts)] if folds is None else _rows_of_folds(folds)
    control = _control(facts, load_labels("train"), rows, seed)
    save_health(Health(facts[list(FACT_COLUMNS)], control), learning_seal())


def _of_split(split: str) -> pd.DataFrame:
    found = pixel_facts(load_images(split))
    return pd.DataFrame(
        {
            "id": load_ids(split), "split": split, "brightness": found.brightness,
            "contrast": found.contrast, "sharpness": found.sharpness,
        }
    )  # fmt: skip


def _rows(facts: pd.DataFrame) -> Rows:
    return {split: np.flatnonzero(facts["split"] == split) for split in ("train", "test")}


def _rows_of_folds(folds: NDArray[np.int64]) -> list[Rows]:
    return [rows_of_model(folds, model) for model in range(fold_count(folds))]


def _control(
    facts: pd.DataFrame, labels: NDArray[np.int64], parts: Sequence[Rows], seed: int
) -> pd.DataFrame:
    """Return what each set of facts predicts for the test images, columns `CONTROL_COLUMNS`.

    Args:
        facts: one row per image.
        labels: (n,) of the training images; of all images in the order of `facts` with folds.
        parts: the images to learn from and to predict, once or once per fold.
        seed: of the control.
    """
    tables = []
    for name, columns in fact_sets(facts).items():
        predicted = np.full(len(facts), -1)
        for rows in parts:
            learned = labels if len(parts) == 1 else labels[rows["train"]]
            train, test = facts.iloc[rows["train"]], facts.iloc[rows["test"]]
            predicted[rows["test"]] = predict_from_facts(train, learned, test, columns, seed)
        known = np.flatnonzero(predicted >= 0)
        ids = facts["id"].to_numpy()[known]
        tables.append(pd.DataFrame({"id": ids, "facts": name, "predicted": predicted[known]}))
    empty = pd.DataFrame({name: [] for name in CONTROL_COLUMNS})
    return pd.concat(tables, ignore_index=True) if tables else empty


if __name__ == "__main__":
    run(main)
