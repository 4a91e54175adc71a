"""Do two runs make the same errors? Their first seeds, on the same test images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pipeline.evaluation.runs import Answers, ScoredRun
from pipeline.results import AGREEMENT_COLUMNS


@dataclass(frozen=True)
class Agreement:
    """Two runs on n images; all but `kappa` are shares in [0, 1]."""

    agreement: float
    """Both name the same class, right or wrong."""
    kappa: float
    """Agreement beyond chance, in [-1, 1]; not a number where chance alone makes them agree."""
    both_right: float
    oracle: float
    """At least one is right: no rule that goes by these two predictions alone can do better."""
    error_overlap: float
    """Of the images that at least one gets wrong, those that both do; not a number where neither
    ever errs."""


def agree(
    first: NDArray[np.integer],
    second: NDArray[np.integer],
    labels: NDArray[np.integer],
    n_classes: int,
) -> Agreement:
    """Hold two runs against each other and against the labels.

    Args:
        first: (n,) predicted classes of one run, in [0, n_classes).
        second: (n,) of the other.
        labels: (n,) of the same images.
        n_classes: number of classes.
    """
    n = len(labels)
    first_right, second_right = first == labels, second == labels
    same = np.count_nonzero(first == second) / n
    one, other = (np.bincount(each, minlength=n_classes) / n for each in (first, second))
    both = np.count_nonzero(first_right & second_right)
    either = np.count_nonzero(first_right | second_right)
    return Agreement(
        agreement=same,
        kappa=_cohens_kappa(same, float(one @ other)),
        both_right=both / n,
        oracle=either / n,
        error_overlap=(n - either) / (n - both) if both < n else float("nan"),
    )


def _cohens_kappa(observed: float, by_chance: float) -> float:
    """Return Cohen's kappa (Educational and Psychological Measurement 20, 1960, 37-46)."""
    return (observed - by_chance) / (1 - by_chance) if by_chance < 1 else float("nan")


def agreement_table(runs: Sequence[ScoredRun], answers: Answers) -> pd.DataFrame:
    """One row a pair, in the order of `runs`, columns `AGREEMENT_COLUMNS`."""
    labels, n_classes = np.asarray(answers.labels["test"]), len(answers.class_names)
    rows = []
    for first, second in combinations(runs, 2):
        found = agree(first.predicted[0]["test"], second.predicted[0]["test"], labels, n_classes)
        rows.append(
            (
                first.name,
                second.name,
                found.agreement,
                found.kappa,
                found.both_right,
                found.oracle,
                found.error_overlap,
            )
        )
    return pd.DataFrame(rows, columns=list(AGREEMENT_COLUMNS))
