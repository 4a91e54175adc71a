"""What the page and its sections are made from: the results, and what follows from them for all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from pipeline.config.yaml_files import dump_yaml
from pipeline.page.formats import points
from pipeline.page.pictures import Pictures
from pipeline.page.readable import readable, readable_table, readable_text
from pipeline.storage.paths import STUDY
from pipeline.storage.results import Results, pretrained_on

_SOURCES = {"imagenet": "ImageNet", "file": "a local weights file"}


@dataclass(frozen=True)
class Majority:
    """The most common class of the training images: a baseline that needs no images.

    In results of earlier versions it is the most common class of the test images.
    """

    names: tuple[str, ...]
    """The class; all of them where several are equally common."""
    share: float
    """Its share of the test images: the accuracy of always predicting it."""
    interval: str = ""
    """The 95% interval (Wilson) of the share; empty in results of earlier versions."""

    @property
    def phrase(self) -> str:
        """``always predicting cat, the most common class``, unnamed where there are several."""
        if len(self.names) > 1:
            return "always predicting one of the most common classes"
        return f"always predicting {self.names[0]}, the most common class"


@dataclass(frozen=True)
class NeverRecognized:
    """A class of which a run classifies no test image correctly."""

    run: str
    class_name: str
    n: int
    """Test images of the class."""


@dataclass(frozen=True)
class StudyResults:
    """The results of a study with all that the report needs beside them.

    All texts are made printable (`pipeline.page.readable`), whatever was given.
    """

    results: Results
    params: Mapping[str, Any] = field(default_factory=dict)
    """As in params.yaml; the page shows them unchanged."""
    folder: Path = STUDY
    """The report's folder, where its pictures are."""
    feature_pictures: pd.DataFrame | None = None
    """``features.csv``; None where no feature set was drawn."""
    network_pictures: pd.DataFrame | None = None
    """``networks.csv``; None where no network was drawn."""
    network_layers: pd.DataFrame | None = None
    """``layers.csv``; None where the layers of networks were not recorded."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "results", readable(self.results))
        for name in ("feature_pictures", "network_pictures", "network_layers"):
            object.__setattr__(self, name, readable_table(getattr(self, name)))

    @property
    def tables(self) -> Mapping[str, pd.DataFrame]:
        """The tables of the results, by name."""
        return self.results.tables

    @property
    def record(self) -> dict[str, Any]:
        """``study.json``."""
        return self.results.study

    @property
    def dataset(self) -> Mapping[str, Any]:
        """The dataset's card."""
        dataset: Mapping[str, Any] = self.record["dataset"]
        return dataset

    @property
    def params_text(self) -> str:
        """The parameters as YAML."""
        return readable_text(dump_yaml(_plain(self.params)))

    @property
    def pictures(self) -> Pictures:
        """The pictures of the report."""
        return Pictures(self.folder)

    @property
    def runs(self) -> list[tuple[str, str]]:
        """(run, family), in the order of the accuracy table."""
        table = self.tables["accuracy"]
        return [(str(r), str(f)) for r, f in zip(table["run"], table["family"], strict=True)]

    @property
    def families_best(self) -> dict[str, str]:
        """Family -> its best run on the validation split."""
        return dict(self.record["families_best"])

    @property
    def best(self) -> set[str]:
        """The best runs of the families."""
        return set(self.families_best.values())

    @property
    def chosen_by(self) -> str:
        """What choices go by on the validation split: ``accuracy`` or ``balanced accuracy``."""
        return str(self.record.get("chosen_by", "accuracy"))

    @property
    def independent(self) -> bool:
        """Whether the test images are independent samples, as intervals and tests assume."""
        return bool(self.dataset.get("independent", True))

    @property
    def folds(self) -> int:
        """Folds of a cross-validation; 0 where the study has none."""
        return len(self.dataset.get("folds", ()))

    def card(self, run: str) -> Mapping[str, Any]:
        """Return the card of a run's first seed."""
        card: Mapping[str, Any] = next(iter(self.record["cards"][run].values()))
        return card

    @cached_property
    def pretrained(self) -> dict[str, str]:
        """Run -> source of its pretrained weights, in the order of the accuracy table."""
        sources = {run: pretrained_on(self.card(run)["notes"]) for run, _ in self.runs}
        return {run: _SOURCES[source] for run, source in sources.items() if source is not None}

    @cached_property
    def majority(self) -> Majority:
        """The most common class: the floor that every run has to exceed."""
        if known := self.record.get("majority"):
            ends = (points(known[name]) for name in ("test_ci_low", "test_ci_high"))
            return Majority(tuple(known["classes"]), known["test_accuracy"], " to ".join(ends))
        table = self.tables["per_class"]
        first = table[table["run"] == table["run"].iloc[0]]
        support = first.set_index("class")["support"]
        names = support.index[support == support.max()]
        return Majority(tuple(map(str, names)), float(support.max() / support.sum()))

    def beats_majority(self, row: Mapping[Any, Any]) -> bool:
        """Return whether a row of the accuracy table is better than the most common class.

        Where test images are independent, the lower end of the 95% interval has to exceed its
        share; elsewhere, the accuracy itself does.
        """
        column = "test_ci_low" if self.independent else "test_accuracy"
        return bool(row[column] > self.majority.share)

    @cached_property
    def never_recognized(self) -> tuple[NeverRecognized, ...]:
        """The classes with a recall of 0, those of the families' best runs first."""
        table = self.tables["per_class"]
        table = table[(table["recall"] == 0) & (table["support"] > 0)]
        order = dict.fromkeys([*self.families_best.values(), *(run for run, _ in self.runs)])
        return tuple(
            NeverRecognized(str(run), str(row["class"]), int(row["support"]))
            for run in order
            for row in table[table["run"] == run].to_dict("records")
        )


def _plain(value: Any) -> Any:
    """Reduce parameters to what YAML writes plainly."""
    if isinstance(value, Mapping):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(each) for each in value]
    return value if isinstance(value, (str, int, float, bool)) or value is None else str(value)
