"""What a run's validation split says of new images: how to calibrate, and which are unlike it.

An image is called unlike what a run has learned from for one of three reasons. Their limits are
taken so that together they flag about 5% of images of the same kind by mistake.

* The run is less sure of its class than of nearly all validation images: the largest calibrated
  probability, the baseline of Hendrycks and Gimpel (2017), "A baseline for detecting misclassified
  and out-of-distribution examples in neural networks".
* Its features are far from those of all training images: the distance to the fifth nearest, as in
  Sun et al. (2022); `pipeline.commands.own_features` says which features.
* It looks unlike the training images: the same distance, of `pipeline.data.appearance`. A run may
  be sure of its class for noise, and see nothing unusual in it.

Stored predictions suffice for the first; the others need the study's prepared images. Nothing is
written beside the run: features of up to 1,500 images are kept in ``predictions/.features/``, where
they can be deleted.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.checks import StudyError
from pipeline.commands.own_features import FeatureFunction
from pipeline.data.appearance import AppearanceFeatures
from pipeline.statistics.conformal import upper_limit
from pipeline.statistics.neighbors import Neighbors
from pipeline.statistics.temperature import fit_temperature, log_probabilities
from pipeline.storage.files import atomic
from pipeline.storage.integrity import digest
from pipeline.storage.runs import Card, load_predictions, run_manifest
from pipeline.storage.splits import TASK, load_ids, load_images, load_labels

SHARE = 0.05
"""The share of images of the same kind that are flagged."""
MOST_TRAINING, MOST_VALIDATION = 1_000, 500
"""The most images that others are compared with; they are spread evenly over their split."""
KEPT = Path("predictions/.features")
UNSURE, FEATURES, LOOKS = "unsure", "unlike in features", "unlike in looks"


@dataclass(frozen=True)
class Nearness:
    """Distances to training images, and how far is too far."""

    neighbors: Neighbors
    limit: float

    def flags(self, rows: NDArray[np.floating]) -> NDArray[np.bool_]:
        """Return whether each of (n, d) rows is too far."""
        return self.neighbors.distances(rows) > self.limit


@dataclass(frozen=True)
class NoveltyDetector:
    """A run's temperature and limits, from its validation split."""

    temperature: float = 1.0
    """Of a network's probabilities; those of other families are calibrated already."""
    least_sure: float = 0.0
    """A largest probability below this is flagged."""
    looks: AppearanceFeatures | None = None
    near_looks: Nearness | None = None
    near_features: Nearness | None = None
    flagged: float = 0.0
    """The share of the validation images looked at that the limits flag."""
    notes: tuple[str, ...] = ()
    """What is missing, and so could not be done."""

    def calibrated(self, probabilities: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return (n, classes) calibrated probabilities of those of the run; rows sum to 1."""
        if self.temperature == 1:
            return probabilities.astype(np.float64)
        return np.exp(log_probabilities(probabilities, self.temperature))

    def flags(
        self,
        images: NDArray[np.uint8],
        calibrated: NDArray[np.floating],
        features: NDArray[np.float32],
    ) -> dict[str, NDArray[np.bool_]]:
        """Return which images are unlike what the run has learned from: reason -> (n,).

        Args:
            images: (n, height, width, 3) uint8, RGB, of the study's size.
            calibrated: (n, classes) their calibrated probabilities.
            features: (n, d) what the run sees in them.
        """
        found = {UNSURE: calibrated.max(axis=1) < self.least_sure}
        if self.near_features is not None:
            found[FEATURES] = self.near_features.flags(features)
        if self.looks is not None and self.near_looks is not None:
            found[LOOKS] = self.near_looks.flags(self.looks.of(images))
        return found


def fit_novelty_detector(card: Card, see: FeatureFunction, remedy: str) -> NoveltyDetector:
    """Fit a run's temperature and limits; the working directory is the study's folder.

    Args:
        card: of one seed of the run.
        see: what the run sees in images.
        remedy: the command that trains it, for messages.

    Raises:
        StudyError: if stored predictions or images are damaged or do not belong together.
    """
    stored = load_predictions(card.run, card.seed, remedy)
    ids, found = stored.ids["validation"], stored.probabilities["validation"]
    if not TASK.exists():
        sure = found.max(axis=1).astype(np.float64)
        least = -upper_limit(-sure, SHARE)
        notes = ["images are not compared with the training images, which are not there"]
        if card.family == "deep":
            notes.append("probabilities are not calibrated: that takes the study's labels")
        flagged = float((sure < least).mean())
        return NoveltyDetector(least_sure=least, flagged=flagged, notes=tuple(notes))
    temperature = fitted_temperature(card, remedy)
    calibrated = NoveltyDetector(temperature).calibrated(found)
    return _limits(card, see, remedy, temperature, calibrated, _rows(ids, remedy))


def fitted_temperature(card: Card, remedy: str) -> float:
    """Return the temperature of a network, fitted on the validation split; 1 for other families.

    The arguments are those of `fit_novelty_detector`.
    """
    if card.family != "deep":
        return 1.0
    stored = load_predictions(card.run, card.seed, remedy)
    labels = load_labels("validation")[_rows(stored.ids["validation"], remedy)]
    return fit_temperature(stored.probabilities["validation"], labels)


def _limits(
    card: Card,
    see: FeatureFunction,
    remedy: str,
    temperature: float,
    calibrated: NDArray[np.float64],
    rows: NDArray[np.intp],
) -> NoveltyDetector:
    """Take the limits; `rows` are those of the (n, classes) probabilities among the images."""
    training, validation = load_images("train"), load_images("validation")
    known = training[_spread(len(training), MOST_TRAINING)]
    seen = _spread(len(rows), MOST_VALIDATION)
    others = validation[rows[seen]]
    looks = AppearanceFeatures(known)
    own, features = _features(card, see, remedy, known, others)
    share = SHARE / 3
    near, near_looks = Neighbors(own), Neighbors(looks.known)
    # Looks are not learned, so that training images, each without itself, are as good for the limit
    # as validation images are, which may be few.
    distances = [near_looks.own_distances(), near_looks.distances(looks.of(others))]
    fitted = NoveltyDetector(
        temperature=temperature,
        least_sure=-upper_limit(-calibrated.max(axis=1), share),
        looks=looks,
        near_looks=Nearness(near_looks, upper_limit(np.concatenate(distances), share)),
        near_features=Nearness(near, upper_limit(near.distances(features), share)),
    )
    flags = fitted.flags(others, calibrated[seen], features)
    flagged = float(np.any([*flags.values()], axis=0).mean())
    return replace(fitted, flagged=flagged)


def _rows(ids: NDArray[np.int64], remedy: str) -> NDArray[np.intp]:
    """Return the row of each id among the prepared validation images."""
    there = load_ids("validation")
    order = np.argsort(there)
    places = np.minimum(np.searchsorted(there, ids, sorter=order), len(there) - 1)
    rows = order[places]
    if not np.array_equal(there[rows], ids):
        raise StudyError(
            "the stored predictions are of other validation images than those of the study; "
            f"retrain the run with: {remedy}"
        )
    return rows


def _features(
    card: Card,
    see: FeatureFunction,
    remedy: str,
    known: NDArray[np.uint8],
    others: NDArray[np.uint8],
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return what the run sees in both sets of images, computed once for each model."""
    model = run_manifest(card.run, card.seed, remedy).seal
    path = KEPT / f"{card.run}-{digest([model, len(known), len(others)])[:32]}.npz"
    try:
        with np.load(path) as kept:
            return kept["known"], kept["others"]
    except Exception:  # not there, or damaged
        found = see(known)[2], see(others)[2]
    try:
        with atomic(path) as temporary, temporary.open("wb") as stream:
            np.savez(stream, known=found[0], others=found[1])
    except OSError as error:
        print(f"Note: features are computed again next time ({error.strerror})", flush=True)
    return found


def _spread(n: int, most: int) -> NDArray[np.intp]:
    """Return up to `most` positions of n, evenly spread."""
    return np.unique(np.linspace(0, n - 1, min(n, most)).round().astype(np.intp))
