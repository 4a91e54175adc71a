"""Artifacts of `prepare`: images, labels and splits.

Images are (n, height, width, 3) uint8 in RGB order, or (n, height, width, 1) in gray; labels are
(n,) int64; ids are (n,) int64, the positions of images in the dataset, by which everything is
paired.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pipeline.channels import GRAY
from pipeline.checks import check_images
from pipeline.storage import integrity, strict

if TYPE_CHECKING:
    import pandas as pd
from pipeline.storage.files import (
    Rows,
    intact,
    load_array,
    load_record,
    load_sealed,
    load_table,
    save_array,
    save_json,
    save_table,
)

SPLITS = ("train", "validation", "test")
PREPARED = Path("data/prepared")
TASK = PREPARED / "task.json"
FILE_FACTS = PREPARED / "files.csv"


@dataclass(frozen=True)
class Task:
    """What a training needs to know about the dataset; its title and path are not included.

    A copy is stored beside each trained model. It tells what the model's columns mean and which
    pixels it expects, and whether the study's images have changed since.
    """

    class_names: tuple[str, ...]
    image_shape: tuple[int, int, int]
    """(height, width, channels): 3 for RGB, 1 for gray."""
    sizes: dict[str, int]
    """Images in each split."""
    decoding: dict[str, Any] = field(default_factory=dict)
    """Options of `pipeline.data.reading.image_files.read_images` that give such images."""
    digest: str = ""
    """SHA-256 of all images and ids, and of the training and validation labels."""

    @property
    def n_classes(self) -> int:
        """Number of classes."""
        return len(self.class_names)


@dataclass(frozen=True)
class DatasetCard:
    """Details of the prepared dataset, for the evaluation and for readers."""

    name: str
    description: str
    sha256: str
    class_names: tuple[str, ...]
    image_shape: tuple[int, int, int]
    """(height, width, channels): 3 for RGB, 1 for gray."""
    sizes: dict[str, int]
    """Images in each split."""
    seed: int
    skipped: tuple[str, ...] = ()
    """Unreadable files, if a parameter allowed any."""
    independent: bool = True
    """Whether test images are independent samples, as intervals and tests assume."""
    left_out: tuple[dict[str, Any], ...] = ()
    """Other parts of the source that were left out: ``what``, ``count`` and some ``names``."""
    original_sides: dict[str, int] = field(default_factory=dict)
    """Shorter sides of the images before they were resized, in pixels: ``smallest``, ``median``
    and ``largest``; empty if all images have the same size."""
    notes: tuple[str, ...] = ()
    """Sentences about how the images were read, and how they were divided."""
    folds: tuple[int, ...] = ()
    """Images in each fold of a cross-validation, where each split holds all images; empty without
    one. See `pipeline.folds`."""
    groups: int = 0
    """Groups of images that no split or fold divides; 0 if every image is on its own."""


_PREPARE = "dvc repro prepare"


def save_split(
    split: str,
    images: NDArray | Rows | None,
    labels: NDArray,
    ids: NDArray,
    folds: NDArray | None = None,
) -> None:
    """Write the images, labels and ids of one split, and the manifests of both folders.

    Labels have their own files, because only `evaluate` depends on those of the test split.

    Args:
        split: its name.
        images: None for those of the training split, which with folds are all images.
        labels: (n,).
        ids: (n,).
        folds: (n,) the fold of each image; None without folds.
    """
    folder, label_folder = PREPARED / split, PREPARED / "labels"
    arrays = {"images": images, "ids": np.asarray(ids, dtype=np.int64), "folds": folds}
    files = [folder / f"{name}.npy" for name, array in arrays.items() if array is not None]
    for name, array in arrays.items():
        if array is not None:
            save_array(folder / f"{name}.npy", array)
    save_json(folder / integrity.MANIFEST, integrity.make_manifest(folder, {"split": split}, files))
    save_array(label_folder / f"{split}.npy", np.asarray(labels, dtype=np.int64))
    of = {"labels of": split}
    save_json(
        _labels_manifest(split),
        integrity.make_manifest(label_folder, of, [label_folder / f"{split}.npy"], f"{split}.json"),
    )


def _labels_manifest(split: str) -> Path:
    return PREPARED / "labels" / f"{split}.json"


def _of_split(split: str, name: str, dtype: Any, shape: tuple[int | None, ...]) -> NDArray:
    path = intact(PREPARED / split / integrity.MANIFEST, {"split": split}, name, _PREPARE)
    return strict.check_array(load_array(path, _PREPARE), dtype, shape, path, _PREPARE)


def load_images(split: str) -> NDArray[np.uint8]:
    """Open the images of a split: (n, height, width, 3) uint8, RGB, memory-mapped.

    Gray images are (n, height, width, 1).
    """
    if not _holds(split, "images.npy") and _holds(split, "folds.npy"):
        split = "train"  # with folds, it has the images of all splits
    images = _of_split(split, "images.npy", np.uint8, (None, None, None, None))
    check_images(images, f"images of the {split} split")
    return images


def load_folds(split: str = "train") -> NDArray[np.int64] | None:
    """Read the (n,) int64 fold of each image, the same in all splits; None without folds."""
    if not _holds(split, "folds.npy"):
        return None
    return np.array(_of_split(split, "folds.npy", np.int64, (None,)))


def _holds(split: str, name: str) -> bool:
    path = PREPARED / split / integrity.MANIFEST
    return name in integrity.load_manifest(path, {"split": split}, _PREPARE).files


def load_labels(split: str) -> NDArray[np.int64]:
    """Read the labels of a split: (n,) int64."""
    path = intact(_labels_manifest(split), {"labels of": split}, f"{split}.npy", _PREPARE)
    found = load_array(path, _PREPARE)
    return np.array(strict.check_array(found, np.int64, (None,), path, _PREPARE))


def load_ids(split: str) -> NDArray[np.int64]:
    """Read the ids of the images of a split: (n,) int64."""
    return np.array(_of_split(split, "ids.npy", np.int64, (None,)))


def save_task(task: Task) -> None:
    """Write what a training needs to know about the dataset, with a checksum."""
    save_json(TASK, integrity.seal(asdict(task)))


def save_dataset_card(
    card: DatasetCard, index: pd.DataFrame, decoding: Mapping[str, Any] | None = None
) -> None:
    """Write the card, the task, and the index with one row per image, ``id, split, class, name``.

    Call it after `save_split`: it ends with the manifest of all prepared files. `decoding` is that
    of `Task`; by default, files are only resized.
    """
    options = dict(decoding or {"size": card.image_shape[0]})
    if card.image_shape[2] == GRAY:
        options.setdefault("channels", "gray")
    save_task(Task(card.class_names, card.image_shape, card.sizes, options, _prepared_digest()))
    save_table(PREPARED / "index.csv", index)
    save_json(PREPARED / "dataset.json", card)
    names = ("task.json", "index.csv", "dataset.json", FILE_FACTS.name)
    parts = [PREPARED / split / integrity.MANIFEST for split in SPLITS]
    parts += [_labels_manifest(split) for split in SPLITS]
    files = [path for path in [*(PREPARED / name for name in names), *parts] if path.exists()]
    manifest = integrity.make_manifest(PREPARED, {"prepared": "dataset"}, files)
    save_json(PREPARED / integrity.MANIFEST, manifest)


def prepared_file(name: str) -> Path:
    """Verify one of the files that lie directly in the folder of `prepare`; return its path."""
    manifest = PREPARED / integrity.MANIFEST
    return intact(manifest, {"prepared": "dataset"}, name, _PREPARE)


def _run_inputs() -> list[tuple[Path, dict[str, str]]]:
    """Return the manifests of the prepared files that runs read, which exclude test labels."""
    images = [(PREPARED / split / integrity.MANIFEST, {"split": split}) for split in SPLITS]
    labels = [(_labels_manifest(split), {"labels of": split}) for split in ("train", "validation")]
    return images + labels


def _prepared_digest() -> str:
    """Return one checksum of the prepared files that runs read, as far as they exist."""
    there = [(path, of) for path, of in _run_inputs() if path.exists()]
    return integrity.digest([integrity.load_manifest(*each, _PREPARE).seal for each in there])


def load_task() -> Task:
    """Read what a training needs to know about the dataset."""
    return load_sealed(Task, TASK, _PREPARE)


def load_dataset_card() -> DatasetCard:
    """Read the card of the prepared dataset."""
    return load_record(DatasetCard, prepared_file("dataset.json"), _PREPARE)


def load_image_index() -> pd.DataFrame:
    """Read ``id, split, class, name`` of all images; only for `evaluate`: it shows test labels."""
    return load_table(prepared_file("index.csv"), _PREPARE, dtype={"class": str, "name": str})


def check_prepared() -> None:
    """Raise `StudyError` unless all prepared data come from one run of `prepare`.

    It checks the manifests of the splits, the labels, the task and the index. It depends on test
    labels, so only `evaluate` may call it.
    """
    manifest = PREPARED / integrity.MANIFEST
    found = integrity.load_manifest(manifest, {"prepared": "dataset"}, _PREPARE)
    for name in found.files:
        found.verify(name)
    for split in SPLITS:
        for part in (PREPARED / split / integrity.MANIFEST, _labels_manifest(split)):
            found.verify(part.relative_to(PREPARED).as_posix())


def images_seal() -> str:
    """Return one checksum of the images and ids of all splits, from their manifests."""
    return integrity.digest([_split_seal(split) for split in SPLITS])


def learning_seal() -> str:
    """Return one checksum of all prepared data that a training may depend on.

    These are the images and ids of all splits, the training and validation labels, and the task,
    but neither the test labels nor the title. A run's manifest contains it, so that `evaluate`
    detects runs that were trained on other data.
    """
    seals = [integrity.load_manifest(*each, _PREPARE).seal for each in _run_inputs()]
    return integrity.digest([*seals, asdict(load_task())])


def _split_seal(split: str) -> str:
    path = PREPARED / split / integrity.MANIFEST
    return integrity.load_manifest(path, {"split": split}, _PREPARE).seal
