"""The numbers among the options of a model: their bounds, wherever the type says them."""

from __future__ import annotations

import typing
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import annotated_types
from pydantic import BaseModel


@dataclass(frozen=True)
class Number:
    """A number that an option may be, or that may stand in its list."""

    option: str
    kind: type
    lowest: Any
    """As `annotated_types` has it, `Ge` or `Gt`; None for no bound."""
    highest: Any


def numbers(model: type[BaseModel]) -> list[Number]:
    """All numbers of all options, including those in lists and in unions."""
    return [
        number
        for name, field in model.model_fields.items()
        for number in _numbers(name, field.annotation, list(field.metadata))
    ]


def _numbers(option: str, annotation: Any, bounds: list[Any]) -> Iterator[Number]:
    origin, parts = typing.get_origin(annotation), typing.get_args(annotation)
    if annotation in (int, float):
        lowest = [
            each for each in bounds if isinstance(each, annotated_types.Ge | annotated_types.Gt)
        ]
        highest = [
            each for each in bounds if isinstance(each, annotated_types.Le | annotated_types.Lt)
        ]
        yield Number(option, annotation, *(next(iter(e), None) for e in (lowest, highest)))
    elif origin is typing.Annotated:
        # pydantic's Field holds the bounds that it was given in a list of its own.
        inner = [each for part in parts[1:] for each in getattr(part, "metadata", [part])]
        yield from _numbers(option, parts[0], bounds + inner)
    elif origin is not typing.Literal:
        for part in parts:
            yield from _numbers(option, part, bounds)
