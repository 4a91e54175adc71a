"""How the images of a study were read: what was left out, their sizes, what was changed."""

from __future__ import annotations

from dataclasses import dataclass

from pipeline.checks import counted
from pipeline.page.study import StudyResults


@dataclass(frozen=True)
class ImagesRead:
    """Texts on the images; empty where there is nothing to say."""

    left_out: str
    """``3 text files (a.txt, b.txt, c.txt), 1 video (d.mp4)``."""
    originals: str
    """The sides of the images before they were resized."""
    notes: tuple[str, ...]
    """How values with more than 8 bits were converted."""
    enlarged: tuple[str, ...]
    """Which runs use images that were enlarged again after they were shrunk."""


def images_read(study: StudyResults) -> ImagesRead:
    """Write what the dataset's card says; cards of earlier versions say nothing."""
    dataset = study.dataset
    sides, stored = dataset.get("original_sides", {}), min(dataset["image_shape"][:2])
    originals = ""
    if sides and (sides["smallest"], sides["largest"]) != (stored, stored):
        change = "enlarged" if sides["largest"] < stored else "resized"
        originals = (
            f"shorter sides of {sides['smallest']:,} to {sides['largest']:,} pixels (median "
            f"{sides['median']:,}), {change} to {stored}"
        )
    return ImagesRead(
        left_out=counted(dataset.get("left_out", ())),
        originals=originals,
        notes=tuple(dataset.get("notes", ())),
        enlarged=tuple(study.record.get("enlarged", ())),
    )
