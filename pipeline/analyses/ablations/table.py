"""``ablations.csv``, ``ablation_curves.csv`` and ``ablation_claims.csv``: one factor at a time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from pipeline.analyses.ablated import ScoredAblation, ScoredValue
from pipeline.analyses.ablations.claims import JudgedClaim, judge
from pipeline.analyses.ablations.measures import (
    accuracy_difference,
    epochs_to_target,
    train_accuracy,
)
from pipeline.analyses.study import Study
from pipeline.config.ablations import label_of
from pipeline.statistics.multiple_comparisons import holm
from pipeline.statistics.proportions import Proportion
from pipeline.statistics.repeated_trainings import repeated_mean
from pipeline.storage.columns import Column, Table

_ABLATION = Column("ablation", "The name of the ablation in params.yaml.", format="text")
_VALUE = Column("value", "The value, or the label of several options.", format="text")
_BOTH = "It reflects repeated trainings and test-set sampling."
VALUES = Table(
    "ablations",
    "One row per ablation and value.",
    (
        _ABLATION,
        _VALUE,
        Column("run", "The run that all other options come from.", format="text"),
        Column("family", "classical, deep or hybrid.", format="text"),
        Column(
            "reference", "Whether the others are tested against this value.", format="yes_no"
        ),
        Column("trainings", "Trainings, each with its own seed.", format="count"),
        Column(
            "diverged",
            "Trainings whose loss stopped being a finite number. They count as always predicting "
            "the most common class.",
            format="count",
            shown=True,
        ),
        Column("train_images", "Training images of each.", format="count"),
        Column("test_images", "Test images.", format="count"),
        Column("classes", "Classes that it tells apart.", format="count"),
        Column("test_accuracy", "Test accuracy, the mean over trainings.", format="percent",
               shown=True),
        Column("ci_low", f"Lower end of its 95% interval. {_BOTH}", format="percent"),
        Column("ci_high", f"Upper end of its 95% interval. {_BOTH}", format="percent"),
        Column("accuracy_std", "Standard deviation of the test accuracy over trainings.",
               format="points"),
        Column(
            "difference",
            "Test accuracy less that of the reference, in points, with its 95% interval.",
            format="points",
            shown=True,
        ),
        Column("diff_low", f"Lower end of its 95% interval. {_BOTH}", format="points"),
        Column("diff_high", f"Upper end of its 95% interval. {_BOTH}", format="points"),
        Column("p_value", "For no difference from the reference.", format="p_value"),
        Column(
            "p_holm",
            "The same, corrected for the number of values by Holm's method.",
            title="p (corrected)",
            format="p_value",
            shown=True,
        ),
        Column("train_accuracy", "Accuracy on training images, at the kept epoch.",
               title="Train accuracy", format="percent", shown=True),
        Column("validation_accuracy", "Accuracy on validation images, at the kept epoch.",
               format="percent"),
        Column("validation_loss", "Cross-entropy on validation images, at the kept epoch.",
               format="decimal", shown=True),
        Column("train_seconds", "Time of a training, the mean; until a divergence, if any.",
               title="Training", unit="s", format="quantity", shown=True),
        Column("epochs_run", "Epochs of a training, the mean; empty for classical runs.",
               title="Epochs", format="quantity"),
        Column(
            "epochs_to_target",
            "Epochs until the validation accuracy reaches the target, the mean over trainings; one "
            "that does not reach it counts as one epoch more than the longest training.",
            format="quantity",
            shown=True,
        ),
        Column("reached", "Trainings that reach the target.", format="count"),
        Column("tuned", "Options that were chosen for this value by validation accuracy.",
               title="Chosen", format="text", shown=True),
    ),
    optional=True,
)  # fmt: skip
CURVES = Table(
    "ablation_curves",
    "One row per ablation, value and point of a curve, the mean over trainings.",
    (
        _ABLATION,
        _VALUE,
        Column("epoch", "The epoch.", format="count"),
        Column("split", "train or validation.", format="text"),
        Column("metric", "accuracy or loss.", format="text"),
        Column("mean", "Mean over the trainings that finished the epoch.", format="decimal"),
        Column("low", "The lowest of them.", format="decimal"),
        Column("high", "The highest of them.", format="decimal"),
        Column("trainings", "How many finished it.", format="count"),
    ),
    optional=True,
)
CLAIMS = Table(
    "ablation_claims",
    "One row per claim of an ablation.",
    (
        _ABLATION,
        Column("claim", "The sentence.", format="text"),
        Column("verdict", "confirmed, refuted or not separated.", format="text"),
        Column("first", "The value that it says is better, or the first of two.", format="text"),
        Column("second", "The value that it is compared with.", format="text"),
        Column("measure", "What is compared.", format="text"),
        Column("by", "By at least how much the first is better."),
        Column("within", "For a claim of equality, the largest difference that does not matter."),
        Column(
            "advantage",
            "By how much the first is better: a share (accuracy, gap), a share of the seconds "
            "saved, epochs, or loss.",
        ),
        Column("low", "Lower end of its 95% interval."),
        Column("high", "Upper end of its 95% interval."),
        Column("p_value", "Two-sided, for an advantage of exactly the claimed minimum.",
               format="p_value"),
        Column("p_holm", "Corrected for the claims of the ablation by Holm's method.",
               format="p_value"),
        Column("trainings", "Trainings of each value.", format="count"),
        Column("images", "Test images; 0 for measures without test images.", format="count"),
        Column("test", "The test.", format="text"),
    ),
    optional=True,
)  # fmt: skip
TABLES = (VALUES, CURVES, CLAIMS)


def compute(study: Study) -> dict[str, pd.DataFrame]:
    """Return the three tables; none where no run was trained with other options."""
    if not study.ablations:
        return {}
    values = [row for each in study.ablations for row in _value_rows(each)]
    claims = [_claim_row(each.name, j) for each in study.ablations for j in judge(each)]
    curves = pd.concat([_curves(each) for each in study.ablations], ignore_index=True)
    return {
        VALUES.name: pd.DataFrame(values, columns=list(VALUES.names)),
        CURVES.name: curves,
        CLAIMS.name: pd.DataFrame(claims, columns=list(CLAIMS.names)),
    }


def record(study: Study) -> dict[str, Any]:
    """Return what ``study.json`` says of each ablation: its settings."""
    return {
        "ablations": {
            each.name: {
                "base": each.options.base,
                "vary": each.options.vary,
                "set": each.options.set,
                "without": list(each.options.without),
                "tune": each.options.tune,
                "repeats": each.options.repeats,
                "target": each.options.target,
                "reference": each.reference,
            }
            for each in study.ablations
        }
    }


def _value_rows(ablation: ScoredAblation) -> Iterator[dict[str, Any]]:
    reference = ablation.value(ablation.reference)
    others = [each for each in ablation.values if each is not reference]
    differences = {each.label: accuracy_difference(each, reference) for each in others}
    p_values = [each.p_value() for each in differences.values()]
    corrected = dict(zip(differences, holm(p_values), strict=True))
    for value in ablation.values:
        row = _described(ablation, value)
        if (difference := differences.get(value.label)) is not None:
            interval = difference.interval()
            row |= {
                "difference": difference.value,
                "diff_low": interval.low,
                "diff_high": interval.high,
                "p_value": difference.p_value(),
                "p_holm": float(corrected[value.label]),
            }
        yield row


def _described(ablation: ScoredAblation, value: ScoredValue) -> dict[str, Any]:
    low, high = _interval(value)
    by_training = value.right.mean(axis=1)
    deep = value.about.family == "deep"
    seconds = [each.seconds for each in value.trainings]
    kept = value.kept.mean()
    return {
        "ablation": ablation.name,
        "value": value.label,
        "run": value.about.run,
        "family": value.about.family,
        "reference": value.label == ablation.reference,
        "trainings": len(value.trainings),
        "diverged": value.diverged,
        "train_images": value.trainings[0].images,
        "test_images": len(value.ids),
        "classes": len(value.about.classes),
        "test_accuracy": float(value.right.mean()),
        "ci_low": low,
        "ci_high": high,
        "accuracy_std": float(np.std(by_training, ddof=1)) if len(by_training) > 1 else np.nan,
        "train_accuracy": float(train_accuracy(value).mean()),
        "validation_accuracy": kept["validation accuracy"],
        "validation_loss": kept["validation loss"],
        "train_seconds": float(np.mean(seconds)),
        "epochs_run": float(np.mean([e.epochs_run for e in value.trainings])) if deep else np.nan,
        "tuned": ", ".join(f"{k}: {label_of(v)}" for k, v in value.about.tuned.items()),
        **(_target(ablation, value) if deep else {}),
    }


def _target(ablation: ScoredAblation, value: ScoredValue) -> dict[str, Any]:
    if ablation.options.target is None:
        return {}
    reached = [each for each in value.epochs_to(ablation.options.target) if each is not None]
    mean = float(epochs_to_target(ablation, value).mean())
    return {"epochs_to_target": mean, "reached": len(reached)}


def _interval(value: ScoredValue) -> tuple[float, float]:
    """Return the 95% interval of the accuracy, in [0, 1]; Wilson's for a single training."""
    if len(value.right) == 1:
        interval = Proportion(int(value.right.sum()), value.right.shape[1]).interval()
    else:
        interval = repeated_mean(value.right).interval()
    return max(0.0, interval.low), min(1.0, interval.high)


