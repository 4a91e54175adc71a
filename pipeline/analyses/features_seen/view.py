"""What the features keep of an image."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from pipeline.page.formats import count
from pipeline.page.pictures import Picture
from pipeline.page.study import StudyResults
from pipeline.page.view import View

TITLE = "What features see"
ABSENT = "run dvc repro illustrate to draw the feature sets"
MOST_SETS = 8
"""Feature sets on the page, to keep it small; pictures of all are in ``features/``."""


@dataclass(frozen=True)
class SeenImage:
    """One validation image, and what each feature set keeps of it."""

    class_name: str
    original: Picture
    seen: tuple[Picture | None, ...]
    """One per feature set of `FeatureGallery.sets`."""


@dataclass(frozen=True)
class FeatureGallery(View):
    """All pictures of feature sets that can be drawn."""

    sets: tuple[tuple[str, str], ...]
    """(feature set, its method and size) of the columns."""
    rows: tuple[SeenImage, ...]
    learned: tuple[tuple[str, str, Picture], ...]
    """(feature set, its method and size, what it has learned)."""
    left_out: int
    """Sets beyond `MOST_SETS`."""

    @property
    def paths(self) -> list[str]:
        """Paths of all pictures, relative to the report."""
        seen = [picture for row in self.rows for picture in (row.original, *row.seen)]
        return [p.image for p in (*seen, *(each for _, _, each in self.learned)) if p is not None]


def view(study: StudyResults) -> FeatureGallery | None:
    """Lay out ``features.csv``; None where no feature set was drawn."""
    pictures = study.feature_pictures
    return None if pictures is None else feature_gallery(pictures)


def feature_gallery(table: pd.DataFrame) -> FeatureGallery | None:
    """Lay out a row per image and a column per feature set; None without any set."""
    drawn = table[table["kind"] != "original"].drop_duplicates("features")
    shown = drawn.head(MOST_SETS)
    if shown.empty:
        return None
    about = {
        row["features"]: f"{row['method']}, {count(row['dimension'])} features"
        for row in shown.to_dict("records")
    }
    pictures = {
        (row["features"], row["id"]): Picture(row["image"], row["caption"])
        for row in table.to_dict("records")
    }
    with_images = set(table[table["kind"] == "image"]["features"])
    columns = tuple((name, text) for name, text in about.items() if name in with_images)
    originals = table[table["kind"] == "original"].to_dict("records") if columns else []
    return FeatureGallery(
        sets=columns,
        rows=tuple(
            SeenImage(
                class_name=row["class"],
                original=pictures["", row["id"]],
                seen=tuple(pictures.get((name, row["id"])) for name, _ in columns),
            )
            for row in originals
        ),
        learned=tuple(
            (name, text, pictures[name, -1])
            for name, text in about.items()
            if (name, -1) in pictures
        ),
        left_out=len(drawn) - len(shown),
    )
