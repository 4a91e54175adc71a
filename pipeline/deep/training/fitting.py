"""Train one network and keep its best epoch."""

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

from pipeline.checks import StudyError, check_images, check_labels
from pipeline.class_balance import are_unequal
from pipeline.deep.cost import leaf_layers, multiply_adds, uncounted_layers
from pipeline.deep.options import Metric
from pipeline.deep.sanity.preflight import preflight
from pipeline.deep.spec import DeepSpec
from pipeline.deep.training.building import Phase, Whole
from pipeline.deep.training.checkpoint import Checkpoint
from pipeline.deep.training.epochs import Trainable, Weights, fit
from pipeline.deep.training.failures import Diverged, memory_errors
from pipeline.deep.training.history import TrainingHistory
from pipeline.device import device_name, precision_record
from pipeline.inference import network_scores
from pipeline.storage.scratch import resized_images
from pipeline.storage.splits import SPLITS
from pipeline.tta import AugmentedScores, augmented_splits


@dataclass(frozen=True)
class TrainedNetwork:
    """A network at its best epoch, with its scores and its cost."""

    model: keras.Model
    """Maps RGB pixels (n, height, width, 3) in 0..255 to (n, classes) or (n, 1). Keras's layers.
    With `image_size`, pixels have that size: `network_scores` resizes others."""
    scores: dict[str, NDArray[np.float32]]
    """Split -> (n, classes) probabilities; two columns for two classes."""
    history: pd.DataFrame
    """`HISTORY_COLUMNS`; see `pipeline.deep.training.epochs.fit` for how each value is measured."""
    parameters: int
    """Stored numbers that are used to predict, including those of the standardization."""
    train_seconds: float
    """End to end, from raw pixels: base features of the training and validation images, all epochs,
    and the validation measurements that select one; without the training curve and the checks
    before training, which do not affect the result. Cached features and epochs from before an
    interruption count with their original times."""
    predict_ms_per_image: float
    """From pixels to scores, including the frozen base, measured on the whole test split."""
    device: str
    augmented: AugmentedScores
    """What the whole model predicts with test-time augmentation; empty with ``tta: none``."""
    notes: dict[str, Any]
    """For the card: ``best_epoch`` by the monitored metric on the validation split, from 1 over all
    phases; ``epochs_run``; ``stopped_early``; results of the checks before training; ..."""


def train(
    spec: DeepSpec,
    images: Mapping[str, NDArray[np.uint8]],
    labels: Mapping[str, NDArray[np.int64]],
    n_classes: int,
    seed: int,
    cache_folder: Path | None = None,
    checkpoint: Checkpoint | None = None,
    whole: Whole | None = None,
    checks: bool = True,
) -> TrainedNetwork:
    """Train the network that `spec` describes; test images are only used for prediction.

    On a CPU, the same seed gives the same result with the same software versions and number of
    threads, which is the number of cores unless `spec.threads` or `spec.deterministic` sets it. On
    a GPU the order of sums varies, and so do the last digits, unless `spec.deterministic`.

    Args:
        spec: the network and its options.
        images: split -> (n, height, width, 3) uint8, RGB, possibly memory-mapped; never written to.
        labels: "train" and "validation" -> (n,) in 0..n_classes-1.
        n_classes: number of classes.
        seed: of initial weights, order of images, augmentation and dropout.
        cache_folder: cache for features of a frozen base; None disables it.
        checkpoint: stores the state after each epoch, for resuming; None disables it.
        whole: images of which those of the splits are parts, so that their base features are
            computed once; None if the splits are on their own.
        checks: whether to check the network on one batch before training.

    Raises:
        Diverged: if the loss or weights are no longer finite; it has the history so far.
        StudyError: for images or labels of a wrong form, images that are too small for the network,
            unusable weights, a network or batch that does not fit in memory, or a failed check
            before training.
    """
    _check(spec, images, labels, n_classes)
    checkpoint = checkpoint or Checkpoint(None)
    seen, resizing, whole = _at_its_size(spec, images, whole)
    with memory_errors(spec, seen["train"].shape[1:]):
        history, phase = _train_phases(
            spec, seen, labels, n_classes, seed, cache_folder, checkpoint, resizing, whole, checks
        )
        model = phase.from_pixels()
        inputs, network = phase.inputs, phase.network
        scores = {split: network_scores(network, inputs[split]) for split in SPLITS[:2]}
        start = time.perf_counter()
        scores["test"] = network_scores(network, inputs["test"])
        test_seconds = phase.features["test"].seconds + time.perf_counter() - start
        test_seconds += resizing["test"]
        augmented = augmented_splits(lambda views: network_scores(model, views), images, spec.tta)
    return TrainedNetwork(
        model=model,
        scores=scores,
        history=history.table,
        parameters=stored_numbers(model),
        train_seconds=history.seconds,
        predict_ms_per_image=1000 * test_seconds / len(images["test"]),
        device=device_name(),
        augmented=augmented,
        notes=_notes(spec, history, phase, model) | augmented.notes,
    )


def fit_best(
    spec: DeepSpec,
    images: Mapping[str, NDArray[np.uint8]],
    labels: Mapping[str, NDArray[np.int64]],
    n_classes: int,
    seed: int,
    cache_folder: Path | None = None,
    checkpoint: Checkpoint | None = None,
    whole: Whole | None = None,
) -> TrainingHistory:
    """Train as `train` does, without the checks before it and without the scores after it.

    For a search, of which only the history counts. Arguments and errors are those of `train`.
    """
    _check(spec, images, labels, n_classes)
    checkpoint = checkpoint or Checkpoint(None)
    seen, resizing, whole = _at_its_size(spec, images, whole)
    with memory_errors(spec, seen["train"].shape[1:]):
        history, _ = _train_phases(
            spec, seen, labels, n_classes, seed, cache_folder, checkpoint, resizing, whole, False
        )
    return history


