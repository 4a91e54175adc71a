"""What a run reaches if it answers only where it is sure; thresholds are chosen on validation."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from pipeline.analyses.labels import Labels
from pipeline.analyses.scored import ScoredRun
from pipeline.statistics.proportions import Proportion
from pipeline.statistics.selective import CoverageCurve, coverage_curve

TARGETS = (0.95, 0.99)
"""Accuracies that a person may want of the answers."""
MOST_POINTS = 100
"""Of a curve."""


def curve(run: ScoredRun, split: str, labels: Labels) -> CoverageCurve:
    """Return the curve of a run's first seed on validation or test."""
    correct = run.predicted[0][split] == labels.by_split[split]
    return coverage_curve(run.confidence_of(split), correct)


def answers(run: ScoredRun, labels: Labels) -> Iterator[dict[str, Any]]:
    """Yield one row per target: how many test images are answered, and how many of them rightly."""
    on_validation, on_test = (curve(run, split, labels) for split in ("validation", "test"))
    correct, confidence = run.predicted[0]["test"] == labels.test, run.confidence_of("test")
    for target in TARGETS:
        threshold = on_validation.threshold_for(target)
        answered = confidence >= threshold
        n, right = int(answered.sum()), int((answered & correct).sum())
        row: dict[str, Any] = {
            "run": run.name,
            "family": run.family,
            "target": target,
            "threshold": threshold if np.isfinite(threshold) else np.nan,
            "aurc": on_test.area,
        }
        shares = {"coverage": Proportion(n, len(correct))}
        if n:
            shares["accuracy"] = Proportion(right, n)
        for name, share in shares.items():
            ends = share.interval()
            row |= {name: share.value, f"{name}_ci_low": ends.low, f"{name}_ci_high": ends.high}
        yield row


def points(run: ScoredRun, labels: Labels) -> Iterator[dict[str, Any]]:
    """Yield points of the curve on the test images, thinned, from about 1% of the images on."""
    found = curve(run, "test", labels)
    wanted = np.linspace(max(1, len(labels.test) // 100), found.n, MOST_POINTS)
    for index in np.unique(np.searchsorted(found.answered, wanted)):
        yield {
            "run": run.name,
            "family": run.family,
            "coverage": float(found.coverage[index]),
            "accuracy": float(found.accuracy[index]),
            "threshold": float(found.threshold[index]),
        }
