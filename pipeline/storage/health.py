"""Artifacts of `health`: facts about each image, and what a control predicts from them alone."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.storage import integrity, strict
from pipeline.storage.files import intact, load_checked_table, save_json, save_table

if TYPE_CHECKING:
    import pandas as pd

HEALTH = Path("data/health")
FACT_KINDS: dict[str, strict.Column] = {
    "id": "integer", "split": "text", "width": "integer", "height": "integer", "bytes": "integer",
    "format": "text", "brightness": "number", "contrast": "number", "sharpness": "number",
}  # fmt: skip
FACT_COLUMNS = tuple(FACT_KINDS)
"""One row per image; with folds, all are of the split test. Width, height, bytes and format
describe the original file (0 and empty if the images are not files); brightness, contrast and
sharpness the stored pixels: `pipeline.data.health.pixel_facts`."""
CONTROL_KINDS: dict[str, strict.Column] = {"id": "integer", "facts": "text", "predicted": "integer"}
CONTROL_COLUMNS = tuple(CONTROL_KINDS)
"""One row per test image and set of facts: the class code that these facts alone predict."""
BRIGHTNESS = "mean brightness"
"""The fact about the pixels, in the column `facts`; images without files of their own have only
this one."""
ALL = "all of these"
"""All facts together, in the column `facts`."""
_REMEDY = "dvc repro health"


@dataclass(frozen=True)
class Health:
    """The output of `health`."""

    facts: pd.DataFrame
    """Columns `FACT_COLUMNS`."""
    control: pd.DataFrame
    """Columns `CONTROL_COLUMNS`."""


def save_health(found: Health, learning: str = "") -> None:
    """Write both tables; `learning` is the checksum of the data they come from."""
    save_table(HEALTH / "facts.csv", found.facts[list(FACT_COLUMNS)])
    save_table(HEALTH / "control.csv", found.control[list(CONTROL_COLUMNS)])
    files = [HEALTH / "facts.csv", HEALTH / "control.csv"]
    manifest = integrity.make_manifest(HEALTH, {"learning": learning}, files)
    save_json(HEALTH / integrity.MANIFEST, manifest)


def load_health(learning: str | None = None) -> Health:
    """Read both tables.

    Args:
        learning: the expected checksum of the study's data; None to accept any.

    Raises:
        StudyError: if a file is missing, was changed, or belongs to other images.
    """
    of = {} if learning is None else {"learning": learning}
    facts, control = (
        intact(HEALTH / integrity.MANIFEST, of, name, _REMEDY)
        for name in ("facts.csv", "control.csv")
    )
    return Health(
        load_checked_table(facts, FACT_KINDS, _REMEDY),
        load_checked_table(control, CONTROL_KINDS, _REMEDY),
    )
