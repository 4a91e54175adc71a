"""Training accuracy against test accuracy, and what the gap between them means.

The words come from the numbers by one rule, which the page states (`RULE`).
"""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from pipeline.reporting.duplicates import leak
from pipeline.reporting.formats import percent, points
from pipeline.reporting.majority import is_better, is_independent, majority
from pipeline.storage.results import Results

LARGE = 0.1
"""A gap from which on it is called large, as a share: 10 points."""
_ROUNDING = 1e-9
"""A gap is a difference of rounded shares: 0.7 - 0.6 is a little less than 0.1."""
RULE = (
    f"A run over-fits where the gap is {LARGE * 100:.0f} points or more and its training accuracy "
    "lies above the 95 % interval of its test accuracy: it remembers training images. It "
    "under-fits where its training accuracy lies below the 95 % interval of the test accuracy of "
    "the best run: it cannot tell the classes apart even on what it has learnt from."
)
_BETTER = {
    "classical": "better features or a more flexible classifier",
    "hybrid": "better features or a more flexible classifier",
    "deep": "a larger network or longer training",
}


@dataclass(frozen=True)
class Gap:
    """One run on the images that it has learnt from, and on new ones; shares in [0, 1]."""

    run: str
    family: str
    train: float
    test: float
    over: bool
    """Whether it over-fits, by `RULE`."""
    under: bool
    """Whether it under-fits, by `RULE`."""
    best: str
    """The best run of the study, by which `under` is told."""
    knows_nothing: str = ""
    """What it is not shown to be better than on new images; empty where it is better."""
    leaked: bool = False
    """Whether so many test images were learnt from that the gap says little of new ones."""

    @property
    def gap(self) -> float:
        """Training less test accuracy."""
        return self.train - self.test

    @property
    def finding(self) -> str:
        """The rule's word for the run."""
        if self.over:
            return "over-fits and under-fits" if self.under else "over-fits"
        return "under-fits" if self.under else "neither"

    @property
    def meaning(self) -> str:
        """What the numbers mean, and what may help."""
        better = _BETTER[self.family]
        if self.knows_nothing:
            return f"It is not shown to be better on new images than {self.knows_nothing}."
        if self.leaked:
            return "Too many test images were learnt from for this to tell of new images."
        if self.over and self.under:
            return (
                f"It remembers training images, and even so gets fewer of them right than "
                f"{self.best} gets of new ones: more images may help, and {better}."
            )
        if self.over:
            return (
                "It remembers training images; more of them, or stronger regularization, may help."
            )
        if self.under:
            return (
                "It misses training images too, so that more of them would hardly help; "
                f"{better} may."
            )
        if self.gap >= LARGE - _ROUNDING:
            return "The gap is large, but with so few test images it may be chance."
        return "It gets new images right nearly as often as those it has learnt from."

    @property
    def sentence(self) -> str:
        """The run by itself, in a sentence or two."""
        finding = "neither over- nor under-fits" if self.finding == "neither" else self.finding
        return (
            f"{self.run} gets {percent(self.train)} of its training images and "
            f"{percent(self.test)} of the test images right, a gap of {points(self.gap)} points: "
            f"it {finding}. {self.meaning}"
        )


def gaps(results: Results) -> list[Gap]:
    """Apply the rule to every run, in the order of the accuracy table (best validation first)."""
    rows = results.tables["accuracy"].to_dict("records")
    best, common, independent = rows[0], majority(results), is_independent(results)
    nothing = f"{common.words} ({percent(common.share)})"
    leaked = bool(leak(results))
    return [
        Gap(
            run=str(row["run"]),
            family=str(row["family"]),
            train=row["train_accuracy"],
            test=row["test_accuracy"],
            over=_remembers(row["train_accuracy"], row["test_accuracy"], row["test_ci_high"]),
            under=row is not best and row["train_accuracy"] < best["test_ci_low"],
            best=str(best["run"]),
            knows_nothing="" if is_better(row, common, independent) else nothing,
            leaked=leaked,
        )
        for row in rows
    ]


