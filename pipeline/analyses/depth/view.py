"""Plain against residual networks of several depths: do more layers fit the images better?

He, Zhang, Ren and Sun, "Deep residual learning for image recognition" (CVPR 2016), section 4.2 and
figure 6: among plain networks the deeper one has the larger *training* error, which is not
overfitting; among residual networks, the smaller.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from pipeline.page.formats import percent, points
from pipeline.page.study import StudyResults
from pipeline.page.view import View

TITLE = "Depth"
ABSENT = (
    "name plain and residual networks with the same recipe under deep in params.yaml (method: "
    "resnet, residual: false and true)"
)
METHOD = "resnet"
LEVEL = 0.005
"""Half a point: errors that differ by less count as equal."""
RULE = (
    "Errors are compared by their mean over the last quarter of the epochs, because single epochs "
    f"are noisy; differences below {LEVEL * 100:g} points count as no difference."
)
_MAY_DIFFER = ("depth", "residual", "method", "seeds", "precision", "xla", "data_on_device",
               "steps_per_call", "deterministic", "threads")  # fmt: skip
"""Options in which two networks of a comparison may differ."""


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
class DepthStudy(View):
    """Plain and residual networks, one of each at each depth, otherwise the same."""

    lines: Mapping[tuple[int, bool], Errors]
    """(depth, residual) -> errors."""
    rule: str = RULE

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
            found = [self._deeper(False), self._deeper(True), self._conclusion()]
        return [*found, *(self._shortcuts(depth) for depth in self.depths)]

    def _deeper(self, residual: bool) -> str:
        shallow, deep = self.depths[0], self.depths[-1]
        end = self.at_end(deep, residual) - self.at_end(shallow, residual)
        mean = self._gain(residual)
        first, last = self.quarter
        verdict = {1: "fits its training images worse", 0: "fits its training images equally well",
                   -1: "fits its training images better"}[_side(mean)]  # fmt: skip
        return (
            f"{'With' if residual else 'Without'} shortcuts, the training error of {deep} layers "
            f"is {_apart(end)} that of {shallow} layers at epoch {last}, and {_apart(mean)} it on "
            f"average over epochs {first} to {last}: the deeper network {verdict}."
        )

    def _gain(self, residual: bool) -> float:
        deep, shallow = self.depths[-1], self.depths[0]
        return self.on_average(deep, residual) - self.on_average(shallow, residual)

    def _conclusion(self) -> str:
        plain, residual = _side(self._gain(False)), _side(self._gain(True))
        if plain <= 0:
            return (
                "These plain networks do not show the degradation with depth that He et al. (2016, "
                "figure 6) report."
            )
        if residual <= 0:
            return (
                "Depth alone increases the error, and not by overfitting, which would lower the "
                "training error. Shortcuts remove this degradation, as in He et al. (2016, figure "
                "6)."
            )
        less = self._gain(True) < self._gain(False) - LEVEL
        return (
            "Depth increases the training error with and without shortcuts"
            f"{', but less with them' if less else ''}."
        )

    def _shortcuts(self, depth: int) -> str:
        train, validation = (
            self.on_average(depth, True, split) - self.on_average(depth, False, split)
            for split in ("train", "validation")
        )
        first, last = self.quarter
        return (
            f"At {depth} layers, the training error with shortcuts is {_apart(train)} that of the "
            f"plain network, and the validation error {_apart(validation)} it (epochs {first} to "
            f"{last})."
        )

    def alt(self, residual: bool) -> str:
        """Describe one half of the figure."""
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
    """Write ``12.3 points above``; of equal errors, ``0.0 points above``."""
    return f"{points(abs(difference))} points {'below' if difference < 0 else 'above'}"


def view(study: StudyResults) -> DepthStudy | None:
    """Collect the residual networks that have a plain counterpart, and these.

    Two networks belong together if all options agree but their depth, their shortcuts and how they
    are computed. Of several such groups the one with the most depths is taken, or the first in the
    accuracy table; likewise of several runs with the same options. None without any pair.
    """
    groups: dict[str, dict[tuple[int, bool], Errors]] = {}
    for run, _ in study.runs:
        card = study.card(run)
        options = card["options"]
        line = _errors(study, run, options) if card["method"] == METHOD else None
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


def _errors(study: StudyResults, run: str, options: Mapping[str, Any]) -> Errors | None:
    """Return a network's errors; None where its card or its history lacks them."""
    table = study.tables["learning_curves"]
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
