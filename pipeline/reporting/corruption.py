"""How accuracy falls when test images are corrupted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from pipeline.reporting.formats import count, percent, points
from pipeline.storage.results import Results

NONE = "none"
"""The name of images as they are."""


@dataclass(frozen=True)
class Robustness:
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
    """What ``study.json`` says under ``corruption``: intervals, a comparison, what is missing."""

    @property
    def members(self) -> list[tuple[str, str]]:
        """(run, family)."""
        return [(row["run"], row["family"]) for row in self.means]

    @property
    def means(self) -> list[dict[str, Any]]:
        """A row a run: `clean`, `mean` over all corruptions and severities, and what is `lost`."""
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
        """How many test images each run met."""
        most = max(self.n.values())
        fewer = [f"{run} {count(n)} of them" for run, n in self.n.items() if n < most]
        return f"{count(most)} test images" + (f" ({', '.join(fewer)})" if fewer else "")

    @property
    def comparison(self) -> str | None:
        """Whether hand-made features hold up where a network falls; None without both."""
        found = self.summary.get("comparison")
        if found is None:
            return None
        text = (
            f"On the same {count(found['n'])} images, {found['classical']}, the best of the "
            f"classical runs here, loses {points(found['classical_drop'])} points and "
            f"{found['deep']}, the best network, {points(found['deep_drop'])}"
        )
        if not found["independent_images"]:
            return f"{text}; these images are no independent draws, so it shows nothing more."
        low, high = sorted((abs(found["ci_low"]), abs(found["ci_high"])))
        if found["ci_low"] <= 0 <= found["ci_high"]:
            interval = f"{points(found['ci_low'])} to {points(found['ci_high'])}"
            return f"{text}: no telling which loses more (95 % interval {interval} points)."
        more = "network" if found["difference"] > 0 else "classical run"
        return (
            f"{text}: the {more} loses {points(abs(found['difference']))} points more "
            f"(95 % interval {points(low)} to {points(high)})."
        )

    @property
    def missing(self) -> list[tuple[str, str]]:
        """(corruption, why) of the published ones that are not made here."""
        return [(n.replace("_", " "), why) for n, why in self.summary.get("missing", {}).items()]

    @property
    def sentence(self) -> str:
        """Who holds up best, who loses least, and what harms most."""
        rows = self.means
        best, least = max(rows, key=_of("mean")), min(rows, key=_of("lost"))
        right = percent(best["mean"])
        how = f"most right: {right}" if _alone(rows, "mean", best) else f"{right} right"
        start = (
            f"On corrupted images, {best['run']} gets {how} on average, of "
            f"{percent(best['clean'])} as they are"
        )
        also = "" if least is best or not _alone(rows, "lost", least) else (
            f"; {least['run']} loses least, {points(least['lost'])} points of "
            f"{percent(least['clean'])}"
        )  # fmt: skip
        return f"{start}{also}. {self._worst}"

    @property
    def _worst(self) -> str:
        means = self.cells.groupby("corruption")["accuracy"].mean()
        worst = self.corruptions[0]
        if means[worst] >= means[NONE]:
            return "No corruption lowers the accuracy, as a mean over the runs."
        return f"What harms most is {worst.replace('_', ' ')}."

    @property
    def words(self) -> str:
        """The heat map in words."""
        told = "; ".join(
            f"{row['run']} {percent(row['clean'])}, corrupted {percent(row['mean'])}"
            for row in self.means
        )
        return f"{self.sentence} {told}."


def _of(name: str) -> Any:
    return lambda row: row[name]


def _alone(rows: list[dict[str, Any]], name: str, row: dict[str, Any]) -> bool:
    """Whether a row stands out from others by a number as it is written."""
    return [points(each[name]) for each in rows].count(points(row[name])) == 1 < len(rows)


def robustness(results: Results) -> Robustness | None:
    """Average the table; None where no run met corrupted images."""
    table = results.tables.get("corruption")
    if table is None or table.empty:
        return None
    known = set(table["run"])
    runs = tuple(str(run) for run in results.tables["accuracy"]["run"] if run in known)
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
        summary=results.study.get("corruption", {}),
    )
