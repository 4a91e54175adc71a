"""From how many training images on deep pays, and what more of them would give."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from pipeline.page.formats import count, percent, plain_value, points
from pipeline.page.study import StudyResults
from pipeline.page.table import RunsTable, runs_table
from pipeline.page.view import View
from pipeline.storage.columns import Column

TITLE = "Sample size"
ABSENT = "name sizes and runs under sample_size in params.yaml"
CLEAR = 0.975
"""Share of the resamples from which on a curve is said to be ahead at all sizes, or at none."""
_SUBJECTS = {"best deep": "the best network", "best deep from scratch": "the best network without "
             "pretrained weights"}  # fmt: skip


@dataclass(frozen=True)
class SampleSize(View):
    """Runs by the number of training images."""

    curves: pd.DataFrame
    """The table ``sample_size``."""
    crossings: tuple[Mapping[Any, Any], ...]
    """Rows of ``sample_size_crossings``."""
    forms: pd.DataFrame
    """The table ``sample_size_forms``."""
    how: Mapping[str, Any]
    """``sample_size`` of ``study.json``."""
    n_train: int
    n_validation: int
    independent: bool

    @property
    def brief(self) -> tuple[str, ...]:
        """The answers that belong below the headline: those of the best networks."""
        return tuple(self._sentence(row) for row in self.crossings if row["chosen"])

    @property
    def others(self) -> tuple[str, ...]:
        """A sentence for each other network or hybrid run."""
        return tuple(self._sentence(row) for row in self.crossings if not row["chosen"])

    @property
    def members(self) -> list[tuple[str, str]]:
        """(run, family), the best on the validation split first."""
        return list(dict.fromkeys(zip(self.curves["run"], self.curves["family"], strict=True)))

    @property
    def sizes(self) -> list[int]:
        """Numbers of training images, ascending."""
        return [int(size) for size in self.how["sizes"]]

    @property
    def by_size(self) -> RunsTable:
        """Accuracies as a table: a row per run, a column per size."""
        columns = tuple(
            Column(
                str(size),
                f"Test accuracy with {size:,} training images, the mean over draws, with its 95% "
                "interval, which reflects other draws and other test images.",
                title=f"{size:,}",
                format="percent",
            )
            for size in self.sizes
        )
        rows: list[dict[str, Any]] = []
        for run, family in self.members:
            mine = self.curves[self.curves["run"] == run]
            row: dict[str, Any] = {"run": run, "family": family}
            for each in mine.to_dict("records"):
                name = str(each["images"])
                row |= {name: each["accuracy"], f"{name} low": each["ci_low"]}
                row |= {f"{name} high": each["ci_high"]}
            rows.append(row)
        ends = {each.name: (f"{each.name} low", f"{each.name} high") for each in columns}
        return runs_table(columns, rows, ends)

    @property
    def doublings(self) -> tuple[str, ...]:
        """What twice as many images would give, a sentence per run."""
        groups = self.forms.groupby("run", sort=False)
        return tuple(_doubling(str(run), rows.to_dict("records")) for run, rows in groups)

    @property
    def conditions(self) -> tuple[str, ...]:
        """How the runs were trained: what has to be known to read the numbers."""
        how = self.how
        found = [
            f"Each run was trained {how['draws']} times at each size, on newly drawn images: the "
            "same for all runs, stratified by class, smaller sets within larger ones. Each draw "
            "has a seed of its own."
        ]
        if self.n_train in self.sizes:
            found.append(
                f"All {count(self.n_train)} images are the same in each draw, so that the draws "
                "differ there in their seeds alone, and a deterministic classifier not at all."
            )
        found.append(self._options())
        if least := {run: steps for run, steps in how["steps"].items() if steps is not None}:
            each = ", ".join(f"{count(steps)} ({run})" for run, steps in least.items())
            found.append(
                f"Networks take at least this many optimizer steps: {each}. At small sizes, an "
                "epoch repeats its images as often as that takes. Batches never hold more images "
                "than there are."
            )
        if how["refitted"]:
            found.append(
                f"The feature {_plural('set', how['refitted'])} {', '.join(how['refitted'])} "
                "learned from the images of each training alone."
            )
        found.append(
            f"All trainings use the same {count(self.n_validation)} validation images, even where "
            "they learn from fewer. Choices made on them (options, the best epoch) are therefore "
            "better than so few labeled images would allow."
        )
        if diverged := int(self.curves["diverged"].sum()):
            found.append(
                f"{diverged} {_plural('training', range(diverged))} diverged; each counts as "
                "always predicting the most common class."
            )
        return tuple(found)

    @property
    def alt(self) -> str:
        """The chart in words."""
        parts = []
        for run, _ in self.members:
            mine = self.curves[self.curves["run"] == run]
            ends = [percent(mine["accuracy"].iloc[place]) for place in (0, -1)]
            parts.append(f"{run} from {ends[0]} to {ends[1]}")
        return (
            f"Test accuracy by number of training images, {count(self.sizes[0])} to "
            f"{count(self.sizes[-1])}: {'; '.join(parts)}."
        )

    def _options(self) -> str:
        tuned, names = self.how["tuned"], [run for run, _ in self.members]
        fixed = [name for name in names if name not in tuned]
        text = ""
        if tuned:
            text = f"Options of {', '.join(tuned)} were tuned for each training"
        if fixed:
            those = f"those of {', '.join(fixed)}" if tuned else "options"
            text += f"{'; ' if tuned else ''}{those} are the same at all sizes"
        changes = "; ".join(
            f"{run}: {plain_value(each)}" for run, each in self.how["changes"].items()
        )
        differ = f" Options that differ from the rest of the study: {changes}." if changes else ""
        return f"{text[:1].upper()}{text[1:]}.{differ}"

    def _sentence(self, row: Mapping[Any, Any]) -> str:
        subject = f"{_SUBJECTS[row['chosen']]}, {row['run']}," if row["chosen"] else row["run"]
        smallest, largest = count(self.sizes[0]), count(self.sizes[-1])
        against = f"the best classical run, {row['against']}"
        if row["images"] == math.inf:
            text = (
                f"Up to {largest} training images, {subject} does not overtake {against} (in "
                f"{_share(row['never'])} of the resamples)"
            )
        elif row["images"] == 0:
            text = (
                f"At all sizes, from {smallest} training images on, {subject} is ahead of "
                f"{against} (in {_share(row['always'])} of the resamples)"
            )
        else:
            text = (
                f"From about {_rounded(row['images'])} training images on, {subject} is ahead of "
                f"{against} (95% interval {self._interval(row)})"
            )
        more = self._left_open(row)
        if not self.independent:
            more += " These images are not independent samples; the interval is illustrative only."
        return f"{text}.{more}"

    def _interval(self, row: Mapping[Any, Any]) -> str:
        low, high = row["ci_low"], row["ci_high"]
        below = f"below {count(self.sizes[0])}" if low == 0 else _rounded(low)
        above = f"above {count(self.sizes[-1])}" if high == math.inf else _rounded(high)
        return f"{below} to {above}"

    def _left_open(self, row: Mapping[Any, Any]) -> str:
        """Say what the resamples leave open about a crossing."""
        if row["images"] == math.inf and row["never"] < CLEAR:
            return " With so few draws and test images, this is not certain."
        if row["images"] == 0 and row["always"] < CLEAR:
            return f" It may fall behind at some: the interval ends at {_end(row['ci_high'])}."
        if 0 < row["images"] < math.inf and row["never"] > 1 - CLEAR:
            return f" In {_share(row['never'])} of the resamples it never is."
        if 0 < row["images"] < math.inf and row["always"] > 1 - CLEAR:
            return f" In {_share(row['always'])} of the resamples it is at all sizes."
        return ""


def view(study: StudyResults) -> SampleSize | None:
    """Collect the curves; None where no run was trained on parts of the training images."""
    curves = study.tables.get("sample_size")
    if curves is None or curves.empty:
        return None
    sizes = study.dataset["sizes"]
    return SampleSize(
        curves=curves,
        crossings=tuple(study.tables["sample_size_crossings"].to_dict("records")),
        forms=study.tables["sample_size_forms"],
        how=study.record["sample_size"],
        n_train=int(sizes["train"]),
        n_validation=int(sizes["validation"]),
        independent=study.independent,
    )


def _doubling(run: str, rows: list[dict[Any, Any]]) -> str:
    """Say what the form that predicts best says, and how far others that fit differ."""
    best = rows[0]
    here = f"{run}: error {percent(best['error'])} with {count(best['images'])} images"
    if best["ill_behaved"]:
        return f"{here}. Not extrapolated, because the error {best['ill_behaved']}."
    gains = sorted(row["gain"] for row in rows if row["fits"])
    if not gains:
        return (
            f"{here}. Not extrapolated, because no form predicts the largest size from the others; "
            f"the {best['form']} comes closest and misses it by {points(abs(best['missed']))} "
            "points."
        )
    ends = f"{points(gains[0])} to {points(gains[-1])}"
    others = f"; {ends} over the {len(gains)} forms that fit" if len(gains) > 1 else ""
    return (
        f"{here}, {points(-best['slope'])} points less per doubling there ({best['form']}). Twice "
        f"as many would lower it by about {points(best['gain'])} points (95% interval "
        f"{points(best['gain_low'])} to {points(best['gain_high'])}{others})."
    )


def _rounded(images: float) -> str:
    """Write a number of images with two digits: ``1,200``."""
    digits = max(0, math.floor(math.log10(images)) - 1)
    return f"{round(images / 10**digits) * 10**digits:,}"


def _end(images: float) -> str:
    return "the largest" if images == math.inf else f"{_rounded(images)} images"


def _share(share: float) -> str:
    return "all" if share == 1 else percent(share)


def _plural(word: str, each: Any) -> str:
    return word if len(each) == 1 else f"{word}s"
