"""Describe the images, and test whether facts about their files give the class away.

It reads no label of the test split: `evaluate` compares the predictions of the control with them.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from pipeline.config.entries import read_params
from pipeline.data.health.pixel_facts import pixel_facts
from pipeline.data.health.shortcut import fact_sets, predict_from_facts
from pipeline.storage.file_facts import load_file_facts
from pipeline.storage.health import CONTROL_COLUMNS, FACT_COLUMNS, Health, save_health
from pipeline.storage.splits import SPLITS, learning_seal, load_ids, load_images, load_labels
from stages import run


def main() -> None:
    """Write data/health/."""
    seed = read_params()[1]
    facts = pd.concat([_of_split(split) for split in SPLITS], ignore_index=True)
    files = load_file_facts()
    facts = facts.merge(files, on="id", how="left")
    for name in ("width", "height", "bytes"):
        facts[name] = facts[name].fillna(0).astype(np.int64)
    facts["format"] = facts["format"].fillna("").astype(str)
    save_health(Health(facts[list(FACT_COLUMNS)], _control(facts, seed)), learning_seal())


def _of_split(split: str) -> pd.DataFrame:
    found = pixel_facts(load_images(split))
    return pd.DataFrame(
        {
            "id": load_ids(split), "split": split, "brightness": found.brightness,
            "contrast": found.contrast, "sharpness": found.sharpness,
        }
    )  # fmt: skip


def _control(facts: pd.DataFrame, seed: int) -> pd.DataFrame:
    """Return what each set of facts predicts for the test images, columns `CONTROL_COLUMNS`."""
    train, test = (facts[facts["split"] == split] for split in ("train", "test"))
    labels = load_labels("train")
    rows = [
        pd.DataFrame(
            {
                "id": test["id"].to_numpy(),
                "facts": name,
                "predicted": predict_from_facts(train, labels, test, columns, seed),
            }
        )
        for name, columns in fact_sets(train).items()
    ]
    empty = pd.DataFrame({name: [] for name in CONTROL_COLUMNS})
    return pd.concat(rows, ignore_index=True) if rows else empty


if __name__ == "__main__":
    run(main)
