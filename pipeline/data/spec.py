"""What all datasets share: their options, and the arrays that they return."""

from __future__ import annotations

import hashlib
from abc import abstractmethod
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Annotated, Any, ClassVar
from unicodedata import normalize

import numpy as np
from numpy.typing import NDArray
from pydantic import AfterValidator, BeforeValidator, Field, field_validator

from pipeline.channels import RGB
from pipeline.checks import is_unsafe, listing
from pipeline.config.aims import Aims
from pipeline.data.reading.folders import APART, check_source, overlaps_study
from pipeline.data.reading.published import Published, obtain
from pipeline.storage.file_facts import FileFacts
from pipeline.storage.source import Source, SourceFile

MOST_IMAGES = 10**9


def _count_or_fraction(value: object) -> object:
    is_count = isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= MOST_IMAGES
    is_fraction = isinstance(value, float) and 1e-6 <= value <= 0.999999
    if not (is_count or is_fraction):
        raise ValueError("expected a count of at least 1, or a fraction between 0 and 1, as in 0.1")
    return value


Part = Annotated[int | float, BeforeValidator(_count_or_fraction)]
"""A part of a set of images: a count, or a fraction between 0 and 1."""


def _written_out(path: str) -> str:
    if path.startswith("~"):
        raise ValueError(f"expected a path without ~, such as {Path(path).expanduser()}")
    return path


def _quoted(name: object) -> object:
    if isinstance(name, bool | float):
        raise ValueError("expected a name; if a class has this name, write it in quotes")
    return name


ClassName = Annotated[
    str,
    Field(min_length=1, coerce_numbers_to_str=True),
    BeforeValidator(_quoted),
    AfterValidator(partial(normalize, "NFC")),
]
"""Normalized to NFC, as class folders are. YAML reads the class names of digits, ``[3, 8]``, as
integers, which are accepted as names. Values such as ``1e3`` and ``true`` are rejected, because
their original spelling is lost."""


@dataclass(frozen=True)
class RawDataset:
    """All images of a source, in its own order, decoded and of one size.

    The id of an image is its position here, before classes are selected and `limit` is applied.
    """

    images: NDArray[np.uint8]
    """(n, height, width, 3) uint8, RGB, or (n, height, width, 1) in gray."""
    labels: NDArray[np.int64]
    """(n,) int64, positions in `class_names`."""
    class_names: tuple[str, ...]
    split: NDArray[np.str_]
    """(n,) ``train``, ``validation`` or ``test``, as in the source; the last two may be missing."""
    image_names: NDArray[np.str_]
    """(n,) each image's place in its source: ``train/cat/0001.jpg``, ``data_batch_1/17``."""
    skipped: tuple[str, ...] = ()
    """Unreadable files, if an option allowed some."""
    left_out: tuple[dict[str, Any], ...] = ()
    """Other files that are not among the images, by kind: see `DatasetCard`."""
    original_sides: NDArray[np.int64] | None = None
    """(n,) int64, the shorter side of each image before resizing, in pixels; None if no image was
    resized."""
    notes: tuple[str, ...] = ()
    """Sentences that a reader needs to know about how the images were read."""
    file_facts: Sequence[FileFacts] = ()
    """n records of the images' files; empty if the images are not files of their own."""
    groups: NDArray[np.int64] | None = None
    """(n,) int64, images with the same number are never divided among splits; None if each image
    is on its own."""
    decoding: dict[str, Any] = field(default_factory=dict)
    """Options with which `pipeline.data.reading.image_files.read_images` reads other files in the
    same way; empty if files are only resized."""


@dataclass(frozen=True)
class Outlook:
    """What is known of the images before any is decoded; numbers are approximate."""

    sizes: dict[str, int]
    """Images in each split."""
    n_classes: int
    side: int
    """Of the square images that will be stored, in pixels."""