def _remembers(train: float, test: float, test_high: float) -> bool:
    return train - test >= LARGE - _ROUNDING and train > test_high


def color_and_hog(results: Results) -> tuple[Gap, Gap] | None:
    """Return the runs on a colour histogram alone and on HOG alone, best on the test split first.

    Of several, two with the same kind of classifier are taken, and of those the ones of the highest
    validation accuracy. None where the study lacks one of them.
    """
    table = results.tables["accuracy"]
    alone: dict[str, list[tuple[str, str]]] = {"color_histogram": [], "hog": []}
    for run, method in zip(table["run"], table["method"], strict=True):
        card = next(iter(results.study["cards"][run].values()))
        sets = card["notes"].get("feature_sets", {})
        if len(card["features"]) == len(sets) == 1:
            (feature_method,) = (each["method"] for each in sets.values())
            if feature_method in alone:
                alone[feature_method].append((str(method), str(run)))
    pairs = [(one, other) for one in alone["hog"] for other in alone["color_histogram"]]
    if not pairs:
        return None
    chosen = min(pairs, key=lambda pair: pair[0][0] != pair[1][0])
    found = {each.run: each for each in gaps(results)}
    first, second = sorted((found[run] for _, run in chosen), key=lambda each: -each.test)
    return first, second


def compared(first: Gap, second: Gap, same_classifier: bool, separated: bool = True) -> str:
    """Say why one run is ahead of another: what it fits better, and what it remembers less.

    The difference of two test accuracies is that of the training accuracies less that of the gaps.

    Args:
        first: the run that is ahead on the test images.
        second: the other.
        same_classifier: whether both are the same kind of classifier.
        separated: whether the test images tell them apart; where not, nothing is said of why.
    """
    lead, fit, memory = first.test - second.test, first.train - second.train, first.gap - second.gap
    if fit >= 0 and memory <= 0:
        parts = (
            f"{points(fit)} are that it fits its training images better, and "
            f"{points(-memory)} that its gap is smaller"
        )
    elif fit >= 0:
        parts = (
            f"they are what is left of {points(fit)} by which it fits its training images better, "
            f"because its gap is {points(memory)} larger"
        )
    else:
        parts = (
            f"its gap is {points(-memory)} smaller, though it fits its training images "
            f"{points(-fit)} worse"
        )
    kind = "the same kind of classifier" if same_classifier else "different classifiers"
    start = f"With {kind} on one feature set each, {first.run}"
    if points(lead) == "0.0":
        return f"{start} and {second.run} are level on the test images."
    if abs(fit) >= abs(memory):
        moral = "What separates them is how well the features tell the classes apart, not memory."
    else:
        moral = "What separates them is how much they remember, not how well they fit."
    if not separated:
        moral = "These test images do not tell whether that would hold for others."
    return (
        f"{start} is ahead of {second.run} by "
        f"{points(lead)} points of test accuracy: {parts}. {moral}"
    )


def gap_sentences(results: Results) -> list[str]:
    """Say what the gaps of the colour histogram's and HOG's runs mean, and what parts them.

    Without these two, the best run speaks for the study.
    """
    pair = color_and_hog(results)
    if pair is None:
        return [gaps(results)[0].sentence]
    methods: pd.Series = results.tables["accuracy"].set_index("run")["method"]
    same = methods[pair[0].run] == methods[pair[1].run]
    separated = _separated(results, pair[0].run, pair[1].run)
    return [*(each.sentence for each in pair), compared(*pair, bool(same), separated)]


def _separated(results: Results, one: str, other: str) -> bool:
    """Whether ``pairwise.csv`` says that the difference of two runs holds."""
    table = results.tables.get("pairwise")
    if table is None:
        return False
    both = table["run_a"].isin([one, other]) & table["run_b"].isin([one, other])
    return bool(table.loc[both, "holds"].astype(bool).any())
