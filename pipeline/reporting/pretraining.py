"""Which runs have learnt from other images too, and the best network among those that have not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pipeline.reporting.formats import count, p_value, percent, points
from pipeline.storage.results import Results, pretrained_on

PRE_TRAINED = "pre-trained"
"""How the tables mark such a run."""
_NAMED = 3
"""Up to so many such runs are named; of more, the table's marks tell."""
_SOURCES = {"imagenet": "ImageNet", "file": "a file of weights"}


def pretrained_runs(results: Results) -> dict[str, str]:
    """Return the runs with weights learnt on other images: run -> what is known of these images.

    In the order of the accuracy table.
    """
    found = {}
    for run in results.tables["accuracy"]["run"]:
        source = pretrained_on(next(iter(results.study["cards"][run].values()))["notes"])
        if source is not None:
            found[str(run)] = _SOURCES[source]
    return found


def pretraining_sentences(results: Results, significant: bool | None) -> list[str]:
    """Say which runs have seen more images, and how the best of the other networks does.

    Args:
        results: what evaluation found.
        significant: whether the comparison ``scratch_classical`` decides between its two runs; None
            where the study has no such comparison.
    """
    runs = pretrained_runs(results)
    if not runs:
        return []
    sentences = [_more_data(runs, len(results.tables["accuracy"]))]
    found = results.study["comparisons"].get("scratch_classical")
    if found is not None and significant is not None:
        sentences.append(_from_scratch(found, significant))
    return sentences


def _more_data(runs: Mapping[str, str], n_runs: int) -> str:
    several = len(runs) > 1
    names = list(runs)
    who = f"{len(runs)} runs" if len(runs) > _NAMED else " and ".join(_commas(names))
    sources = " and ".join(dict.fromkeys(runs.values()))
    rest = " than the rest" if len(runs) < n_runs else " than this study holds"
    return (
        f"{who} ({PRE_TRAINED} in the table) build{'' if several else 's'} on weights that were "
        f"learnt on other images ({sources}), and so {'have' if several else 'has'} seen more data"
        f"{rest}."
    )


def _commas(names: list[str]) -> list[str]:
    return [", ".join(names[:-1]), names[-1]] if len(names) > 1 else names


def _from_scratch(found: Mapping[str, Any], significant: bool) -> str:
    """Hold the best network that was trained on these images alone against the classical runs."""
    shares = (
        f"{percent(found['deep_accuracy'])} against {percent(found['classical_accuracy'])} of "
        f"{count(found['n'])} test images"
    )
    start = (
        "Of the networks trained on these images alone, the best by validation accuracy, "
        f"{found['deep']},"
    )
    other = f"the best classical run, {found['classical']}"
    if not found["independent_images"]:
        return f"{start} gets {shares} right; {other}, is the second of these."
    certainty = (
        f"(95 % interval of the difference {points(found['ci_low'])} to {points(found['ci_high'])};"
        f" exact McNemar {p_value(found['p_value'])})"
    )
    if not significant:
        return f"{start} is not separated by these images from {other} {certainty}: {shares}."
    side = "above" if found["difference"] > 0 else "below"
    gap = points(abs(found["difference"]))
    return f"{start} stands {gap} points {side} {other} {certainty}: {shares}."
