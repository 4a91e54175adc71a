"""Test images with a near-duplicate in train or validation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pipeline.analyses.leak import counts, found_sentence, leak, without_sentence
from pipeline.page.formats import count
from pipeline.page.study import StudyResults
from pipeline.page.view import View

TITLE = "Near-duplicates"
ABSENT = "run dvc repro evaluate again"


@dataclass(frozen=True)
class NearDuplicates(View):
    """How many there are, and what they change."""

    sentence: str
    conflicts: str
    """A sentence on copies with two labels; empty without any."""
    named: Sequence[Mapping[str, Any]]
    """Some of these: ``images`` and ``classes``."""
    caution: str

    @property
    def cautions(self) -> tuple[str, ...]:
        """That test images leak, where they do."""
        return (self.caution,)


def view(study: StudyResults) -> NearDuplicates | None:
    """Write what was found; None where nobody has looked."""
    if "near_duplicates" not in study.tables:
        return None
    exact, alike = counts(study)
    unknown = _not_claimed(study.record.get("duplicates"))
    sentences = [
        found_sentence(study, exact, alike, bool(unknown)),
        without_sentence(study),
        unknown,
    ]
    record = study.record.get("duplicates", {}).get("conflicts", {"n": 0, "named": []})
    return NearDuplicates(
        sentence=" ".join(filter(None, sentences)),
        conflicts=_conflicts(int(record["n"])),
        named=list(record.get("named", ())),
        caution=leak(study),
    )


def _conflicts(n: int) -> str:
    if not n:
        return ""
    subject = "1 image" if n == 1 else f"{count(n)} images"
    return (
        f"{subject} of the training and validation splits {'is an' if n == 1 else 'are'} exact "
        f"{'copy' if n == 1 else 'copies'} of an earlier one with another label; at most one of "
        "the two labels can be correct."
    )


def _not_claimed(record: Mapping[str, Any] | None) -> str:
    """Say why no look-alike is named, where none is."""
    why = None if record is None else record["not_claimed"]
    if why is None or record is None:
        return ""
    check = record["check"]
    if why == "between_classes":
        return (
            f"{count(check['test_alike'])} test images look like one by the correlation of their "
            "details, but at least half of these pairs join two classes, so they are not counted."
        )
    if not check["images"]:
        return (
            "Whether there are near-duplicates cannot be determined, because every training image "
            "has an exact copy."
        )
    return (
        f"Near-duplicates cannot be identified by similarity: {count(check['test_alike'])} test "
        "images resemble one in train or validation (correlation of details "
        f"{check['similarity']:g} or more), but so do {count(check['alike'])} of "
        f"{count(check['images'])} training images among themselves, and {count(check['nearly'])} "
        "almost. Either such images are similar by nature, or they come in series."
    )
