"""Where in an image a network finds its evidence: Grad-CAM.

Selvaraju, Cogswell, Das, Vedantam, Parikh and Batra, "Grad-CAM: visual explanations from deep
networks via gradient-based localization" (ICCV 2017), section 3. The score of a class, before the
softmax, is derived with respect to the maps of the last convolution; the mean derivative of a map
is its weight (equation 1), and what is positive of the weighted sum of the maps is the evidence for
the class (equation 2). Which layer that is, a network says itself (`DeepSpec.grad_cam_layer`), and
its card notes it.

Departures from the paper and limits:

* The normalization, addition, concatenation and activation behind the convolution belong to it, as
  in the authors' own use on residual networks, whose blocks end in an addition.
* Maps are stretched over the whole image. Convolutions without padding see less of the margins, so
  that the stretched map then lies off by a pixel or two there.
* Of a network that also reads earlier layers in front of its output (``vgg16_transfer``), the map
  tells the part of the evidence that passes the last convolution.
* The maps are as coarse as the layer: airbench's are 3×3.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import cv2
import keras
import numpy as np
from numpy.typing import NDArray

from pipeline.checks import StudyError
from pipeline.class_scores import of_probabilities
from pipeline.deep.cost import leaf_layers
from pipeline.deep.explain.activations import changed_output, infer, layer_named
from pipeline.deep.explain.gradients import gradient

OPACITY = 0.5
"""Of the colours over the image."""


@dataclass(frozen=True)
class ClassEvidence:
    """Of each image the class that the network predicts, and where it finds it."""

    layer: str
    """The layer whose maps are read."""
    predicted: NDArray[np.int64]
    """(n,) classes."""
    probability: NDArray[np.float32]
    """(n,) of that class."""
    maps: NDArray[np.float32]
    """(n, height, width) of that layer, >= 0; all 0 where no position speaks for the class."""

    def caption(self, which: int) -> str:
        """Say what the overlay of an image shows."""
        if not self.maps[which].any():
            return f"no position of the maps of {self.layer} speaks for it"
        return (
            f"where the maps of {self.layer} speak for it (Grad-CAM), from purple, not at all, to "
            "yellow, the most in this image"
        )


def grad_cam(model: keras.Model, images: NDArray[np.uint8], layer_name: str) -> ClassEvidence:
    """Explain the predictions for a few images.

    Args:
        model: from pixels to probabilities; its last layer has a softmax, or one sigmoid unit.
        images: (n, height, width, 3) uint8 RGB, so few that they make one batch.
        layer_name: of the layer to read, whose output is (n, height, width, channels).

    Raises:
        StudyError: if the network has no such layer, or it gives no maps.
    """
    layer = layer_named(model, layer_name)
    if len(layer.output.shape) != 4:
        raise StudyError(
            f"found that the layer {layer_name} gives {tuple(layer.output.shape)}; expected "
            "(images, height, width, channels). Name another one in `grad_cam_layer` of the network"
        )
    scores = of_probabilities(np.asarray(keras.ops.convert_to_numpy(infer(model, images))))
    predicted = scores.argmax(axis=1)
    maps, slopes = _maps_and_slopes(model, layer, images, predicted)
    weights = slopes.mean(axis=(1, 2), keepdims=True)
    return ClassEvidence(
        layer=layer_name,
        predicted=predicted,
        probability=scores.max(axis=1),
        maps=np.maximum((weights * maps).sum(axis=-1), 0),
    )


def _maps_and_slopes(
    model: keras.Model,
    layer: keras.Layer,
    images: NDArray[np.uint8],
    classes: NDArray[np.int64],
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return the outputs of `layer` and, of each, the derivative of its image's class score."""
    ops = keras.ops
    kept: list[NDArray[np.float32]] = []
    n_outputs = model.output_shape[-1]
    # One logit speaks for the second class, and, negated, for the first one.
    sign = (2.0 * classes - 1).reshape(-1, 1) if n_outputs == 1 else np.eye(n_outputs)[classes]

    def score(offset: Any) -> Any:
        # To derive with respect to an inner output is to derive with respect to what is added.
        with changed_output(layer, lambda output: output + ops.cast(offset, output.dtype)):
            # Images do not meet in inference: the sum's derivatives are those of each score.
            return ops.sum(infer(model, images) * ops.convert_to_tensor(sign.astype(np.float32)))

    def keep(output: Any) -> Any:
        kept.append(ops.convert_to_numpy(ops.cast(output, "float32")))
        return output

    with _before_softmax(model):
        with changed_output(layer, keep):
            infer(model, images)
        return kept[0], gradient(score, np.zeros_like(kept[0]))


@contextmanager
def _before_softmax(model: keras.Model) -> Iterator[None]:
    """Let the last layer give scores in the place of probabilities."""
    last = list(leaf_layers(model))[-1]
    kind = getattr(last, "activation", None)
    last.activation = keras.activations.linear
    try:
        yield
    finally:
        last.activation = kind


def overlay(image: NDArray[np.uint8], evidence: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Lay a map of evidence over an image, in the image's size.

    Purple is none, yellow the most in this image (viridis, whose lightness rises evenly). The
    image is grey, so that all colours are the map's.

    Args:
        image: (height, width, 3) uint8 RGB.
        evidence: (rows, columns), >= 0.
    """
    height, width = image.shape[:2]
    large = cv2.resize(evidence, (width, height), interpolation=cv2.INTER_LINEAR)
    levels = np.rint(255 * large / max(float(large.max()), 1e-12)).astype(np.uint8)
    # OpenCV's colours come as BGR.
    colours = cv2.applyColorMap(levels, cv2.COLORMAP_VIRIDIS)[..., ::-1]
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)[..., None]
    return np.rint(OPACITY * colours + (1 - OPACITY) * grey).astype(np.uint8)
