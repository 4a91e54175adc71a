"""``cost.csv``: what each run costs for the accuracy that it reaches, one row per run.

Seconds are those of the machine that a card names; multiply-adds are a property of the method
alone. They are the products of two numbers between pixels and scores, in inference and by the
method's definition: of networks those of kernels and inputs (`pipeline.deep.cost`), of extractors
and classifiers what `Extractor.multiply_adds` and `pipeline.classical.run.cost` count. The vote of
a pixel and a product in a convolution count the same, though a processor computes the latter much
faster.

Pareto frontiers are descriptive, and nothing is chosen by them; so they use test accuracy. Those of
seconds are computed for each device separately, because times from two machines compare the
machines.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pandas as pd

from pipeline.analyses.scored import ScoredRun
from pipeline.analyses.study import Study
from pipeline.statistics.frontier import on_frontier
from pipeline.storage.columns import Column, Table


def compute(study: Study) -> dict[str, pd.DataFrame]:
    """Return the table ``cost``."""
    (table,) = TABLES
    return {table.name: study.rows(table)}


def _train_seconds(run: ScoredRun, study: Study) -> float:
    return run.mean("train_seconds")


def _predict_ms(run: ScoredRun, study: Study) -> float:
    return run.mean("predict_ms_per_image")


def _tta_ms(run: ScoredRun, study: Study) -> float:
    return float(np.mean([card.notes.get("tta_ms_per_image", math.nan) for card in run.cards]))


def _images_per_second(run: ScoredRun, study: Study) -> float:
    milliseconds = _predict_ms(run, study)
    return 1000 / milliseconds if milliseconds > 0 else math.nan


def _parameters(run: ScoredRun, study: Study) -> int:
    return round(run.mean("parameters"))


def _multiply_adds(run: ScoredRun, study: Study) -> float:
    """Mean over seeds, whose support vectors differ; NaN where a card has none."""
    return float(np.mean([card.notes.get("multiply_adds", math.nan) for card in run.cards]))


def _device(run: ScoredRun, study: Study) -> str:
    return "; ".join(dict.fromkeys(card.device for card in run.cards))


def _no_device(run: ScoredRun, study: Study) -> str:
    return ""


def _frontier(
    cost: Callable[[ScoredRun, Study], float], group: Callable[[ScoredRun, Study], str]
) -> Callable[[ScoredRun, Study], bool]:
    """Return what tells whether a run is on the frontier of a cost within its group."""

    def value(run: ScoredRun, study: Study) -> bool:
        groups = pd.factorize(np.array([group(each, study) for each in study.runs], dtype=object))
        found = on_frontier(
            np.array([each.accuracy("test").value for each in study.runs]),
            np.array([cost(each, study) for each in study.runs], dtype=float),
            groups[0],
        )
        return bool(found[[each.name for each in study.runs].index(run.name)])

    return value


TABLES = (
    Table(
        "cost",
        "One row per run, sorted by validation accuracy. Times are end to end, from raw pixels; "
        "means over seeds, unless a column says otherwise.",
        (
            Column(
                "run",
                "The name of the run in params.yaml.",
                format="text",
                value=lambda run, study: run.name,
            ),
            Column(
                "family",
                "classical, deep or hybrid.",
                format="text",
                value=lambda run, study: run.family,
            ),
            Column(
                "test_accuracy",
                "Share of the test images that are classified correctly.",
                format="percent",
                value=lambda run, study: run.accuracy("test").value,
            ),
            Column(
                "train_seconds",
                "Time from raw pixels to the fitted model, including feature extraction, without "
                "tuning and the learning curve.",
                title="Training",
                unit="s",
                format="quantity",
                value=_train_seconds,
                metric=True,
                shown=True,
            ),
            Column(
                "tuning_seconds",
                "Time of the search for options. A sum over seeds: a run is tuned once.",
                title="Tuning",
                unit="s",
                format="quantity",
                value=lambda run, study: sum(card.tuning_seconds for card in run.cards),
                shown=True,
            ),
            Column(
                "stage_seconds",
                "Time of the run's own stage, with tuning, the learning curve, all predictions and "
                "saving; the sum over seeds. It can be less than the training time, which includes "
                "features that another stage extracted.",
                title="Whole stage",
                unit="s",
                format="quantity",
                value=lambda run, study: sum(card.stage_seconds for card in run.cards),
                shown=True,
            ),
            Column(
                "predict_ms_per_image",
                "Time to classify one image, from raw pixels to scores.",
                title="Prediction",
                unit="ms per image",
                format="quantity",
                value=_predict_ms,
                metric=True,
                shown=True,
            ),
            Column(
                "tta_ms_per_image",
                "Time to classify one image with test-time augmentation, all views together, from "
                "raw pixels to scores; empty for runs without it.",
                title="Prediction with test-time augmentation",
                unit="ms per image",
                format="quantity",
                value=_tta_ms,
                optional=True,
            ),
            Column(
                "images_per_second",
                "Images classified per second, from raw pixels to scores.",
                format="quantity",
                value=_images_per_second,
            ),
            Column(
                "parameters",
                "Stored numbers that are used to predict, including those of feature extractors.",
                format="count",
                value=_parameters,
                shown=True,
            ),
            Column(
                "model_bytes",
                "Size of the model file of the first seed, including its feature extractors.",
                title="Model size",
                unit="bytes",
                format="count",
                value=lambda run, study: run.model_bytes,
                shown=True,
            ),
            Column(
                "multiply_adds",
                "Multiply-adds of one image, from pixels to scores; empty where they are unknown.",
                title="Multiply-adds",
                format="count",
                value=_multiply_adds,
                shown=True,
            ),
            Column(
                "peak_memory_mb",
                "Peak memory of the stage, the maximum over seeds, in units of 10^6 bytes.",
                title="Peak memory",
                unit="MB",
                format="quantity",
                value=lambda run, study: max(card.peak_memory_mb for card in run.cards),
                shown=True,
            ),
            Column(
                "device",
                "What the run was computed on.",
                format="text",
                value=_device,
            ),
            Column(
                "frontier_train",
                "On the Pareto frontier of test accuracy and training time on its device: no "
                "other run is at least as accurate in at most the time, and better in one of "
                "the two.",
                title="Pareto: training",
                format="yes_no",
                value=_frontier(_train_seconds, _device),
            ),
            Column(
                "frontier_predict",
                "On the Pareto frontier of test accuracy and prediction time on its device.",
                title="Pareto: prediction",
                format="yes_no",
                value=_frontier(_predict_ms, _device),
            ),
            Column(
                "frontier_multiply_adds",
                "On the Pareto frontier of test accuracy and multiply-adds.",
                title="Pareto: multiply-adds",
                format="yes_no",
                value=_frontier(_multiply_adds, _no_device),
            ),
            Column(
                "frontier_parameters",
                "On the Pareto frontier of test accuracy and parameters.",
                title="Pareto: parameters",
                format="yes_no",
                value=_frontier(_parameters, _no_device),
            ),
        ),
    ),
)
