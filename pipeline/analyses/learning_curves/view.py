"""Accuracy and loss by epoch, and accuracy by the number of training images."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pandas as pd

from pipeline.analyses.learning_curves.onset import Onset, onset
from pipeline.analyses.learning_curves.wording import RULE, notes, sentence, too_short
from pipeline.page.formats import decimal, percent
from pipeline.page.study import StudyResults
from pipeline.page.theme import TONES
from pipeline.page.view import View

TITLE = "Learning curves"
ABSENT = "retrain the runs with dvc repro, which records their histories"
MOST_PANELS = 16
"""Runs that have charts of their own on the page; the charts of all runs have every run."""

KINDS = {"epoch": "epoch", "images": "training images, doubling"}
"""Kinds of the horizontal axis -> its title."""
METRICS = {
    "accuracy": "accuracy",
    "loss": "loss",
    "macro_f1": "macro-F1",
    "balanced_loss": "balanced loss",
    "balanced_accuracy": "balanced accuracy",
    "learning_rate": "learning rate",
}
"""Metrics that are drawn -> how they are called."""
SHARES = ("accuracy", "macro_f1", "balanced_accuracy")
"""Those between 0 and 1, of which more is better."""

NETWORKS = "networks_by_epoch"
"""The figure that has the charts of each network."""


def figure_name(x_kind: str, metric: str) -> str:
    """Return the name of the chart of all runs."""
    return f"{'learning' if metric == 'accuracy' else metric}_by_{x_kind}"


@dataclass(frozen=True)
class Line:
    """One seed on one split: x ascending, y the values of a metric."""

    seed: int
    split: str
    metric: str
    x: tuple[float, ...]
    y: tuple[float, ...]


@dataclass(frozen=True)
class LearningCurve:
    """One run."""

    run: str
    family: str
    number: int
    """From 1, in the order of the accuracy table; labels of narrow charts have no other name."""
    tone: int
    """Index of its color in `TONES`."""
    x_kind: str
    """`epoch` or `images`."""
    lines: tuple[Line, ...]
    monitor: str = ""
    """The validation metric that chose the epochs; empty where no card names it."""
    best: tuple[tuple[float, float], ...] = ()
    """(epoch, validation `monitor`) of the kept weights, one per seed, where a card names them."""
    onset: Onset | None = None
    """Where it overfits, by its validation loss."""

    def of(self, metric: str) -> tuple[Line, ...]:
        """Return the lines of one metric."""
        return tuple(line for line in self.lines if line.metric == metric)

    def mean(self, metric: str, split: str = "validation") -> dict[float, float]:
        """Return x -> the mean over the seeds, where all of them have a value."""
        lines = [line for line in self.of(metric) if line.split == split]
        values = pd.DataFrame({i: pd.Series(line.y, line.x) for i, line in enumerate(lines)})
        means = values.dropna().mean(axis=1)
        return {float(str(x)): float(value) for x, value in means.items()}

    @property
    def alt(self) -> str:
        """Its accuracy in a sentence."""
        return self.describe("accuracy")

    def describe(self, metric: str) -> str:
        """Say in a sentence how a metric changes, on the first seed."""
        lines = self.of(metric)
        if not lines:
            return ""
        write = percent if metric in SHARES else decimal
        ends = {
            line.split: f"{line.split} {METRICS[metric]} from {write(line.y[0])} to "
            f"{write(line.y[-1])}"
            for line in reversed(lines)
        }
        unit = "epochs" if self.x_kind == "epoch" else "training images"
        reach = f"{lines[0].x[0]:,.0f} to {lines[0].x[-1]:,.0f} {unit}"
        kept = "".join(
            f"; best epoch {epoch:.0f}" for epoch, _ in self.best[:1] if metric == self.monitor
        )
        from_ = self.onset.epoch if self.onset is not None and metric == "loss" else None
        overfits = f"; overfits from epoch {from_} on" if from_ is not None else ""
        return (
            f"Learning curve of {self.run}, {reach}: {', '.join(sorted(ends.values()))}"
            f"{kept}{overfits}."
        )


@dataclass(frozen=True)
class LearningCurves(View):
    """All runs that have a history."""

    curves: tuple[LearningCurve, ...]
    """In the order of the accuracy table."""
    notes: tuple[str, ...] = ()
    """What has to be known of the losses: sentences."""
    rule: str = RULE

    @property
    def kinds(self) -> list[str]:
        """The kinds of the horizontal axis that occur."""
        return [kind for kind in KINDS if any(curve.x_kind == kind for curve in self.curves)]

    @property
    def panels(self) -> tuple[LearningCurve, ...]:
        """Those that have charts of their own."""
        return self.curves[:MOST_PANELS]

    @property
    def losses(self) -> bool:
        """Whether any run has a loss."""
        return any(curve.of("loss") for curve in self.curves)

    @cached_property
    def by_epoch(self) -> tuple[str, ...]:
        """The metrics that have a chart by epoch of all runs: also those that chose an epoch."""
        chose = {curve.monitor for curve in self.curves}
        return tuple(
            metric
            for metric in METRICS
            if (metric in ("accuracy", "loss", "learning_rate") or metric in chose)
            and any(curve.x_kind == "epoch" and curve.of(metric) for curve in self.curves)
        )

    @property
    def figures(self) -> dict[str, str]:
        """Name of each figure -> what it shows."""
        found = {
            figure_name("epoch", metric): f"{METRICS[metric]} by epoch" for metric in self.by_epoch
        }
        if "images" in self.kinds:
            found[figure_name("images", "accuracy")] = "accuracy by number of training images"
        if any(curve.of("loss") for curve in self.panels):
            found[NETWORKS] = "each network"
        return found

    @property
    def sentences(self) -> tuple[str, ...]:
        """From which epochs on networks overfit, and what the rule cannot tell."""
        found = [
            sentence(curve.run, curve.onset, curve.monitor, [int(e) for e, _ in curve.best])
            for curve in self.curves
            if curve.onset is not None
        ]
        lengths = {c.run: len(c.mean("loss")) for c in self.curves if c.of("loss")}
        short = too_short(lengths)
        return (*found, *short)

    @property
    def none_overfits(self) -> bool:
        """Whether there are losses, and none that rises by the rule."""
        return self.losses and all(curve.onset is None for curve in self.curves)


def view(study: StudyResults) -> LearningCurves | None:
    """Collect the histories; None where no run has one."""
    found = tuple(_curves(study))
    cards = {curve.run: study.card(curve.run) for curve in found if curve.of("loss")}
    return LearningCurves(found, tuple(notes(cards))) if found else None


def _curves(study: StudyResults) -> Iterator[LearningCurve]:
    table = study.tables["learning_curves"]
    table = table[table["metric"].isin(list(METRICS))]
    members: dict[str, int] = {}
    for number, (run, family) in enumerate(study.runs, start=1):
        history = table[table["run"] == run]
        if "accuracy" not in set(history["metric"]):
            continue
        cards = study.record["cards"].get(run, {})
        monitor = next((str(n["monitor"]) for n in _notes(cards) if "monitor" in n), "")
        yield LearningCurve(
            run=run,
            family=family,
            number=number,
            tone=members.setdefault(family, 0) % len(TONES[family]),
            x_kind=str(history["x_kind"].iloc[0]),
            lines=tuple(_lines(history)),
            monitor=monitor,
            best=tuple(_best(history[history["metric"] == monitor], cards)),
            onset=onset(history),
        )
        members[family] += 1


def _notes(cards: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for card in cards.values():
        yield card.get("notes", {})


def _lines(history: pd.DataFrame) -> Iterator[Line]:
    for (metric, seed, split), points in history.groupby(["metric", "seed", "split"], sort=False):
        points = points.sort_values("x")
        x, y = tuple(points["x"]), tuple(points["value"])
        yield Line(int(str(seed)), str(split), str(metric), x, y)


def _best(history: pd.DataFrame, cards: Mapping[str, Any]) -> Iterator[tuple[float, float]]:
    validation = history[history["split"] == "validation"].set_index(["seed", "x"])["value"]
    for seed, card in cards.items():
        epoch = card.get("notes", {}).get("best_epoch")
        if epoch is not None and (int(seed), epoch) in validation.index:
            yield float(epoch), float(validation[int(seed), epoch])
