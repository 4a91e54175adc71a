"""What every question is asked of: all runs of a study, checked, and the labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pipeline.analyses.ablated import ScoredAblation
from pipeline.analyses.corrupted_runs import CorruptedRun
from pipeline.analyses.duplicates import claimed_pairs, no_duplicates, unique_images
from pipeline.analyses.families import families_best
from pipeline.analyses.labels import Labels
from pipeline.analyses.scored import ScoredRun
from pipeline.analyses.sized_runs import SizedRun
from pipeline.config.aims import Aims
from pipeline.storage.columns import Table
from pipeline.storage.health import Health
from pipeline.storage.near_duplicates import Duplicates
from pipeline.storage.splits import DatasetCard


@dataclass(frozen=True)
class Study:
    """All that `evaluate` knows. What several questions need is computed once, at first use."""

    dataset: DatasetCard
    labels: Labels
    runs: Sequence[ScoredRun]
    """The best on the validation split first (`ScoredRun.merit`); equal runs keep the order of
    params.yaml."""
    seed: int = 0
    """Of the sample images, and of the resamples of the bootstrap."""
    not_run: Mapping[str, str] = field(default_factory=dict)
    """What the study leaves out, and why."""
    corrupted: Sequence[CorruptedRun] = ()
    """The runs that were tested on corrupted images, in the order of `runs`."""
    ablations: Sequence[ScoredAblation] = ()
    """Experiments in which one factor of a run varies."""
    sized: Sequence[SizedRun] = ()
    """The runs that were trained on parts of the training images, the best on the validation split
    at the largest size first."""
    duplicates: Duplicates = field(default_factory=no_duplicates)
    """Copies and look-alikes among the images."""
    health: Health | None = None
    """Facts about each image; None if unknown."""
    image_names: Mapping[int, str] = field(default_factory=dict)
    """id -> name of an image, for those that the results name; without one, the id is named."""
    n_samples: int = 12
    """Sample images in all."""
    aims: Aims = field(default_factory=Aims)
    """Which differences matter, and which of two classes is to be found."""

    @property
    def independent(self) -> bool:
        """Whether test images were drawn independently; intervals and tests assume it."""
        return self.dataset.independent

    @cached_property
    def best(self) -> dict[str, ScoredRun]:
        """Family -> the run that stands for it: the best on the validation split."""
        return families_best(self.runs)

    @cached_property
    def claimed_pairs(self) -> pd.DataFrame:
        """The pairs of images that are said to be near-duplicates."""
        return claimed_pairs(self.duplicates, self.labels)

    @cached_property
    def unique_images(self) -> NDArray[np.bool_] | None:
        """(n,): test images without a near-duplicate; None where that is unknown."""
        return unique_images(self.duplicates, self.labels)

    def rows(self, table: Table) -> pd.DataFrame:
        """Compute a table with one row per run: each column by its own ``value(run, study)``.

        Columns that have none are left out.
        """
        rows = [
            {column.name: column.value(run, self) for column in table.columns if column.value}
            for run in self.runs
        ]
        return pd.DataFrame(rows)
