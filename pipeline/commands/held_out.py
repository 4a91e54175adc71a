"""What a run's validation split says of new images: how to calibrate, and which are unlike it.

An image is called unlike what a run has learned from for one of two reasons. Both limits are taken
where they flag 2.5% of validation images each, so that about 5% of images of the same kind are
flagged by mistake.

* The run is less sure of its class than of nearly all validation images: the largest calibrated
  probability, the baseline of Hendrycks and Gimpel (2017), "A baseline for detecting misclassified
  and out-of-distribution examples in neural networks".
* It looks unlike the training images: `pipeline.data.appearance`. A network is often sure of its
  class for noise and for images of another kind.

Stored predictions suffice for the first; the second needs the study's prepared images. Nothing is
stored: both are computed in seconds from what the study has.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from pipeline.checks import StudyError
from pipeline.data.appearance import NearestImages
from pipeline.statistics.conformal import upper_limit
from pipeline.statistics.temperature import fit_temperature, log_probabilities
from pipeline.storage.runs import Card, load_predictions
from pipeline.storage.splits import TASK, load_ids, load_images, load_labels

SHARE = 0.05
"""The share of images of the same kind that are flagged."""
MOST_TRAINING, MOST_VALIDATION = 2_000, 1_000
"""The most images whose appearance is looked at; they are spread evenly over their split."""
UNSURE, UNLIKE = "unsure", "looks unlike the training images"


@dataclass(frozen=True)
class Appearance:
    """Distances by appearance, and how far is too far."""

    nearest: NearestImages
    limit: float


@dataclass(frozen=True)
class HeldOut:
    """A run's temperature and limits, from its validation split."""

    temperature: float = 1.0
    """Of a network's probabilities; those of other families are calibrated already."""
    least_sure: float = 0.0
    """A largest probability below this is flagged."""
    appearance: Appearance | None = None
    flagged: float = 0.0
    """The share of validation images that the limits flag."""
    notes: tuple[str, ...] = field(default=())
    """What is missing, and so could not be done."""

    def calibrated(self, probabilities: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return (n, classes) calibrated probabilities of those of the run; rows sum to 1."""
        if self.temperature == 1:
            return probabilities.astype(np.float64)
        return np.exp(log_probabilities(probabilities, self.temperature))

    def reasons(
        self, images: NDArray[np.uint8], calibrated: NDArray[np.floating]
    ) -> list[tuple[str, ...]]:
        """Return for each image why it is unlike what the run has learned from; empty if it isn't.

        Args:
            images: (n, height, width, 3) uint8, RGB, of the study's size.
            calibrated: (n, classes) their calibrated probabilities.
        """
        unsure = calibrated.max(axis=1) < self.least_sure
        unlike = np.zeros(len(images), dtype=bool)
        if self.appearance is not None:
            distances = self.appearance.nearest.distances(images)
            unlike = distances > self.appearance.limit
        words = ((UNSURE, unsure), (UNLIKE, unlike))
        return [tuple(word for word, held in words if held[row]) for row in range(len(images))]


def held_out(card: Card, remedy: str) -> HeldOut:
    """Fit a run's temperature and limits; the working directory is the study's folder.

    Args:
        card: of one seed of the run.
        remedy: the command that trains it, for messages.

    Raises:
        StudyError: if stored predictions or images are damaged or do not belong together.
    """
    stored = load_predictions(card.run, card.seed, remedy)
    ids, found = stored.ids["validation"], stored.probabilities["validation"]
    prepared = TASK.exists()
    rows = _rows(ids) if prepared else None
    notes: list[str] = []
    temperature = 1.0
    if card.family == "deep":
        if rows is None:
            notes.append("its probabilities are not calibrated: that takes the study's labels")
        else:
            temperature = fit_temperature(found, load_labels("validation")[rows])
    sure = HeldOut(temperature).calibrated(found).max(axis=1)
    if rows is None:
        notes.append("how images look is not compared: that takes the study's images")
        least_sure = -upper_limit(-sure, SHARE)
        return HeldOut(temperature, least_sure, None, _share(sure < least_sure), tuple(notes))
    least_sure = -upper_limit(-sure, SHARE / 2)
    appearance, seen, distances = _appearance(rows)
    flagged = (sure[seen] < least_sure) | (distances > appearance.limit)
    return HeldOut(temperature, least_sure, appearance, _share(flagged), tuple(notes))


def _rows(ids: NDArray[np.int64]) -> NDArray[np.intp]:
    """Return the row of each id among the prepared validation images."""
    there = load_ids("validation")
    order = np.argsort(there)
    places = np.minimum(np.searchsorted(there, ids, sorter=order), len(there) - 1)
    rows = order[places]
    if not np.array_equal(there[rows], ids):
        raise StudyError(
            "the stored predictions are of other validation images than those of the study; "
            "retrain the run with: dvc repro"
        )
    return rows


def _appearance(
    rows: NDArray[np.intp],
) -> tuple[Appearance, NDArray[np.intp], NDArray[np.float64]]:
    """Return the limit, which validation images were looked at, and their distances."""
    training, validation = load_images("train"), load_images("validation")
    nearest = NearestImages(training[_spread(len(training), MOST_TRAINING)])
    seen = _spread(len(rows), MOST_VALIDATION)
    distances = nearest.distances(validation[rows[seen]])
    return Appearance(nearest, upper_limit(distances, SHARE / 2)), seen, distances


def _spread(n: int, most: int) -> NDArray[np.intp]:
    """Return up to `most` positions of n, evenly spread."""
    return np.unique(np.linspace(0, n - 1, min(n, most)).round().astype(np.intp))


def _share(flagged: NDArray[np.bool_]) -> float:
    return float(flagged.mean())
