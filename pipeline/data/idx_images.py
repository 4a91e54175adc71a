"""MNIST and what has its form: four gzipped files of images and labels, in the format IDX.

LeCun, Cortes and Burges, "The MNIST database of handwritten digits" (1998), which describes the
format: two zero bytes, a type (8 for unsigned bytes), the number of dimensions, each dimension as a
big-endian 32-bit integer, then the values. Fashion-MNIST has files of the same names, so that each
set knows the checksums of the other.
"""

from __future__ import annotations

import gzip
import math
import struct
from abc import abstractmethod
from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from pipeline.channels import GRAY
from pipeline.checks import StudyError
from pipeline.data.reading.download import RemoteFile
from pipeline.data.reading.published import Published, obtain
from pipeline.data.spec import DatasetSpec, RawDataset, published_source
from pipeline.storage.source import Source

FILES = {
    "train": ("train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz"),
    "test": ("t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz"),
}
"""Split -> its files of images and of labels."""
SIDE = 28
NAMES = tuple(name for names in FILES.values() for name in names)

MNIST_MD5 = dict(
    zip(
        NAMES,
        (
            "f68b3c2dcbeaaa9fbdd348bbdeb94873",
            "d53e105ee54ea40749a09fcbcd1e9432",
            "9fb629c4189551a2d022fa330f9573f3",
            "ec29112dd5afa0611ce80d1b7f02629c",
        ),
        strict=True,
    )
)
"""As in torchvision's `datasets/mnist.py`."""
FASHION_MD5 = dict(
    zip(
        NAMES,
        (
            "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
            "25c81989df183df01b3e8a0aad5dffbe",
            "bef4ecab320f06d8554ea6380940ec79",
            "bb300cfdad3c16e7a12a480ee83cd310",
        ),
        strict=True,
    )
)
"""As in the README of github.com/zalandoresearch/fashion-mnist."""


def published_files(
    title: str,
    folder: str,
    url: str,
    md5: dict[str, str],
    sums: tuple[tuple[str, int], ...],
    siblings: dict[str, str],
) -> Published:
    """Return the record of four files.

    Args:
        title: what messages call the set.
        folder: the name of a folder that contains it.
        url: of the folder with the files, without a slash at its end.
        md5: name -> MD5.
        sums: SHA-256 and size in bytes of each file, in the order of `NAMES`.
        siblings: MD5 of files of other sets -> the title of their set.
    """
    parts = tuple(
        RemoteFile(f"{folder}/{name}", f"{url}/{name}", sha256, size, md5[name])
        for name, (sha256, size) in zip(NAMES, sums, strict=True)
    )
    return Published(title, md5, folder, parts=parts, siblings=siblings)


class IdxSpec(DatasetSpec):
    """Gray images of 28×28 pixels in four files; a dataset says which files and which classes."""

    author: ClassVar[str]
    """And year, for the description."""
    published_train: ClassVar[int | None] = 60_000

    @property
    def image_channels(self) -> int:
        """One channel."""
        return GRAY

    @property
    @abstractmethod
    def official(self) -> Published:
        """The files."""

    @property
    @abstractmethod
    def all_classes(self) -> tuple[str, ...]:
        """Names of the classes, in the order of the labels."""

    def fetch(self) -> Source:
        """Find the files in data/incoming or at `path`, or download them; at most 31 MB."""
        return published_source(self.official, self, self.author)

    def load(self, source: Source) -> RawDataset:
        """Find the files again, verify them again, and read the arrays."""
        contents = obtain(self.official, Path(self.path), may_download=False)
        images, labels, split, names = [], [], [], []
        for name, (pixels_file, labels_file) in FILES.items():
            pixels = idx_values(contents.pop(pixels_file), pixels_file, 3)
            found = idx_values(contents.pop(labels_file), labels_file, 1)
            self._check(pixels, found, pixels_file, labels_file)
            images.append(pixels[..., None])
            labels.append(found.astype(np.int64))
            split += [name] * len(found)
            names += [f"{pixels_file.partition('.')[0]}/{index}" for index in range(len(found))]
        return RawDataset(
            images=np.concatenate(images),
            labels=np.concatenate(labels),
            class_names=self.all_classes,
            split=np.array(split, dtype="<U10"),
            image_names=np.array(names),
        )

    def _check(
        self,
        pixels: NDArray[np.uint8],
        labels: NDArray[np.uint8],
        pixels_file: str,
        labels_file: str,
    ) -> None:
        if pixels.shape[1:] != (SIDE, SIDE):
            found = "×".join(map(str, pixels.shape[1:]))
            raise StudyError(f"{pixels_file}: found images of {found} pixels; expected 28×28")
        if len(labels) != len(pixels):
            raise StudyError(
                f"{labels_file}: found {len(labels):,} labels; expected {len(pixels):,}, one for "
                f"each image of {pixels_file}"
            )
        if len(labels) and labels.max() >= len(self.all_classes):
            raise StudyError(
                f"{labels_file}: found the label {labels.max()}; expected 0 to "
                f"{len(self.all_classes) - 1}"
            )


def idx_values(content: bytes, name: str, dimensions: int) -> NDArray[np.uint8]:
    """Read an array of unsigned bytes from a gzipped file in the format IDX.

    Args:
        content: of the file.
        name: of the file, for messages.
        dimensions: that the array must have.

    Returns:
        The array, uint8, with the shape that the file gives.

    Raises:
        StudyError: if it is not such a file.
    """
    try:
        unpacked = gzip.decompress(content)
    except (OSError, EOFError) as error:
        raise StudyError(f"{name}: {error}; expected a gzipped file in the format IDX") from None
    start, head = 4 + 4 * dimensions, bytes((0, 0, 8, dimensions))
    if unpacked[:4] != head or len(unpacked) < start:
        raise StudyError(
            f"{name}: found the first bytes {unpacked[:4].hex(' ')}; expected {head.hex(' ')}, for "
            f"an IDX array of unsigned bytes with {dimensions} dimensions"
        )
    shape = struct.unpack(f">{dimensions}I", unpacked[4:start])
    if len(unpacked) - start != math.prod(shape):
        raise StudyError(
            f"{name}: found {len(unpacked) - start:,} bytes of values; expected "
            f"{math.prod(shape):,} for an array of shape {shape}"
        )
    return np.frombuffer(unpacked, np.uint8, offset=start).reshape(shape)
