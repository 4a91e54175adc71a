"""When a comparison of two families is decided, and how hybrids compare."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pipeline.page.formats import p_value, points
from pipeline.page.study import StudyResults

FAMILY_NAMES = {
    "classical": "classical run",
    "deep": "network",
    "hybrid": "hybrid (deep features with a classical classifier)",
}
SIGNIFICANT = 0.05


def decided(comparison: Mapping[str, Any]) -> bool:
    """Whether the paired interval excludes 0, the test agrees, and both assumptions hold."""
    if not comparison["independent_images"]:
        return False
    covers_zero = comparison["ci_low"] <= 0 <= comparison["ci_high"]
    return not covers_zero and comparison["p_value"] < SIGNIFICANT


def tested(comparison: Mapping[str, Any]) -> str:
    """Write the p-value, with the name of its test."""
    if folds := comparison.get("folds"):
        return f"{p_value(comparison['p_value'])}, corrected for {folds} folds"
    return f"exact McNemar {p_value(comparison['p_value'])}"


def interval_of(comparison: Mapping[str, Any], turned: bool) -> str:
    """Write the interval of a difference in points.

    Args:
        comparison: with the ends ``ci_low`` and ``ci_high``.
        turned: whether the text tells the difference the other way round: so many points below.
    """
    sign = -1 if turned else 1
    low, high = sorted((sign * comparison["ci_low"], sign * comparison["ci_high"]))
    return f"{points(low)} to {points(high)}"


def hybrid_sentence(study: StudyResults) -> str:
    """Say how the best hybrid compares with the best network and the best classical run."""
    compared = [found for found in study.record["comparisons"].values() if "hybrid" in found]
    clear = [found for found in compared if decided(found) or not found["independent_images"]]
    sentences = []
    if clear:
        signs = {found["difference"] > 0 for found in clear if found["difference"]}
        between = "between the two: " if len(signs) == 2 else ""
        sentences.append(f"It is {between}{' and '.join(map(_place, clear))}.")
    sentences += [
        f"Its difference from the best {_against(found)} is not significant."
        for found in compared
        if found not in clear
    ]
    return " ".join(sentences)


def _place(found: Mapping[str, Any]) -> str:
    if not found["difference"]:
        return f"level with the best {_against(found)}"
    side = "above" if found["difference"] > 0 else "below"
    return f"{points(abs(found['difference']))} points {side} the best {_against(found)}"


def _against(found: Mapping[str, Any]) -> str:
    """Name what a hybrid is compared with, and the interval of the difference if there is one."""
    family = "deep" if "deep" in found else "classical"
    name = f"{FAMILY_NAMES[family]}, {found[family]}"
    if not found["independent_images"]:
        return name
    interval = interval_of(found, turned=found["difference"] < 0 and decided(found))
    return f"{name} (95% interval of the difference {interval}; {p_value(found['p_value'])})"
