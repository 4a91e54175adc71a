"""How much accuracy is lost on corrupted test images."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from pipeline.page.formats import count, percent, points
from pipeline.page.study import StudyResults
from pipeline.page.table import RunsTable, runs_table
from pipeline.page.view import View
from pipeline.storage.columns import Column

TITLE = "Corrupted images"
ABSENT = "name a run under corrupt in params.yaml"
NONE = "none"
"""The name of images without corruption."""
COLUMNS = (
    Column("family", "The family of the run.", format="text"),
    Column("n", "Number of test images.", title="Images", format="count"),
    Column("clean", "Accuracy on these images without corruption.", format="percent"),
    Column(
        "mean",
        "Accuracy on the corrupted images, averaged over all corruptions and severities.",
        title="Corrupted",
        format="percent",
    ),
    Column(
        "lost",
        "Accuracy lost, in percentage points, with its 95% interval, which reflects test-set "
        "sampling.",
        format="points",
    ),
)


@dataclass(frozen=True)
class Robustness(View):
    """Accuracy of some runs on corrupted test images."""

    cells: pd.DataFrame
    """`run`, `family`, `corruption`, `accuracy`: means over severities, ``none`` first."""
    severities: pd.DataFrame
    """`run`, `family`, `severity`, `accuracy`: means over corruptions; severity 0 is none."""
    runs: tuple[str, ...]
    """In the order of the accuracy table."""
    corruptions: tuple[str, ...]
    """Without ``none``, the most harmful first, by the mean over runs."""
    n: Mapping[str, int]
    """Run -> its test images; those of a run with fewer are among those of one with more."""
    summary: Mapping[str, Any]
    """``corruption`` of ``study.json``: intervals, a comparison, what is missing."""

    @property
    def runs_table(self) -> RunsTable:
        """The means as a table."""
        return runs_table(COLUMNS, self.means, {"lost": ("lost_low", "lost_high")})

    @property
    def members(self) -> list[tuple[str, str]]:
        """(run, family)."""
        return [(row["run"], row["family"]) for row in self.means]

    @property
    def means(self) -> list[dict[str, Any]]:
        """A row per run: `clean`, `mean` over all corruptions and severities, and `lost`."""
        found = []
        for run in self.runs:
            mine = self.cells[self.cells["run"] == run].set_index("corruption")["accuracy"]
            mean = float(mine.drop(NONE).mean())
            family = self.cells.loc[self.cells["run"] == run, "family"].iloc[0]
            clean = float(mine[NONE])
            interval = self.summary.get("runs", {}).get(run, {})
            found.append(
                {
                    "run": run,
                    "family": family,
                    "n": self.n[run],
                    "clean": clean,
                    "mean": mean,
                    "lost": clean - mean,
                    "lost_low": interval.get("drop_ci_low"),
                    "lost_high": interval.get("drop_ci_high"),
                }
            )
        return found

    @property
    def images(self) -> str:
        """How many test images each run was tested on."""
        most = max(self.n.values())
        fewer = [f"{run} {count(n)} of them" for run, n in self.n.items() if n < most]
        return f"{count(most)} test images" + (f" ({', '.join(fewer)})" if fewer else "")

    @property
    def comparison(self) -> str | None:
        """Whether the classical run or the network is more robust; None without both."""
        found = self.summary.get("comparison")
        if found is None:
            return None
        text = (
            f"On the same {count(found['n'])} images, {found['classical']}, the best classical run "
            f"here, loses {points(found['classical_drop'])} points, and {found['deep']}, the best "
            f"network, {points(found['deep_drop'])}"
        )
        if not found["independent_images"]:
            return (
                f"{text}. These images are not independent samples; the comparison is "
                "illustrative only."
            )
        low, high = sorted((abs(found["ci_low"]), abs(found["ci_high"])))
        if found["ci_low"] <= 0 <= found["ci_high"]:
            interval = f"{points(found['ci_low'])} to {points(found['ci_high'])}"
            return f"{text}; the difference is not significant (95% interval {interval} points)."
        more = "network" if found["difference"] > 0 else "classical run"
        return (
            f"{text}; the {more} loses {points(abs(found['difference']))} points more "
            f"(95% interval {points(low)} to {points(high)})."
        )

    @property
    def missing(self) -> list[tuple[str, str]]:
        """(corruption, reason) of the published ones that are not applied here."""
        return [(n.replace("_", " "), why) for n, why in self.summary.get("missing", {}).items()]

    @property
    def sentence(self) -> str:
        """Which run is best, which loses least, and which corruption is the most harmful."""
        rows = self.means
        best, least = max(rows, key=_of("mean")), min(rows, key=_of("lost"))
        start = f"On corrupted images, {_most_accurate(rows, best)} without corruption"
        also = "" if least is best or not _alone(rows, "lost", least) else (
            f"; {least['run']} loses the least: {points(least['lost'])} points, from "
            f"{percent(least['clean'])}"
        )  # fmt: skip
        return f"{start}{also}. {self._worst}"

    @property
    def _worst(self) -> str:
        means = self.cells.groupby("corruption")["accuracy"].mean()
        worst = self.corruptions[0]
        if means[worst] >= means[NONE]:
            return "No corruption lowers the mean accuracy of the runs."
        return f"The most harmful corruption is {worst.replace('_', ' ')}."

    @property
    def alt(self) -> str:
        """The heat map in words."""
        listed = "; ".join(
            f"{row['run']} {percent(row['clean'])}, corrupted {percent(row['mean'])}"
            for row in self.means
        )
        return f"{self.sentence} {listed}."


def _of(name: str) -> Any:
    return lambda row: row[name]


def _most_accurate(rows: list[dict[str, Any]], best: Mapping[str, Any]) -> str:
    """Name the best run, or all that reach its mean accuracy as it is written."""
    level = [row for row in rows if points(row["mean"]) == points(best["mean"])]
    *others, last = [row["run"] for row in level]
    if len(rows) == 1:
        reached = f"{last} reaches"
    elif not others:
        reached = f"{last} is the most accurate, with"
    else:
        both = "both" if len(others) == 1 else "all"
        reached = f"{', '.join(others)} and {last} {both} reach"
    clean = " and ".join(dict.fromkeys(percent(row["clean"]) for row in level))
    return f"{reached} {percent(best['mean'])} on average, down from {clean}"


def _alone(rows: list[dict[str, Any]], name: str, row: dict[str, Any]) -> bool:
    """Whether no other row has the same number, as it is written."""
    return [points(each[name]) for each in rows].count(points(row[name])) == 1 < len(rows)


def view(study: StudyResults) -> Robustness | None:
    """Average the table; None where no run was tested on corrupted images."""
    table = study.tables.get("corruption")
    if table is None or table.empty:
        return None
    known = set(table["run"])
    runs = tuple(str(run) for run in study.tables["accuracy"]["run"] if run in known)
    families = table.drop_duplicates("run").set_index("run")["family"].to_dict()
    cells = table.groupby(["run", "corruption"], sort=False)["accuracy"].mean().reset_index()
    levels = table.groupby(["run", "severity"], sort=False)["accuracy"].mean().reset_index()
    harmful = cells[cells["corruption"] != NONE].groupby("corruption", sort=False)["accuracy"]
    return Robustness(
        cells=cells.assign(family=cells["run"].map(families)),
        severities=levels.assign(family=levels["run"].map(families)),
        runs=runs,
        corruptions=tuple(harmful.mean().sort_values(kind="stable").index.astype(str)),
        n={run: int(table.loc[table["run"] == run, "n"].iloc[0]) for run in runs},
        summary=study.record.get("corruption", {}),
    )
