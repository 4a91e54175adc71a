"""Find test images of which an image to learn from holds the same photograph; reads no labels."""

from __future__ import annotations

from pipeline import artefacts
from pipeline.data.near_duplicates import least_similarity, near_duplicates
from pipeline.measurements import save_duplicates
from stages import run


def main() -> None:
    """Write data/duplicates.csv."""
    images = {split: artefacts.load_images(split) for split in artefacts.SPLITS}
    ids = {split: artefacts.load_ids(split) for split in artefacts.SPLITS}
    table = near_duplicates(images, ids)
    save_duplicates(table)
    n, least = len(ids["test"]), least_similarity(images["test"].shape)
    print(
        f"{len(table):,} of {n:,} test images ({len(table) / n:.2%}) have a near-duplicate among "
        f"those to learn from (details correlate at {least} or more)"
    )


if __name__ == "__main__":
    run(main)
