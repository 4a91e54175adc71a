"""Artifacts of `featurize`: features, the fitted extractor, and its cost."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from pipeline.storage import integrity, strict
from pipeline.storage.files import atomic, intact, load_array, load_record, save_array, save_json
from pipeline.storage.object_files import load_object, save_object
from pipeline.storage.splits import SPLITS

FEATURES = Path("data/features")
INDEX = Path("data/index")


@dataclass(frozen=True)
class FeatureCard:
    """The description and cost of one feature set."""

    name: str
    method: str
    options: dict[str, Any]
    """As in params.yaml, with what `fit` decided where they leave it open (auto)."""
    dimension: int
    parameters: int
    """Learned numbers stored in the extractor; 0 if it learns nothing."""
    fit_seconds: float
    """Time for fitting, and for extraction from the training split."""
    seconds_per_image: float
    """Time for extraction, measured on the test split."""
    peak_memory_mb: float
    family: Literal["classical", "hybrid"] = "classical"
    """`hybrid` if a trained network computes the features."""


def save_features(name: str, split: str, features: NDArray[np.float32], images: str = "") -> None:
    """Write the (n, dimension) float32 features of one split; `images` is `images_seal`."""
    path = FEATURES / name / f"{split}.npy"
    save_array(path, np.asarray(features, dtype=np.float32))
    _seal_features(name, images, path)


def load_features(name: str, split: str) -> NDArray[np.float32]:
    """Open the (n, dimension) float32 features of a split, memory-mapped."""
    path, remedy = _of_features(name, f"{split}.npy")
    return strict.check_array(load_array(path, remedy), np.float32, (None, None), path, remedy)


def save_extractor(name: str, extractor: Any, card: FeatureCard, images: str = "") -> None:
    """Write the fitted extractor and its card; `images` is `images_seal`."""
    with atomic(_extractor_file(name)) as temporary:
        save_object(temporary, extractor)
    save_json(FEATURES / name / "card.json", card)
    _seal_features(name, images, _extractor_file(name), FEATURES / name / "card.json")


def _seal_features(name: str, images: str, *files: Path) -> None:
    """Add files of a feature set to its manifest, which lists those of the same images."""
    path, of = FEATURES / name / integrity.MANIFEST, {"features": name, "images": images}
    save_json(path, integrity.extend_manifest(path, of, files))


def check_features(name: str, images: str) -> None:
    """Raise `StudyError` unless a feature set was computed from images with this `images_seal`."""
    of, remedy = {"features": name, "images": images}, f"dvc repro featurize@{name}"
    integrity.load_manifest(FEATURES / name / integrity.MANIFEST, of, remedy)


def load_extractor(name: str) -> Any:
    """Read a fitted extractor."""
    path, remedy = _extractor_file(name), f"dvc repro featurize@{name}"
    if path.exists():
        _of_features(name, path.name)
    return load_object(path, "transform", remedy)


def _extractor_file(name: str) -> Path:
    return FEATURES / name / "extractor.npz"


def load_feature_card(name: str) -> FeatureCard:
    """Read the card of a feature set."""
    path, remedy = _of_features(name, "card.json")
    return load_record(FeatureCard, path, remedy)


def _of_features(name: str, file: str) -> tuple[Path, str]:
    """Return the path of a verified file of a feature set, and the command that creates it."""
    remedy = f"dvc repro featurize@{name}"
    manifest = FEATURES / name / integrity.MANIFEST
    return intact(manifest, {"features": name}, file, remedy), remedy


def feature_files(name: str) -> list[Path]:
    """Return the files on which runs with a feature set depend (its cost is not among them).

    With folds, all images are in the training split, and the others have no files.
    """
    manifest = FEATURES / name / integrity.MANIFEST
    names = [f"{split}.npy" for split in SPLITS]
    if manifest.exists():
        remedy = f"dvc repro featurize@{name}"
        listed = integrity.load_manifest(manifest, {"features": name}, remedy).files
        names = [each for each in names if each in listed]
    return [FEATURES / name / each for each in names] + [_extractor_file(name)]


def features_digest(name: str) -> str:
    """Return one checksum of the files on which runs with a feature set depend."""
    remedy = f"dvc repro featurize@{name}"
    listed = integrity.load_manifest(
        FEATURES / name / integrity.MANIFEST, {"features": name}, remedy
    ).files
    return integrity.digest({path.name: listed.get(path.name) for path in feature_files(name)})
