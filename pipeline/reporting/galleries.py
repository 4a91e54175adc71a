"""Pictures in rows: what features see, and the images of which runs are most and least sure."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from pipeline.reporting.formats import count, percent
from pipeline.storage.results import Results

KINDS = {
    "sure_right": "Most sure, and right",
    "sure_wrong": "Most sure, and wrong",
    "unsure": "Least sure",
}
MOST_SETS = 8
"""Feature sets on the page, which stays small; pictures of all are in ``features/``."""


@dataclass(frozen=True)
class SureImage:
    """One test image, and what a run said of it."""

    image: str
    """Path relative to the report."""
    actual: str
    predicted: str
    correct: bool
    confidence: str


@dataclass(frozen=True)
class SureRun:
    """The best run of a family."""

    run: str
    family: str
    kinds: tuple[tuple[str, tuple[SureImage, ...]], ...]
    """(title, images), without kinds that have none."""


@dataclass(frozen=True)
class Picture:
    """A picture with its words."""

    image: str
    """Path relative to the report."""
    caption: str


@dataclass(frozen=True)
class SeenImage:
    """One validation image beside what each feature set keeps of it."""

    class_name: str
    original: Picture
    seen: tuple[Picture | None, ...]
    """One a feature set of `FeatureGallery.sets`."""


@dataclass(frozen=True)
class FeatureGallery:
    """All pictures of feature sets that can be drawn."""

    sets: tuple[tuple[str, str], ...]
    """(feature set, its method and size) of the columns."""
    rows: tuple[SeenImage, ...]
    learnt: tuple[tuple[str, str, Picture], ...]
    """(feature set, its method and size, what it has learnt)."""
    left_out: int
    """Sets beyond `MOST_SETS`."""

    @property
    def paths(self) -> list[str]:
        """Paths of all pictures, relative to the report."""
        seen = [picture for row in self.rows for picture in (row.original, *row.seen)]
        return [p.image for p in (*seen, *(each for _, _, each in self.learnt)) if p is not None]


def sure_runs(results: Results) -> list[SureRun]:
    """Collect the images of ``certainty.csv``, family by family."""
    found = []
    for (run, family), table in results.tables["certainty"].groupby(["run", "family"], sort=False):
        by_kind = ((title, _sure_images(table[table["kind"] == k])) for k, title in KINDS.items())
        kinds = tuple((title, images) for title, images in by_kind if images)
        found.append(SureRun(str(run), str(family), kinds))
    return found


def _sure_images(table: pd.DataFrame) -> tuple[SureImage, ...]:
    return tuple(
        SureImage(
            image=row["image"],
            actual=row["actual"],
            predicted=row["predicted"],
            correct=row["actual"] == row["predicted"],
            confidence=percent(row["confidence"]),
        )
        for row in table.sort_values("rank").to_dict("records")
    )


def feature_gallery(table: pd.DataFrame) -> FeatureGallery | None:
    """Lay out ``features.csv``: a row an image, a column a feature set; None without any set."""
    drawn = table[table["kind"] != "original"].drop_duplicates("features")
    shown = drawn.head(MOST_SETS)
    if shown.empty:
        return None
    about = {
        row["features"]: f"{row['method']}, {count(row['dimension'])} numbers"
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
        learnt=tuple(
            (name, text, pictures[name, -1])
            for name, text in about.items()
            if (name, -1) in pictures
        ),
        left_out=len(drawn) - len(shown),
    )
