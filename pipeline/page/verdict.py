"""The verdict in sentences, derived from the numbers alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pipeline.page.cautions import cautions
from pipeline.page.comparisons import (
    FAMILY_NAMES,
    decided,
    hybrid_sentence,
    interval_of,
    tested,
)
from pipeline.page.environment import capitalize_first
from pipeline.page.formats import count, duration, percent, points, quantity
from pipeline.page.pretraining import pretraining_sentences
from pipeline.page.sections import Sections
from pipeline.page.study import StudyResults
from pipeline.storage.results import accuracy_with_costs

NAMED = 4
"""Of the runs that were not run, the verdict names at most so many; the page lists all of them."""

_Rows = Mapping[str, Mapping[Any, Any]]
"""Run -> its row of the accuracy table."""


@dataclass(frozen=True)
class Verdict:
    """What the study says, in plain text."""

    headline: str
    """Who wins and by how much, or that nobody does, or why nothing can be said."""
    cautions: tuple[str, ...]
    """What has to be known before the headline is believed; none where there is nothing."""
    brief: tuple[str, ...]
    """The cost, and what was not run: a sentence each."""
    more: tuple[str, ...]
    """How the two were chosen, hybrids, pretrained weights: a sentence or two each."""
    more_title: str
    """What `more` is about."""

    @property
    def details(self) -> tuple[str, ...]:
        """All but the headline and the cautions."""
        return (*self.brief, *self.more)


def verdict(study: StudyResults, found: Sections) -> Verdict:
    """Derive the verdict.

    A family is said to win if the paired 95% interval excludes 0 *and* the exact test agrees
    (p < 0.05). The two are different methods and may differ at the border; then nobody wins.

    Args:
        study: the results.
        found: the sections of the page, which may have cautions.
    """
    table = {row["run"]: row for row in accuracy_with_costs(study.results).to_dict("records")}
    comparison, best = study.record["comparison"], study.families_best
    brief: list[str] = _folds_sentence(study)
    more: dict[str, list[str]] = {}
    if comparison is None:
        headline = _one_family(study, table, best)
    else:
        headline = _two_families(study, comparison)
        brief.append(_cost(table, comparison))
        more["how the two were chosen"] = [_choice(study, comparison)]
    brief += _unequal(study)
    brief += [sentence for section in found.present for sentence in section.view.brief]
    if "hybrid" in best and len(best) > 1:
        of = f"{count(table[best['hybrid']]['n_test'])} test images"  # the headline has the share
        alone = _alone(study, "hybrid", table[best["hybrid"]], of)
        sentence = f"{alone} {hybrid_sentence(study)}".strip()
        if study.runs[0][0] == best["hybrid"]:  # it is the best of all: nobody should miss it
            brief.insert(0, sentence)
        else:
            more["how hybrids compare"] = [sentence]
    scratch = study.record["comparisons"].get("scratch_classical")
    more["which runs are pretrained"] = pretraining_sentences(
        study, None if scratch is None else decided(scratch)
    )
    return Verdict(
        headline=headline,
        cautions=cautions(study, found),
        brief=(*brief, *not_run_sentence(list(study.record["not_run"]))),
        more=tuple(sentence for sentences in more.values() for sentence in sentences),
        more_title=capitalize_first(", ".join(title for title, text in more.items() if text)),
    )


def _unequal(study: StudyResults) -> list[str]:
    """Say that choices go by balanced accuracy, and why; nothing where they go by accuracy."""
    if study.chosen_by == "accuracy":
        return []
    ratio = study.record["majority"]["largest_to_smallest"]
    times = f"{ratio:.1f}" if ratio < 10 else count(ratio)
    return [
        f"The largest class has {times} times as many training images as the smallest, so runs are "
        f"selected by {study.chosen_by}, the mean recall of the classes, instead of accuracy."
    ]


def _folds_sentence(study: StudyResults) -> list[str]:
    if not study.folds:
        return []
    return [
        f"{study.folds}-fold cross-validation: every image is tested once, by a model that has not "
        "learned from it."
    ]


def not_run_sentence(names: list[str]) -> list[str]:
    """Name what was not run, so that nobody looks for its number; nothing where all was run."""
    if not names:
        return []
    named, others = names[:NAMED], len(names) - NAMED
    also = f" and {others} more" if others > 0 else ""
    return [f"Not run: {', '.join(named)}{also}."]


def _two_families(study: StudyResults, found: Mapping[str, Any]) -> str:
    dataset = study.dataset["name"]
    ahead, behind = ("deep", "classical") if found["difference"] >= 0 else ("classical", "deep")
    shares = f"{percent(found[f'{ahead}_accuracy'])} against {percent(found[f'{behind}_accuracy'])}"
    of = f"{shares} of {_images(study, found['n'])}"
    names = {
        family: f"the best {FAMILY_NAMES[family]}, {found[family]}," for family in (ahead, behind)
    }
    interval = interval_of(found, turned=ahead == "classical")
    if decided(found):
        return (
            f"On {dataset}, {names[ahead]} beats {names[behind]} by "
            f"{points(abs(found['difference']))} percentage points (95% interval {interval}; "
            f"{tested(found)}): {of}."
        )
    if not found["independent_images"]:
        more = "more test images correctly than" if found["difference"] else (
            "as many test images correctly as"
        )  # fmt: skip
        return (
            f"On {dataset}, {names[ahead]} classifies {more} {names[behind].removesuffix(',')}: "
            f"{of}. These images are not independent samples; the comparison is illustrative only."
        )
    gap = points(abs(found["difference"]))
    lead = "are level" if gap == "0.0" else f"are {gap} percentage points apart"
    return (
        f"On {dataset}, the difference between the two families is not significant: {names[ahead]} "
        f"and {names[behind]} {lead} (95% interval {interval}; {tested(found)}): {of}."
    )


def _images(study: StudyResults, n: float) -> str:
    """Write how many test images there are, and the share of the most common class."""
    share = percent(study.majority.share)
    return f"{count(n)} test images ({share} of them in the most common class)"


def _cost(table: _Rows, found: Mapping[str, Any]) -> str:
    deep, classical = table[found["deep"]], table[found["classical"]]
    text = (
        f"End to end, from raw pixels, {found['deep']} took {duration(deep['train_seconds'])} to "
        f"train and {quantity(deep['predict_ms_per_image'])} ms per image to predict; "
        f"{found['classical']} took {duration(classical['train_seconds'])} and "
        f"{quantity(classical['predict_ms_per_image'])} ms"
    )
    if deep["device"] != classical["device"]:
        return f"{text}. They ran on different devices: {deep['device']} and {classical['device']}."
    return f"{text}, on {deep['device']}."


def _choice(study: StudyResults, found: Mapping[str, Any]) -> str:
    accuracy = study.tables["accuracy"]
    families = accuracy["family"].value_counts()
    runs = {
        family: f"{families[family]} {word if families[family] > 1 else word[:-1]}"
        for family, word in (("classical", "classical runs"), ("deep", "networks"))
    }
    text = (
        f"Each of the two compared runs is the best of its family by validation {study.chosen_by} "
        f"({runs['classical']}, {runs['deep']})"
    )
    seeds = accuracy.set_index("run")["seeds"].astype(str)
    if any("+" in seeds[found[family]] for family in ("classical", "deep")):
        text += (
            f"; the paired test uses one seed of each ({found['deep_seed']} and "
            f"{found['classical_seed']}), the table the mean over all seeds"
        )
    return f"{text}."


def _one_family(study: StudyResults, table: _Rows, best: Mapping[str, str]) -> str:
    missing = " and no ".join(FAMILY_NAMES[f] for f in ("classical", "deep") if f not in best)
    family = next(iter(best))
    row = table[best[family]]
    return (
        f"This study has no {missing}, so it cannot compare classical with deep. "
        f"{_alone(study, family, row, _images(study, row['n_test']))}"
    )


def _alone(study: StudyResults, family: str, row: Mapping[Any, Any], images: str) -> str:
    interval = f"{percent(row['test_ci_low'])} to {percent(row['test_ci_high'])}"
    spread = f" (95% interval {interval})" if study.independent else ""
    return (
        f"The best {FAMILY_NAMES[family]} by validation {study.chosen_by}, {row['run']}, "
        f"classifies {percent(row['test_accuracy'])}{spread} of {images} correctly."
    )
