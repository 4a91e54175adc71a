"""``per_class.csv``, ``confusion.csv``, ``confused_pairs.csv`` and ``confusion_images.csv``."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pipeline.analyses.columns import FAMILY, IMAGE, IMAGE_ID, PREDICTED, RUN
from pipeline.analyses.confusion.images import cell_images
from pipeline.analyses.labels import Labels
from pipeline.analyses.scored import ScoredRun
from pipeline.analyses.study import Study
from pipeline.statistics.confusion import confusion_counts, most_confused
from pipeline.storage.columns import Column, Table
from pipeline.storage.results import thumbnail_path

PAIRS = 10
"""Pairs of classes of each family's best run."""

_ACTUAL = Column("actual", "The class of the images.", format="text")
PER_CLASS = Table(
    "per_class",
    "One row per run and class; means over seeds.",
    (
        RUN,
        Column("class", "The class.", format="text"),
        Column(
            "precision",
            "Of the images predicted as this class, the share that belongs to it.",
            format="percent",
        ),
        Column(
            "recall",
            "Of the images of this class, the share that is predicted as such.",
            format="percent",
        ),
        Column("f1", "Harmonic mean of precision and recall.", title="F1", format="decimal"),
        Column("support", "Number of test images of this class.", format="count"),
    ),
)
CONFUSION = Table(
    "confusion",
    "One row per run, actual and predicted class.",
    (
        RUN,
        _ACTUAL,
        PREDICTED,
        Column("count", "Number of test images, a sum over seeds.", format="count"),
    ),
)
CONFUSED_PAIRS = Table(
    "confused_pairs",
    "One row per pair of classes that is often confused, of each family's best run.",
    (
        RUN,
        FAMILY,
        Column("class_a", "One class.", format="text"),
        Column("class_b", "The other class.", format="text"),
        Column(
            "a_as_b",
            "Images of class a that were classified as class b, a sum over seeds.",
            format="count",
        ),
        Column(
            "b_as_a",
            "Images of class b that were classified as class a, a sum over seeds.",
            format="count",
        ),
        Column(
            "share",
            "Share of all errors of the run that lie between the two classes.",
            format="percent",
        ),
    ),
)
CONFUSION_IMAGES = Table(
    "confusion_images",
    "One row per image behind a cell of a confusion matrix, of the first seed of each family's "
    "best run.",
    (
        RUN,
        _ACTUAL,
        PREDICTED,
        Column("rank", "The place within the cell, the most confident first.", format="count"),
        IMAGE_ID,
        IMAGE,
        Column(
            "confidence", "The probability that the run gives to its prediction.", format="percent"
        ),
    ),
    pictures="thumbnail",
)
TABLES = (PER_CLASS, CONFUSION, CONFUSED_PAIRS, CONFUSION_IMAGES)


def compute(study: Study) -> dict[str, pd.DataFrame]:
    """Return the tables of all runs, and those of the families' best runs."""
    return {
        PER_CLASS.name: per_class_table(study),
        CONFUSION.name: confusion_table(study),
        CONFUSED_PAIRS.name: confused_pairs_table(study),
        CONFUSION_IMAGES.name: confusion_images_table(study),
    }


def per_class_table(study: Study) -> pd.DataFrame:
    """Return one row per run and class, columns of `PER_CLASS`."""
    parts = []
    for run in study.runs:
        scores = run.class_scores(study.labels)
        names = list(study.labels.class_names)
        parts.append(pd.DataFrame({"run": run.name, "class": names, **vars(scores)}))
    return pd.concat(parts, ignore_index=True)[list(PER_CLASS.names)]


def confusion_table(study: Study) -> pd.DataFrame:
    """Return one row per run, actual and predicted class, including zeros; sums over seeds."""
    names, parts = np.array(study.labels.class_names, dtype=object), []
    for run in study.runs:
        columns = {
            "run": run.name,
            "actual": np.repeat(names, len(names)),
            "predicted": np.tile(names, len(names)),
            "count": _counts(run, study.labels).ravel(),
        }
        parts.append(pd.DataFrame(columns))
    return pd.concat(parts, ignore_index=True)[list(CONFUSION.names)]


def confused_pairs_table(study: Study) -> pd.DataFrame:
    """Return the `PAIRS` most confused pairs of each best run, columns of `CONFUSED_PAIRS`.

    A pair stands once, its classes in the order of the dataset; pairs that are never confused are
    left out.
    """
    names, rows = study.labels.class_names, []
    for family, run in study.best.items():
        rows += [
            {
                "run": run.name,
                "family": family,
                "class_a": names[pair.first],
                "class_b": names[pair.second],
                "a_as_b": pair.first_as_second,
                "b_as_a": pair.second_as_first,
                "share": pair.share,
            }
            for pair in most_confused(_counts(run, study.labels), PAIRS)
        ]
    return pd.DataFrame(rows, columns=list(CONFUSED_PAIRS.names))


def confusion_images_table(study: Study) -> pd.DataFrame:
    """Return one row per image behind a cell, columns of `CONFUSION_IMAGES`."""
    labels, names, rows = study.labels, study.labels.class_names, []
    for run in study.best.values():
        predicted, confidence = run.predicted[0]["test"], run.confidence
        for cell in cell_images(predicted, labels.test, confidence, len(names)):
            image = int(labels.test_ids[cell.position])
            rows.append(
                {
                    "run": run.name,
                    "actual": names[cell.actual],
                    "predicted": names[cell.predicted],
                    "rank": cell.rank,
                    "id": image,
                    "image": thumbnail_path(image),
                    "confidence": float(confidence[cell.position]),
                }
            )
    return pd.DataFrame(rows, columns=list(CONFUSION_IMAGES.names))


def _counts(run: ScoredRun, labels: Labels) -> NDArray[np.int64]:
    """Return the (classes, classes) confusion matrix of a run, summed over seeds."""
    n_classes = len(labels.class_names)
    seeds = [confusion_counts(each["test"], labels.test, n_classes) for each in run.predicted]
    return np.sum(seeds, axis=0)
