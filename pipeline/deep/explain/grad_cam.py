"""Grad-CAM: which parts of an image support a network's prediction.

Selvaraju, Cogswell, Das, Vedantam, Parikh and Batra, "Grad-CAM: visual explanations from deep
networks via gradient-based localization" (ICCV 2017), section 3. The score of a class, before the
softmax, is differentiated with respect to the feature maps of the last convolution. The mean
derivative of a map is its weight (equation 1), and the positive part of the weighted sum of the
maps is the evidence for the class (equation 2). Each network names that layer
(`DeepSpec.grad_cam_layer`), and its card records it.

Departures from the paper and limitations:

* The normalization, addition, concatenation and activation after the convolution are included, as
  in the authors' own use on residual networks, whose blocks end in an addition.
* Maps are stretched over the whole image. Convolutions without padding see less of the margins, so
  the stretched map is off by a pixel or two there.
* If the output also reads earlier layers (``transfer``), the map only shows the evidence that
  passes through the last convolution.
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

from pipeline.channels import as_gray
from pipeline.checks import StudyError
from pipeline.class_scores import of_probabilities
from pipeline.deep.cost import leaf_layers
from pipeline.deep.explain.activations import changed_output, infer, layer_named
from pipeline.deep.explain.gradients import gradient

OPACITY = 0.5
"""Opacity of the colors over the image."""


@dataclass(frozen=True)
class ClassEvidence:
    """The class that the network predicts for each image, and the evidence map for it."""

    layer: str
    """The layer whose feature maps are read."""
    predicted: NDArray[np.int64]
    """(n,) classes."""
    probability: NDArray[np.float32]
    """(n,) probabilities of those classes."""
    maps: NDArray[np.float32]
    """(n, height, width) of that layer, >= 0; all 0 if nothing in the maps supports the class."""

    def caption(self, which: int) -> str:
        """Describe the overlay of an image."""
        if not self.maps[which].any():
            return f"nothing in the feature maps of {self.layer} supports this prediction"
        return (
            f"evidence in the feature maps of {self.layer} (Grad-CAM), from purple (none) to "
            "yellow (the most in this image)"
        )


def grad_cam(model: keras.Model, images: NDArray[np.uint8], layer_name: str) -> ClassEvidence:
    """Explain the predictions for a few images.

    Args:
        model: maps pixels to probabilities; its last layer has a softmax, or one sigmoid unit.
        images: (n, height, width, 3) uint8 RGB, few enough for one batch.
        layer_name: the layer to read, whose output is (n, height, width, channels).

    Raises:
        StudyError: if the network has no such layer, or its output has another rank.
    """
    layer = layer_named(model, layer_name)
    if len(layer.output.shape) != 4:
        raise StudyError(
            f"found that the output of layer {layer_name} is {tuple(layer.output.shape)}; expected "
            "(images, height, width, channels). Name another layer in the network's "
            "`grad_cam_layer`"
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
    """Return the outputs of `layer`, and the derivatives of each image's class score by them."""
    ops = keras.ops
    kept: list[NDArray[np.float32]] = []
    n_outputs = model.output_shape[-1]
    # A single logit is the score of the second class; its negative is that of the first.
    sign = (2.0 * classes - 1).reshape(-1, 1) if n_outputs == 1 else np.eye(n_outputs)[classes]

    def score(offset: Any) -> Any:
        # The derivative by an intermediate activation is the derivative by an offset added to it.
        with changed_output(layer, lambda output: output + ops.cast(offset, output.dtype)):
            # In inference images are independent, so the sum's derivatives are those of each score.
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
    """Make the last layer return scores instead of probabilities."""
    last = list(leaf_layers(model))[-1]
    kind = getattr(last, "activation", None)
    last.activation = keras.activations.linear
    try:
        yield
    finally:
        last.activation = kind


def overlay(image: NDArray[np.uint8], evidence: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Lay a map of evidence over an image, at the image's size.

    Purple means none, yellow the most in this image (viridis, whose lightness is linear). The image
    is shown in gray, so that all colors belong to the map.

    Args:
        image: (height, width, 3) uint8 RGB, or (height, width, 1) in gray.
        evidence: (rows, columns), >= 0.
    """
    height, width = image.shape[:2]
    large = cv2.resize(evidence, (width, height), interpolation=cv2.INTER_LINEAR)
    levels = np.rint(255 * large / max(float(large.max()), 1e-12)).astype(np.uint8)
    # OpenCV returns colors in BGR order.
    colors = cv2.applyColorMap(levels, cv2.COLORMAP_VIRIDIS)[..., ::-1]
    gray = as_gray(image)
    return np.rint(OPACITY * colors + (1 - OPACITY) * gray).astype(np.uint8)
