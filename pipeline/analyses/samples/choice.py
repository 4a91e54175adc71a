"""The sample images that the report shows: a handful to look at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.sampling import stratified_order


@dataclass(frozen=True)
class Samples:
    """Positions in the test split, each image once."""

    drawn: NDArray[np.int64]
    """A stratified draw: what the test set looks like."""
    disagreeing: NDArray[np.int64]
    """Images that the given predictions do not agree on: interesting, but not representative."""


def choose_samples(
    labels: NDArray[np.integer],
    predictions: Sequence[NDArray[np.integer]],
    seed: int,
    count: int = 12,
) -> Samples:
    """Choose half the images by a stratified draw, half where predictions disagree.

    Args:
        labels: (n,) labels of the test split.
        predictions: (n,) predicted classes, of the best run of each family; with one alone, the
            images that it got wrong stand for the disagreement.
        seed: the same seed and arrays give the same images.
        count: images in all; fewer where the split is smaller or all agree.
    """
    order = stratified_order(labels, seed)
    drawn = order[: (count + 1) // 2]
    others = predictions[1:] if len(predictions) > 1 else [np.asarray(labels)]
    differ = np.zeros(len(labels), dtype=bool)
    for other in others:
        differ |= predictions[0] != other
    differ[drawn] = False
    candidates = np.flatnonzero(differ)
    order = _class_by_class(labels[candidates], seed, seen=labels[drawn])
    chosen = candidates[order[: count // 2]]
    return Samples(_by_class(drawn, labels), _by_class(chosen, labels))


def _class_by_class(
    labels: NDArray[np.integer], seed: int, seen: NDArray[np.integer]
) -> NDArray[np.int64]:
    """Order images so that classes take turns, those that were `seen` least going first."""
    shuffled = np.random.default_rng(seed).permutation(len(labels))
    turn = np.empty(len(labels), dtype=np.int64)
    for label in np.unique(labels):
        members = shuffled[labels[shuffled] == label]
        turn[members] = np.arange(len(members)) + np.count_nonzero(seen == label)
    return shuffled[np.argsort(turn[shuffled], kind="stable")]


def _by_class(positions: NDArray[np.int64], labels: NDArray[np.integer]) -> NDArray[np.int64]:
    return positions[np.argsort(labels[positions], kind="stable")]