class DatasetSpec(Aims):
    """Labeled images, and which of them a study uses."""

    independent: ClassVar[bool] = True
    """Whether images are independent samples, as intervals and tests assume."""
    published_train: ClassVar[int | None] = None
    """Training images of the source, before a validation split; None if sources differ."""
    mirrors: ClassVar[bool] = True
    """Whether a mirror image is of the same class, as learning from mirror images assumes; that of
    a digit is none."""

    name: str
    """The dataset: the name of a file in pipeline/data/."""
    title: Annotated[str, Field(min_length=1, max_length=60)] | None = None
    """What the report calls the images; by default the dataset's name."""
    path: Annotated[str, Field(min_length=1), AfterValidator(_written_out)] = "data/incoming"
    """Path of the data, relative to the study's folder: a file, or a folder that contains it."""
    classes: Annotated[tuple[ClassName, ...], Field(min_length=2, max_length=10_000)] | None = None
    """The classes to use, at least two; by default all. They keep the dataset's order."""
    limit: Annotated[int, Field(strict=True, ge=2, le=MOST_IMAGES)] | None = None
    """The most images to use from each split, stratified. A larger limit includes the images of a
    smaller one."""
    validation: Part = 0.1
    """A count or a fraction of the training images; unused if the data have a validation split."""
    min_per_class: Annotated[int, Field(strict=True, ge=2, le=MOST_IMAGES)] | None = None
    """Classes with fewer images in all splits together are left out; the report names them."""

    shuffle_labels: Annotated[bool, Field(strict=True)] = False
    """A control: training and validation labels are permuted, so that no run should beat chance."""

    @field_validator("path")
    @classmethod
    def _apart(cls, path: str) -> str:
        if overlaps_study(Path(path)):
            raise ValueError(APART)
        return path

    @field_validator("title")
    @classmethod
    def _can_be_shown(cls, title: str | None) -> str | None:
        if any(map(is_unsafe, title or "")):
            raise ValueError("expected no control characters, because charts and pages show it")
        return title

    @field_validator("classes")
    @classmethod
    def _distinct(cls, names: tuple[str, ...] | None) -> tuple[str, ...] | None:
        twice = sorted(name for name, count in Counter(names).items() if count > 1)
        if twice:
            raise ValueError(f"expected each class once, found {listing(twice)} more than once")
        return names

    @property
    def test_part(self) -> Part | None:
        """Part of the training images to test on if the source has no test images.

        None for a dataset whose source always has test images.
        """
        return None

    @property
    def image_channels(self) -> int:
        """Channels of the stored images: 3 for RGB, 1 for gray."""
        return RGB

    @property
    def fold_count(self) -> int | None:
        """Number of folds for cross-validation; None without it."""
        return None

    @property
    def joins_near_duplicates(self) -> bool:
        """Whether copies and near-duplicates among the images are groups where splits are made."""
        return False

    def files_read(self) -> tuple[Path, ...]:
        """Return the files that `load` reads besides `path`; a change there reruns `prepare`."""
        return ()

    def check_files(self) -> None:
        """Check `path` before DVC or a stage opens anything there.

        Raises:
            StudyError: if nothing is there, or something that `reading.folders` cannot read.
        """
        check_source(Path(self.path), linked_folders=True)

    def outlook(self) -> Outlook | None:
        """Return what is known of the images before the first stage, for forecasts of memory.

        It must take seconds at most. None if too little is known, as before a download.
        """
        return None

    def most_training_images(self, outlook: Outlook | None) -> int | None:
        """Return the most images that the training split can have; None if it is not known yet.

        Args:
            outlook: the result of `outlook`.
        """
        if outlook is not None:
            return round(1.02 * outlook.sizes["train"]) + 10  # they are approximate
        if self.published_train is None:
            return None
        held = self.validation
        left = self.published_train - (held if isinstance(held, int) else 0)
        return left if self.limit is None else min(left, self.limit)

    @abstractmethod
    def fetch(self) -> Source:
        """Find or download the data, and return a record of what was found.

        Raises:
            StudyError: if they cannot be found or downloaded, or are not the expected data.
        """

    @abstractmethod
    def load(self, source: Source) -> RawDataset:
        """Decode all images of what `fetch` found.

        Raises:
            StudyError: if the data are damaged or not laid out as expected.
        """


def published_source(published: Published, spec: DatasetSpec, author: str) -> Source:
    """Find or download published files, and return a record of them.

    The record is the same wherever and in whatever wrapping the files are.

    Args:
        published: the files.
        spec: the options of the dataset; gives its name and its path.
        author: and year, for the description.
    """
    contents = obtain(published, Path(spec.path), may_download=True)
    files = tuple(
        SourceFile(name, None, hashlib.sha256(contents[name]).hexdigest(), len(contents[name]))
        for name in published.md5
    )
    where = published.official
    what = f"the {len(files)} files of {where}" if published.archive else where
    description = f"{published.title} ({author}), {what}, each with its official MD5"
    return Source(spec.name, files, description)
