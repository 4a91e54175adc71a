"""The test images that runs get wrong: the hardest ones, and those whose label may be wrong.

All of it uses the first seed of each run, because it needs one prediction per image. *The best
runs* are those that stand for their families, chosen by validation accuracy.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.analyses.scored import ScoredRun


@dataclass(frozen=True)
class ErrorImages:
    """Positions in the test split of *all* images of each kind, the most telling first.

    Ties stand in the order of the split.
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
    """What all runs, and the best ones, predict for each of n test images."""

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
    """Count what runs predict for each test image; `best` maps a family to its best run."""
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
    """Find images whose label looks wrong: a list to look at, not a proof.

    The rule: the best runs of all families, two at least, predict one and the same class, and it
    is not the label. Such images are ranked by the mean probability that these runs give to that
    class less the one that they give to the label, from the largest down.

    The idea is that of confident learning (C. Northcutt, L. Jiang, I. Chuang, "Confident Learning:
    Estimating Uncertainty in Dataset Labels", JAIR 70, 2021): models that never saw a label and are
    confident of another one point at errors in it. Their method counts a class as confidently
    predicted above a threshold of its own, the mean probability of the class over the images
    labeled with it, and estimates from such counts how often each class is labeled as each other
    one, and so how many labels are wrong. Here there are no thresholds and no estimate; the
    agreement of runs of different kinds takes their place. Images that are merely hard for all runs
    are listed as well.

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


def _only_right(votes: ImageVotes, one: str, other: str) -> NDArray[np.int64]:
    if one not in votes.best_predicted or other not in votes.best_predicted:
        return np.empty(0, dtype=np.int64)
    right = {f: votes.best_predicted[f] == votes.labels for f in (one, other)}
    found = np.flatnonzero(right[one] & ~right[other])
    return _falling(found, (votes.of_label(one) - votes.of_label(other))[found])


def _of_classes(
    probabilities: NDArray[np.float32], classes: NDArray[np.integer]
) -> NDArray[np.float64]:
    """Pick one of the (n, classes) probabilities of each image."""
    return probabilities[np.arange(len(classes)), classes].astype(np.float64)


def _falling(positions: NDArray[np.int64], values: NDArray[np.floating]) -> NDArray[np.int64]:
    """Order positions by their values, from the largest down; ties keep their order."""
    return positions[np.argsort(-values, kind="stable")]
