"""CIFAR-10: 60,000 color photographs of 32×32 pixels in ten classes, 50,000 of them for training.

Krizhevsky, "Learning Multiple Layers of Features from Tiny Images" (technical report, University of
Toronto, 2009), chapter 3. There are seven official files: five training batches, a test batch and
the class names, each a pickle written by Python 2. They are read from whatever wraps them, each
after its checksum has been verified, and nothing is unpacked.
"""

from __future__ import annotations

import io
import pickle
from pathlib import Path
from typing import Annotated, Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from pipeline.checks import StudyError
from pipeline.data.reading.download import RemoteFile
from pipeline.data.reading.published import Published, obtain
from pipeline.data.spec import DatasetSpec, RawDataset, published_source
from pipeline.storage.source import Source

OFFICIAL = Published(
    title="CIFAR-10",
    md5={
        "data_batch_1": "c99cafc152244af753f735de768cd75f",
        "data_batch_2": "d4bba439e000b95fd0a9bffe97cbabec",
        "data_batch_3": "54ebc095f3ab1f0389bbae665268c751",
        "data_batch_4": "634d18415352ddfa80567beed471001a",
        "data_batch_5": "482c414d41f54cd18b22e5b47cb7c3cb",
        "test_batch": "40351d587109b95175f43aff81a1287e",
        "batches.meta": "5ff9c542aee3614f3951f8cda6e48888",
    },
    folder="cifar-10-batches-py",
    archive=RemoteFile(
        name="cifar-10-python.tar.gz",
        url="https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz",
        sha256="6d958be074577803d12ecdefd02955f39262c83c16fe9348329d7fe0b5c001ce",
        size=170_498_071,
        md5="c58f30108f718f92721af3b95e74349a",
    ),
)
"""MD5 of the files as in torchvision's `datasets/cifar.py`; of the archive, as on its web page."""
BATCHES = {f"data_batch_{number}": "train" for number in range(1, 6)} | {"test_batch": "test"}
"""Official file -> its split."""
NAMES = "batches.meta"
SIDE = 32
WIDTH = 3 * SIDE * SIDE
"""Numbers in a row of a batch: 1,024 red values, then as many green, then blue, row by row."""


class Spec(DatasetSpec):
    """CIFAR-10, from its seven official files: in a folder, or in any archive of it."""

    published_train: ClassVar[int | None] = 50_000

    title: Annotated[str, Field(min_length=1, max_length=60)] | None = OFFICIAL.title
    """What the report calls the images."""

    def fetch(self) -> Source:
        """Find the files in data/incoming or at `path`, or download their archive; 170 MB.

        The record is the same wherever and in whatever wrapping the files are.
        """
        return published_source(OFFICIAL, self, "Krizhevsky 2009")

    def load(self, source: Source) -> RawDataset:
        """Find the files again, verify them again, and read the batches."""
        contents = obtain(OFFICIAL, Path(self.path), may_download=False)
        class_names = read_names(contents.pop(NAMES), NAMES, "label_names")
        # Each batch is freed when it has been read, so that there are never two copies of all.
        batches = {name: read_batch(contents.pop(name), name, "labels") for name in BATCHES}
        counts = {name: len(labels) for name, (_, labels) in batches.items()}
        names = [f"{name}/{index}" for name, n in counts.items() for index in range(n)]
        return RawDataset(
            images=np.concatenate([images for images, _ in batches.values()]),
            labels=np.concatenate([labels for _, labels in batches.values()]),
            class_names=class_names,
            split=np.repeat(list(BATCHES.values()), list(counts.values())).astype("<U10"),
            image_names=np.array(names),
        )


class _Array:
    """What a pickled array becomes here: its state, unused by NumPy until it has been checked.

    NumPy's own functions would allocate memory and change shared objects as a pickle tells them.
    """

    state: Any = None

    def __init__(self, *_: object) -> None:
        """Ignore the arguments of NumPy's function, which describe an empty array."""

    def __setstate__(self, state: object) -> None:
        self.state = state

    def rows(self) -> NDArray[np.uint8] | None:
        """Return the array if it is (n, `WIDTH`) uint8 in C order, else None."""
        match self.state:
            case (1, (int(n), int(width)), _Dtype(code="u1" | b"u1"), False, bytes(values)):
                fits = width == WIDTH and len(values) == n * width
                return np.frombuffer(values, np.uint8).reshape(n, width) if fits else None
        return None


class _Dtype:
    """What a pickled dtype becomes here: its code, such as ``u1``."""

    def __init__(self, code: object = None, *_: object) -> None:
        self.code = code

    def __setstate__(self, state: object) -> None:
        """Ignore the byte order: single bytes have none."""


_STAND_INS = {
    ("numpy.core.multiarray", "_reconstruct"): _Array,
    ("numpy", "ndarray"): None,
    ("numpy", "dtype"): _Dtype,
}
"""What a pickle names -> what it gets: nothing that could run its code."""


class _InertUnpickler(pickle.Unpickler):
    """Reads numbers, byte strings, lists and dictionaries, and arrays as their states.

    The checksum has been verified before. This class protects even if somebody changes `OFFICIAL`.
    """

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _STAND_INS:
            raise pickle.UnpicklingError(f"found {module}.{name}, which is not part of an array")
        return _STAND_INS[module, name]


def _unpickle(content: bytes, name: str) -> Any:
    try:
        return _InertUnpickler(io.BytesIO(content), encoding="bytes").load()
    except Exception as error:  # a damaged pickle raises nearly anything
        raise StudyError(
            f"{name} is not a CIFAR batch: {error}; expected the official file. Replace it and "
            "run: dvc repro --force fetch"
        ) from None


def read_batch(content: bytes, name: str, key: str) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Return the (n, 32, 32, 3) uint8 RGB images and the (n,) int64 labels of a batch.

    Args:
        content: a verified file.
        name: of the file, for messages.
        key: of the labels: ``labels``, or ``fine_labels`` or ``coarse_labels`` in CIFAR-100.
    """
    record = _unpickle(content, name)
    data = record.get(b"data") if isinstance(record, dict) else None
    labels = record.get(key.encode()) if isinstance(record, dict) else None
    rows = data.rows() if isinstance(data, _Array) else None
    if rows is None:
        raise StudyError(f"{name}: expected an array (n, {WIDTH}) of uint8 under 'data'")
    if not isinstance(labels, list) or len(labels) != len(rows):
        raise StudyError(f"{name}: expected a list of {len(rows)} labels under '{key}'")
    images = rows.reshape(-1, 3, SIDE, SIDE).transpose(0, 2, 3, 1)
    return np.ascontiguousarray(images), np.array(labels, dtype=np.int64)


def read_names(content: bytes, name: str, key: str) -> tuple[str, ...]:
    """Return the class names in a verified file; arguments as in `read_batch`."""
    record = _unpickle(content, name)
    names = record.get(key.encode()) if isinstance(record, dict) else None
    if not isinstance(names, list) or not all(isinstance(each, bytes) for each in names):
        raise StudyError(f"{name}: expected a list of class names under '{key}'")
    return tuple(each.decode("ascii") for each in names)
