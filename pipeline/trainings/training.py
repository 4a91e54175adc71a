"""One training: what determines it, and what it leaves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pipeline.classical.spec import ClassicalSpec
from pipeline.statistics.proportions import predicted_classes
from pipeline.storage.runs import DIVERGED

if TYPE_CHECKING:
    from pipeline.deep.spec import DeepSpec
    from pipeline.features.spec import FeatureSpec

SCORED = ("validation", "test")
"""The splits whose scores are kept."""


@dataclass(frozen=True)
class Training:
    """One training of a run, whatever its kind."""

    spec: ClassicalSpec | DeepSpec
    """The options; its `seeds` are ignored. With `tune`, options are searched first, on the images
    of this training and the validation images. Test-time augmentation is left out."""
    seed: int
    rows: NDArray[np.int64] | None = None
    """(m,) ascending positions in the training split, each once; None for all images."""
    steps: int | None = None
    """The fewest steps of the optimizer, for networks: an epoch goes over its images as often as
    that takes (`pipeline.trainings.networks`). None for once, as in the runs of the study."""
    classes: tuple[int, ...] | None = None
    """The classes to tell apart, as labels of the study; None for all. Images of others are left
    out, but for those of the test split, whose labels are not known here; scores have a column for
    each class, in this order."""
    features: Mapping[str, FeatureSpec] = field(default_factory=dict)
    """Feature sets with other options than in the study, by name; they are extracted anew."""

    @property
    def kind(self) -> str:
        """``classical``, also for runs on features of a network, or ``deep``."""
        return "classical" if isinstance(self.spec, ClassicalSpec) else "deep"


@dataclass(frozen=True)
class Outcome:
    """What a training leaves."""

    scores: dict[str, NDArray[np.float32]]
    """Each of `SCORED` -> (n, classes) in the order of the split, larger means more likely; {} if
    the training diverged. With `Training.classes`, validation images of others are left out."""
    history: pd.DataFrame
    """`HISTORY_COLUMNS`: epochs of a network, of a diverged one the epochs that it finished; one
    size of a classical run."""
    seconds: float
    """From pixels to the fitted model, without a search for options: as `Card.train_seconds`."""
    diverged: str | None = None
    """What happened if the loss or weights stopped being finite numbers; otherwise None."""
    facts: dict[str, Any] = field(default_factory=dict)
    """JSON values. Of all: ``images``; ``wall_seconds``; ``tuning_seconds`` and ``chosen`` options
    if there was a search. Of networks: ``epochs_run``, ``best_epoch``, ``steps``, ``batch_size``,
    and ``passes`` over the images per epoch; after a divergence ``diverged_epoch``."""

    def predicted(self, split: str, n: int) -> NDArray[np.int16]:
        """Return (n,) columns of the scores, the largest of each image; `DIVERGED` if it did.

        Args:
            split: one of `SCORED`.
            n: its images, which a training that diverged has no scores of.
        """
        if self.diverged is not None:
            return np.full(n, DIVERGED, dtype=np.int16)
        return predicted_classes(self.scores[split]).astype(np.int16)
