"""Learning curves: accuracy by epoch, or by the number of training images."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from pipeline.page.study import StudyResults
from pipeline.page.view import View

TITLE = "Learning curves"
ABSENT = "retrain the runs with dvc repro; every run then leaves its history"
MOST_PANELS = 16
"""Runs that have a chart of their own on the page; the charts of all runs have every run."""

KINDS = {"epoch": "epoch", "images": "training images, doubling"}
"""Kinds of the horizontal axis -> its title."""


@dataclass(frozen=True)
class Line:
    """One seed on one split: x ascending, y accuracies."""

    seed: int
    split: str
    x: tuple[float, ...]
    y: tuple[float, ...]


@dataclass(frozen=True)
class LearningCurve:
    """One run."""

    run: str
    family: str
    x_kind: str
    """`epoch` or `images`."""
    lines: tuple[Line, ...]
    best: tuple[tuple[float, float], ...]
    """(epoch, validation accuracy) of the kept weights, one per seed, where a card names it."""

    @property
    def alt(self) -> str:
        """The curve in a sentence."""
        ends = {
            line.split: f"{line.split} accuracy from {line.y[0]:.1%} to {line.y[-1]:.1%}"
            for line in reversed(self.lines)
        }
        unit = "epochs" if self.x_kind == "epoch" else "training images"
        reach = f"{self.lines[0].x[0]:,.0f} to {self.lines[0].x[-1]:,.0f} {unit}"
        kept = "".join(f"; best epoch {epoch:.0f}" for epoch, _ in self.best[:1])
        return f"Learning curve of {self.run}, {reach}: {', '.join(sorted(ends.values()))}{kept}."


@dataclass(frozen=True)
class LearningCurves(View):
    """All runs that have a history."""

    curves: tuple[LearningCurve, ...]
    """In the order of the accuracy table."""

    @property
    def kinds(self) -> list[str]:
        """The kinds of the horizontal axis that occur."""
        return [kind for kind in KINDS if any(curve.x_kind == kind for curve in self.curves)]

    @property
    def panels(self) -> tuple[LearningCurve, ...]:
        """Those that have a chart of their own."""
        return self.curves[:MOST_PANELS]


def view(study: StudyResults) -> LearningCurves | None:
    """Collect the histories; None where no run has one."""
    found = tuple(_curves(study))
    return LearningCurves(found) if found else None


def _curves(study: StudyResults) -> list[LearningCurve]:
    table = study.tables["learning_curves"]
    table = table[table["metric"] == "accuracy"]
    curves = []
    for row in study.tables["accuracy"].itertuples():
        history = table[table["run"] == row.run]
        if history.empty:
            continue
        cards = study.record["cards"].get(row.run, {})
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
