"""One training of a classical run, or of a hybrid one, on a part of the training images.

Stored features are computed once for all images, and a training takes its rows. Feature sets that
learn from images (`FeatureSpec.learns`) are the exception: the stored ones have seen all training
images, without their labels. A training on a part of them fits its own extractor on that part, so
that a curve over images never borrows from images that it says it does not have.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from pipeline.classical.run.training import train
from pipeline.classical.spec import ClassicalSpec
from pipeline.classical.tuning.study import tune
from pipeline.config.entries import load_entry
from pipeline.features.resized import build_extractor
from pipeline.fingerprints import guard
from pipeline.machine import versions
from pipeline.storage.features import features_digest, load_feature_card, load_features
from pipeline.storage.splits import SPLITS, load_images
from pipeline.trainings.lessons import lesson
from pipeline.trainings.mirrors import mirrored_features
from pipeline.trainings.training import SCORED, Outcome, Training

if TYPE_CHECKING:
    from pathlib import Path

    from pipeline.features.spec import FeatureSpec

_LIBRARIES = ("numpy", "scipy", "scikit-learn", "scikit-learn-intelex", "optuna")


@dataclass(frozen=True)
class _FeatureSet:
    """One feature set of the images of a training."""

    splits: Mapping[str, NDArray[np.float32]]
    """Split -> (n, d)."""
    mirrors: NDArray[np.float32] | None
    """(m, d) of the mirrored training images, if the run learns from them."""
    seconds: float
    """Of fitting the extractor, and of extraction from the training images."""


def train_on(training: Training, state: Path) -> Outcome:
    """Search options if `spec.tune` says so, fit, and score validation and test images.

    Args:
        training: of a classical run.
        state: for networks; such a training starts again if it was killed.

    Raises:
        StudyError: if a class has no training image; otherwise as `classical.run.training.train`.
    """
    spec, started = cast(ClassicalSpec, training.spec), time.perf_counter()
    learned = lesson(training)
    labels, n_classes = learned.labels, learned.n_classes
    sets = [
        _feature_set(name, learned.rows["train"], spec.mirrored, training.features.get(name))
        for name in spec.features
    ]
    features = {split: [each.splits[split] for each in sets] for split in SPLITS}
    if (rows := learned.rows["validation"]) is not None:
        features["validation"] = [each[rows] for each in features["validation"]]
    mirrors = [cast(NDArray, each.mirrors) for each in sets] if spec.mirrored else None
    spec, searched = _searched(spec, features, labels, n_classes, training.seed, mirrors)
    trained = train(spec, features, labels, n_classes, training.seed, mirrors, curve=False)
    return Outcome(
        scores={split: trained.scores[split] for split in SCORED},
        history=trained.history,
        seconds=trained.fit_seconds + sum(each.seconds for each in sets),
        facts={
            "images": len(labels["train"]),
            "wall_seconds": time.perf_counter() - started,
            **searched,
        },
    )


def _searched(
    spec: ClassicalSpec,
    features: Mapping[str, Sequence[NDArray[np.float32]]],
    labels: Mapping[str, NDArray[np.int64]],
    n_classes: int,
    seed: int,
    mirrors: Sequence[NDArray[np.float32]] | None,
) -> tuple[ClassicalSpec, dict[str, Any]]:
    """Return the options to train with, and facts about the search for them, if there was one."""
    if spec.tune is None:
        return spec, {}
    found = tune(spec, features, labels, n_classes, seed, mirrors)
    return found.spec, {"chosen": found.notes["chosen"], "tuning_seconds": found.seconds}


def what_determines(training: Training) -> dict[str, Any]:
    """Return all that determines such a training besides options, images, rows, seed and code."""
    names = cast(ClassicalSpec, training.spec).features
    return {
        "features": {name: _what_determines_set(name, training.features) for name in names},
        "versions": versions(*_LIBRARIES),
    }


def _what_determines_set(name: str, others: Mapping[str, FeatureSpec]) -> list[Any]:
    """Return checksums of a stored feature set, and of the code of one that is fitted again."""
    spec = others.get(name) or cast("FeatureSpec", load_entry("features", name)[0])
    code = guard.training_digest(__name__, ("features", spec.method))
    if name in others:
        return [spec.model_dump(mode="json"), code]
    return [features_digest(name), *([code] if spec.learns else [])]


def _feature_set(
    name: str, rows: NDArray[np.int64] | None, mirrored: bool, other: FeatureSpec | None
) -> _FeatureSet:
    """Return a stored feature set, or one that is fitted and extracted here.

    Args:
        name: of the feature set.
        rows: of the training images; None for all.
        mirrored: whether the mirrored training images are needed as well.
        other: its options, if they are not those of the study.
    """
    entry, seed = load_entry("features", name)
    spec = other or cast("FeatureSpec", entry)
    if other is not None or (rows is not None and spec.learns):
        return _refitted(spec, seed, rows, mirrored)
    splits = {split: load_features(name, split) for split in SPLITS}
    mirrors, mirroring = _mirrors(name) if mirrored else (None, 0.0)
    share = 1.0
    if rows is not None:
        share = len(rows) / len(splits["train"])
        splits["train"] = splits["train"][rows]
        mirrors = None if mirrors is None else mirrors[rows]
    return _FeatureSet(splits, mirrors, share * (load_feature_card(name).fit_seconds + mirroring))


@lru_cache(maxsize=8)
def _mirrors(name: str) -> tuple[NDArray[np.float32], float]:
    return mirrored_features(name)


def _refitted(
    spec: FeatureSpec, seed: int, rows: NDArray[np.int64] | None, mirrored: bool
) -> _FeatureSet:
    """Fit an extractor on some training images, and extract the features of all that are needed."""
    started = time.perf_counter()
    images = load_images("train")
    images = images if rows is None else images[rows]
    extractor = build_extractor(spec, seed, images.shape[1:3]).fit(images)
    splits = {"train": extractor.transform(images)}
    mirrors = extractor.mirrored(splits["train"]) if mirrored else None
    if mirrored and mirrors is None:
        mirrors, _ = extractor.transform_split(images, "train", mirrored=True)
    seconds = time.perf_counter() - started
    splits |= {split: extractor.transform(load_images(split)) for split in SCORED}
    return _FeatureSet(splits, mirrors, seconds)
