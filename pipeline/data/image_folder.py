"""A person's own images, ``<split>/<class>/<image>``, in a folder or an archive.

`pipeline.data.layout` says how they may be laid out, `pipeline.data.decoding` what becomes of grey,
transparent or rotated ones. Nothing is unpacked.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import numpy as np
from pydantic import Field

from pipeline.artefacts import Source
from pipeline.checks import StudyError, listing
from pipeline.data import archives
from pipeline.data.decoding import Decoded, decode_files
from pipeline.data.layout import LAYOUT, SPLIT_FOLDERS, Placed, lay_out
from pipeline.data.spec import DatasetSpec, Part, RawDataset

IMAGES = (".png", ".jpg", ".jpeg", ".bmp", ".webp")
# These are images, but are not read. Passing them over in silence would thin out a dataset.
OTHER_IMAGES = (".gif", ".tif", ".tiff", ".heic", ".avif", ".jp2", ".ppm", ".pgm", ".jfif")


class Spec(DatasetSpec):
    """Images in class folders: a folder, .zip, .tar, .tar.gz, .tar.xz or .tar.bz2."""

    size: Annotated[int, Field(ge=8, le=512)] = 32
    """Side of the square images, in pixels; others are resized, the aspect ratio is not kept."""
    test: Part = 0.2
    """A count or a fraction of the training images to test on, where there is no test folder."""
    unreadable: Annotated[int, Field(ge=0)] = 0
    """How many files may be unreadable; they are left out, and named in the dataset's card."""

    @property
    def test_part(self) -> Part:
        """Part of the training images to test on where there is no test folder."""
        return self.test

    def fetch(self) -> Source:
        """Find the folder or archive (see `DatasetSpec.fetch`)."""
        path = locate(Path(self.path))
        digest, size = archives.digest_of(path, is_image)
        kind = "images in the folder" if path.is_dir() else "images in the archive"
        return Source(self.name, path.as_posix(), digest, size, f"{kind} {path.name}")

    def load(self, source: Source) -> RawDataset:
        """Decode all images in one pass over the folder or archive."""
        path = Path(source.path or "")
        if not path.exists():
            raise StudyError(f"there is no {path} any more; run: dvc repro --force fetch")
        images: dict[str, Decoded] = dict(
            decode_files(archives.read_files(path, is_image), self.size)
        )
        problems = sorted(f"{name} ({why})" for name, why in images.items() if isinstance(why, str))
        self._check_unreadable(problems, len(images), path)
        readable = [name for name, image in images.items() if not isinstance(image, str)]
        if not readable:
            raise StudyError(f"{path}: found no image that can be read; expected {LAYOUT}")
        return _assemble(images, lay_out(readable, str(path)), self.size, tuple(problems))

    def _check_unreadable(self, problems: Sequence[str], n: int, path: Path) -> None:
        if len(problems) > self.unreadable:
            raise StudyError(
                f"{path}: found {len(problems)} unreadable of {n} image files: "
                f"{listing(problems, 8)}; expected at most {self.unreadable}. Mend or remove them, "
                f"or allow for them with dataset.unreadable: {len(problems)}"
            )


def is_image(name: str) -> bool:
    """Say whether a file's name is that of an image, readable here or not."""
    return name.lower().endswith(IMAGES + OTHER_IMAGES)


def locate(path: Path) -> Path:
    """Return the one archive or image folder that `path` is, or that lies in it.

    Raises:
        StudyError: if there is none, or several.
    """
    if not path.exists():
        raise StudyError(f"dataset.path: there is no {path}; expected a folder or an archive")
    if path.is_file():
        archives.archive_kind(path)
        return path
    found = sorted(child for child in path.iterdir() if not archives.is_hidden(child.name))
    if any(child.is_dir() and child.name.lower() in SPLIT_FOLDERS for child in found):
        return path
    packed = [child for child in found if child.is_file() and archives.is_archive_name(child.name)]
    images = [name for name in archives.folder_files(path) if is_image(name)]
    if packed and (images or len(packed) > 1):
        beside = [*packed, *([f"{images[0]} and other images"] if images else [])]
        raise StudyError(
            f"dataset.path: found several sets of images in {path}: {listing(beside)}; expected "
            "one. Set dataset.path to the one that is meant"
        )
    if not packed and not images:
        raise StudyError(
            f"dataset.path: found no images in {path} (it holds: "
            f"{listing(child.name for child in found)}); expected an archive, or {LAYOUT}, as "
            f"{listing(IMAGES)}"
        )
    return locate(packed[0]) if packed else path


def _assemble(
    images: dict[str, Decoded], placed: Placed, size: int, skipped: tuple[str, ...]
) -> RawDataset:
    """Gather the images in order, giving each one's memory back as it is copied."""
    pixels = np.empty((len(placed), size, size, 3), dtype=np.uint8)
    for index, name in enumerate(placed):
        pixels[index] = images.pop(name)
    splits, classes, names = (np.array(column) for column in zip(*placed.values(), strict=True))
    class_names, labels = np.unique(classes, return_inverse=True)
    return RawDataset(
        images=pixels,
        labels=labels.astype(np.int64),
        class_names=tuple(map(str, class_names)),
        split=splits.astype("<U10"),
        image_names=names,
        skipped=skipped,
    )
