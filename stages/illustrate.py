"""Draw what each feature set keeps of a few validation images, and what it has learned."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from pipeline.config.entries import read_params
from pipeline.features.drawing import learned_picture, picture
from pipeline.storage.example_images import ExampleImages, enlarged, load_example_images
from pipeline.storage.features import load_extractor, load_feature_card
from pipeline.storage.pictures import FeaturePicture, save_feature_pictures
from stages import run


def main() -> None:
    """Write features.csv and features/ of reports/study/."""
    document, seed = read_params()
    examples = load_example_images(seed)
    pictures = list(_originals(examples))
    for name in document["features"]:
        drawn = list(_drawn(name, examples))
        pictures += drawn
        count = "1 picture" if len(drawn) == 1 else f"{len(drawn)} pictures"
        print(f"{name}: {count}" if drawn else f"{name}: cannot be drawn", flush=True)
    save_feature_pictures(pictures)


def _originals(examples: ExampleImages) -> Iterator[FeaturePicture]:
    """Enlarge the images by an integer factor, so that each pixel becomes a square."""
    for image, id_, name in zip(examples.pixels, examples.ids, examples.class_names, strict=True):
        yield FeaturePicture(
            features="",
            method="",
            dimension=image.size,
            kind="original",
            id=id_,
            class_name=name,
            image=f"features/{id_}.png",
            caption=f"Validation image of class {name}",
            pixels=enlarged(image),
        )


def _drawn(features: str, examples: ExampleImages) -> Iterator[FeaturePicture]:
    """Draw with a fitted extractor; yields nothing if its method cannot be drawn."""
    card = load_feature_card(features)
    extractor = load_extractor(features)

    def row(pixels: NDArray[np.uint8], id_: int, name: str, caption: str) -> FeaturePicture:
        kind = "image" if name else "learned"
        path = f"features/{features}/{id_ if name else kind}.png"
        return FeaturePicture(
            features, card.method, card.dimension, kind, id_, name, path, caption, pixels
        )

    for image, id_, name in zip(examples.pixels, examples.ids, examples.class_names, strict=True):
        pixels = picture(extractor, image)
        if pixels is not None:
            caption = f"What {features} keeps of the image of class {name}"
            yield row(pixels, id_, name, caption)
    pixels = learned_picture(extractor)
    if pixels is not None:
        yield row(pixels, -1, "", f"What {features} has learned from the training images")


if __name__ == "__main__":
    run(main)
