"""The best run of each family, and their comparison on the same test images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.analyses.labels import Labels
from pipeline.analyses.scored import ScoredRun
from pipeline.statistics.cross_validation import METHOD, FoldMean, fold_mean, wider
from pipeline.statistics.significance import McNemar, mcnemar

FAMILIES = ("classical", "deep", "hybrid")
FURTHER = (("hybrid", "deep"), ("hybrid", "classical"))
"""Pairs of families that are compared besides deep with classical."""
MCNEMAR = "exact McNemar, two-sided"
SCRATCH = "scratch_classical"
"""The comparison of networks that were trained from scratch with the classical runs."""


def families_best(runs: Sequence[ScoredRun]) -> dict[str, ScoredRun]:
    """Return the first run of each family; `runs` are sorted, the best on validation first."""
    best: dict[str, ScoredRun] = {}
    for family in FAMILIES:
        for run in runs:
            if run.family == family:
                best.setdefault(family, run)
    return best


def compare(first: ScoredRun, second: ScoredRun, labels: NDArray[np.integer]) -> McNemar:
    """Pair the first seeds of two runs, test image by test image."""
    return mcnemar(first.predicted[0]["test"] == labels, second.predicted[0]["test"] == labels)


def compare_over_folds(
    first: NDArray[np.number | np.bool_],
    second: NDArray[np.number | np.bool_],
    folds: NDArray[np.integer],
) -> FoldMean:
    """Compare two runs of a cross-validation, given (n,) how right each is on each test image."""
    return fold_mean(np.asarray(first, dtype=float) - np.asarray(second, dtype=float), folds)


def families_compared(
    best: Mapping[str, ScoredRun],
    families: tuple[str, str],
    labels: Labels,
    independent: bool,
) -> dict[str, Any] | None:
    """Compare the best runs of two families; None where one of them has no run.

    Args:
        best: family -> the run that stands for it.
        families: the two; differences are the first less the second. Their names are in the keys
            of the result: ``deep``, ``deep_seed``, ``deep_accuracy``, ``only_deep_right``.
        labels: of this study.
        independent: whether test images were drawn independently.
    """
    one, other = families
    if one not in best or other not in best:
        return None
    pair = compare(best[one], best[other], labels.test)
    interval, p_value = pair.interval(), pair.p_value
    method: dict[str, Any] = {"interval": "95%, Newcombe 1998, method 10, paired", "test": MCNEMAR}
    if labels.folds is not None:
        first, second = (best[each].predicted[0]["test"] == labels.test for each in families)
        corrected = compare_over_folds(first, second, labels.folds)
        interval = wider(interval, corrected.interval())
        p_value = max(p_value, corrected.p_value)
        method = {
            "interval": f"95%, {METHOD}, at least Newcombe 1998, method 10, paired",
            "test": f"{METHOD} and {MCNEMAR}, the larger p-value",
            "folds": len(np.unique(labels.folds)),
        }
    return {
        one: best[one].name,
        other: best[other].name,
        "chosen_by": f"validation {labels.chosen_by}",
        "independent_images": independent,
        f"{one}_seed": best[one].cards[0].seed,
        f"{other}_seed": best[other].cards[0].seed,
        "n": pair.n,
        f"{one}_accuracy": pair.first.value,
        f"{other}_accuracy": pair.second.value,
        "difference": pair.difference,
        "ci_low": interval.low,
        "ci_high": interval.high,
        "interval": method["interval"],
        "p_value": p_value,
        "test": method["test"],
        "both_right": pair.both,
        f"only_{one}_right": pair.only_first,
        f"only_{other}_right": pair.only_second,
        "neither_right": pair.neither,
        **{name: value for name, value in method.items() if name == "folds"},
    }


def further_comparisons(
    runs: Sequence[ScoredRun],
    best: Mapping[str, ScoredRun],
    labels: Labels,
    independent: bool,
) -> dict[str, dict[str, Any]]:
    """Compare further families: ``hybrid_deep``, ``hybrid_classical``, ``scratch_classical``.

    The last is there where the best network was pretrained: it compares the best network trained
    from scratch with the best classical run, under the keys of networks, ``deep_accuracy``.

    Args:
        runs: all runs, the best on the validation split first.
        best: family -> the run that stands for it.
        labels: of this study.
        independent: whether test images were drawn independently.
    """
    found = {
        "_".join(families): families_compared(best, families, labels, independent)
        for families in FURTHER
    }
    if "deep" in best and not best["deep"].on_these_images_alone:
        pair = {family: run for family, run in best.items() if family != "deep"}
        for run in reversed(runs):  # so that the best one is put there last
            if run.family == "deep" and run.on_these_images_alone:
                pair["deep"] = run
        found[SCRATCH] = families_compared(pair, ("deep", "classical"), labels, independent)
    return {name: each for name, each in found.items() if each is not None}
