"""What is said of two classes: options of the section `dataset` that `evaluate` reads."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Annotated, Self
from unicodedata import normalize

from pydantic import AfterValidator, Field, model_validator

from pipeline.checks import StudyError, listing
from pipeline.config.registry import MethodSpec


class TwoClassOptions(MethodSpec):
    """Which of two classes is to be found, and what matters in finding it."""

    positive: (
        Annotated[
            str,
            Field(min_length=1, coerce_numbers_to_str=True),
            AfterValidator(partial(normalize, "NFC")),
        ]
        | None
    ) = None
    """Of two classes, the one that is to be found; by default the one with fewer training images,
    of equally large ones the second."""
    miss_cost: Annotated[float, Field(ge=1e-4, le=1e4)] | None = None
    """Of two classes: what it costs to miss an image of the positive class, if a false alarm costs
    1. The threshold with the lowest cost on validation images is reported on test images."""
    least_recall: Annotated[float, Field(ge=0.01, le=1)] | None = None
    """Of two classes: the share of the positive class that is to be found, such as 0.95. The
    highest threshold that finds it on validation images is reported on test images."""

    @model_validator(mode="after")
    def _two_at_most(self) -> Self:
        classes = getattr(self, "classes", None)
        named = [name for name in TwoClassOptions.model_fields if getattr(self, name) is not None]
        if named and classes is not None and len(classes) != 2:
            raise ValueError(
                f"found {named[0]} with {len(classes)} classes; expected two. Drop it, or choose "
                "two classes"
            )
        return self


def check_two_classes(options: TwoClassOptions, class_names: Sequence[str]) -> None:
    """Raise `StudyError` unless the options fit a dataset's classes."""
    named = [name for name in TwoClassOptions.model_fields if getattr(options, name) is not None]
    if named and len(class_names) != 2:
        raise StudyError(
            f"dataset.{named[0]}: found {len(class_names)} classes; expected two. Drop it, or "
            "choose two classes with `classes`"
        )
    if options.positive is not None and options.positive not in class_names:
        raise StudyError(
            f"dataset.positive: found {options.positive!r}; expected one of the classes "
            f"{listing(class_names)}"
        )
