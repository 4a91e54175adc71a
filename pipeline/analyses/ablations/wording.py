"""What the page says of an ablation, in sentences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pipeline.page.formats import (
    MINUS,
    count,
    decimal,
    is_missing,
    p_value,
    percent,
    plain_value,
    points,
    quantity,
)

LEVEL = 0.05
_MEASURES = {
    "accuracy": "test accuracy",
    "train_accuracy": "accuracy on training images",
    "generalization_gap": "generalization gap",
    "validation_loss": "validation loss",
    "epochs_to_target": "epochs to the target",
    "seconds": "training time",
}


def about(rows: Sequence[Mapping[Any, Any]], record: Mapping[str, Any]) -> str:
    """Say what varies, in which run, on how many images, and how often it was trained.

    Args:
        rows: of the table ``ablations``.
        record: settings of the ablation in ``study.json``.
    """
    base, vary = record.get("base", rows[0]["run"]), record.get("vary")
    parts = [f"Values of {vary} in {base}" if vary else f"Variants of {base}"]
    parts.append(f"{_range(rows, 'train_images')} training images")
    if len({row["classes"] for row in rows}) == 1:
        parts.append(f"{count(rows[0]['classes'])} classes")
    repeats = int(rows[0]["trainings"])
    parts.append("one training each" if repeats == 1 else f"{repeats} trainings each")
    text = ", ".join(parts)
    if changed := record.get("set"):
        told = ", ".join(f"{key}: {plain_value(value)}" for key, value in changed.items())
        text += f"; for all values, {told}"
    if tuned := record.get("tune"):
        text += f"; {', '.join(tuned)} tuned for each value on validation images"
    return f"{text}."


def _range(rows: Sequence[Mapping[Any, Any]], name: str) -> str:
    numbers = sorted({row[name] for row in rows})
    if len(numbers) == 1:
        return count(numbers[0])
    return f"{count(numbers[0])} to {count(numbers[-1])}"


def sentences(rows: Sequence[Mapping[Any, Any]], record: Mapping[str, Any]) -> list[str]:
    """Say what was found, with the same arguments."""
    return [each for each in (_best(rows), _against(rows), _diverged(rows),
                              _fastest(rows, record.get("target"))) if each]  # fmt: skip


def _best(rows: Sequence[Mapping[Any, Any]]) -> str:
    top = max(rows, key=lambda row: row["test_accuracy"])
    interval = f"{points(top['ci_low'])} to {points(top['ci_high'])}"
    return (
        f"The most accurate is {top['value']}, with {percent(top['test_accuracy'])} of "
        f"{count(top['test_images'])} test images correct (95% interval {interval})."
    )


def _against(rows: Sequence[Mapping[Any, Any]]) -> str:
    """Say which values differ significantly from the reference."""
    reference = next(row for row in rows if row["reference"])
    others = [row for row in rows if row is not reference]
    found = {
        "above": [r for r in others if r["p_holm"] < LEVEL and r["difference"] > 0],
        "below": [r for r in others if r["p_holm"] < LEVEL and r["difference"] <= 0],
    }
    parts = [
        f"{_named(there)} {'is' if len(there) == 1 else 'are'} significantly {side} it"
        for side, there in found.items()
        if there
    ]
    rest = [row for row in others if not row["p_holm"] < LEVEL]
    if rest:
        parts.append(f"{_named(rest)} {'is' if len(rest) == 1 else 'are'} not separated from it")
    told = "; ".join(parts)
    return (
        f"Compared with {reference['value']} ({percent(reference['test_accuracy'])}), {told} "
        "(Holm-corrected)."
    )


def _named(rows: Sequence[Mapping[Any, Any]]) -> str:
    texts = [f"{row['value']} ({_signed(row['difference'])} points)" for row in rows]
    return texts[0] if len(texts) == 1 else f"{', '.join(texts[:-1])} and {texts[-1]}"


def _signed(difference: float) -> str:
    text = points(difference)
    return f"+{text}" if difference > 0 and text != "0.0" else text


def _diverged(rows: Sequence[Mapping[Any, Any]]) -> str:
    told = [
        f"{int(row['diverged'])} of {int(row['trainings'])} with {row['value']}"
        for row in rows
        if row["diverged"]
    ]
    return f"Trainings that diverged: {', '.join(told)}." if told else ""


def _fastest(rows: Sequence[Mapping[Any, Any]], target: float | None) -> str:
    reached = [row for row in rows if not is_missing(row["reached"]) and row["reached"]]
    if target is None:
        return ""
    if not reached:
        return f"No value reaches a validation accuracy of {percent(target)}."
    first = min(reached, key=lambda row: row["epochs_to_target"])
    never = [row["value"] for row in rows if row["reached"] == 0]
    text = (
        f"{first['value']} is the first to reach a validation accuracy of {percent(target)}, after "
        f"{quantity(first['epochs_to_target'])} epochs on average"
    )
    return f"{text}; never: {', '.join(never)}." if never else f"{text}."


def evidence(row: Mapping[Any, Any]) -> str:
    """Say what was measured of a claim, with n and the test."""
    measure = _MEASURES[row["measure"]]
    n = "one training" if row["trainings"] == 1 else f"{count(row['trainings'])} trainings"
    images = f", {count(row['images'])} test images" if row["images"] else ""
    if is_missing(row["advantage"]):
        return f"{measure}: {row['test']} ({n} each)"
    low, high = row["low"], row["high"]
    told = f"{measure}: {row['first']} {_amount(row['measure'], row['advantage'])} {row['second']}"
    interval = (
        ""
        if is_missing(low)
        else f"95% interval of the advantage {_range_of(row['measure'], low, high)}, "
    )
    wanted = "" if is_missing(row["by"]) or not row["by"] else (
        f"at least {_bare(row['measure'], row['by'])} expected; ")  # fmt: skip
    within = "" if is_missing(row["within"]) else (
        f"at most {_bare(row['measure'], row['within'])} expected; ")  # fmt: skip
    return (
        f"{told} ({wanted}{within}{interval}{p_value(row['p_holm'])}, Holm-corrected; {n} "
        f"each{images}; {row['test']})"
    )


def _amount(measure: str, advantage: float) -> str:
    size, better = _bare(measure, abs(advantage)), advantage > 0
    if size == _bare(measure, 0.0):
        return "no different from"
    words = {
        "accuracy": ("above", "below"),
        "train_accuracy": ("above", "below"),
        "generalization_gap": ("smaller than that of", "larger than that of"),
        "validation_loss": ("below", "above"),
        "epochs_to_target": ("fewer than", "more than"),
        "seconds": ("less than", "more than"),
    }[measure]
    if measure == "seconds" and not better:  # 1 - ratio of more than 1
        size = _bare(measure, -advantage)
    return f"{size} {words[0] if better else words[1]}"


def _range_of(measure: str, low: float, high: float) -> str:
    """Write an interval with one unit."""
    first, last = _bare(measure, low), _bare(measure, high)
    return f"{first.removesuffix(' points').removesuffix('%')} to {last}"


def _bare(measure: str, number: float) -> str:
    if measure in ("accuracy", "train_accuracy", "generalization_gap"):
        return f"{points(number)} points"
    if measure == "seconds":
        return f"{points(number)}%"
    text = decimal(number) if measure == "validation_loss" else f"{number:.1f}"
    return text.replace("-", MINUS)
