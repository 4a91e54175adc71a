"""What naming the most common class for every image would get: the accuracy of knowing nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pipeline.storage.results import Results


@dataclass(frozen=True)
class Majority:
    """The most common class of the test images."""

    names: tuple[str, ...]
    """Of the class; of several that are equally common, all of them."""
    share: float
    """Its share of the test images: the accuracy of always naming it."""

    @property
    def words(self) -> str:
        """``always naming cat, the most common class``, without a name where there are several."""
        if len(self.names) > 1:
            return "always naming one of the most common classes"
        return f"always naming {self.names[0]}, the most common class"


@dataclass(frozen=True)
class NeverRight:
    """A class of which a run gets no test image right."""

    run: str
    class_name: str
    n: int
    """Test images of the class."""


def majority(results: Results) -> Majority:
    """Find the most common class by the number of test images of each."""
    table = results.tables["per_class"]
    first = table[table["run"] == table["run"].iloc[0]]
    support = first.set_index("class")["support"]
    names = support.index[support == support.max()]
    return Majority(tuple(map(str, names)), float(support.max() / support.sum()))


def is_better(row: Mapping[Any, Any], found: Majority, independent: bool) -> bool:
    """Whether a run's test accuracy is above that of knowing nothing.

    Args:
        row: of the accuracy table.
        found: the most common class.
        independent: whether test images were drawn independently, so that the 95 % interval has to
            lie above the share; where not, the accuracy itself has to.
    """
    return bool(row["test_ci_low" if independent else "test_accuracy"] > found.share)


def is_independent(results: Results) -> bool:
    """Whether the test images were drawn independently, as intervals and tests assume."""
    return bool(results.study["dataset"].get("independent", True))


def never_right(results: Results) -> list[NeverRight]:
    """Find the classes of recall 0, the best runs of the families first, then the table's order."""
    table = results.tables["per_class"]
    table = table[(table["recall"] == 0) & (table["support"] > 0)]
    best = list(results.study["families_best"].values())
    order = dict.fromkeys([*best, *results.tables["accuracy"]["run"]])
    return [
        NeverRight(str(run), str(row["class"]), int(row["support"]))
        for run in order
        for row in table[table["run"] == run].to_dict("records")
    ]
