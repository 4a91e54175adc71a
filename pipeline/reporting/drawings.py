"""All charts of a study: which the page holds, and which become files."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

from pipeline.reporting import (
    calibration,
    classes,
    corruption,
    curves,
    depth,
    frontier,
    gaps,
    matrices,
    pairs,
)
from pipeline.reporting.charts import accuracy as accuracy_chart
from pipeline.reporting.charts import calibration as calibration_chart
from pipeline.reporting.charts import classes as classes_chart
from pipeline.reporting.charts import confusion as confusion_chart
from pipeline.reporting.charts import corruption as corruption_chart
from pipeline.reporting.charts import curves as curves_chart
from pipeline.reporting.charts import depth as depth_chart
from pipeline.reporting.charts import frontier as frontier_chart
from pipeline.reporting.charts import gaps as gaps_chart
from pipeline.reporting.charts import pairs as pairs_chart
from pipeline.reporting.charts.rendering import Drawing
from pipeline.reporting.readable import readable
from pipeline.storage.results import Results

MOST_PANELS = 16
"""Runs that have a learning curve by themselves on the page; all are in the common charts."""


@dataclass(frozen=True)
class Study:
    """What the charts and the texts of a report are made of, computed once."""

    results: Results
    """With texts that may be shown (`pipeline.reporting.readable`), whatever was given."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "results", readable(self.results))

    @cached_property
    def gaps(self) -> list[gaps.Gap]:
        """Training against test accuracy."""
        return gaps.gaps(self.results)

    @cached_property
    def curves(self) -> list[curves.LearningCurve]:
        """Learning curves."""
        return curves.learning_curves(self.results)

    @cached_property
    def depth(self) -> depth.DepthStudy | None:
        """Plain against residual networks."""
        return depth.depth_study(self.results)

    @cached_property
    def frontiers(self) -> list[frontier.Frontier]:
        """Accuracy against cost."""
        return frontier.frontiers(self.results)

    @cached_property
    def pairwise(self) -> pairs.PairwiseGrid | None:
        """Differences of pairs."""
        return pairs.pairwise_grid(self.results)

    @cached_property
    def calibration(self) -> calibration.Calibration | None:
        """Confidence against accuracy."""
        return calibration.calibration(self.results)

    @cached_property
    def robustness(self) -> corruption.Robustness | None:
        """Accuracy on corrupted images."""
        return corruption.robustness(self.results)

    @cached_property
    def matrices(self) -> list[matrices.ConfusionMatrix]:
        """Confusion matrices."""
        return matrices.confusion_matrices(self.results)

    @cached_property
    def classes(self) -> classes.ClassScores:
        """Scores class by class."""
        return classes.class_scores(self.results)

    @property
    def runs(self) -> list[tuple[str, str]]:
        """(run, family), in the order of the accuracy table."""
        table = self.results.tables["accuracy"]
        return [(str(r), str(f)) for r, f in zip(table["run"], table["family"], strict=True)]

    @property
    def families_best(self) -> dict[str, str]:
        """Family -> its best run on the validation split."""
        return dict(self.results.study["families_best"])

    @property
    def best(self) -> set[str]:
        """The best runs of the families."""
        return set(self.families_best.values())

    @property
    def many_classes(self) -> bool:
        """Whether a matrix has too many classes for a table."""
        return len(self.results.study["dataset"]["class_names"]) > matrices.NAMED_CLASSES


def page_drawings(study: Study) -> dict[str, list[Drawing]]:
    """Draw what the page holds: place -> charts, an empty list where the study has none."""
    found, all_curves = study, study.curves
    limits = curves_chart.limits(all_curves) if all_curves else (0.0, 1.0)
    return {
        "gaps": [gaps_chart.draw_gaps(found.gaps)],
        "together": [
            curves_chart.draw_together(all_curves, kind)
            for kind in curves_chart.KINDS
            if any(curve.x_kind == kind for curve in all_curves)
        ],
        "panels": [
            curves_chart.draw_panel(curve, limits, f"curve-{index}")
            for index, curve in enumerate(all_curves[:MOST_PANELS])
        ],
        "depth": _depth(found),
        "frontiers": [frontier_chart.draw_frontier(each) for each in found.frontiers],
        "pairwise": [pairs_chart.draw_pairwise(found.pairwise)] if found.pairwise else [],
        "agreement": _agreement(found),
        "reliability": [
            calibration_chart.draw_reliability(each)
            for each in (found.calibration.curves if found.calibration else ())
        ],
        "heat_map": [corruption_chart.draw_heat_map(each) for each in _robust(found)],
        "severities": [corruption_chart.draw_severities(each) for each in _robust(found)],
        "classes": [classes_chart.draw_classes(found.classes)],
        "matrices": [
            confusion_chart.draw_matrix(matrix, f"confusion-{index}")
            for index, matrix in enumerate(found.matrices if found.many_classes else ())
        ],
    }


def _depth(study: Study) -> list[Drawing]:
    if study.depth is None:
        return []
    return [depth_chart.draw_half(study.depth, residual) for residual in (False, True)]


def _robust(study: Study) -> list[corruption.Robustness]:
    return [study.robustness] if study.robustness else []


def _agreement(study: Study) -> list[Drawing]:
    table = study.results.tables.get("agreement")
    if table is None or table.empty:
        return []
    runs = [str(run) for run in study.results.tables["accuracy"]["run"]]
    return [pairs_chart.draw_agreement(table, runs)]


def file_drawings(study: Study, on_page: dict[str, list[Drawing]]) -> dict[str, Drawing]:
    """Return the charts that become files: name -> chart.

    The learning curves of single runs are left out, for ``learning_by_epoch`` and
    ``learning_by_images`` have all of them; all matrices share one file.
    """
    kept = [each for place, drawn in on_page.items() for each in drawn
            if place not in ("panels", "matrices")]  # fmt: skip
    alone: list[Callable[[], Drawing]] = [
        lambda: accuracy_chart.draw_accuracy(study.results.tables["accuracy"]),
        lambda: confusion_chart.draw_confusion(study.matrices),
    ]
    drawn = [*kept, *(draw() for draw in alone)]
    return {each.name: each for each in drawn}