def _train_phases(
    spec: DeepSpec,
    images: Mapping[str, NDArray[np.uint8]],
    labels: Mapping[str, NDArray[np.int64]],
    n_classes: int,
    seed: int,
    cache_folder: Path | None,
    checkpoint: Checkpoint,
    resizing: Mapping[str, float],
    whole: Whole | None,
    checks: bool,
) -> tuple[TrainingHistory, Phase]:
    """Train all phases in order, starting where an interrupted training stopped."""
    specs = spec.phases()
    history = checkpoint.history() or TrainingHistory(monitor=_monitor(spec, labels["train"]))
    phase: Phase | None = None
    for index in range(history.epochs[-1].phase if history.epochs else 0, len(specs)):
        before = phase
        phase = Phase(specs[index], index, len(specs), images, n_classes, seed, cache_folder, whole)
        trainable = phase.trainable(labels)
        if history.epochs_of(index):
            best = checkpoint.restore(trainable.model)
        else:
            best = _begin(phase, before, trainable, history)
            history.setup_seconds += phase.setup_seconds
            if index == 0:
                history.setup_seconds += resizing["train"] + resizing["validation"]
            if checks:
                _check_before(trainable, history, n_classes)
        try:
            fit(trainable, history, best, seed, checkpoint.keep)
        except Diverged as error:
            error.history = history
            raise
    if phase is None:
        raise RuntimeError("a network has at least one phase")
    return history, phase


def _monitor(spec: DeepSpec, labels: NDArray[np.int64]) -> Metric:
    """Return the validation metric that selects the epoch, given the (n,) training labels."""
    if spec.monitor != "auto":
        return spec.monitor
    return "balanced_loss" if are_unequal(labels) else "loss"


def _begin(
    phase: Phase, before: Phase | None, trainable: Trainable, history: TrainingHistory
) -> Weights:
    """Start a phase from the best weights of the previous one; return its initial weights."""
    if before is not None:
        phase.start_from(before.network)
    history.waited, history.plateau = 0, {}
    return trainable.network.get_weights()


def _check_before(trainable: Trainable, history: TrainingHistory, n_classes: int) -> None:
    start = time.perf_counter()
    found = preflight(trainable, n_classes)
    seconds = round(time.perf_counter() - start, 3)
    name = f"preflight_{trainable.phase + 1}" if trainable.phase else "preflight"
    history.notes[name] = {**found, "seconds": seconds}


def _at_its_size(
    spec: DeepSpec, images: Mapping[str, NDArray[np.uint8]], whole: Whole | None
) -> tuple[dict[str, NDArray[np.uint8]], dict[str, float], Whole | None]:
    """Return images as the network gets them, the seconds of resizing each split, and `whole`."""
    seen, seconds = {}, {}
    for split in SPLITS:
        start = time.perf_counter()
        seen[split] = _as_seen(spec, images[split])
        seconds[split] = time.perf_counter() - start
    if whole is not None:
        whole = whole.seen(lambda every: _as_seen(spec, every))
    return seen, seconds, whole


def _as_seen(spec: DeepSpec, images: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return resized_images(images, spec.sides_seen((images.shape[1], images.shape[2])))


def stored_numbers(model: keras.Model) -> int:
    """Count the weights of a model, and the means and variances of its standardizations.

    When mean and variance are given and not adapted, Keras does not store them as weights, and
    `count_params` leaves them out.
    """
    count = 0
    for layer in leaf_layers(model):
        if isinstance(layer, keras.layers.Normalization) and layer.input_mean is not None:
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
                f"{split} images: found the shape {images[split].shape[1:]}; expected "
                f"{images['train'].shape[1:]}, as for the training images"
            )
    for split in ("train", "validation"):
        check_labels(labels[split], len(images[split]), n_classes, f"{split} labels")
    height, width, channels = images["train"].shape[1:]
    spec.check_size((*spec.sides_seen((height, width)), channels))


def _counted(model: keras.Model) -> dict[str, Any]:
    """Return the note on multiply-adds, or, where they are not known, on the layers at fault."""
    adds = multiply_adds(model)
    if adds is None:
        return {"multiply_adds_unknown_of": list(uncounted_layers(model))}
    return {"multiply_adds": adds}


def _notes(
    spec: DeepSpec, history: TrainingHistory, phase: Phase, model: keras.Model
) -> dict[str, Any]:
    base_seconds = {split: round(found.seconds, 3) for split, found in phase.features.items()}
    specs = spec.phases()
    phases = [
        {"epochs": history.epochs_of(index), "learning_rate": each.learning_rate}
        for index, each in enumerate(specs)
    ]
    return {
        "best_epoch": history.best_epoch,
        "epochs_run": len(history.epochs),
        "stopped_early": len(history.epochs) < sum(each.epochs for each in specs),
        "monitor": history.monitor,
        "best_validation_loss": history.best.validation.loss,
        "fit_seconds": round(sum(epoch.seconds for epoch in history.epochs), 3),
        "backend": keras.backend.backend(),
        "precision": phase.policy,
        **precision_record(spec.precision),
        **({"threads": spec.fixed_threads} if spec.fixed_threads else {}),
        **_counted(model),
        "grad_cam_layer": spec.grad_cam_layer(),
        **({"phases": phases} if len(phases) > 1 else {}),
        **({"base_seconds": base_seconds} if any(base_seconds.values()) else {}),
        **history.notes,
        **spec.record(),
    }
