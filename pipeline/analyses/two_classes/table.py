"""``two_classes.csv``, ``thresholds.csv``, ``two_class_curves.csv``; empty with more classes.

All go by the probability of the positive class, of the first seed. Thresholds are chosen on the
validation images and measured on the test images.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pipeline.analyses.columns import FAMILY, RUN
from pipeline.analyses.scored import ScoredRun
from pipeline.analyses.study import Study
from pipeline.statistics.proportions import Interval, Proportion
from pipeline.statistics.ranking import (
    RESAMPLES,
    Thresholds,
    area_under_curve,
    average_precision_intervals,
    thresholds,
)
from pipeline.storage.columns import Column, Format, Table

MISS_COSTS = (1.0, 10.0)
LEAST_RECALL = 0.95
"""What thresholds are chosen for where params.yaml names neither a cost nor a recall."""
MOST_POINTS = 200
"""Of a curve."""


def _with_interval(
    name: str, meaning: str, title: str, interval: str, format: Format = "percent"
) -> tuple[Column, ...]:
    return (
        Column(name, meaning, title, format=format, shown=True),
        *(
            Column(
                f"{name}_ci_{end}",
                f"{word} end of the 95% interval ({interval}). It reflects test-set sampling.",
                f"95% interval, {end}",
                format=format,
            )
            for end, word in (("low", "Lower"), ("high", "Upper"))
        ),
    )


AREAS = Table(
    "two_classes",
    "One row per run of a study of two classes: its first seed. Empty with more classes.",
    (
        RUN,
        FAMILY,
        Column("positive", "The class that is to be found.", format="text"),
        Column("n_positive", "Test images of this class.", format="count"),
        Column("n_test", "Number of test images.", title="Test images", format="count"),
        *_with_interval(
            "auc",
            "Area under the ROC curve: the chance that an image of the positive class gets a "
            "higher probability than one of the other class.",
            "AUC",
            "DeLong, on the logit scale",
            "decimal",
        ),
        *_with_interval(
            "average_precision",
            "Area under the precision-recall curve, without interpolation; by chance it is the "
            "share of the positive class.",
            "Average precision",
            "bootstrap, stratified by class",
            "decimal",
        ),
    ),
    optional=True,
)
THRESHOLDS = Table(
    "thresholds",
    "One row per run and rule by which a threshold was chosen on the validation images: an image "
    "counts as positive if its probability is at least as large.",
    (
        RUN,
        FAMILY,
        Column(
            "rule",
            "miss_cost: the lowest cost on validation, where a miss costs that many false alarms; "
            "least_recall: the highest threshold that finds that share on validation.",
            format="text",
        ),
        Column("wanted", "That cost, or that share.", format="number"),
        Column(
            "threshold",
            "An image counts as positive if its probability of the positive class is at least "
            "this; empty if no image should.",
            format="decimal",
            shown=True,
        ),
        *_with_interval(
            "precision",
            "Share of the images counted as positive that really are; empty if there are none.",
            "Precision",
            "Wilson",
        ),
        *_with_interval(
            "recall", "Share of the positive test images that is found.", "Recall", "Wilson"
        ),
        *_with_interval(
            "false_alarm_rate",
            "Share of the other class's test images that counts as positive.",
            "False alarms",
            "Wilson",
        ),
        Column(
            "cost",
            "Cost per test image in false alarms; empty for least_recall.",
            format="decimal",
            shown=True,
        ),
        Column(
            "cost_as_predicted",
            "The same without a threshold, by the classes that the run predicts.",
            title="Cost as predicted",
            format="decimal",
            shown=True,
        ),
    ),
    optional=True,
)
CURVES = Table(
    "two_class_curves",
    "One row per point of a curve of each family's best run, on the test images, thinned.",
    (
        RUN,
        FAMILY,
        Column("curve", "roc or precision_recall.", format="text"),
        Column("x", "roc: the false alarm rate; precision_recall: the recall.", format="percent"),
        Column("y", "roc: the recall; precision_recall: the precision.", format="percent"),
        Column("threshold", "The probability at this point.", format="decimal"),
    ),
    optional=True,
)
TABLES = (AREAS, THRESHOLDS, CURVES)


@dataclass(frozen=True)
class _Images:
    """The positive class in validation and test."""

    code: int
    validation: NDArray[np.bool_]
    test: NDArray[np.bool_]


def compute(study: Study) -> dict[str, pd.DataFrame]:
    """Return the three tables; empty with more than two classes, or where a split has only one."""
    rows: dict[str, list[dict[str, Any]]] = {table.name: [] for table in TABLES}
    images = _images(study)
    if images is not None:
        rows[AREAS.name] = list(_areas(study, images))
        rows[THRESHOLDS.name] = [row for run in study.runs for row in _rules(run, study, images)]
        rows[CURVES.name] = [row for run in study.best.values() for row in _curves(run, images)]
    return {
        table.name: pd.DataFrame(rows[table.name], columns=list(table.names)) for table in TABLES
    }


def record(study: Study) -> dict[str, Any]:
    """Return how those tables were computed, for ``study.json``."""
    images = _images(study)
    if images is None:
        return {}
    return {
        "statistics": {
            "positive": study.labels.class_names[images.code],
            "auc_interval": "95%, DeLong 1988, on the logit scale",
            "average_precision_interval": "95%, bootstrap, stratified by class, percentile",
            "average_precision_resamples": RESAMPLES,
            "thresholds": "chosen on the validation split, measured on the test split",
        }
    }


def _images(study: Study) -> _Images | None:
    labels = study.labels
    if len(labels.class_names) != 2:
        return None
    name = study.aims.positive
    counts = np.bincount(np.asarray(labels.by_split["train"]), minlength=2)
    code = 1 if counts[1] <= counts[0] else 0
    code = code if name is None else labels.class_names.index(name)
    found = _Images(code, labels.validation == code, labels.test == code)
    both = all(0 < each.sum() < len(each) for each in (found.validation, found.test))
    return found if both else None


def _probability(run: ScoredRun, split: str, images: _Images) -> NDArray[np.float32]:
    return run.probabilities[split][:, images.code]


def _areas(study: Study, images: _Images) -> Iterator[dict[str, Any]]:
    several = [_probability(run, "test", images) for run in study.runs]
    intervals = average_precision_intervals(several, images.test, study.seed)
    for run, scores, interval in zip(study.runs, several, intervals, strict=True):
        area = area_under_curve(scores, images.test)
        yield {
            "run": run.name,
            "family": run.family,
            "positive": study.labels.class_names[images.code],
            "n_positive": int(images.test.sum()),
            "n_test": len(images.test),
            "auc": area.value,
            **_ends("auc", area.interval),
            "average_precision": thresholds(scores, images.test).average_precision,
            **_ends("average_precision", interval),
        }


def _ends(name: str, interval: Interval) -> dict[str, float]:
    return {f"{name}_ci_low": interval.low, f"{name}_ci_high": interval.high}


def _rules(run: ScoredRun, study: Study, images: _Images) -> Iterator[dict[str, Any]]:
    options = study.aims
    given = options.miss_cost is not None or options.least_recall is not None
    costs = (options.miss_cost,) if options.miss_cost is not None else ()
    recalls = (options.least_recall,) if options.least_recall is not None else ()
    found = thresholds(_probability(run, "validation", images), images.validation)
    scores = _probability(run, "test", images)
    for cost in costs if given else MISS_COSTS:
        row = _measured(run, scores, found.cheapest(cost), images)
        predicted = run.predicted[0]["test"] == images.code
        per_image = partial(_cost, positive=images.test, miss_cost=cost)
        yield row | {
            "rule": "miss_cost",
            "wanted": cost,
            "cost": per_image(scores >= found.cheapest(cost)),
            "cost_as_predicted": per_image(predicted),
        }
    for recall in recalls if given else (LEAST_RECALL,):
        row = _measured(run, scores, found.reaching(recall), images)
        yield row | {"rule": "least_recall", "wanted": recall}


def _cost(flagged: NDArray[np.bool_], positive: NDArray[np.bool_], miss_cost: float) -> float:
    return float((miss_cost * (positive & ~flagged) + (~positive & flagged)).mean())


def _measured(
    run: ScoredRun, scores: NDArray[np.floating], threshold: float, images: _Images
) -> dict[str, Any]:
    flagged, positive = scores >= threshold, images.test
    right = int((flagged & positive).sum())
    shares = {
        "recall": Proportion(right, int(positive.sum())),
        "false_alarm_rate": Proportion(int((flagged & ~positive).sum()), int((~positive).sum())),
    }
    if flagged.any():
        shares["precision"] = Proportion(right, int(flagged.sum()))
    row: dict[str, Any] = {
        "run": run.name,
        "family": run.family,
        "threshold": threshold if np.isfinite(threshold) else np.nan,
    }
    for name, share in shares.items():
        row |= {name: share.value, **_ends(name, share.interval())}
    return row


def _curves(run: ScoredRun, images: _Images) -> Iterator[dict[str, Any]]:
    found = thresholds(_probability(run, "test", images), images.test)
    chosen = _thinned(found)
    points = {
        "roc": (found.false_alarm_rate, found.recall, True),
        "precision_recall": (found.recall, found.precision, False),
    }
    for curve, (x, y, from_zero) in points.items():
        named = {"run": run.name, "family": run.family, "curve": curve}
        if from_zero:  # nothing is found at first, and nothing falsely
            yield named | {"x": 0.0, "y": 0.0, "threshold": np.nan}
        for index in chosen:
            at = {"x": x[index], "y": y[index], "threshold": found.threshold[index]}
            yield named | {name: float(value) for name, value in at.items()}


def _thinned(found: Thresholds) -> NDArray[np.int64]:
    """Return up to `MOST_POINTS` positions, evenly spaced along the ROC curve, and the last."""
    length = found.recall + found.false_alarm_rate
    wanted = np.linspace(length[0], length[-1], MOST_POINTS)
    return np.unique(np.searchsorted(length, wanted).clip(max=len(length) - 1))
