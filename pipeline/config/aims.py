"""What a person wants of the runs: options of the section `dataset` that only `evaluate` reads."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Annotated, Self
from unicodedata import normalize

from pydantic import AfterValidator, Field, model_validator

from pipeline.checks import StudyError, listing
from pipeline.config.registry import MethodSpec

_OF_TWO_CLASSES = ("positive", "miss_cost", "least_recall")


class Aims(MethodSpec):
    """Which differences matter, and which of two classes is to be found."""

    margin: Annotated[float, Field(ge=1e-4, le=0.5)] = 0.01
    """A difference of accuracies that does not matter, such as 0.01 for one point: the report names
    the cheapest run that is shown to be no further below the best."""
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

    @property
    def of_two_classes(self) -> list[str]:
        """The given options that only a study of two classes can have."""
        return [name for name in _OF_TWO_CLASSES if getattr(self, name) is not None]

    @model_validator(mode="after")
    def _two_at_most(self) -> Self:
        classes = getattr(self, "classes", None)
        if self.of_two_classes and classes is not None and len(classes) != 2:
            raise ValueError(
                f"found {self.of_two_classes[0]} with {len(classes)} classes; expected two. Drop "
                "it, or choose two classes"
            )
        return self


def check_aims(aims: Aims, class_names: Sequence[str]) -> None:
    """Raise `StudyError` unless the options fit a dataset's classes."""
    if aims.of_two_classes and len(class_names) != 2:
        raise StudyError(
            f"dataset.{aims.of_two_classes[0]}: found {len(class_names)} classes; expected two. "
            "Drop it, or choose two classes with `classes`"
        )
    if aims.positive is not None and aims.positive not in class_names:
        raise StudyError(
            f"dataset.positive: found {aims.positive!r}; expected one of the classes "
            f"{listing(class_names)}"
        )
