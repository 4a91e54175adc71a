"""``decision.csv``, ``answers.csv``, ``coverage.csv``: which run to use, and when to trust it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from pipeline.analyses.columns import FAMILY, RUN
from pipeline.analyses.decision.answers import answers, points
from pipeline.analyses.decision.choices import ALPHA, NearBest, near_best, right, tiers
from pipeline.analyses.scored import ScoredRun
from pipeline.analyses.study import Study
from pipeline.statistics.power import POWER, detectable_difference, images_needed
from pipeline.statistics.significance import mcnemar
from pipeline.storage.columns import Column, Table

DECISION = Table(
    "decision",
    "One row per run, the best on the validation images first. Tests are on the test images, first "
    "seeds; differences are of accuracies, or of balanced accuracies where choices go by them.",
    (
        RUN,
        FAMILY,
        Column(
            "tier",
            "Runs of a tier are not significantly worse than its first run; empty where test "
            "images are not independent.",
            format="count",
            shown=True,
            optional=True,
        ),
        Column(
            "tier_p",
            "The p-value of the comparison with the first run of the tier, adjusted for the number "
            "of runs compared with it (Holm); empty for that run.",
            title="p within tier",
            format="p_value",
            shown=True,
        ),
        Column(
            "difference",
            "Difference from the best run by validation, on the test images.",
            title="From the best",
            format="points",
            shown=True,
        ),
        Column(
            "ci_low",
            "Lower end of the 95% interval (Tango; of balanced accuracies, Agresti and Min) of "
            "the difference. It reflects test-set sampling.",
            format="points",
        ),
        Column(
            "ci_high",
            "Upper end of the 95% interval (Tango; of balanced accuracies, Agresti and Min) of "
            "the difference. It reflects test-set sampling.",
            format="points",
        ),
        Column(
            "margin_p",
            "One-sided p-value of being worse than the best by the margin or more, adjusted for "
            "the number of runs (Holm).",
            title="p (margin)",
            format="p_value",
            shown=True,
        ),
        Column(
            "near_best",
            "Whether the run is shown to be less than the margin below the best: that p-value is "
            "below 0.025, and test images are independent.",
            title="Within the margin",
            format="yes_no",
            shown=True,
        ),
        Column(
            "predict_ms_per_image",
            "Time to classify one image, from raw pixels to scores.",
            title="Prediction",
            unit="ms per image",
            format="quantity",
            shown=True,
        ),
        Column(
            "train_seconds",
            "Time from raw pixels to the fitted model, without tuning.",
            title="Training",
            unit="s",
            format="quantity",
            shown=True,
        ),
    ),
    optional=True,
)
ANSWERS = Table(
    "answers",
    "One row per best run of a family and target accuracy, if the run classifies only images on "
    "which it is confident enough. First seeds.",
    (
        RUN,
        FAMILY,
        Column("target", "The accuracy wanted on the classified images.", format="percent"),
        Column(
            "threshold",
            "Images with at least this confidence are classified: the lowest threshold that "
            "reaches the target on validation; empty if none does.",
            format="decimal",
            shown=True,
        ),
        Column(
            "coverage",
            "Share of the test images that are classified.",
            title="Classified",
            format="percent",
            shown=True,
        ),
        Column(
            "coverage_ci_low",
            "Lower end of the 95% interval (Wilson) of this share.",
            format="percent",
        ),
        Column(
            "coverage_ci_high",
            "Upper end of the 95% interval (Wilson) of this share.",
            format="percent",
        ),
        Column(
            "accuracy",
            "Share of these test images that are classified correctly; empty if there are none.",
            title="Accuracy on classified images",
            format="percent",
            shown=True,
        ),
        Column(
            "accuracy_ci_low",
            "Lower end of the 95% interval (Wilson) of the accuracy of the answers.",
            format="percent",
        ),
        Column(
            "accuracy_ci_high",
            "Upper end of the 95% interval (Wilson) of the accuracy of the answers.",
            format="percent",
        ),
        Column(
            "aurc",
            "Area under the risk-coverage curve: the share of errors, averaged over all coverages. "
            "Smaller is better.",
            title="AURC",
            format="decimal",
            shown=True,
        ),
    ),
    optional=True,
)
COVERAGE = Table(
    "coverage",
    "One row per point of the curve of each family's best run, on the test images, thinned.",
    (
        RUN,
        FAMILY,
        Column("coverage", "Share of the test images that is answered.", format="percent"),
        Column("accuracy", "Share of the answers that is right.", format="percent"),
        Column("threshold", "The confidence from which on is answered.", format="decimal"),
    ),
    optional=True,
)
TABLES = (DECISION, ANSWERS, COVERAGE)


def compute(study: Study) -> dict[str, pd.DataFrame]:
    """Return the tables ``decision``, ``answers`` and ``coverage``."""
    best = study.best.values()
    rows = {
        DECISION.name: _decision(study),
        ANSWERS.name: [row for run in best for row in answers(run, study.labels)],
        COVERAGE.name: [row for run in best for row in points(run, study.labels)],
    }
    return {
        table.name: pd.DataFrame(rows[table.name], columns=list(table.names)) for table in TABLES
    }


def _decision(study: Study) -> list[dict[str, Any]]:
    near = {each.run.name: each for each in near_best(study.runs, study.labels, study.aims.margin)}
    places: dict[str, tuple[int, float]] = {}
    if study.independent:
        for number, tier in enumerate(tiers(study.runs, study.labels), start=1):
            places |= {
                run.name: (number, p) for run, p in zip(tier.runs, tier.p_values, strict=True)
            }
    return [_row(run, places, near.get(run.name), study) for run in study.runs]


def _row(
    run: ScoredRun, places: dict[str, tuple[int, float]], near: NearBest | None, study: Study
) -> dict[str, Any]:
    tier, tier_p = places.get(run.name, (np.nan, np.nan))
    row = {
        "run": run.name,
        "family": run.family,
        "tier": tier,
        "tier_p": tier_p,
        "near_best": study.independent and (near is None or near.is_near),
        "predict_ms_per_image": run.mean("predict_ms_per_image"),
        "train_seconds": run.mean("train_seconds"),
    }
    if near is None:  # the best run itself
        return row | {"difference": 0.0}
    return row | {
        "difference": near.difference,
        "ci_low": near.interval.low,
        "ci_high": near.interval.high,
        "margin_p": near.p_value if study.independent else np.nan,
    }


def record(study: Study) -> dict[str, Any]:
    """Return the choice of the cheapest runs, and what the test set can show."""
    near = near_best(study.runs, study.labels, study.aims.margin)
    best = study.runs[0]
    on_its_device = [
        run
        for run in (best, *(each.run for each in near if each.is_near))
        if run.cards[0].device == best.cards[0].device
    ]
    cheapest = {
        f"cheapest_by_{what}": min(on_its_device, key=lambda run: run.mean(what)).name
        for what in ("predict_ms_per_image", "train_seconds")
    }
    return {
        "decision": {
            "best": best.name,
            "chosen_by": f"validation {study.labels.chosen_by}",
            "margin": study.aims.margin,
            "alpha": ALPHA,
            "independent_images": study.independent,
            **(cheapest if study.independent else {}),
            **_power(study),
        },
        "statistics": {
            "tiers": "not significantly worse than the tier's first run by validation, Holm 1979",
            "non_inferiority": "Tango 1998, one-sided at 2.5%, Holm 1979"
            if study.labels.chosen_by == "accuracy"
            else "stratified by class, Agresti and Min 2005, one-sided at 2.5%, Holm 1979",
        },
    }


def _power(study: Study) -> dict[str, Any]:
    """Return what the test set can show of the two best runs by validation, in accuracy."""
    if len(study.runs) < 2 or not study.independent:
        return {}
    first, second = study.runs[:2]
    counts = mcnemar(right(first, study.labels), right(second, study.labels))
    discordance = (counts.only_first + counts.only_second) / counts.n
    found = detectable_difference(counts.n, discordance)
    known = bool(np.isfinite(found))
    return {
        "pair": [first.name, second.name],
        "n": counts.n,
        "discordance": discordance,
        "power": POWER,
        "detectable": found if known else None,
        "images_for_half": int(images_needed(found / 2, discordance)) if known else None,
    }
