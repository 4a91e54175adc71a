"""Options of the test on corrupted images."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, field_validator


class CorruptOptions(BaseModel):
    """How a run is tested on corrupted images: an entry of the section `corrupt`."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    limit: Annotated[int, Field(ge=1, le=10**9)] = 1000
    """Number of test images, chosen at random by the study's seed; the same for all runs."""
    corruptions: Annotated[tuple[str, ...], Field(min_length=1, max_length=100)] | None = None
    """Names of corruptions, or null for all."""
    severities: Annotated[tuple[Annotated[int, Field(ge=1, le=5)], ...], Field(min_length=1)] = (
        1, 2, 3, 4, 5,
    )  # fmt: skip
    """Severities, from 1 to 5."""

    @field_validator("corruptions", "severities")
    @classmethod
    def _each_once(cls, values: tuple[Any, ...] | None) -> tuple[Any, ...] | None:
        if values is not None and len(set(values)) < len(values):
            raise ValueError("expected each of them once")
        return values
