"""What the best runs of several families would reach together."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pipeline.evaluation.accuracy import Proportion
from pipeline.evaluation.pooling import fit_pool
from pipeline.evaluation.runs import Answers, ScoredRun
from pipeline.evaluation.significance import McNemar, mcnemar
from pipeline.results import COMBINATION_COLUMNS


@dataclass(frozen=True)
class Combination:
    """Several runs taken together, their first seeds, on the test images."""

    kind: str
    """``oracle``, ``mean`` or ``stack``."""
    families: tuple[str, ...]
    runs: tuple[ScoredRun, ...]
    best_single: ScoredRun
    """The best of `runs` by validation accuracy."""
    counts: McNemar
    """The combination, then `best_single`."""

    @property
    def accuracy(self) -> Proportion:
        """Of the combination."""
        return self.counts.first

    @property
    def p_value(self) -> float:
        """Exact McNemar against the best single run, not adjusted for the number of combinations.

        Not a number for an oracle, which cannot do worse than any of its runs.
        """
        return float("nan") if self.kind == "oracle" else self.counts.p_value


def combine(best: Mapping[str, ScoredRun], answers: Answers) -> list[Combination]:
    """Combine the runs that stand for their families, two and more of them.

    ``oracle`` counts images that at least one run gets right: a bound from above, which nobody
    reaches who does not know the label. ``mean`` takes the mean of the probabilities; nothing is
    fitted. ``stack`` weights the logarithms of the probabilities (`pooling`), one weight a run,
    fitted on the validation split. Classical runs' probabilities were made on that split too, and
    flatter on it, so that a stack may trust them more than they deserve.

    Args:
        best: family -> the run that stands for it, by validation accuracy.
        answers: labels of validation and test.
    """
    subsets = [
        families
        for size in range(2, len(best) + 1)
        for families in itertools.combinations(best, size)
    ]
    return [each for families in subsets for each in _combinations(families, best, answers)]


def _combinations(
    families: tuple[str, ...], best: Mapping[str, ScoredRun], answers: Answers
) -> list[Combination]:
    runs = tuple(best[family] for family in families)
    labels = np.asarray(answers.labels["test"])
    right = [run.predicted[0]["test"] == labels for run in runs]
    single = max(range(len(runs)), key=lambda index: runs[index].accuracy("validation").value)
    together = {
        "oracle": np.any(right, axis=0),
        "mean": mean_prediction([run.probabilities["test"] for run in runs]) == labels,
        "stack": _stacked(runs, np.asarray(answers.labels["validation"])) == labels,
    }
    return [
        Combination(kind, families, runs, runs[single], mcnemar(correct, right[single]))
        for kind, correct in together.items()
    ]


def mean_prediction(probabilities: Sequence[NDArray[np.floating]]) -> NDArray[np.int64]:
    """Return (n,): the class with the largest mean over the (n, classes) probabilities of runs."""
    return np.mean(probabilities, axis=0, dtype=np.float64).argmax(axis=1)


def _stacked(runs: Sequence[ScoredRun], labels: NDArray[np.integer]) -> NDArray[np.int64]:
    """Return (n,) classes of the test images, with weights fitted on validation `labels`."""
    pool = fit_pool([run.probabilities["validation"] for run in runs], labels)
    return pool.predict([run.probabilities["test"] for run in runs])


def combinations_table(best: Mapping[str, ScoredRun], answers: Answers) -> pd.DataFrame:
    """One row a combination, columns `COMBINATION_COLUMNS`; empty where there is one family."""
    rows = []
    for each in combine(best, answers):
        interval = each.accuracy.interval()
        rows.append(
            (
                each.kind,
                "+".join(each.families),
                "+".join(run.name for run in each.runs),
                each.accuracy.n,
                each.accuracy.value,
                interval.low,
                interval.high,
                each.best_single.name,
                each.counts.difference,
                each.p_value,
            )
        )
    return pd.DataFrame(rows, columns=list(COMBINATION_COLUMNS))
