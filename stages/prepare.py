"""Decode the images once and write the splits that every run shares."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import pandas as pd

from pipeline import artefacts
from pipeline.data.splits import make_splits, title_and_description
from pipeline.entries import load_entry
from stages import run

if TYPE_CHECKING:
    from pipeline.data.spec import DatasetSpec


def main() -> None:
    """Write data/prepared/."""
    entry, seed = load_entry("dataset")
    spec = cast("DatasetSpec", entry)
    source = artefacts.load_source()
    raw = spec.load(source)
    prepared = make_splits(raw, spec, seed)
    index = []
    for split in artefacts.SPLITS:
        ids, labels = prepared.ids[split], prepared.labels[split]
        artefacts.save_split(split, raw.images[ids], labels, ids)
        classes = [prepared.class_names[label] for label in labels]
        index.append(
            pd.DataFrame(
                {"id": ids, "split": split, "class": classes, "name": raw.image_names[ids]}
            )
        )
    title, description = title_and_description(spec, source)
    card = artefacts.DatasetCard(
        name=title,
        description=description,
        sha256=source.sha256,
        class_names=prepared.class_names,
        image_shape=raw.images.shape[1:],
        sizes={split: len(prepared.ids[split]) for split in artefacts.SPLITS},
        seed=seed,
        skipped=raw.skipped,
        independent=spec.independent,
    )
    artefacts.save_dataset_card(card, pd.concat(index))
    sizes = ", ".join(f"{size:,} {split}" for split, size in card.sizes.items())
    print(f"{card.name}: {len(card.class_names)} classes; {sizes}")


if __name__ == "__main__":
    run(main)
