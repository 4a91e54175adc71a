"""Options of the question how accuracy grows with training images: the section `sample_size`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from pipeline.checks import StudyError, listing
from pipeline.config.base_runs import changed_run
from pipeline.config.registry import MethodSpec, explain

SECTION = "sample_size"
TUNED, STEPS = "tuned", "steps"
OWN_KEYS = (TUNED, STEPS)
"""Keys of an entry under `runs` that are no options of the run."""
Size = Annotated[int, Field(ge=2, le=10**9, strict=True)]


Steps = Annotated[int, Field(ge=1, le=10**7, strict=True)]


class SampleSizeOptions(BaseModel):
    """Runs that are trained on nested parts of the training images, and on which parts."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    sizes: Annotated[tuple[Size | None, ...], Field(max_length=50)] = ()
    """Numbers of training images, ascending; null, at the end, for all. Each is a part of the next,
    and has each class in proportion."""
    draws: Annotated[int, Field(ge=2, le=100, strict=True)] = 5
    """How often images are drawn; the same draws for all runs."""
    steps: Steps | None = 500
    """The fewest steps of the optimizer in a training of a network: at small sizes an epoch goes
    over its images several times. null keeps epochs as they are."""
    runs: Mapping[str, Mapping[str, Any]] = Field(default_factory=dict, max_length=100)
    """Runs of the study, by name -> options that differ from theirs, `steps` where they have their
    own, and `tuned: false` to leave out their search for options, which is otherwise made anew for
    each training."""

    @field_validator("sizes")
    @classmethod
    def _ascending(cls, sizes: tuple[int | None, ...]) -> tuple[int | None, ...]:
        numbers = [size for size in sizes if size is not None]
        if numbers != sorted(set(numbers)) or None in sizes[:-1]:
            raise ValueError(
                "expected ascending numbers of images, each once, and null, for all, only at the "
                "end, such as [100, 1000, null]"
            )
        return sizes

    def steps_of(self, run: str) -> int | None:
        """Return the fewest steps of a run, if it is a network."""
        own = self.runs[run].get(STEPS, self.steps)
        return None if own is None else int(own)

    def numbers(self, n_train: int) -> tuple[int, ...]:
        """Return the sizes as numbers of images.

        Args:
            n_train: images in the training split.

        Raises:
            StudyError: for a size above that, or a single one.
        """
        found = tuple(n_train if size is None else size for size in self.sizes)
        above = [size for size in found if size > n_train]
        if above:
            raise StudyError(
                f"{SECTION}.sizes: found {listing(f'{size:,}' for size in above)}; expected at "
                f"most the {n_train:,} training images (null for all)"
            )
        numbers = tuple(dict.fromkeys(found))
        if self.runs and len(numbers) < 2:
            raise StudyError(
                f"{SECTION}.sizes: found {listing(numbers)} and null, which is as many; expected "
                "at least two different numbers of training images"
            )
        return numbers


def parse_sample_size(entry: Any, where: str = SECTION) -> SampleSizeOptions:
    """Turn the section of params.yaml into options; a missing one asks for nothing.

    Args:
        entry: the parsed YAML; None where params.yaml has no such section.
        where: its place, for messages.

    Raises:
        StudyError: listing what is wrong.
    """
    try:
        options = SampleSizeOptions.model_validate({} if entry is None else entry)
    except ValidationError as error:
        raise StudyError(explain(error, where, SampleSizeOptions)) from None
    if options.runs and len(options.sizes) < 2:
        raise StudyError(
            f"{where}.sizes: found {listing(options.sizes) or 'none'}; expected at least two "
            "numbers of training images, such as [100, 1000, null]"
        )
    return options


def sized_run(
    document: Mapping[str, Any], options: SampleSizeOptions, name: str, where: str = SECTION
) -> MethodSpec:
    """Return the options of one run as it is trained at each size.

    Args:
        document: all of params.yaml.
        options: its section.
        name: of the run.
        where: the section's place, for messages.

    Raises:
        StudyError: if there is no such run, or an option is unknown or invalid.
    """
    changes = dict(options.runs[name])
    tuned, own = changes.pop(TUNED, True), changes.pop(STEPS, None)
    place = f"{where}.runs.{name}"
    if not isinstance(tuned, bool):
        raise StudyError(f"{place}.{TUNED}: found {tuned!r}; expected true or false")
    if own is not None and (isinstance(own, bool) or not isinstance(own, int) or own < 1):
        raise StudyError(f"{place}.{STEPS}: found {own!r}; expected a number from 1 on, or null")
    spec = changed_run(document, name, changes, place)
    return spec if tuned or not has_search(spec) else spec.model_copy(update={"tune": None})


def has_search(spec: MethodSpec) -> bool:
    """Return whether a run searches options before it is trained."""
    return getattr(spec, "tune", None) is not None
