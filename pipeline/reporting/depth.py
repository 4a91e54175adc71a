"""Plain against residual networks of several depths: do more layers fit the images better?

He, Zhang, Ren and Sun, "Deep residual learning for image recognition" (CVPR 2016), section 4.2 and
figure 6: of plain networks, the deeper has the larger *training* error, which is no over-fitting;
of residual ones, the smaller.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from pipeline.reporting.formats import percent, points
from pipeline.storage.results import Results

METHOD = "resnet"
LEVEL = 0.005
"""Half a point: from which on two errors are said to differ."""
RULE = (
    "What decides is the mean over the last quarter of the epochs, because single epochs scatter; "
    f"differences below {LEVEL * 100:g} points count as level."
)
_MAY_DIFFER = ("depth", "residual", "method", "seeds", "precision", "xla", "data_on_device",
               "steps_per_call", "deterministic", "threads")  # fmt: skip
"""Options that two networks of a comparison may differ in: how it is computed changes no result."""


@dataclass(frozen=True)
class Errors:
    """One network's errors by epoch, shares in [0, 1], means over its seeds."""

    run: str
    depth: int
    residual: bool
    epochs: tuple[int, ...]
    train: tuple[float, ...]
    validation: tuple[float, ...]


@dataclass(frozen=True)
class DepthStudy:
    """Plain and residual networks, at least one of each at each depth, otherwise alike."""

    lines: Mapping[tuple[int, bool], Errors]
    """(depth, residual) -> errors."""

    @property
    def depths(self) -> tuple[int, ...]:
        """Layers, ascending; each has a plain and a residual network."""
        return tuple(sorted({depth for depth, _ in self.lines}))

    @property
    def last(self) -> int:
        """The last epoch that all networks have."""
        return min(each.epochs[-1] for each in self.lines.values())

    @property
    def quarter(self) -> tuple[int, int]:
        """The first and the last epoch of the last quarter of them."""
        return self.last - max(1, math.ceil(self.last / 4)) + 1, self.last

    def at_end(self, depth: int, residual: bool, split: str = "train") -> float:
        """Return an error at the last epoch."""
        line = self.lines[depth, residual]
        return float(getattr(line, split)[line.epochs.index(self.last)])

    def on_average(self, depth: int, residual: bool, split: str = "train") -> float:
        """Return an error averaged over the last quarter of the epochs."""
        line, (first, last) = self.lines[depth, residual], self.quarter
        pairs = zip(line.epochs, getattr(line, split), strict=True)
        values = [value for epoch, value in pairs if first <= epoch <= last]
        return sum(values) / len(values)

    @property
    def sentences(self) -> list[str]:
        """What the errors say, by `RULE`."""
        found = []
        if len(self.depths) > 1:
            found = [self._deeper(False), self._deeper(True), self._moral()]
        return [*found, *(self._shortcuts(depth) for depth in self.depths)]

    def _deeper(self, residual: bool) -> str:
        shallow, deep = self.depths[0], self.depths[-1]
        end = self.at_end(deep, residual) - self.at_end(shallow, residual)
        mean = self._gain(residual)
        first, last = self.quarter
        verdict = {1: "fits its own training images worse", 0: "fits them no better and no worse",
                   -1: "fits its own training images better"}[_side(mean)]  # fmt: skip
        return (
            f"{'With' if residual else 'Without'} shortcuts, {deep} layers end, at epoch {last}, "
            f"with a training error {_apart(end)} that of {shallow} layers, and are "
            f"{_apart(mean)} it averaged over epochs {first} to {last}: the deeper network "
            f"{verdict}."
        )

    def _gain(self, residual: bool) -> float:
        deep, shallow = self.depths[-1], self.depths[0]
        return self.on_average(deep, residual) - self.on_average(shallow, residual)

    def _moral(self) -> str:
        plain, residual = _side(self._gain(False)), _side(self._gain(True))
        if plain <= 0:
            return (
                "So these plain networks do not show the degradation with depth that He et al. "
                "(2016, figure 6) saw."
            )
        if residual <= 0:
            return (
                "So depth alone does harm, and not by over-fitting, which would lower the training "
                "error; shortcuts cure it, as He et al. (2016, figure 6) found."
            )
        less = self._gain(True) < self._gain(False) - LEVEL
        return f"So depth does harm with and without shortcuts{', with them less' if less else ''}."

    def _shortcuts(self, depth: int) -> str:
        train, validation = (
            self.on_average(depth, True, split) - self.on_average(depth, False, split)
            for split in ("train", "validation")
        )
        first, last = self.quarter
        return (
            f"At {depth} layers, shortcuts leave the training error {_apart(train)} that of the "
            f"plain network, and the validation error {_apart(validation)} it (epochs {first} to "
            f"{last})."
        )

    def words(self, residual: bool) -> str:
        """Describe one half of the figure for those who do not see it."""
        parts = []
        for depth in self.depths:
            line = self.lines[depth, residual]
            parts.append(
                f"{depth} layers ({line.run}): training error from {percent(line.train[0])} to "
                f"{percent(line.train[-1])}, validation error from {percent(line.validation[0])} "
                f"to {percent(line.validation[-1])}"
            )
        kind = "Residual" if residual else "Plain"
        return f"{kind} networks, errors by epoch. {'; '.join(parts)}."


def _side(difference: float) -> int:
    if abs(difference) < LEVEL:
        return 0
    return 1 if difference > 0 else -1


def _apart(difference: float) -> str:
    """Write ``12.3 points above``; a reader hears of a tie as ``0.0 points above``."""
    return f"{points(abs(difference))} points {'below' if difference < 0 else 'above'}"


def depth_study(results: Results) -> DepthStudy | None:
    """Collect the residual networks that have a plain one beside them, and these.

    Two networks belong together if all options but their depth, their shortcuts and how they are
    computed agree. Of several such groups the one with the most depths is taken, of equal ones the
    first in the accuracy table; of several runs alike, too. None without any pair.
    """
    groups: dict[str, dict[tuple[int, bool], Errors]] = {}
    for run in results.tables["accuracy"]["run"]:
        card = next(iter(results.study["cards"][run].values()))
        options = card["options"]
        line = _errors(results, str(run), options) if card["method"] == METHOD else None
        if line is not None:
            group = groups.setdefault(_alike(options), {})
            group.setdefault((line.depth, line.residual), line)
    paired = [_paired(group) for group in groups.values()]
    best = max(paired, key=len, default={})
    return DepthStudy(best) if best else None


def _alike(options: Mapping[str, Any]) -> str:
    kept = {name: value for name, value in options.items() if name not in _MAY_DIFFER}
    return json.dumps(kept, sort_keys=True, default=str)


def _paired(group: Mapping[tuple[int, bool], Errors]) -> dict[tuple[int, bool], Errors]:
    return {key: line for key, line in group.items() if (key[0], not key[1]) in group}


def _errors(results: Results, run: str, options: Mapping[str, Any]) -> Errors | None:
    """Return a network's errors; None where its card or its history does not tell them."""
    table = results.tables["learning_curves"]
    table = table[(table["run"] == run) & (table["metric"] == "accuracy")]
    means: pd.DataFrame = table.pivot_table(index="x", columns="split", values="value")
    if not {"train", "validation"} <= set(means) or not {"depth", "residual"} <= set(options):
        return None
    means = 1 - means.dropna()
    if means.empty:
        return None
    return Errors(
        run=run,
        depth=int(options["depth"]),
        residual=bool(options["residual"]),
        epochs=tuple(int(epoch) for epoch in means.index),
        train=tuple(map(float, means["train"])),
        validation=tuple(map(float, means["validation"])),
    )
