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

from pipeline.checks import StudyError, check_images, check_labels
from pipeline.deep.cost import leaf_layers, multiply_adds, uncounted_layers
from pipeline.deep.device import device_name
from pipeline.deep.sanity.preflight import preflight
from pipeline.deep.spec import DeepSpec
from pipeline.deep.training.building import Phase
from pipeline.deep.training.checkpoint import Checkpoint
from pipeline.deep.training.epochs import Trainable, Weights, fit
from pipeline.deep.training.failures import memory_errors
from pipeline.deep.training.history import Course
from pipeline.inference import network_scores
from pipeline.storage.splits import SPLITS


@dataclass(frozen=True)
class TrainedNetwork:
    """A network at its best epoch, what it says of every image, and what it cost."""

    model: keras.Model
    """From RGB pixels (n, height, width, 3) in 0..255 to (n, classes) or (n, 1). Stock layers."""
    scores: dict[str, NDArray[np.float32]]
    """Split -> (n, classes) probabilities; two classes too have two columns."""
    history: pd.DataFrame
    """`HISTORY_COLUMNS`; see `pipeline.deep.training.epochs.fit` for what was measured on what."""
    parameters: int
    """Stored numbers that are used to predict, those of the standardisation included."""
    train_seconds: float
    """From pixels on: base features of the training and validation images, all epochs, and the
    validation measures that choose among them; the training curve and the checks before training,
    which change nothing, are off the clock. Features out of the cache count with the seconds that
    they once took, and epochs that were trained before an interruption with theirs."""
    predict_ms_per_image: float
    """From pixels to scores, with the frozen base, measured on the whole test split."""
    device: str
    notes: dict[str, Any]
    """For the card: ``best_epoch``, the best in the monitored metric on the validation split, from
    1 over all phases; ``epochs_run``; ``stopped_early``; what was checked before training; ..."""


def train(
    spec: DeepSpec,
    images: Mapping[str, NDArray[np.uint8]],
    labels: Mapping[str, NDArray[np.int64]],
    n_classes: int,
    seed: int,
    cache_folder: Path | None = None,
    checkpoint: Checkpoint | None = None,
) -> TrainedNetwork:
    """Train the network that `spec` describes; test images are predicted and never learnt from.

    The same seed gives the same result on a CPU with one version of everything and one number of
    threads, which is that of the cores unless `spec.threads` or `spec.deterministic` sets it; on a
    GPU sums are made in any order, and the last digits vary, unless `spec.deterministic`.

    Args:
        spec: the network and its options.
        images: split -> (n, height, width, 3) uint8, RGB, possibly memory-mapped; never written to.
        labels: "train" and "validation" -> (n,) in 0..n_classes-1.
        n_classes: number of classes.
        seed: of initial weights, of the order of images, of augmentation and of dropout.
        cache_folder: where features of a frozen base are kept between runs; None keeps none.
        checkpoint: where the state is kept after each epoch, and taken up from; None keeps none.

    Raises:
        StudyError: for images or labels of a wrong form, images that are too small for the network,
            weights that cannot be used, a network or batch that does not fit in memory, a check
            before training that fails, and a loss that is no longer finite.
    """
    _check(spec, images, labels, n_classes)
    checkpoint = checkpoint or Checkpoint(None)
    with memory_errors(spec, images["train"].shape[1:]):
        course, phase = _train_phases(
            spec, images, labels, n_classes, seed, cache_folder, checkpoint
        )
        model = phase.from_pixels()
        inputs, network = phase.inputs, phase.network
        scores = {split: network_scores(network, inputs[split]) for split in SPLITS[:2]}
        start = time.perf_counter()
        scores["test"] = network_scores(network, inputs["test"])
        test_seconds = phase.features["test"].seconds + time.perf_counter() - start
    return TrainedNetwork(
        model=model,
        scores=scores,
        history=course.history,
        parameters=stored_numbers(model),
        train_seconds=course.seconds,
        predict_ms_per_image=1000 * test_seconds / len(images["test"]),
        device=device_name(),
        notes=_notes(spec, course, phase, model),
    )


