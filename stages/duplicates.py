"""Find test images that copy an image to learn from, or look alike; reads no labels."""

from __future__ import annotations

from pipeline.data.duplicates.near_duplicates import near_duplicates
from pipeline.storage.measurements import EXACT, save_duplicates
from pipeline.storage.splits import SPLITS, images_seal, load_ids, load_images
from stages import run


def main() -> None:
    """Write data/duplicates.csv, data/copies.csv and data/likeness.json."""
    images = {split: load_images(split) for split in SPLITS}
    ids = {split: load_ids(split) for split in SPLITS}
    found = near_duplicates(images, ids)
    save_duplicates(found, images_seal())
    n, exact, check = len(ids["test"]), int((found.pairs["kind"] == EXACT).sum()), found.check
    ordinary = "" if check.tells else ", as training images do among themselves: no sign of copies"
    print(
        f"{exact:,} of {n:,} test images ({exact / n:.2%}) are exact copies of images to learn "
        f"from; {check.test_alike:,} more look alike (details correlate at {check.similarity} or "
        f"more){ordinary}"
    )


if __name__ == "__main__":
    run(main)
