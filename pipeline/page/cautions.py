"""What a reader has to know before believing the headline: leaks, and runs that learned nothing."""

from __future__ import annotations

from pipeline.page.formats import count, percent
from pipeline.page.sections import Sections
from pipeline.page.study import StudyResults

NAMED = 4
"""Of runs, and of classes that a run never recognizes, at most so many are named."""


def cautions(study: StudyResults, found: Sections) -> tuple[str, ...]:
    """Return a sentence or two for each caution: those of the sections, then those on all runs."""
    sentences = [each for section in found.present for each in section.view.cautions]
    sentences += [_no_better(study), _never(study)]
    return tuple(filter(None, sentences))


def _no_better(study: StudyResults) -> str:
    """Name the runs that are not shown to be better than always predicting one class."""
    majority = study.majority
    rows = study.tables["accuracy"].to_dict("records")
    failing = [str(row["run"]) for row in rows if not study.beats_majority(row)]
    if not failing:
        return ""
    named = ", ".join(failing[:NAMED])
    others = f" and {len(failing) - NAMED} more" if len(failing) > NAMED else ""
    if len(failing) < len(rows):
        verb = "is" if len(failing) == 1 else "are"
        start = f"{named}{others} {verb} not shown to be better than {majority.phrase}"
    else:
        start = f"No run is shown to be better than {majority.phrase}"
    share = percent(majority.share)
    if study.independent:
        return f"{start}: the 95% interval of the accuracy does not lie above {share}."
    return f"{start}: the accuracy does not exceed {share}."


def _never(study: StudyResults) -> str:
    """Name the runs and the classes of which they classify no test image correctly."""
    found = study.never_recognized
    if not found:
        return ""
    named = "; ".join(
        f"{each.class_name} by {each.run} ({count(each.n)} test image{'s' * (each.n != 1)})"
        for each in found[:NAMED]
    )
    others = f"; and {len(found) - NAMED} more in per_class.csv" if len(found) > NAMED else ""
    return f"Some classes are never recognized (recall 0): {named}{others}."
