"""What a reader has to know before believing the headline: leaks, and runs that know nothing."""

from __future__ import annotations

from pipeline.reporting.duplicates import leak
from pipeline.reporting.formats import count, percent
from pipeline.reporting.majority import is_better, is_independent, majority, never_right
from pipeline.storage.results import Results

NAMED = 4
"""Up to so many classes that a run never gets right are named, and so many runs."""


def cautions(results: Results) -> tuple[str, ...]:
    """Return a sentence or two for each caution; none where there is nothing to say."""
    found = (leak(results), _no_better(results), _never(results))
    return tuple(sentence for sentence in found if sentence)


def _no_better(results: Results) -> str:
    """Name the runs that are not shown to be better than always naming the most common class."""
    found, independent = majority(results), is_independent(results)
    rows = results.tables["accuracy"].to_dict("records")
    failing = [str(row["run"]) for row in rows if not is_better(row, found, independent)]
    if not failing:
        return ""
    named = ", ".join(failing[:NAMED])
    others = f" and {len(failing) - NAMED} more" if len(failing) > NAMED else ""
    if len(failing) < len(rows):
        start = f"Not every run is better than {found.words}: {named}{others}"
        start += " is not" if len(failing) == 1 else " are not"
    else:
        start = f"No run is better than {found.words}"
    how = "the 95 % interval of an accuracy would have to lie above" if independent else "against"
    return f"{start} ({how} {percent(found.share)})."


def _never(results: Results) -> str:
    """Name the runs and the classes of which they get no test image right."""
    found = never_right(results)
    if not found:
        return ""
    named = "; ".join(
        f"{each.class_name} by {each.run} ({count(each.n)} test image{'s' * (each.n != 1)})"
        for each in found[:NAMED]
    )
    others = f"; and {len(found) - NAMED} more in per_class.csv" if len(found) > NAMED else ""
    return f"Some classes are never recognized (recall 0): {named}{others}."
