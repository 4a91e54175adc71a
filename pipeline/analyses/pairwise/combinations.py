"""What the best runs of several families would reach together."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from pipeline.analyses.families import compare_over_folds
from pipeline.analyses.labels import Labels
from pipeline.analyses.scored import ScoredRun
from pipeline.statistics.cross_validation import fold_mean
from pipeline.statistics.pooling import fit_pool
from pipeline.statistics.proportions import Proportion
from pipeline.statistics.significance import McNemar, mcnemar


@dataclass(frozen=True)
class Combination:
    """Several runs taken together, their first seeds, on the test images."""

    kind: str
    """``oracle``, ``mean`` or ``stack``."""
    families: tuple[str, ...]
    runs: tuple[ScoredRun, ...]
    best_single: ScoredRun
    """The best of `runs` on the validation split."""
    counts: McNemar
    """The combination, then `best_single`."""
    least_p: float = 0.0
    """With folds, the p-value of the corrected test, which `p_value` is at least."""
    effective_n: float | None = None
    """As in `Proportion`."""

    @property
    def accuracy(self) -> Proportion:
        """Of the combination."""
        return replace(self.counts.first, effective_n=self.effective_n)

    @property
    def p_value(self) -> float:
        """Exact McNemar against the best single run, not adjusted for the number of combinations.

        NaN for an oracle, which cannot do worse than any of its runs.
        """
        return float("nan") if self.kind == "oracle" else max(self.counts.p_value, self.least_p)


def combine(best: Mapping[str, ScoredRun], labels: Labels) -> list[Combination]:
    """Combine the runs that stand for their families, two and more of them.

    ``oracle`` counts images that at least one run gets right: an upper bound, which cannot be
    reached without knowing the label. ``mean`` takes the mean of the probabilities; nothing is
    fitted. ``stack`` weights the logarithms of the probabilities (`pipeline.statistics.pooling`),
    one weight per run, fitted on the validation split. The probabilities of classical runs were
    calibrated on that split too, and are optimistic on it, so that a stack may trust them more than
    it should.

    Args:
        best: family -> the run that stands for it.
        labels: of validation and test.
    """
    subsets = [
        families
        for size in range(2, len(best) + 1)
        for families in itertools.combinations(best, size)
    ]
    return [each for families in subsets for each in _combinations(families, best, labels)]


def _combinations(
    families: tuple[str, ...], best: Mapping[str, ScoredRun], labels: Labels
) -> list[Combination]:
    runs = tuple(best[family] for family in families)
    right = [run.predicted[0]["test"] == labels.test for run in runs]
    single = max(range(len(runs)), key=lambda index: runs[index].merit(labels))
    together = {
        "oracle": np.any(right, axis=0),
        "mean": mean_prediction([run.probabilities["test"] for run in runs]) == labels.test,
        "stack": _stacked(runs, labels) == labels.test,
    }
    return [
        Combination(
            kind,
            families,
            runs,
            runs[single],
            mcnemar(correct, right[single]),
            *_over_folds(correct, right[single], labels),
        )
        for kind, correct in together.items()
    ]


def _over_folds(
    right: NDArray[np.bool_], single: NDArray[np.bool_], labels: Labels
) -> tuple[float, float | None]:
    """Return the corrected p-value and the effective number of images; 0 and None without folds."""
    if labels.folds is None:
        return 0.0, None
    p_value = compare_over_folds(right, single, labels.folds).p_value
    return p_value, fold_mean(right, labels.folds).effective_images(len(right))


def mean_prediction(probabilities: Sequence[NDArray[np.floating]]) -> NDArray[np.int64]:
    """Return (n,): the class with the largest mean over the (n, classes) probabilities of runs."""
    return np.mean(probabilities, axis=0, dtype=np.float64).argmax(axis=1)


def _stacked(runs: Sequence[ScoredRun], labels: Labels) -> NDArray[np.int64]:
    """Return (n,) classes of the test images, with weights fitted on validation images.

    With folds, the weights for a fold are fitted on the images of the others.
    """
    validation = [run.probabilities["validation"] for run in runs]
    test = [run.probabilities["test"] for run in runs]
    if labels.folds is None:
        return fit_pool(validation, labels.validation).predict(test)
    predicted = np.empty(len(labels.test), dtype=np.int64)
    for fold in np.unique(labels.folds):
        here = labels.folds == fold
        pool = fit_pool([each[~here] for each in validation], labels.validation[~here])
        predicted[here] = pool.predict([each[here] for each in test])
    return predicted