def _curves(ablation: ScoredAblation) -> pd.DataFrame:
    rows = pd.concat([each.curves for each in ablation.values], ignore_index=True)
    rows = rows[(rows["x_kind"] == "epoch") & rows["metric"].isin(["accuracy", "loss"])].dropna()
    keys = ["label", "x", "split", "metric"]
    found = rows.groupby(keys, sort=False)["value"].agg(["mean", "min", "max", "count"])
    names = {"label": "value", "x": "epoch", "min": "low", "max": "high", "count": "trainings"}
    table = found.reset_index().rename(columns=names).assign(ablation=ablation.name)
    return table[list(CURVES.names)]


def _claim_row(name: str, judged: JudgedClaim) -> dict[str, Any]:
    claim, found = judged.claim, judged.advantage
    row: dict[str, Any] = {
        "ablation": name,
        "claim": claim.claim,
        "verdict": judged.verdict,
        "first": claim.pair[0],
        "second": claim.pair[1],
        "measure": claim.measure,
        "by": claim.by if claim.within is None else np.nan,
        "within": np.nan if claim.within is None else claim.within,
        "p_value": judged.p_value,
        "p_holm": judged.corrected,
        "trainings": judged.trainings,
        "images": judged.images,
        "test": "none: a training diverged, and its seconds are not comparable",
    }
    if found is not None:
        interval = found.estimate.interval()
        row |= {
            "advantage": found.shown(found.estimate.value),
            "low": found.shown(interval.low),
            "high": found.shown(interval.high),
            "test": found.estimate.method,
        }
    return row
