"""The `tune` section of a classical run."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from pipeline.tuning.ranges import Search

FIXED_OPTIONS = ("method", "features", "seeds", "mirrored", "tta", "tune")
"""Options that define a run, which no search may change."""


class Tune(Search):
    """A search for options on training and validation images, before the run itself is fitted."""

    images: Annotated[int, Field(ge=40, le=10**9)] | None = 10_000
    """Training images for a trial; null for all. They are a stratified subset of the training
    split. A trial first trains on a quarter and on half of them, and may be pruned after either.
    All validation images score it."""
