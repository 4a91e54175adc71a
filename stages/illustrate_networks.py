"""List the layers of each network, and draw what it has learned and sees.

The drawings are kernels, feature maps, and Grad-CAM. The images are those of `stages.illustrate`.
Keras is only imported if there is a network.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.checks import StudyError
from pipeline.config.entries import read_params
from pipeline.inference import as_seen
from pipeline.storage.example_images import ExampleImages, enlarged, load_example_images
from pipeline.storage.network_layers import NetworkLayer
from pipeline.storage.pictures import FeaturePicture, save_network_pictures
from pipeline.storage.runs import Card, run_folder
from pipeline.storage.stored_models import first_seed
from pipeline.storage.stored_runs import PixelModel, open_model
from stages import run

SIDE = 192
"""Minimum length of the longer side of an overlay, in pixels."""


def main() -> None:
    """Write networks.csv and networks/ of reports/study/."""
    document, seed = read_params()
    networks = document["deep"]
    pictures: list[FeaturePicture] = []
    layers: dict[str, list[NetworkLayer]] = {}
    if networks:
        examples = load_example_images(seed)
        for name, entry in networks.items():
            opened = open_model(name, first_seed(entry, seed), "deep")
            layers[name] = _layers(opened)
            drawn = list(_drawn(opened, examples))
            pictures += drawn
            count = "1 picture" if len(drawn) == 1 else f"{len(drawn)} pictures"
            print(f"{name}: {len(layers[name])} layers, {count}", flush=True)
    save_network_pictures(pictures, layers=layers)


def _layers(opened: PixelModel) -> list[NetworkLayer]:
    from pipeline.deep.explain.layer_graph import network_layers

    return network_layers(opened.model)


@dataclass(frozen=True)
class _Drawing:
    """Creates the rows of one network in ``networks.csv``."""

    name: str
    card: Card
    examples: ExampleImages

    def learned(self, pixels: NDArray[np.uint8], caption: str) -> FeaturePicture:
        path = f"networks/{self.name}/learned.png"
        return self._picture("learned", -1, "", path, pixels, f"{self.name}: {caption}")

    def of_image(
        self, which: int, kind: str, pixels: NDArray[np.uint8], caption: str
    ) -> FeaturePicture:
        id_, class_name = self.examples.ids[which], self.examples.class_names[which]
        path = f"networks/{self.name}/{kind}-{id_}.png"
        return self._picture(kind, id_, class_name, path, pixels, f"{self.name} {caption}")

    def _picture(
        self, kind: str, id_: int, name: str, path: str, pixels: NDArray[np.uint8], caption: str
    ) -> FeaturePicture:
        card = self.card
        return FeaturePicture(
            self.name, card.method, card.parameters, kind, id_, name, path, caption, pixels
        )


def _drawn(opened: PixelModel, examples: ExampleImages) -> Iterator[FeaturePicture]:
    """Draw everything that can be drawn of one seed of a network."""
    from pipeline.deep.explain import feature_maps, grad_cam, kernels

    model, classes = opened.model, opened.class_names
    drawing = _Drawing(opened.card.run, opened.card, examples)
    images = as_seen(model, examples.pixels)
    learned = kernels.first_kernels(model)
    if learned is not None:
        yield drawing.learned(kernels.kernel_sheet(learned), learned.caption)
    maps = feature_maps.feature_maps(model, images)
    if maps is not None:
        for which, sheet in enumerate(feature_maps.map_sheets(maps)):
            caption = f"on the image of class {examples.class_names[which]}: {maps.caption}"
            yield drawing.of_image(which, "maps", sheet, caption)
    if (layer := _grad_cam_layer(opened.card)) is not None:
        seen = grad_cam.grad_cam(model, images, layer)
        for which, image in enumerate(images):
            pixels = enlarged(grad_cam.overlay(image, seen.maps[which]), SIDE)
            said = f"{classes[seen.predicted[which]]} ({100 * seen.probability[which]:.0f}%)"
            actual = f"the image of class {examples.class_names[which]}"
            caption = f"predicts {said} for {actual}: {seen.caption(which)}"
            yield drawing.of_image(which, "gradcam", pixels, caption)


def _grad_cam_layer(card: Card) -> str | None:
    """Return the Grad-CAM layer from a network's card; None if it has no feature maps."""
    try:
        return card.notes["grad_cam_layer"]
    except KeyError:
        raise StudyError(
            f"{run_folder(card.run, card.seed) / 'card.json'}: found no notes.grad_cam_layer; "
            "expected the layer that Grad-CAM reads, or null. Retrain the run with: "
            f"dvc repro train_deep@{card.run}"
        ) from None


if __name__ == "__main__":
    run(main)
