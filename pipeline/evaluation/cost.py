"""What each run costs beside what it reaches, and which runs nothing beats on both.

Seconds are those of the machine that a card names; multiply-adds belong to the method alone. They
are products of two numbers on the way from pixels to scores, in inference and by the method's
definition: of networks those of kernels and inputs (`pipeline.deep.cost`), of extractors and
classifiers what `Extractor.multiply_adds` and `pipeline.classical.run.cost` count. The vote of a
pixel and a product in a convolution count alike, though a processor is much faster at the latter.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pipeline.evaluation.runs import ScoredRun
from pipeline.results import COST_COLUMNS
from pipeline.storage.runs import Card


def cost_table(runs: Sequence[ScoredRun]) -> pd.DataFrame:
    """One row a run, columns `COST_COLUMNS`.

    Frontiers are described here, and nothing is chosen by them: so they go by test accuracy. Those
    of seconds are drawn for each device apart, for seconds of two machines compare the machines.
    """
    table = pd.DataFrame([_costs(run) for run in runs])
    one_place = np.zeros(len(table), dtype=int)
    devices = pd.factorize(table["device"])[0]
    for name, cost, group in (
        ("frontier_train", "train_seconds", devices),
        ("frontier_predict", "predict_ms_per_image", devices),
        ("frontier_multiply_adds", "multiply_adds", one_place),
        ("frontier_parameters", "parameters", one_place),
    ):
        accuracy, costs = table["test_accuracy"].to_numpy(), table[cost].to_numpy(dtype=float)
        table[name] = on_frontier(accuracy, costs, group)
    return table[list(COST_COLUMNS)]


def on_frontier(
    accuracy: NDArray[np.floating], cost: NDArray[np.floating], group: NDArray[np.integer]
) -> NDArray[np.bool_]:
    """Tell which runs are on the accuracy-cost frontier of their group (Pareto's).

    A run is on it if no other of its group has at least its accuracy for at most its cost, one of
    the two strictly better. Equal runs are all on it, or none is.

    Args:
        accuracy: (n,), the larger the better.
        cost: (n,), the smaller the better. A run of unknown cost (NaN) is not on the frontier, and
            keeps none off it.
        group: (n,); runs of different groups are not compared.
    """
    at_least = accuracy >= accuracy[:, None]  # column j against row i
    at_most = cost <= cost[:, None]
    better = (accuracy > accuracy[:, None]) | (cost < cost[:, None])
    beaten = at_least & at_most & better & (group == group[:, None])
    return ~beaten.any(axis=1) & ~np.isnan(cost)


def _costs(run: ScoredRun) -> dict[str, object]:
    predict_ms = run.mean("predict_ms_per_image")
    return {
        "run": run.name,
        "family": run.family,
        "test_accuracy": run.accuracy("test").value,
        "train_seconds": run.mean("train_seconds"),
        "tuning_seconds": sum(card.tuning_seconds for card in run.cards),
        "stage_seconds": sum(card.stage_seconds for card in run.cards),
        "predict_ms_per_image": predict_ms,
        "images_per_second": 1000 / predict_ms if predict_ms > 0 else math.nan,
        "parameters": round(run.mean("parameters")),
        "model_bytes": run.model_bytes,
        "multiply_adds": _multiply_adds(run.cards),
        "peak_memory_mb": max(card.peak_memory_mb for card in run.cards),
        "device": "; ".join(dict.fromkeys(card.device for card in run.cards)),
    }


def _multiply_adds(cards: Sequence[Card]) -> float:
    """Return the mean over seeds, whose support vectors differ; NaN where a card has none."""
    return float(np.mean([card.notes.get("multiply_adds", math.nan) for card in cards]))
