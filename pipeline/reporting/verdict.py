"""The verdict in sentences, made from the numbers alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pipeline.reporting.cautions import cautions
from pipeline.reporting.formats import count, duration, p_value, percent, points, quantity
from pipeline.reporting.majority import is_independent, majority
from pipeline.reporting.pretraining import pretraining_sentences
from pipeline.storage.results import Results, accuracy_with_costs

FAMILY_NAMES = {
    "classical": "classical run",
    "deep": "network",
    "hybrid": "hybrid (deep features with a classical classifier)",
}
SIGNIFICANT = 0.05
NAMED = 4
"""Up to so many runs that were not run are named in the verdict; all of them stand at the end."""

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
    """At what cost, and what was not run: a sentence each."""
    more: tuple[str, ...]
    """How the two were chosen, hybrids, what has seen more images: a sentence or two each."""

    @property
    def details(self) -> tuple[str, ...]:
        """All but the headline and the cautions."""
        return (*self.brief, *self.more)


def verdict(results: Results) -> Verdict:
    """Make the verdict.

    A family is said to win if the paired 95 % interval leaves out 0 *and* the exact test agrees
    (p < 0.05). The two are different methods and may differ at the border; then nobody wins.
    """
    table = {row["run"]: row for row in accuracy_with_costs(results).to_dict("records")}
    comparison = results.study["comparison"]
    best = results.study["families_best"]
    brief: list[str] = []
    more: list[str] = []
    if comparison is None:
        headline = _one_family(results, table, best)
    else:
        headline = _two_families(results, comparison)
        brief.append(_cost(table, comparison))
        more.append(_choice(results, comparison))
    if "hybrid" in best and len(best) > 1:
        more.append(_hybrid(results, table[best["hybrid"]]))
    scratch = results.study["comparisons"].get("scratch_classical")
    more += pretraining_sentences(results, None if scratch is None else decided(scratch))
    brief += not_run_sentence(list(results.study["not_run"]))
    return Verdict(headline, cautions(results), tuple(brief), tuple(more))


def not_run_sentence(names: list[str]) -> list[str]:
    """Name what was left out, so that nobody looks for its number; nothing where all was run."""
    if not names:
        return []
    named, others = names[:NAMED], len(names) - NAMED
    also = f" and {others} more" if others > 0 else ""
    return [
        f"Not run, and so without a number here: {', '.join(named)}{also}. The reasons stand at "
        "the end."
    ]


def decided(comparison: Mapping[str, Any]) -> bool:
    """Whether the paired interval leaves out 0, the test agrees, and both may be believed."""
    if not comparison["independent_images"]:
        return False
    covers_zero = comparison["ci_low"] <= 0 <= comparison["ci_high"]
    return not covers_zero and comparison["p_value"] < SIGNIFICANT


def _two_families(results: Results, found: Mapping[str, Any]) -> str:
    dataset = results.study["dataset"]["name"]
    ahead, behind = ("deep", "classical") if found["difference"] >= 0 else ("classical", "deep")
    low, high = sorted((abs(found["ci_low"]), abs(found["ci_high"])))
    shares = f"{percent(found[f'{ahead}_accuracy'])} against {percent(found[f'{behind}_accuracy'])}"
    of = f"{shares} of {_images(results, found['n'])}"
    names = {
        family: f"the best {FAMILY_NAMES[family]}, {found[family]}," for family in (ahead, behind)
    }
    if decided(found):
        return (
            f"On {dataset}, {names[ahead]} beats {names[behind]} by "
            f"{points(abs(found['difference']))} percentage points (95 % interval {points(low)} to "
            f"{points(high)}; exact McNemar {p_value(found['p_value'])}): {of}."
        )
    if not found["independent_images"]:
        more = "as many of these test images rightly as"
        if found["difference"]:
            more = "more of these test images rightly than"
        return (
            f"On {dataset}, {names[ahead]} names {more} "
            f"{names[behind]} {of}. They are no independent draws, so this shows how a study "
            "reads and is no evidence of which family is better."
        )
    sign = 1 if ahead == "deep" else -1
    low, high = sorted((sign * found["ci_low"], sign * found["ci_high"]))
    gap = points(abs(found["difference"]))
    lead = "are level" if gap == "0.0" else f"are {gap} percentage points apart"
    return (
        f"On {dataset}, this test set does not separate the two families: {names[ahead]} and "
        f"{names[behind]} {lead} (95 % interval {points(low)} to {points(high)}; exact McNemar "
        f"{p_value(found['p_value'])}): {of}."
    )


def _images(results: Results, n: float) -> str:
    """Write how many test images there are, and what knowing nothing would get of them."""
    return (
        f"{count(n)} test images ({percent(majority(results).share)} are of the most common class)"
    )


def _cost(table: _Rows, found: Mapping[str, Any]) -> str:
    deep, classical = table[found["deep"]], table[found["classical"]]
    text = (
        f"From pixels on, {found['deep']} took {duration(deep['train_seconds'])} to train and "
        f"{quantity(deep['predict_ms_per_image'])} ms an image to predict; {found['classical']} "
        f"took {duration(classical['train_seconds'])} and "
        f"{quantity(classical['predict_ms_per_image'])} ms"
    )
    if deep["device"] != classical["device"]:
        return (
            f"{text}. They ran on different devices: {deep['device']}, and {classical['device']}."
        )
    return f"{text}, on {deep['device']}."


def _choice(results: Results, found: Mapping[str, Any]) -> str:
    families = results.tables["accuracy"]["family"].value_counts()
    runs = {
        family: f"{families[family]} {word if families[family] > 1 else word[:-1]}"
        for family, word in (("classical", "classical runs"), ("deep", "networks"))
    }
    text = (
        f"Each stands for its family by validation accuracy ({runs['classical']}, {runs['deep']})"
    )
    seeds = results.tables["accuracy"].set_index("run")["seeds"].astype(str)
    if any("+" in seeds[found[family]] for family in ("classical", "deep")):
        text += (
            f"; the paired test takes one seed of each ({found['deep_seed']} and "
            f"{found['classical_seed']}), the table the mean over all"
        )
    return f"{text}."


def _one_family(results: Results, table: _Rows, best: Mapping[str, str]) -> str:
    missing = " and ".join(FAMILY_NAMES[f] for f in ("classical", "deep") if f not in best)
    family = next(iter(best))
    return (
        f"This study has no {missing}, so it says nothing on classical versus deep. "
        f"{_alone(results, family, table[best[family]])}"
    )


def _of_hybrids(results: Results) -> list[Mapping[str, Any]]:
    return [found for found in results.study["comparisons"].values() if "hybrid" in found]


def _hybrid(results: Results, row: Mapping[Any, Any]) -> str:
    """Say where the best hybrid stands: against the best network and the best classical run."""
    comparisons = _of_hybrids(results)
    clear = [found for found in comparisons if decided(found) or not found["independent_images"]]
    sentences = [_alone(results, "hybrid", row)]
    if clear:
        signs = {found["difference"] > 0 for found in clear if found["difference"]}
        between = "between the two: " if len(signs) == 2 else ""
        places = " and ".join(_place(found) for found in clear)
        sentences.append(f"It stands {between}{places}.")
    sentences += [
        f"These images do not separate it from the best {_against(found)}."
        for found in comparisons
        if found not in clear
    ]
    return " ".join(sentences)


def _place(found: Mapping[str, Any]) -> str:
    if not found["difference"]:
        return f"level with the best {_against(found)}"
    side = "above" if found["difference"] > 0 else "below"
    return f"{points(abs(found['difference']))} points {side} the best {_against(found)}"


def _against(found: Mapping[str, Any]) -> str:
    """Name what a hybrid is held against, with the interval of the difference where it has one."""
    family = "deep" if "deep" in found else "classical"
    name = f"{FAMILY_NAMES[family]}, {found[family]}"
    if not found["independent_images"]:
        return name
    interval = f"{points(found['ci_low'])} to {points(found['ci_high'])}"
    return f"{name} (95 % interval of the difference {interval}; {p_value(found['p_value'])})"


def _alone(results: Results, family: str, row: Mapping[Any, Any]) -> str:
    interval = f"{percent(row['test_ci_low'])} to {percent(row['test_ci_high'])}"
    certainty = f" (95 % interval {interval})" if is_independent(results) else ""
    return (
        f"The best {FAMILY_NAMES[family]} by validation accuracy, {row['run']}, reaches "
        f"{percent(row['test_accuracy'])}{certainty} of {_images(results, row['n_test'])}."
    )
