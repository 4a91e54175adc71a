"""The test images that runs get wrong: which are hardest, for whom, and whose label may be wrong.

All of it takes the first seed of each run, because it needs one prediction an image. *The best
runs* are those that stand for their families, chosen by validation accuracy.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pipeline.evaluation.confusion import confusion_counts, most_confused
from pipeline.evaluation.runs import Answers, ScoredRun
from pipeline.results import CONFUSED_PAIR_COLUMNS, ERROR_COLUMNS

COUNT = 12
"""Images of each kind."""
PAIRS = 10
"""Pairs of classes of each family's best run."""


@dataclass(frozen=True)
class ErrorImages:
    """Positions in the test split of *all* images of each kind, the most telling first.

    Equal images stand in the order of the split.
    """

    hardest: NDArray[np.int64]
    """Images that some run gets wrong: those that the fewest get right first, of equal ones those
    whose label has the lower probability, the mean over all runs."""
    only_classical: NDArray[np.int64]
    """Images that the best classical run gets right and the best network wrong, by the probability
    of the label that the one gives less that of the other, from the largest down."""
    only_deep: NDArray[np.int64]
    """The reverse."""
    label_suspect: NDArray[np.int64]
    """Images whose label looks wrong: see `suspect_labels`."""

    def kinds(self) -> dict[str, NDArray[np.int64]]:
        """Return kind -> positions."""
        return dict(vars(self))


@dataclass(frozen=True)
class ImageVotes:
    """What all runs, and the best ones, say of each of n test images."""

    labels: NDArray[np.integer]
    """(n,)."""
    runs_right: NDArray[np.int64]
    """(n,): how many runs get it right."""
    runs: int
    label_probability: NDArray[np.float64]
    """(n,): of the label, mean over all runs."""
    best_predicted: Mapping[str, NDArray[np.int64]]
    """family -> (n,) classes predicted by its best run."""
    best_probabilities: Mapping[str, NDArray[np.float32]]
    """family -> (n, classes)."""

    def best_label_probability(self) -> NDArray[np.float64]:
        """(n,): of the label, mean over the best runs."""
        return np.mean([self.of_label(family) for family in self.best_probabilities], axis=0)

    def of_label(self, family: str) -> NDArray[np.float64]:
        """(n,): the probability that a family's best run gives to the label."""
        return _of_classes(self.best_probabilities[family], self.labels)


def image_votes(
    runs: Sequence[ScoredRun], best: Mapping[str, ScoredRun], labels: NDArray[np.integer]
) -> ImageVotes:
    """Count what runs say of each test image; `best` is family -> the run that stands for it."""
    return ImageVotes(
        labels=labels,
        runs_right=np.sum([run.predicted[0]["test"] == labels for run in runs], axis=0),
        runs=len(runs),
        label_probability=np.mean(
            [_of_classes(run.probabilities["test"], labels) for run in runs], axis=0
        ),
        best_predicted={family: run.predicted[0]["test"] for family, run in best.items()},
        best_probabilities={family: run.probabilities["test"] for family, run in best.items()},
    )


def error_images(votes: ImageVotes) -> ErrorImages:
    """Choose and order the images of each kind; without both families, none is of one alone."""
    wrong = np.flatnonzero(votes.runs_right < votes.runs)
    order = np.lexsort((votes.label_probability[wrong], votes.runs_right[wrong]))
    return ErrorImages(
        hardest=wrong[order],
        only_classical=_only_right(votes, "classical", "deep"),
        only_deep=_only_right(votes, "deep", "classical"),
        label_suspect=suspect_labels(votes),
    )


