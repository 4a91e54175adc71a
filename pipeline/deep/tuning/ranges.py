"""The `tune` section of a network. Does not import Keras."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

from pydantic import model_validator

from pipeline.config.registry import MethodSpec
from pipeline.deep.options import OWNERS, Epochs, MachineOptions
from pipeline.tuning.ranges import Search, check_ranges, parse_tune

FIXED_OPTIONS = (
    *("method", "seeds", "tune", "tta"),
    *("epochs", "monitor", "patience"),  # what trials are compared by has to be the same for all
    *MachineOptions.model_fields,
)
"""Options that no search may change."""


class Tune(Search):
    """A search for options on training and validation images, before the network is trained."""

    epochs: Epochs | None = None
    """Epochs of a trial, at most; null for as many as the run has (with phases, its first). A trial
    may be pruned after about an eighth, a quarter and half of them."""


class TunedOptions(MethodSpec):
    """The search for options, and how options are replaced."""

    tune: Tune | None = None
    """Ranges to search for options, on training and validation images, before the network is
    trained with the best; null for no search."""

    @model_validator(mode="before")
    @classmethod
    def _parse_tune(cls, entry: Any) -> Any:
        if not isinstance(entry, Mapping) or entry.get("tune") is None:
            return entry
        return {**entry, "tune": parse_tune(entry["tune"], Tune)}

    @model_validator(mode="after")
    def _ranges_fit(self) -> Self:
        if self.tune is not None:
            check_ranges(
                self.tune,
                type(self).model_fields,
                FIXED_OPTIONS,
                lambda new: self.with_options({**self._with_effect(*new), **new}),
            )
        return self

    def _with_effect(self, name: str) -> dict[str, Any]:
        """Return another option to replace, if only then a range of this one has an effect."""
        owner, kinds = OWNERS.get(name, ("", ()))
        if not owner or getattr(self, owner) in kinds:
            return {}
        searched = self.tune.ranges.get(owner) if self.tune else None
        possible = [kind for kind in kinds if searched is not None and searched.contains(kind)]
        if not possible:
            raise ValueError(
                f"found {owner}: {getattr(self, owner)} in all trials; {name} has an effect with "
                f"{' or '.join(kinds)} only. Drop the range, or search {owner} too"
            )
        return {owner: possible[0]}

    def with_options(self, chosen: Mapping[str, Any]) -> Self:
        """Return these options with some replaced, and without a search.

        Options that belong to another choice, such as `momentum` with the optimizer adam, are
        dropped.

        Raises:
            ValidationError: if a value is invalid for its option, or contradicts another one.
        """
        values = {**self.model_dump(exclude_unset=True, exclude={"tune"}), **chosen}
        fields = type(self).model_fields
        for name, (owner, kinds) in OWNERS.items():
            if values.get(owner, fields[owner].default) not in kinds:
                values.pop(name, None)
        return type(self).model_validate(values)

    def for_trial(self, chosen: Mapping[str, Any]) -> Self:
        """Return the options of a trial: with some replaced, and with the epochs of `tune`."""
        epochs = self.tune.epochs if self.tune is not None else None
        return self.with_options({**chosen, **({"epochs": epochs} if epochs is not None else {})})


def applies(spec: TunedOptions, name: str, options: Mapping[str, Any]) -> bool:
    """Return whether an option has an effect, given other options of a trial."""
    owner, kinds = OWNERS.get(name, ("", ()))
    return not owner or options.get(owner, getattr(spec, owner)) in kinds
