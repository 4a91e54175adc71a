"""The generalization gap of each run, and what it means.

The sentences follow from the numbers by one rule, which the page states (`RULE`).
"""

from __future__ import annotations

from dataclasses import dataclass

from pipeline.analyses.leak import leak
from pipeline.page.formats import percent, points
from pipeline.page.study import StudyResults

LARGE = 0.1
"""A generalization gap of this share (10 points) or more is called large."""
_ROUNDING = 1e-9
"""A gap is a difference of rounded shares: 0.7 - 0.6 is slightly less than 0.1."""
RULE = (
    "The generalization gap is training accuracy minus test accuracy. A run overfits if its gap is "
    f"{LARGE * 100:.0f} points or more and its training accuracy exceeds the 95% interval of its "
    "test accuracy. It underfits if its training accuracy is below the 95% interval of the test "
    "accuracy of the best run."
)
_BETTER = {
    "classical": "better features or a more flexible classifier",
    "hybrid": "better features or a more flexible classifier",
    "deep": "a larger network or longer training",
}


@dataclass(frozen=True)
class Gap:
    """One run on its training images and on new ones; shares in [0, 1]."""

    run: str
    family: str
    train: float
    test: float
    over: bool
    """Whether it overfits, by `RULE`."""
    under: bool
    """Whether it underfits, by `RULE`."""
    best: str
    """The best run of the study, which decides on `under`."""
    baseline: str = ""
    """The baseline that it is not shown to beat on new images; empty where it beats it."""
    leaked: bool = False
    """Whether so many test images are in train or validation that a small gap says little."""

    @property
    def gap(self) -> float:
        """Training minus test accuracy."""
        return self.train - self.test

    @property
    def finding(self) -> str:
        """What the run does, by the rule."""
        if self.over:
            return "overfits and underfits" if self.under else "overfits"
        return "underfits" if self.under else "neither"

    @property
    def meaning(self) -> str:
        """What the numbers mean, and what may help."""
        if self.baseline:
            return f"It is not shown to be better on new images than {self.baseline}."
        if not self.leaked:
            return self._meaning
        leaked = (
            "Some test images have a near-duplicate in train or validation, so the gap on new "
            "images may be larger."
        )
        return f"{self._meaning} {leaked}" if self.over or self.under else leaked

    @property
    def _meaning(self) -> str:
        better = _BETTER[self.family]
        if self.over and self.under:
            return (
                "It memorizes training images, and still classifies fewer of them correctly than "
                f"{self.best} does new ones: more images may help, and so may {better}."
            )
        if self.over:
            return "It memorizes training images; more of them, or more regularization, may help."
        if self.under:
            return (
                "It misclassifies training images as well, so more of them would hardly help; "
                f"{better} may."
            )
        if self.gap >= LARGE - _ROUNDING:
            return "The gap is large, but may be due to chance with so few test images."
        return "It classifies new images almost as well as its training images."

    @property
    def sentence(self) -> str:
        """The run by itself, in a sentence or two."""
        finding = "neither overfits nor underfits" if self.finding == "neither" else self.finding
        return (
            f"{self.run} classifies {percent(self.train)} of its training images and "
            f"{percent(self.test)} of the test images correctly, a gap of {points(self.gap)} "
            f"points: it {finding}. {self.meaning}"
        )


def gaps(study: StudyResults) -> list[Gap]:
    """Apply the rule to every run, in the order of the accuracy table (best validation first)."""
    rows = study.tables["accuracy"].to_dict("records")
    best = rows[0]
    baseline = f"{study.majority.phrase} ({percent(study.majority.share)})"
    leaked = bool(leak(study))
    return [
        Gap(
            run=str(row["run"]),
            family=str(row["family"]),
            train=row["train_accuracy"],
            test=row["test_accuracy"],
            over=_overfits(row["train_accuracy"], row["test_accuracy"], row["test_ci_high"]),
            under=row is not best and row["train_accuracy"] < best["test_ci_low"],
            best=str(best["run"]),
            baseline="" if study.beats_majority(row) else baseline,
            leaked=leaked,
        )
        for row in rows
    ]


def _overfits(train: float, test: float, test_high: float) -> bool:
    return train - test >= LARGE - _ROUNDING and train > test_high
