"""Networks that see images enlarged again, after `prepare` had made them smaller than they were.

A network with an `image_size` above the stored size interpolates: what shrinking took is not there
any more. Whether the originals had more to show is known to the dataset's card alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from pipeline.checks import listing
from pipeline.storage.runs import Card
from pipeline.storage.splits import DatasetCard

_LARGEST_STORED = 512
"""The largest `size` that a dataset takes."""


def enlarged_sentences(dataset: DatasetCard, cards: Iterable[Card]) -> list[str]:
    """Say which runs see enlarged images of originals that were larger, a sentence per size.

    Args:
        dataset: what `prepare` made.
        cards: one of each run.
    """
    stored = min(dataset.image_shape[:2])
    sides = dataset.original_sides
    if not sides or sides["median"] <= stored:
        return []
    seen: dict[int, list[str]] = {}
    for card in cards:
        size = max(_image_sizes(card), default=0)
        if size > stored:
            seen.setdefault(size, []).append(card.run)
    return [_sentence(size, runs, stored, sides) for size, runs in sorted(seen.items())]


def _image_sizes(card: Card) -> Iterator[int]:
    """Yield the sides to which a run or one of its feature sets resizes images."""
    for options in (card.options, *card.notes.get("feature_sets", {}).values()):
        if isinstance(size := options.get("image_size"), int):
            yield size


def _sentence(size: int, runs: list[str], stored: int, sides: dict[str, int]) -> str:
    small, large = sides["smallest"], sides["largest"]
    originals = (
        f"{small:,} pixels" if small == large
        else f"{small:,} to {large:,} pixels (median {sides['median']:,})"
    )  # fmt: skip
    better = min(size, sides["median"], _LARGEST_STORED)
    return (
        f"{listing(runs)} {'see' if len(runs) > 1 else 'sees'} images of {size} pixels that are "
        f"enlarged from the stored {stored}, although the shorter sides of the originals are "
        f"{originals}: dataset.size: {better} would keep what is lost now."
    )
