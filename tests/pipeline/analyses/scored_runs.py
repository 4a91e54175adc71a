"""Runs made of seeded noise, for the tests of statistics over several runs."""

from __future__ import annotations

import numpy as np
import pandas as pd

from pipeline.analyses.labels import Labels
from pipeline.analyses.scored import ScoredRun
from pipeline.analyses.study import Study
from pipeline.statistics.proportions import accuracy
from pipeline.storage.runs import Card
from pipeline.storage.splits import DatasetCard


def made_up_labels(rng, n=300, classes=4) -> Labels:
    sizes = {"train": 10, "validation": n, "test": n}
    drawn = {split: rng.integers(0, classes, size) for split, size in sizes.items()}
    return Labels(
        tuple(f"class {k}" for k in range(classes)),
        drawn | {"train": np.arange(sizes["train"]) % classes},
        {split: np.arange(size) for split, size in sizes.items()},
    )


def study_of(runs, labels: Labels, independent=True, **changes) -> Study:
    """A study of these runs, the best on validation first."""
    dataset = DatasetCard(
        name="noise",
        description="made up",
        sha256="0" * 64,
        class_names=labels.class_names,
        image_shape=(8, 8, 3),
        sizes={},
        seed=0,
        independent=independent,
    )
    return Study(dataset, labels, runs, **changes)


def made_up_run(name, known, skill, rng, seeds=1, family="classical", sure=2.0) -> ScoredRun:
    """A run that predicts the right class of about a share `skill` of images, else any class."""
    classes = len(known.class_names)
    predicted = [
        {
            split: np.where(
                rng.random(len(labels)) < skill, labels, rng.integers(0, classes, len(labels))
            )
            for split, labels in known.by_split.items()
        }
        for _ in range(seeds)
    ]
    probabilities = {}
    for split in ("validation", "test"):
        logits = rng.normal(size=(len(known.by_split[split]), classes))
        named = np.arange(len(logits)), predicted[0][split]
        logits[named] = logits.max(axis=1) + sure
        shares = np.exp(logits)
        probabilities[split] = (shares / shares.sum(axis=1, keepdims=True)).astype(np.float32)
    cards = tuple(
        Card(
            run=name,
            family=family,
            method="m",
            features=(),
            options={},
            seed=seed,
            score_kind="probability" if family == "deep" else "decision",
            sizes={},
            parameters=1,
            train_seconds=1.0,
            predict_ms_per_image=1.0,
            stage_seconds=1.0,
            device="d",
            engine="e",
            peak_memory_mb=1.0,
            versions={},
        )
        for seed in range(seeds)
    )
    return ScoredRun(
        name=name,
        cards=cards,
        predicted=tuple(predicted),
        history=pd.DataFrame(),
        tuning=pd.DataFrame(),
        accuracies=tuple(
            {split: accuracy(each[split], labels) for split, labels in known.by_split.items()}
            for each in predicted
        ),
        probabilities=probabilities,
    )
