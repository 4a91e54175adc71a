"""The images by class, and the shortcut control."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pipeline.analyses.health.flags import RULES
from pipeline.analyses.health.shortcut import TABLE
from pipeline.analyses.health.table import TABLES
from pipeline.page.formats import count, formatted, is_missing, p_value, percent
from pipeline.page.study import StudyResults
from pipeline.page.table import Heading, heading
from pipeline.page.view import View
from pipeline.storage.health import ALL, BRIGHTNESS

TITLE = "Dataset health"
ABSENT = ""
GIVES_AWAY = 0.05
"""Five points: how far the control has to exceed the floor to be a caution, and not only to be
significant, which a tiny difference is with enough images."""
SIGNIFICANT = 0.05
MOSTLY = 0.5
"""Share of the errors of the floor that the control has to avoid to give the class away."""
SHOWN_CLASSES = 50
"""Classes in the table on the page; ``health.csv`` has all."""
_PLAIN = {"dark": "too dark", "bright": "too bright", "blank": "blank", "blurred": "blurred"}


@dataclass(frozen=True)
class Health(View):
    """What was found."""

    headings: Sequence[Heading]
    classes: Sequence[Sequence[str]]
    """One row per class, in the order of `headings`."""
    hidden: int
    """Classes that the table leaves out."""
    flagged: Sequence[str]
    """A sentence on each kind of flagged images."""
    shortcut_headings: Sequence[Heading]
    shortcut: Sequence[Sequence[str]]
    """One row per set of facts."""
    finding: str
    """A sentence on the control; empty without one."""
    caution: str

    @property
    def cautions(self) -> tuple[str, ...]:
        """That the files give the class away, where they do."""
        return (self.caution,) if self.caution else ()


def view(study: StudyResults) -> Health | None:
    """Collect the findings; None if nothing was measured."""
    table = study.tables.get("health")
    if table is None or not len(table):
        return None
    rows = table.to_dict("records")
    columns = [c for c in TABLES[0].columns if not all(_empty(row[c.name]) for row in rows)]
    shortcut = study.tables["shortcut"].to_dict("records")
    finding, caution = _finding(shortcut)
    return Health(
        headings=[heading(column) for column in columns],
        classes=[[formatted(r[c.name], c.format) for c in columns] for r in rows[:SHOWN_CLASSES]],
        hidden=max(0, len(rows) - SHOWN_CLASSES),
        flagged=_flagged(study.record.get("health", {}).get("flagged", {})),
        shortcut_headings=[heading(column) for column in TABLE.columns],
        shortcut=[[formatted(r[c.name], c.format) for c in TABLE.columns] for r in shortcut],
        finding=finding,
        caution=caution,
    )


def _named(facts: str, rows: Sequence[Mapping[Any, Any]]) -> str:
    """Write a set of facts; all of them together are listed."""
    if facts != ALL:
        return facts
    *first, last = [str(row["facts"]) for row in rows if row["facts"] != ALL]
    return f"{', '.join(first)} and {last}"


def _empty(value: Any) -> bool:
    return is_missing(value) or value == ""


def _flagged(found: Mapping[str, Mapping[str, Any]]) -> list[str]:
    sentences = []
    for kind, each in found.items():
        if n := int(each["n"]):
            noun = "image is" if n == 1 else "images are"
            more = ", ..." if n > len(each["named"]) else ""
            sentences.append(
                f"{count(n)} {noun} {_PLAIN[kind]} ({RULES[kind]}): "
                f"{', '.join(each['named'])}{more}"
            )
    return sentences


def _finding(rows: Sequence[Mapping[Any, Any]]) -> tuple[str, str]:
    """Return a sentence on the control, and the same as a caution if it gives the class away."""
    if not rows:
        return "", ""
    best = max(rows, key=lambda row: row["accuracy"])
    accuracy = (
        f"{percent(best['accuracy'])} of the test images correctly (95% interval "
        f"{percent(best['ci_low'])} to {percent(best['ci_high'])}), compared with "
        f"{percent(best['floor'])} for always predicting the most common class"
    )
    beyond = best["p_value"] < SIGNIFICANT and best["accuracy"] > best["floor"]
    if beyond and {row["facts"] for row in rows} == {BRIGHTNESS}:
        # Of a digit, it says how much is written, and that is what the image shows.
        return (
            f"A control that knows only {BRIGHTNESS} classifies {accuracy} "
            f"({p_value(best['p_value'])}). These images have no files of their own, so nothing "
            "but the pixels can give the class away."
        ), ""
    if beyond and best["accuracy"] - best["floor"] >= GIVES_AWAY:
        known = (best["accuracy"] - best["floor"]) / (1 - best["floor"])
        start = "give the class away" if known >= MOSTLY else "say something about the class"
        text = (
            f"The files alone {start}: a control that knows only {_named(best['facts'], rows)} "
            f"classifies {accuracy} ({p_value(best['p_value'])}). Part of the accuracy of every "
            "run may come from how the images were made, not from what they show."
        )
        return text, text
    verdict = "significant, but small" if beyond else "not significant"
    return (
        f"The best control, which knows only {_named(best['facts'], rows)}, classifies {accuracy}. "
        f"The difference is {verdict}.",
        "",
    )