def suspect_labels(votes: ImageVotes) -> NDArray[np.int64]:
    """Find images whose label looks wrong: a list to look at, and no proof.

    The rule: the best runs of all families, two at least, predict one and the same class, and it
    is not the label. Such images are ranked by the mean probability that these runs give to that
    class less the one that they give to the label, from the largest down.

    The idea is that of confident learning (C. Northcutt, L. Jiang, I. Chuang, "Confident Learning:
    Estimating Uncertainty in Dataset Labels", JAIR 70, 2021): models that never saw a label and are
    sure of another one point at errors in it. Theirs counts a class as confidently predicted from a
    threshold of its own on, the mean probability of the class over the images that bear it, and
    estimates from such counts how often each class is labelled as each other one, and so how many
    labels are wrong. Here are no thresholds and no estimate; that runs of different kinds agree
    takes their place. Images that are merely hard for all runs are in the list as well.

    Returns:
        (m,) positions.
    """
    families = list(votes.best_predicted)
    if len(families) < 2:
        return np.empty(0, dtype=np.int64)
    other = votes.best_predicted[families[0]]
    agreed = other != votes.labels
    for family in families[1:]:
        agreed &= votes.best_predicted[family] == other
    found = np.flatnonzero(agreed)
    mean = np.mean(
        [_of_classes(each[found], other[found]) for each in votes.best_probabilities.values()],
        axis=0,
    )
    return _falling(found, mean - votes.best_label_probability()[found])


def errors_table(votes: ImageVotes, found: ErrorImages, answers: Answers) -> pd.DataFrame:
    """One row an image, columns `ERROR_COLUMNS`: the first `COUNT` of each kind, ranks from 1.

    Where a family has no run, its prediction is empty.
    """
    ids, names = np.asarray(answers.ids["test"]), answers.class_names
    probability = votes.best_label_probability()
    rows = []
    for kind, positions in found.kinds().items():
        for rank, position in enumerate(positions[:COUNT], start=1):
            predicted = {
                family: names[classes[position]] for family, classes in votes.best_predicted.items()
            }
            rows.append(
                (
                    kind,
                    rank,
                    int(ids[position]),
                    f"samples/{ids[position]}.png",
                    names[votes.labels[position]],
                    predicted.get("classical", ""),
                    predicted.get("deep", ""),
                    int(votes.runs_right[position]),
                    votes.runs,
                    float(probability[position]),
                )
            )
    return pd.DataFrame(rows, columns=list(ERROR_COLUMNS))


def error_counts(votes: ImageVotes, found: ErrorImages) -> dict[str, int]:
    """Count the images of each kind in the whole test split, for ``study.json``."""
    return {
        "images": len(votes.labels),
        "runs": votes.runs,
        "every_run_right": int(np.count_nonzero(votes.runs_right == votes.runs)),
        "no_run_right": int(np.count_nonzero(votes.runs_right == 0)),
        "only_classical_right": len(found.only_classical),
        "only_deep_right": len(found.only_deep),
        "label_suspect": len(found.label_suspect),
    }


def confused_pairs_table(best: Mapping[str, ScoredRun], answers: Answers) -> pd.DataFrame:
    """The `PAIRS` most confused pairs of each best run, columns `CONFUSED_PAIR_COLUMNS`.

    Counts are summed over seeds; a pair stands once, its classes in the order of the dataset, and
    pairs that are never confused are left out.
    """
    labels, names = np.asarray(answers.labels["test"]), answers.class_names
    rows = []
    for family, run in best.items():
        counts = sum(confusion_counts(e["test"], labels, len(names)) for e in run.predicted)
        for pair in most_confused(np.asarray(counts), PAIRS):
            classes = (names[pair.first], names[pair.second])
            rows.append(
                (run.name, family, *classes, pair.first_as_second, pair.second_as_first, pair.share)
            )
    return pd.DataFrame(rows, columns=list(CONFUSED_PAIR_COLUMNS))


def _only_right(votes: ImageVotes, one: str, other: str) -> NDArray[np.int64]:
    if one not in votes.best_predicted or other not in votes.best_predicted:
        return np.empty(0, dtype=np.int64)
    right = {f: votes.best_predicted[f] == votes.labels for f in (one, other)}
    found = np.flatnonzero(right[one] & ~right[other])
    return _falling(found, (votes.of_label(one) - votes.of_label(other))[found])


def _of_classes(
    probabilities: NDArray[np.float32], classes: NDArray[np.integer]
) -> NDArray[np.float64]:
    """Pick one of (n, classes) probabilities an image."""
    return probabilities[np.arange(len(classes)), classes].astype(np.float64)


def _falling(positions: NDArray[np.int64], values: NDArray[np.floating]) -> NDArray[np.int64]:
    """Order positions by their values, from the largest down; equal ones keep their order."""
    return positions[np.argsort(-values, kind="stable")]
