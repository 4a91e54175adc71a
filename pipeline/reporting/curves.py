"""Learning curves: accuracy by epoch, or by the number of training images."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from pipeline.storage.results import Results


@dataclass(frozen=True)
class Line:
    """One seed on one split: x ascending, y accuracies."""

    seed: int
    split: str
    x: tuple[float, ...]
    y: tuple[float, ...]


@dataclass(frozen=True)
class LearningCurve:
    """One run's panel."""

    run: str
    family: str
    x_kind: str
    """`epoch` or `images`."""
    lines: tuple[Line, ...]
    best: tuple[tuple[float, float], ...]
    """(epoch, validation accuracy) of the kept weights, one a seed, where a card names it."""

    @property
    def words(self) -> str:
        """The curve in a sentence, for those who do not see it."""
        ends = {
            line.split: f"{line.split} accuracy from {line.y[0]:.1%} to {line.y[-1]:.1%}"
            for line in reversed(self.lines)
        }
        unit = "epochs" if self.x_kind == "epoch" else "training images"
        reach = f"{self.lines[0].x[0]:,.0f} to {self.lines[0].x[-1]:,.0f} {unit}"
        kept = "".join(f"; best epoch {epoch:.0f}" for epoch, _ in self.best[:1])
        return f"Learning curve of {self.run}, {reach}: {', '.join(sorted(ends.values()))}{kept}."


def learning_curves(results: Results) -> list[LearningCurve]:
    """Collect the accuracies of the histories, run by run in the order of the accuracy table."""
    table = results.tables["learning_curves"]
    table = table[table["metric"] == "accuracy"]
    curves = []
    for row in results.tables["accuracy"].itertuples():
        history = table[table["run"] == row.run]
        if history.empty:
            continue
        cards = results.study["cards"].get(row.run, {})
        curves.append(
            LearningCurve(
                run=str(row.run),
                family=str(row.family),
                x_kind=str(history["x_kind"].iloc[0]),
                lines=tuple(_lines(history)),
                best=tuple(_best(history, cards)),
            )
        )
    return curves


def _lines(history: pd.DataFrame) -> list[Line]:
    lines = []
    for (seed, split), points in history.groupby(["seed", "split"], sort=False):
        points = points.sort_values("x")
        lines.append(Line(int(str(seed)), str(split), tuple(points["x"]), tuple(points["value"])))
    return lines


def _best(history: pd.DataFrame, cards: Mapping[str, Any]) -> list[tuple[float, float]]:
    validation = history[history["split"] == "validation"].set_index(["seed", "x"])["value"]
    found = []
    for seed, card in cards.items():
        epoch = card.get("notes", {}).get("best_epoch")
        if epoch is not None and (int(seed), epoch) in validation.index:
            found.append((float(epoch), float(validation[int(seed), epoch])))
    return found


def limits(curves: list[LearningCurve]) -> tuple[float, float]:
    """Return one range of accuracies for all panels, on tenths, so that they can be compared."""
    values = [value for curve in curves for line in curve.lines for value in line.y]
    low, high = min(values), max(values)
    return math.floor(low * 10) / 10, max(
        math.ceil(high * 10) / 10, math.floor(low * 10) / 10 + 0.1
    )
