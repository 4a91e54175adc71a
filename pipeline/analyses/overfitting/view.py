"""Training accuracy against test accuracy, for all runs and for two feature sets by example."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from pipeline.analyses.overfitting.gaps import RULE, Gap, gaps
from pipeline.page.formats import percent, points
from pipeline.page.study import StudyResults
from pipeline.page.view import View

TITLE = "Overfitting"
ABSENT = ""


@dataclass(frozen=True)
class Overfitting(View):
    """All runs."""

    gaps: tuple[Gap, ...]
    """In the order of the accuracy table."""
    sentences: tuple[str, ...]
    rule: str = RULE

    @property
    def alt(self) -> str:
        """The numbers of the chart."""
        listed = "; ".join(f"{e.run} {percent(e.train)}, {percent(e.test)}" for e in self.gaps)
        return f"Training accuracy, then test accuracy: {listed}."


def view(study: StudyResults) -> Overfitting:
    """Apply the rule to every run."""
    return Overfitting(tuple(gaps(study)), tuple(sentences(study)))


def color_and_hog(study: StudyResults) -> tuple[Gap, Gap] | None:
    """Return the runs on a color histogram alone and on HOG alone, best on the test split first.

    If there are several, two with the same kind of classifier are preferred, and of those the ones
    of the highest validation accuracy. None where the study lacks one of them.
    """
    table = study.tables["accuracy"]
    alone: dict[str, list[tuple[str, str]]] = {"color_histogram": [], "hog": []}
    for run, method in zip(table["run"], table["method"], strict=True):
        card = study.card(run)
        sets = card["notes"].get("feature_sets", {})
        if len(card["features"]) == len(sets) == 1:
            (feature_method,) = (each["method"] for each in sets.values())
            if feature_method in alone:
                alone[feature_method].append((str(method), str(run)))
    pairs = [(one, other) for one in alone["hog"] for other in alone["color_histogram"]]
    if not pairs:
        return None
    chosen = min(pairs, key=lambda pair: pair[0][0] != pair[1][0])
    found = {each.run: each for each in gaps(study)}
    first, second = sorted((found[run] for _, run in chosen), key=lambda each: -each.test)
    return first, second


def compared(first: Gap, second: Gap, same_classifier: bool, significant: bool = True) -> str:
    """Say why one run is ahead of another: by its training accuracy, or by its smaller gap.

    The difference of two test accuracies is that of the training accuracies minus that of the gaps.

    Args:
        first: the run that is ahead on the test images.
        second: the other.
        same_classifier: whether both have the same kind of classifier.
        significant: whether the difference is significant; where not, no reason is given.
    """
    lead, fit, memory = first.test - second.test, first.train - second.train, first.gap - second.gap
    kind = "the same kind of classifier" if same_classifier else "different classifiers"
    start = f"With {kind} on one feature set each, {first.run}"
    if points(lead) == "0.0":
        return f"{start} and {second.run} are level on the test images."
    if fit >= 0 and memory <= 0:
        rest = round(100 * lead, 1) - round(100 * fit, 1)  # so that the parts as written add up
        parts = (
            f"{points(fit)} of them come from a higher training accuracy and {points(rest / 100)} "
            "from a smaller generalization gap"
        )
    elif fit >= 0:
        parts = (
            f"its training accuracy is {points(fit)} points higher, and its generalization gap "
            f"{points(memory)} points larger"
        )
    else:
        parts = (
            f"its generalization gap is {points(-memory)} points smaller, although its training "
            f"accuracy is {points(-fit)} points lower"
        )
    if not significant:
        moral = "The difference is not significant."
    elif abs(fit) >= abs(memory):
        moral = "The main difference is how well the features separate the classes."
    else:
        moral = "The main difference is how much they overfit."
    return (
        f"{start} is {points(lead)} points ahead of {second.run} in test accuracy: {parts}. {moral}"
    )


def sentences(study: StudyResults) -> list[str]:
    """Say what the gaps of the color histogram's and HOG's runs mean, and how the two differ.

    Without these two, the best run is the example.
    """
    pair = color_and_hog(study)
    if pair is None:
        return [gaps(study)[0].sentence]
    methods: pd.Series = study.tables["accuracy"].set_index("run")["method"]
    same = methods[pair[0].run] == methods[pair[1].run]
    significant = _significant(study, pair[0].run, pair[1].run)
    return [*(each.sentence for each in pair), compared(*pair, bool(same), significant)]


def _significant(study: StudyResults, one: str, other: str) -> bool:
    """Whether ``pairwise.csv`` says that the difference of two runs is significant."""
    table = study.tables.get("pairwise")
    if table is None:
        return False
    both = table["run_a"].isin([one, other]) & table["run_b"].isin([one, other])
    return bool(table.loc[both, "holds"].astype(bool).any())