def _train_phases(
    spec: DeepSpec,
    images: Mapping[str, NDArray[np.uint8]],
    labels: Mapping[str, NDArray[np.int64]],
    n_classes: int,
    seed: int,
    cache_folder: Path | None,
    checkpoint: Checkpoint,
) -> tuple[Course, Phase]:
    """Train phase after phase, from where an interrupted training has left off."""
    specs = spec.phases()
    course = checkpoint.course() or Course(monitor=spec.monitor)
    phase: Phase | None = None
    for index in range(course.epochs[-1].phase if course.epochs else 0, len(specs)):
        before = phase
        phase = Phase(specs[index], index, len(specs), images, n_classes, seed, cache_folder)
        trainable = phase.trainable(labels)
        if course.epochs_of(index):
            best = checkpoint.restore(trainable.model)
        else:
            best = _begin(phase, before, trainable, course)
            course.setup_seconds += phase.setup_seconds
            _check_before(trainable, course, n_classes)
        fit(trainable, course, best, seed, checkpoint.keep)
    if phase is None:
        raise RuntimeError("a network has at least one phase")
    return course, phase


def _begin(phase: Phase, before: Phase | None, trainable: Trainable, course: Course) -> Weights:
    """Start a phase from the best of the one before it; return its first weights."""
    if before is not None:
        phase.start_from(before.network)
    course.waited, course.plateau = 0, {}
    return trainable.network.get_weights()


def _check_before(trainable: Trainable, course: Course, n_classes: int) -> None:
    start = time.perf_counter()
    found = preflight(trainable, n_classes)
    seconds = round(time.perf_counter() - start, 3)
    name = f"preflight_{trainable.phase + 1}" if trainable.phase else "preflight"
    course.notes[name] = {**found, "seconds": seconds}


def stored_numbers(model: keras.Model) -> int:
    """Count the weights of a model, and the means and variances of its standardisations.

    Keras keeps the latter beside the weights where they are given and not adapted, and leaves them
    out of `count_params`.
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
                f"{split} images: found the shape {images[split].shape[1:]}; expected that of the "
                f"training images, {images['train'].shape[1:]}"
            )
    for split in ("train", "validation"):
        check_labels(labels[split], len(images[split]), n_classes, f"{split} labels")
    spec.check_size(images["train"].shape[1:])


def _counted(model: keras.Model) -> dict[str, Any]:
    """Return the note on multiply-adds, or, where they are not known, on the layers at fault."""
    adds = multiply_adds(model)
    if adds is None:
        return {"multiply_adds_unknown_of": list(uncounted_layers(model))}
    return {"multiply_adds": adds}


def _notes(spec: DeepSpec, course: Course, phase: Phase, model: keras.Model) -> dict[str, Any]:
    base_seconds = {split: round(found.seconds, 3) for split, found in phase.features.items()}
    specs = spec.phases()
    phases = [
        {"epochs": course.epochs_of(index), "learning_rate": each.learning_rate}
        for index, each in enumerate(specs)
    ]
    return {
        "best_epoch": course.best_epoch,
        "epochs_run": len(course.epochs),
        "stopped_early": len(course.epochs) < sum(each.epochs for each in specs),
        "monitor": course.monitor,
        "best_validation_loss": course.best.validation.loss,
        "fit_seconds": round(sum(epoch.seconds for epoch in course.epochs), 3),
        "backend": keras.backend.backend(),
        "precision": phase.policy,
        **({"threads": spec.fixed_threads} if spec.fixed_threads else {}),
        **_counted(model),
        "grad_cam_layer": spec.grad_cam_layer(),
        **({"phases": phases} if len(phases) > 1 else {}),
        **({"base_seconds": base_seconds} if any(base_seconds.values()) else {}),
        **course.notes,
        **spec.record(),
    }
