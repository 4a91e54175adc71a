"""The `tune` section of a run: what to search, and with how many trials."""

from __future__ import annotations

import typing
from collections.abc import Callable, Collection, Mapping
from typing import Annotated, Any, Self, TypeVar

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    field_serializer,
    model_validator,
)

from pipeline.checks import did_you_mean, listing
from pipeline.config.registry import explain

_STRICT = ConfigDict(
    frozen=True, extra="forbid", use_attribute_docstrings=True, allow_inf_nan=False
)


class Range(BaseModel):
    """The values of one option: numbers from `low` to `high`, or one of `choices`."""

    model_config = _STRICT

    low: int | float | None = None
    """The smallest value of a number."""
    high: int | float | None = None
    """The largest value of a number."""
    log: bool = False
    """Whether to sample numbers on a logarithmic scale, for ranges over orders of magnitude."""
    choices: Annotated[tuple[Any, ...], Field(min_length=2, max_length=1000)] | None = None
    """Values to choose from, for a few numbers or an option that is not a number."""

    @model_validator(mode="after")
    def _numbers_or_choices(self) -> Self:
        numbers = [end for end in (self.low, self.high) if end is not None]
        if self.choices is not None:
            if numbers or self.log:
                raise ValueError("expected low and high, or choices; found both")
            return self
        if self.low is None or self.high is None:
            raise ValueError(f"expected low and high, or choices; found {numbers or 'neither'}")
        if not self.low < self.high:
            raise ValueError(f"expected low < high, found low {self.low} and high {self.high}")
        if self.log and self.low <= 0:
            raise ValueError(f"expected low > 0 with log: true, found {self.low}")
        return self

    @property
    def ends(self) -> tuple[Any, ...]:
        """Values that must all be valid for the option: both ends, or all choices."""
        return (self.low, self.high) if self.choices is None else self.choices

    @property
    def numbers(self) -> tuple[float, float]:
        """`low` and `high`."""
        if self.low is None or self.high is None:
            raise ValueError("found choices; expected a range of numbers")
        return self.low, self.high

    def contains(self, value: Any) -> bool:
        """Return whether a value of the option is in the range."""
        if self.choices is not None:
            return value in self.choices
        low, high = self.numbers
        return isinstance(value, int | float) and low <= value <= high


class Search(BaseModel):
    """A search for options on training and validation images, before the run itself is fitted."""

    model_config = _STRICT

    trials: Annotated[int, Field(ge=2, le=10_000)] = 20
    """How many combinations to try; the first is the run's own options."""
    ranges: Annotated[dict[str, Range], Field(min_length=1, max_length=100)]
    """A range for each option to search.

    `weights.1` is the second element of the list `weights`.
    """

    @field_serializer("ranges")
    def _as_written(self, ranges: dict[str, Range]) -> dict[str, Any]:
        # Cards show only the keys that a person wrote.
        return {name: each.model_dump(exclude_defaults=True) for name, each in ranges.items()}


_Search = TypeVar("_Search", bound=Search)


def parse_tune(entry: Any, model: type[_Search]) -> _Search:
    """Parse a `tune` section, with errors in the same style as the rest of params.yaml.

    Args:
        entry: the parsed YAML.
        model: what the search of this kind of run has.

    Raises:
        ValueError: if keys are wrong, naming each by its place below `tune`.
    """
    if isinstance(entry, model):
        return entry
    if not isinstance(entry, Mapping):
        raise ValueError(f"tune: found {entry!r}; expected a mapping with the key 'ranges'")
    problems: list[str] = []
    if "ranges" in entry:
        entry = {**entry, "ranges": _parsed_ranges(entry["ranges"], problems)}
    tune: _Search = _parsed(model, entry, "tune", problems)
    if problems:
        raise ValueError("; ".join(problems))
    return tune


def check_ranges(
    tune: Search,
    fields: Mapping[str, Any],
    fixed: Collection[str],
    build: Callable[[Mapping[str, Any]], BaseModel],
) -> None:
    """Check that every range belongs to an option, and that its ends are valid for that option.

    Args:
        tune: the section.
        fields: the run's options: name -> pydantic's `FieldInfo`.
        fixed: options that define the run, which no search may change.
        build: returns the run's options with some replaced; raises `ValidationError`.

    Raises:
        ValueError: if not, naming the range, what was found, and what was expected.
    """
    for name, each in tune.ranges.items():
        where = f"tune.ranges.{name}"
        option = name.split(".", 1)[0]
        known = [field for field in fields if field not in fixed]
        if option in fixed:
            raise ValueError(f"{where}: cannot be searched; expected one of: {listing(known, 40)}")
        if option not in known:
            hint = did_you_mean(option, known) or ";"
            raise ValueError(f"{where}: unknown option{hint} known: {listing(known, 40)}")
        if each.choices is None and not kinds_of(fields[option].annotation) & {int, float}:
            raise ValueError(
                f"{where}: found low and high; expected choices, because it is not a number"
            )
        for value in each.ends:
            try:
                build({name: value})
            except ValidationError as error:
                raise ValueError(explain(error, "tune.ranges", type(tune))) from None
            except ValueError as error:
                raise ValueError(f"{where}: {error}") from None


def kinds_of(annotation: Any) -> set[Any]:
    """Return the parts of a type: ``{int, NoneType}`` for ``Annotated[int, ...] | None``."""
    parts = typing.get_args(annotation)
    if not parts:
        return {annotation}
    origin = typing.get_origin(annotation)
    if origin is typing.Literal:
        return {origin}
    return set().union(*map(kinds_of, parts[:1] if origin is Annotated else parts))


def _parsed_ranges(ranges: Any, problems: list[str]) -> dict[str, Range]:
    # A valid range in place of an invalid one lets one pass find all other problems.
    valid = Range(low=0, high=1)
    if not isinstance(ranges, Mapping) or not ranges:
        problems.append(
            f"tune.ranges: found {ranges!r}; expected at least one option with its range"
        )
        return {"": valid}
    parsed = {}
    for name, each in ranges.items():
        where = f"tune.ranges.{name}"
        if isinstance(each, Mapping):
            parsed[str(name)] = _parsed(Range, each, where, problems) or valid
        else:
            problems.append(f"{where}: found {each!r}; expected low and high, or choices")
    return parsed or {"": valid}


def _parsed(model: type[BaseModel], value: Any, where: str, problems: list[str]) -> Any:
    try:
        return model.model_validate(value)
    except ValidationError as error:
        problems += explain(error, where, model).splitlines()
        return None
