"""Decode the images once and write the splits that every run shares."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, cast

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pipeline.checks import counted, escaped, listing
from pipeline.config.aims import check_aims
from pipeline.config.entries import load_entry
from pipeline.data.splits import make_splits, title_and_description
from pipeline.storage.file_facts import FILE_FACT_COLUMNS, save_file_facts
from pipeline.storage.files import Rows
from pipeline.storage.source import load_source
from pipeline.storage.splits import SPLITS, DatasetCard, save_dataset_card, save_split
from stages import run

if TYPE_CHECKING:
    from pipeline.data.spec import DatasetSpec
    from pipeline.storage.file_facts import FileFacts


def main() -> None:
    """Write data/prepared/."""
    entry, seed = load_entry("dataset")
    spec = cast("DatasetSpec", entry)
    source = load_source()
    raw = spec.load(source)
    prepared = make_splits(raw, spec, seed)
    check_aims(spec, prepared.class_names)
    index = []
    for split in SPLITS:
        ids, labels = prepared.ids[split], prepared.labels[split]
        stored = prepared.folds is None or split == "train"  # with folds, once for all splits
        save_split(split, Rows(raw.images, ids) if stored else None, labels, ids, prepared.folds)
        classes = [prepared.class_names[label] for label in labels]
        index.append(
            pd.DataFrame(
                {"id": ids, "split": split, "class": classes, "name": raw.image_names[ids]}
            )
        )
    used = np.unique(np.concatenate(list(prepared.ids.values())))
    if prepared.folds is not None:
        index = index[-1:]
    title, description = title_and_description(spec, source)
    card = DatasetCard(
        name=title,
        description=description,
        sha256=source.sha256,
        class_names=prepared.class_names,
        image_shape=raw.images.shape[1:],
        sizes={split: len(prepared.ids[split]) for split in SPLITS},
        seed=seed,
        skipped=raw.skipped,
        independent=spec.independent,
        left_out=raw.left_out + prepared.left_out,
        original_sides={} if raw.original_sides is None else _spread(raw.original_sides[used]),
        notes=raw.notes + prepared.notes,
        folds=() if prepared.folds is None else tuple(np.bincount(prepared.folds).tolist()),
        groups=prepared.groups,
    )
    save_file_facts(_file_facts(raw.file_facts, used))
    save_dataset_card(card, pd.concat(index), raw.decoding)
    sizes = ", ".join(f"{size:,} {split}" for split, size in card.sizes.items())
    if card.folds:
        sizes = f"{card.sizes['test']:,} images, each tested once in {len(card.folds)} folds"
    print(f"{escaped(card.name)}: {len(card.class_names)} classes; {sizes}")
    for line in _remarks(card):
        print(escaped(line))


def _file_facts(facts: Sequence[FileFacts], used: NDArray[np.int64]) -> pd.DataFrame:
    """Return the facts of the images that are used, columns `FILE_FACT_COLUMNS`."""
    ids = used if facts else np.empty(0, dtype=np.int64)
    rows = [asdict(facts[each]) for each in ids]
    return pd.DataFrame(rows, columns=list(FILE_FACT_COLUMNS[1:])).assign(id=ids)


def _spread(sides: NDArray[np.int64]) -> dict[str, int]:
    return {
        "smallest": int(sides.min()),
        "median": int(np.median(sides)),
        "largest": int(sides.max()),
    }


def _remarks(card: DatasetCard) -> list[str]:
    """Return lines about what was left out, and how the images were read."""
    remarks = list(card.notes)
    if card.left_out:
        remarks.append(f"left out: {counted(card.left_out)}")
    if card.skipped:
        remarks.append(f"left out because unreadable: {listing(card.skipped, 5)}")
    if card.original_sides:
        sides = card.original_sides
        remarks.append(
            f"shorter side of the originals: {sides['smallest']:,} to {sides['largest']:,} pixels "
            f"(median {sides['median']:,}); stored as {card.image_shape[1]} x {card.image_shape[0]}"
        )
    return remarks


if __name__ == "__main__":
    run(main)
