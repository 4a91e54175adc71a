"""``sample_size.csv``, ``sample_size_crossings.csv`` and ``sample_size_forms.csv``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from pipeline.analyses.columns import FAMILY, RUN
from pipeline.analyses.sample_size.crossings import crossing_rows
from pipeline.analyses.sample_size.doubling import form_rows
from pipeline.analyses.sized_runs import SizedRun
from pipeline.analyses.study import Study
from pipeline.statistics.draws import RESAMPLES, resampled_draws
from pipeline.storage.columns import Column, Table

_INTERVAL = (
    "end of the 95% interval: a bootstrap over draws of the training images and over test images."
)

TABLES = (
    Table(
        "sample_size",
        "One row per run and number of training images, over all draws.",
        (
            RUN,
            FAMILY,
            Column("images", "Training images.", title="Training images", format="count"),
            Column("draws", "How often they were drawn, and the run trained.", format="count"),
            Column(
                "accuracy",
                "Share of the test images that are classified correctly, the mean over draws.",
                format="percent",
            ),
            Column("ci_low", f"Lower {_INTERVAL}", format="percent"),
            Column("ci_high", f"Upper {_INTERVAL}", format="percent"),
            Column(
                "draw_std",
                "Sample standard deviation of the accuracy over draws, each of which has images "
                "and a seed of its own. With all images, draws differ in their seeds alone.",
                format="points",
            ),
            Column(
                "validation_accuracy",
                "The same share of the validation images, which choices are made on.",
                format="percent",
            ),
            Column(
                "train_seconds",
                "Time of a training, from pixels to the fitted model; the mean over draws.",
                unit="s",
                format="quantity",
            ),
            Column(
                "tuning_seconds",
                "Time of the search for options before each training; the mean over draws.",
                unit="s",
                format="quantity",
            ),
            Column(
                "steps",
                "Steps of the optimizer in a training of a network; 0 for other runs.",
                format="count",
            ),
            Column(
                "passes",
                "How often an epoch of a network goes over its images; 1 for other runs.",
                format="count",
            ),
            Column(
                "diverged",
                "Trainings that diverged; they count as always predicting the most common class.",
                format="count",
            ),
        ),
        optional=True,
    ),
    Table(
        "sample_size_crossings",
        "One row per network or hybrid run: from how many training images on it is ahead of the "
        "best classical run.",
        (
            RUN,
            FAMILY,
            Column("against", "The best classical run on the validation split.", format="text"),
            Column(
                "chosen",
                "best deep: the best network on the validation split, trained on the most images; "
                "best deep from scratch: the best without pretrained weights; empty: neither.",
                format="text",
            ),
            Column(
                "images",
                "Training images from which on the run is ahead, interpolated between sizes in the "
                "logarithm; 0 if it is ahead at all sizes, inf if it is not at the largest.",
                format="number",
            ),
            Column("ci_low", f"Lower {_INTERVAL} 0: below all sizes.", format="number"),
            Column("ci_high", f"Upper {_INTERVAL} inf: above all sizes.", format="number"),
            Column(
                "never",
                "Share of the resamples in which the run is not ahead at the largest size.",
                format="percent",
            ),
            Column(
                "always",
                "Share of the resamples in which it is ahead at all sizes.",
                format="percent",
            ),
            Column(
                "several",
                "Share of the resamples in which the two curves cross more than once.",
                format="percent",
            ),
        ),
        optional=True,
    ),
    Table(
        "sample_size_forms",
        "One row per run and form of its learning curve: what twice as many images would give. "
        "The first of a run is the one that best predicts the largest size from the others.",
        (
            RUN,
            FAMILY,
            Column("form", "The form that was fitted to the error.", format="text"),
            Column("images", "The largest number of training images.", format="count"),
            Column("error", "Share of wrong predictions there, measured.", format="percent"),
            Column("fitted_error", "The same, by the form.", format="percent"),
            Column(
                "slope",
                "Change of the error per doubling of the images there: the tangent of the form.",
                format="points",
            ),
            Column("gain", "By how much the error falls at twice as many images.", format="points"),
            Column("gain_low", f"Lower {_INTERVAL}", format="points"),
            Column("gain_high", f"Upper {_INTERVAL}", format="points"),
            Column(
                "missed",
                "Error at the largest size, less what the form fitted to the other sizes says.",
                format="points",
            ),
            Column(
                "fits",
                "Whether that is at most twice the standard error of the error.",
                format="yes_no",
            ),
            Column(
                "ill_behaved",
                "Why the curve is not extrapolated; empty if it is.",
                format="text",
            ),
        ),
        optional=True,
    ),
)


def compute(study: Study) -> dict[str, pd.DataFrame]:
    """Return the tables; none where no run was trained on parts of the training images."""
    if not study.sized:
        return {}
    rows = {
        "sample_size": [row for run in study.sized for row in _rows(run, study.seed)],
        "sample_size_crossings": crossing_rows(study.sized, study.seed),
        "sample_size_forms": [row for run in study.sized for row in form_rows(run, study.seed)],
    }
    return {
        table.name: pd.DataFrame(rows[table.name], columns=list(table.names)) for table in TABLES
    }


def record(study: Study) -> dict[str, Any]:
    """Return what ``study.json`` says under ``sample_size``: how runs were trained."""
    if not study.sized:
        return {}
    card = study.sized[0].card
    return {
        "sample_size": {
            "sizes": list(card.sizes),
            "draws": card.draws,
            "steps": {run.name: run.card.steps for run in study.sized if run.family == "deep"},
            "resamples": RESAMPLES,
            "tuned": [run.name for run in study.sized if run.card.tuned],
            "changes": {run.name: run.card.changes for run in study.sized if run.card.changes},
            "refitted": sorted({name for run in study.sized for name in run.card.refitted}),
            "pretrained": [run.name for run in study.sized if run.pretrained],
        }
    }


def _rows(run: SizedRun, seed: int) -> Iterator[dict[str, Any]]:
    found = resampled_draws(run.right["test"], seed)
    accuracy, validation = run.accuracy("test"), run.accuracy("validation")
    trainings = np.array(run.card.trainings, dtype=object).reshape(accuracy.shape)
    for index, size in enumerate(run.card.sizes):
        interval = found.interval(index)
        here = trainings[index]
        yield {
            "run": run.name,
            "family": run.family,
            "images": size,
            "draws": run.card.draws,
            "accuracy": found.means[index],
            "ci_low": max(0.0, interval.low),
            "ci_high": min(1.0, interval.high),
            "draw_std": accuracy[index].std(ddof=1),
            "validation_accuracy": validation[index].mean(),
            "train_seconds": np.mean([each.seconds for each in here]),
            "tuning_seconds": np.mean([each.tuning_seconds for each in here]),
            "steps": round(np.mean([each.steps for each in here])),
            "passes": here[0].passes,
            "diverged": sum(each.diverged for each in here),
        }
