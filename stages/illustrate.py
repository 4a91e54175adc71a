"""Draw what each feature set keeps of a few validation images, and what it has learnt."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

from pipeline import artefacts
from pipeline.checks import StudyError
from pipeline.entries import PARAMS, read_yaml
from pipeline.results import FeaturePicture, save_feature_pictures
from pipeline.sampling import stratified_order
from stages import run

IMAGES = 5
"""Images that are drawn, each of another class as far as there are classes."""
ORIGINAL_SIDE = 128
"""Pixels that the longer side of an original has at least."""


def main() -> None:
    """Write features.csv and features/ of reports/study/."""
    document = read_yaml(PARAMS)
    sets = document.get("features") or {}
    if not isinstance(sets, Mapping):
        raise StudyError(f"{PARAMS}: features: found {sets!r}; expected names with their entries")
    labels = artefacts.load_labels("validation")
    chosen = choose_images(labels, int(document.get("seed", 0)))
    images = np.array(artefacts.load_images("validation")[chosen])
    ids = artefacts.load_ids("validation")[chosen]
    names = artefacts.load_task().class_names
    classes = [names[label] for label in labels[chosen]]
    pictures = list(_originals(images, ids, classes))
    for name in sets:
        drawn = list(_drawn(name, images, ids, classes))
        pictures += drawn
        print(f"{name}: {len(drawn)} pictures" if drawn else f"{name}: cannot be drawn", flush=True)
    save_feature_pictures(pictures)


def choose_images(labels: NDArray[np.integer], seed: int, count: int = IMAGES) -> NDArray[np.int64]:
    """Return the positions of `count` images, sorted by class: classes take turns, at random."""
    order = stratified_order(labels, seed)
    turn = np.empty(len(labels), dtype=np.int64)
    for label in np.unique(labels):
        members = order[labels[order] == label]
        turn[members] = np.arange(len(members))
    chosen = order[np.argsort(turn[order], kind="stable")][:count]
    return chosen[np.argsort(labels[chosen], kind="stable")]


def _originals(
    images: NDArray[np.uint8], ids: NDArray[np.int64], classes: list[str]
) -> Iterator[FeaturePicture]:
    """Enlarge the images by a whole factor, each pixel to a square."""
    for image, id_, name in zip(images, ids, classes, strict=True):
        factor = max(1, -(-ORIGINAL_SIDE // max(image.shape[:2])))
        yield FeaturePicture(
            features="",
            method="",
            dimension=image.size,
            kind="original",
            id=int(id_),
            class_name=name,
            image=f"features/{id_}.png",
            caption=f"Validation image of class {name}",
            pixels=image.repeat(factor, axis=0).repeat(factor, axis=1),
        )


def _drawn(
    features: str, images: NDArray[np.uint8], ids: NDArray[np.int64], classes: list[str]
) -> Iterator[FeaturePicture]:
    """Draw with a fitted extractor; nothing comes of one that knows no pictures."""
    card = artefacts.load_feature_card(features)
    extractor = artefacts.load_extractor(features)

    def picture(pixels: NDArray[np.uint8], id_: int, name: str, caption: str) -> FeaturePicture:
        kind = "image" if name else "learnt"
        path = f"features/{features}/{id_ if name else kind}.png"
        return FeaturePicture(
            features, card.method, card.dimension, kind, id_, name, path, caption, pixels
        )

    for image, id_, name in zip(images, ids, classes, strict=True):
        pixels = extractor.picture(image)
        if pixels is not None:
            caption = f"What {features} keeps of the image of class {name}"
            yield picture(pixels, int(id_), name, caption)
    pixels = extractor.learnt_picture()
    if pixels is not None:
        yield picture(pixels, -1, "", f"What {features} has learnt from the training images")


if __name__ == "__main__":
    run(main)
