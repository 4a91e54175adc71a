"""The training phases that follow the first one of a run, as given in params.yaml.

Nothing here imports Keras, because stages that train nothing also parse all of params.yaml.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import (
    Field,
    SerializerFunctionWrapHandler,
    ValidationError,
    model_serializer,
    model_validator,
)

from pipeline.config.registry import explain
from pipeline.deep.options import AugmentationOptions, OptimizerOptions

EXAMPLE = "{unfreeze: 1, epochs: 5, learning_rate: 1.0e-4}"
OF_PIXELS = ("crop", "shift", "cutout")
"""Augmentations that need pixels; flipped images can pass through a frozen base beforehand."""


class PhaseOptions(OptimizerOptions, AugmentationOptions):
    """A training phase that starts from the best weights of the previous one.

    Options that a phase does not set are those of the run.
    """

    unfreeze: Annotated[int, Field(strict=True, ge=1, le=1000)] | Literal["all"]
    """How many of the top blocks in use are trained along with the head, or all."""

    @model_validator(mode="after")
    def _belong(self) -> Self:
        return self  # this also depends on the run's options: see `check_optimizer`

    @model_serializer(mode="wrap")
    def _as_written(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leave out the options that are not set: their defaults here mean nothing."""
        return {name: value for name, value in dump(self).items() if name in self.model_fields_set}

    @property
    def changes(self) -> dict[str, Any]:
        """The run's options that the phase changes."""
        named = sorted(self.model_fields_set - {"unfreeze"})
        return {name: getattr(self, name) for name in named}

    def check_optimizer(self, where: str, optimizer: str, schedule: str) -> None:
        """Raise ValueError if the phase sets an option of another optimizer or schedule.

        Args:
            where: the key of the phase, for the message.
            optimizer: the run's, used if the phase sets none.
            schedule: the run's, used if the phase sets none.
        """
        named = {n: v for n, v in self.changes.items() if n in OptimizerOptions.model_fields}
        options = {"optimizer": optimizer, "schedule": schedule} | named
        try:
            OptimizerOptions.model_validate(options)
        except ValidationError as error:
            raise ValueError(_in_one_line(error, where)) from None


def read_phases(options: Any, key: str) -> Any:
    """Turn the list under `key` into phases; for a validator that runs before pydantic's own.

    Without this, pydantic's messages on nested options name only the outer option.

    Args:
        options: of the run, as parsed from YAML.
        key: the option that lists the phases.

    Raises:
        ValueError: names the phase, the option, what was found and what was expected.
    """
    if not isinstance(options, Mapping) or key not in options:
        return options
    entries = options[key]
    if not isinstance(entries, (list, tuple)):
        raise ValueError(
            f"{key}: found {entries!r}; expected a list of phases, such as [{EXAMPLE}]"
        )
    phases = tuple(_read(entry, f"{key}.{index}") for index, entry in enumerate(entries))
    return {**options, key: phases}


def _read(entry: Any, where: str) -> PhaseOptions:
    if isinstance(entry, PhaseOptions):
        return entry
    if not isinstance(entry, Mapping):
        raise ValueError(f"{where}: found {entry!r}; expected a mapping such as {EXAMPLE}")
    try:
        return PhaseOptions.model_validate(dict(entry))
    except ValidationError as error:
        raise ValueError(_in_one_line(error, where)) from None


def _in_one_line(error: ValidationError, where: str) -> str:
    return "; ".join(explain(error, where, PhaseOptions).splitlines())
