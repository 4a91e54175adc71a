"""Artifacts of `duplicates`: test images with a copy or near-duplicate in train or validation."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.storage import integrity, strict
from pipeline.storage.files import intact, load_checked_table, load_json, save_json, save_table

if TYPE_CHECKING:
    import pandas as pd

DUPLICATES, COPIES, LIKENESS = (
    Path(f"data/{name}") for name in ("duplicates.csv", "copies.csv", "likeness.json")
)
DUPLICATES_MANIFEST = Path("data/duplicates.json")
EXACT, ALIKE = "exact", "alike"
"""Kinds of near-duplicates: equal pixels, and correlated details."""
DUPLICATE_KINDS: dict[str, strict.Column] = {
    "test_id": "integer", "id": "integer", "split": "text", "kind": "text", "mirrored": "flag",
    "similarity": "number",
}  # fmt: skip
DUPLICATE_COLUMNS = tuple(DUPLICATE_KINDS)
"""One row per test image with a copy or near-duplicate in train or validation: the id and split of
that image, the kind, whether one is the mirror image of the other, the correlation of details."""
COPY_KINDS: dict[str, strict.Column] = {
    "id": "integer", "split": "text", "first_id": "integer", "first_split": "text",
}  # fmt: skip
COPY_COLUMNS = tuple(COPY_KINDS)
"""One row per image whose pixels equal those of an earlier one, in any split."""
_FIND_DUPLICATES = "dvc repro duplicates"


@dataclass(frozen=True)
class SimilarityCheck:
    """Whether a threshold of similarity separates copies from other pairs, tested on train."""

    similarity: float
    """The threshold: a correlation of image details."""
    images: int
    """Number of training images that were checked, none with an exact copy in train."""
    alike: int
    """Number of those whose most similar training image reaches the threshold."""
    nearly: int
    """Number of those whose most similar training image is just below the threshold."""
    test_alike: int
    """Number of test images above the threshold, without exact copies."""

    @property
    def tells(self) -> bool:
        """Whether images that are not copies are mostly well below the threshold.

        At most half of the training images may be above it, and of the others at most the fraction
        `NEARLY` may be near it. Of 2,000 images of CIFAR-10, 4% are above it and 4% of the others
        near it; of handwritten digits, in sets of 120 to 5,000, half to all of the others are near.
        """
        below = self.images - self.alike
        return self.images > 0 and 2 * self.alike <= self.images and self.nearly <= NEARLY * below


NEARLY = 0.2
"""Largest fraction of training images near the threshold at which it still separates copies."""


@dataclass(frozen=True)
class Duplicates:
    """Exact copies and near-duplicates, the output of `duplicates`."""

    pairs: pd.DataFrame
    """Columns `DUPLICATE_COLUMNS`; near-duplicates only if `check.tells`."""
    copies: pd.DataFrame
    """Columns `COPY_COLUMNS`."""
    check: SimilarityCheck


def save_duplicates(found: Duplicates, images: str = "") -> None:
    """Write the pairs, the exact copies, and the check of the threshold.

    Args:
        found: copies and near-duplicates.
        images: the checksum of the images that were compared (`images_seal`).
    """
    save_table(DUPLICATES, found.pairs[list(DUPLICATE_COLUMNS)])
    save_table(COPIES, found.copies[list(COPY_COLUMNS)])
    save_json(LIKENESS, found.check)
    seal_duplicates(images)


def seal_duplicates(images: str) -> None:
    """Write the manifest of copies and near-duplicates."""
    manifest, files = DUPLICATES_MANIFEST, [DUPLICATES, COPIES, LIKENESS]
    of = {"images": images}
    save_json(manifest, integrity.make_manifest(manifest.parent, of, files, manifest.name))


def load_duplicates(images: str | None = None) -> Duplicates:
    """Read the output of `duplicates`.

    Args:
        images: the expected checksum of the study's images; None to accept any.

    Raises:
        StudyError: if a file is missing, was changed, or belongs to other images.
    """
    of = {} if images is None else {"images": images}
    pairs, copies, check = (
        intact(DUPLICATES_MANIFEST, of, path.name, _FIND_DUPLICATES)
        for path in (DUPLICATES, COPIES, LIKENESS)
    )
    return Duplicates(
        load_checked_table(pairs, DUPLICATE_KINDS, _FIND_DUPLICATES),
        load_checked_table(copies, COPY_KINDS, _FIND_DUPLICATES),
        strict.read_record(
            SimilarityCheck, load_json(check, _FIND_DUPLICATES), check, _FIND_DUPLICATES
        ),
    )
