"""Find test images with a copy or near-duplicate in train or validation; reads no labels."""

from __future__ import annotations

from pipeline.data.duplicates.near_duplicates import (
    near_duplicates,
    near_duplicates_across_folds,
)
from pipeline.storage.near_duplicates import EXACT, save_duplicates
from pipeline.storage.splits import SPLITS, images_seal, load_folds, load_ids, load_images
from stages import run


def main() -> None:
    """Write data/duplicates.csv, data/copies.csv and data/likeness.json."""
    folds = load_folds()
    images = {split: load_images(split) for split in SPLITS}
    ids = {split: load_ids(split) for split in SPLITS}
    if folds is None:
        found, others = near_duplicates(images, ids), "training or validation images"
    else:
        found = near_duplicates_across_folds(images["test"], ids["test"], folds)
        others = "images in other folds"
    save_duplicates(found, images_seal())
    n, exact, check = len(ids["test"]), int((found.pairs["kind"] == EXACT).sum()), found.check
    ordinary = "" if check.tells else ", but so are training images among themselves"
    print(
        f"{exact:,} of {n:,} test images ({exact / n:.2%}) are exact copies of {others}; "
        f"{check.test_alike:,} more look alike (correlation of details at least "
        f"{check.similarity}){ordinary}"
    )


if __name__ == "__main__":
    run(main)
