"""Which runs build on pretrained weights, and the best network among those that do not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pipeline.page.comparisons import interval_of, tested
from pipeline.page.formats import count, percent, points
from pipeline.page.study import StudyResults

_NAMED = 3
"""Up to so many such runs are named; of more, the marks in the table tell."""


def pretraining_sentences(study: StudyResults, significant: bool | None) -> list[str]:
    """Say which runs are pretrained, and how the best of the other networks does.

    Args:
        study: the results.
        significant: whether the difference of the comparison ``scratch_classical`` is significant;
            None where the study has no such comparison.
    """
    runs = study.pretrained
    if not runs:
        return []
    sentences = [_more_data(runs, len(study.runs))]
    if study.record["dataset"]["image_shape"][2] == 1:
        sentences.append(
            "These weights were trained on color images: the single channel of the gray images is "
            "repeated three times."
        )
    found = study.record["comparisons"].get("scratch_classical")
    if found is not None and significant is not None:
        sentences.append(_from_scratch(found, significant))
    return sentences


def _more_data(runs: Mapping[str, str], n_runs: int) -> str:
    several = len(runs) > 1
    who = f"{len(runs)} runs" if len(runs) > _NAMED else _joined(list(runs))
    sources = list(dict.fromkeys(runs.values()))
    origin = f"source{'s' * (len(sources) > 1)}: {', '.join(sources)}"
    rest = "the other runs" if len(runs) < n_runs else "this study contains"
    return (
        f"{who} (marked pretrained in the table) {'use' if several else 'uses'} weights learned "
        f"from other images ({origin}), so {'they have' if several else 'it has'} seen more data "
        f"than {rest}."
    )


def _joined(names: list[str]) -> str:
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))


def _from_scratch(found: Mapping[str, Any], significant: bool) -> str:
    """Compare the best network that was trained from scratch with the best classical run."""
    shares = (
        f"{percent(found['deep_accuracy'])} against {percent(found['classical_accuracy'])} of "
        f"{count(found['n'])} test images"
    )
    start = (
        f"Of the networks trained from scratch, the best by {found['chosen_by']}, {found['deep']},"
    )
    other = f"the best classical run, {found['classical']}"
    if not found["independent_images"]:
        return f"{start} compares with {other}, as follows: {shares}."
    ends = interval_of(found, turned=significant and found["difference"] < 0)
    interval = f"(95% interval of the difference {ends}; {tested(found)})"
    if not significant:
        return f"{start} does not differ significantly from {other} {interval}: {shares}."
    side = "above" if found["difference"] > 0 else "below"
    gap = points(abs(found["difference"]))
    return f"{start} is {gap} points {side} {other} {interval}: {shares}."
