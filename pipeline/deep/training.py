"""Train one network on one split of the data, and keep its best epoch."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pipeline.artefacts import SPLITS
from pipeline.checks import StudyError, check_images, check_labels
from pipeline.deep.base_features import BaseFeatures, base_features
from pipeline.deep.device import device_name
from pipeline.deep.epochs import Fit, fit
from pipeline.deep.optimizers import build_optimizer
from pipeline.deep.scoring import class_scores
from pipeline.deep.spec import DeepSpec, output_units
from pipeline.inference import predict


@dataclass(frozen=True)
class TrainedNetwork:
    """A network at its best epoch, what it says of every image, and what it cost."""

    model: keras.Model
    """From RGB pixels (n, height, width, 3) in 0..255 to (n, classes) or (n, 1). Stock layers."""
    scores: dict[str, NDArray[np.float32]]
    """Split -> (n, classes) probabilities; two classes too have two columns."""
    history: pd.DataFrame
    """`artefacts.HISTORY_COLUMNS`; see `pipeline.deep.epochs.fit` for what was measured on what."""
    best_epoch: int
    """The one of lowest validation loss, from 1."""
    epochs_run: int
    stopped_early: bool
    parameters: int
    """Stored numbers that are used to predict, those of the standardisation included."""
    train_seconds: float
    """From pixels on: base features of the training and validation images, all epochs, and the
    validation loss that chooses among them; the training curve, which chooses nothing, is off the
    clock. Features out of the cache count with the seconds that they once took."""
    predict_ms_per_image: float
    """From pixels to scores, with the frozen base, measured on the whole test split."""
    device: str
    notes: dict[str, Any]


def train(
    spec: DeepSpec,
    images: Mapping[str, NDArray[np.uint8]],
    labels: Mapping[str, NDArray[np.int64]],
    n_classes: int,
    seed: int,
    cache_folder: Path | None = None,
) -> TrainedNetwork:
    """Train the network that `spec` describes; test images are predicted and never learnt from.

    The same seed gives the same result on a CPU with one version of everything; on a GPU sums are
    made in any order, and the last digits vary.

    Args:
        spec: the network and its options.
        images: split -> (n, height, width, 3) uint8, RGB, possibly memory-mapped; never written to.
        labels: "train" and "validation" -> (n,) in 0..n_classes-1.
        n_classes: number of classes.
        seed: of initial weights, of the order of images and of dropout.
        cache_folder: where features of a frozen base are kept between runs; None keeps none.

    Raises:
        StudyError: for images or labels of a wrong form, images that are too small for the network,
            weights that cannot be used, and a loss that is no longer finite.
    """
    _check(spec, images, labels, n_classes)
    keras.utils.set_random_seed(seed)
    image_shape = tuple(images["train"].shape[1:])
    base = spec.frozen_base(image_shape, seed)
    features = _features(base, images, cache_folder)
    inputs = {split: found.values for split, found in features.items()}
    start = time.perf_counter()
    head = _trainable_part(spec, inputs["train"], output_units(n_classes))
    head.compile(build_optimizer(spec), loss=_loss(n_classes))
    result = fit(head, spec, inputs, labels, seed)
    fit_seconds = time.perf_counter() - start - result.curve_seconds
    model = _from_pixels(image_shape, base, head)
    scores = {split: class_scores(predict(head, inputs[split])) for split in SPLITS[:2]}
    start = time.perf_counter()
    scores["test"] = class_scores(predict(head, inputs["test"]))
    test_seconds = features["test"].seconds + time.perf_counter() - start
    return TrainedNetwork(
        model=model,
        scores=scores,
        history=result.history,
        best_epoch=result.best_epoch,
        epochs_run=result.epochs_run,
        stopped_early=result.epochs_run < spec.epochs,
        parameters=stored_numbers(model),
        train_seconds=fit_seconds + features["train"].seconds + features["validation"].seconds,
        predict_ms_per_image=1000 * test_seconds / len(images["test"]),
        device=device_name(),
        notes=_notes(spec, result, features, fit_seconds),
    )


def stored_numbers(model: keras.Model) -> int:
    """Count the weights of a model, and the means and variances of its standardisations.

    Keras keeps the latter beside the weights where they are given and not adapted, and leaves them
    out of `count_params`.
    """
    count = 0
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            count += stored_numbers(layer)
        elif isinstance(layer, keras.layers.Normalization) and layer.input_mean is not None:
            count += np.size(layer.input_mean) + np.size(layer.input_variance)
        else:
            count += layer.count_params()
    return int(count)


def _check(
    spec: DeepSpec,
    images: Mapping[str, NDArray[np.uint8]],
    labels: Mapping[str, NDArray[np.int64]],
    n_classes: int,
) -> None:
    for split in SPLITS:
        check_images(images[split], f"{split} images")
        if images[split].shape[1:] != images["train"].shape[1:]:
            raise StudyError(
                f"{split} images: found the shape {images[split].shape[1:]}; expected that of the "
                f"training images, {images['train'].shape[1:]}"
            )
    for split in ("train", "validation"):
        check_labels(labels[split], len(images[split]), n_classes, f"{split} labels")
    spec.check_size(images["train"].shape[1:])


def _features(
    base: keras.Model | None, images: Mapping[str, NDArray[np.uint8]], cache_folder: Path | None
) -> dict[str, BaseFeatures]:
    """Return what is trained on: the features of the base, or the pixels, which cost nothing."""
    return {
        split: base_features(base, images[split], split, cache_folder)
        if base is not None
        else BaseFeatures(images[split], 0.0)
        for split in SPLITS
    }


def _trainable_part(spec: DeepSpec, inputs: NDArray, n_outputs: int) -> keras.Model:
    shape = tuple(inputs.shape[1:])
    network = spec.network(shape, n_outputs)
    first = keras.Input(shape, name="inputs")
    preprocessing = spec.preprocessing(inputs)
    return keras.Model(first, network(preprocessing(first) if preprocessing else first))


def _from_pixels(
    image_shape: tuple[int, ...], base: keras.Model | None, head: keras.Model
) -> keras.Model:
    """Join base and head, sharing their weights, into one model that starts at pixels."""
    pixels = keras.Input(image_shape, name="pixels")
    x = base(pixels) if base is not None else pixels
    for layer in head.layers[1:]:
        x = layer(x)
    return keras.Model(pixels, x, name="classifier")


def _loss(n_classes: int) -> str:
    return "binary_crossentropy" if n_classes == 2 else "sparse_categorical_crossentropy"


def _notes(
    spec: DeepSpec, result: Fit, features: Mapping[str, BaseFeatures], fit_seconds: float
) -> dict[str, Any]:
    base_seconds = {split: round(found.seconds, 3) for split, found in features.items()}
    return {
        "best_epoch": result.best_epoch,
        "epochs_run": result.epochs_run,
        "stopped_early": result.epochs_run < spec.epochs,
        "best_validation_loss": result.best_loss,
        "fit_seconds": round(fit_seconds, 3),
        "backend": keras.backend.backend(),
        **({"base_seconds": base_seconds} if any(base_seconds.values()) else {}),
        **spec.record(),
    }
