"""CIFAR-10: 60,000 color photographs of 32×32 pixels in ten classes, 50,000 of them for training.

Krizhevsky, "Learning Multiple Layers of Features from Tiny Images" (technical report, University of
Toronto, 2009), chapter 3. The official Python archive is read without being unpacked. It has five
training batches, a test batch and the class names, each in a pickle written by Python 2.
"""

from __future__ import annotations

import io
import pickle
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.checks import StudyError, listing
from pipeline.data.reading.archives import read_files
from pipeline.data.reading.download import RemoteFile, find_or_download
from pipeline.data.spec import DatasetSpec, RawDataset
from pipeline.storage.source import Source

ARCHIVE = RemoteFile(
    name="cifar-10-python.tar.gz",
    url="https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz",
    sha256="6d958be074577803d12ecdefd02955f39262c83c16fe9348329d7fe0b5c001ce",
    size=170_498_071,
    md5="c58f30108f718f92721af3b95e74349a",
)
BATCHES = {f"data_batch_{number}": "train" for number in range(1, 6)} | {"test_batch": "test"}
"""File in the archive -> its split."""
NAMES = "batches.meta"
SIDE = 32

# The function that rebuilds a pickled array. It is taken from an array because NumPy has moved it;
# the archive uses its oldest name.
_RECONSTRUCT = np.empty(0).__reduce__()[0]
_ALLOWED = {
    ("numpy.core.multiarray", "_reconstruct"): _RECONSTRUCT,
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): np.dtype,
}


class Spec(DatasetSpec):
    """CIFAR-10, from its official archive."""

    def fetch(self) -> Source:
        """Find the archive under `path`, or download it; 170 MB."""
        files = find_or_download([ARCHIVE], Path(self.path))
        description = f"CIFAR-10 (Krizhevsky 2009), {ARCHIVE.name} from {ARCHIVE.url}"
        return Source(self.name, files, description)

    def load(self, source: Source) -> RawDataset:
        """Read the batches out of the archive."""
        path = source.file(ARCHIVE.name).located()
        wanted = {*BATCHES, NAMES}
        found = {
            Path(name).name: _unpickle(content or b"", name)
            for name, content in read_files(path, lambda name: Path(name).name in wanted)
        }
        if missing := sorted(wanted - set(found)):
            raise StudyError(
                f"{path}: found no {listing(missing)}; expected the official {ARCHIVE.name}. "
                "Delete the file and run: dvc repro --force fetch"
            )
        batches = {name: _batch(found[name], name) for name in BATCHES}
        counts = {name: len(labels) for name, (_, labels) in batches.items()}
        names = [f"{name}/{index}" for name, n in counts.items() for index in range(n)]
        return RawDataset(
            images=np.concatenate([images for images, _ in batches.values()]),
            labels=np.concatenate([labels for _, labels in batches.values()]),
            class_names=_class_names(found[NAMES]),
            split=np.repeat(list(BATCHES.values()), list(counts.values())).astype("<U10"),
            image_names=np.array(names),
        )


class _ArrayUnpickler(pickle.Unpickler):
    """Reads numbers, byte strings, lists, dictionaries and arrays; a pickle cannot run code here.

    The checksum was verified earlier. This class protects even if somebody changes `ARCHIVE`.
    """

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _ALLOWED:
            raise pickle.UnpicklingError(f"found {module}.{name}, which is not part of an array")
        return _ALLOWED[module, name]


def _unpickle(content: bytes, name: str) -> Any:
    try:
        return _ArrayUnpickler(io.BytesIO(content), encoding="bytes").load()
    except Exception as error:  # a damaged pickle raises nearly anything
        raise StudyError(
            f"{name} is not a CIFAR-10 batch: {error}. Delete the archive and run: "
            "dvc repro --force fetch"
        ) from None


def _batch(record: Any, name: str) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Return the (n, 32, 32, 3) uint8 RGB images and the (n,) int64 labels of a batch.

    A row in the archive has 1,024 red values, then as many green, then blue, each row by row.
    """
    data = record.get(b"data") if isinstance(record, dict) else None
    labels = record.get(b"labels") if isinstance(record, dict) else None
    width = 3 * SIDE * SIDE
    if not isinstance(data, np.ndarray) or data.dtype != np.uint8 or data.shape[1:] != (width,):
        raise StudyError(f"{name}: expected an array (n, {width}) of uint8 under 'data'")
    if not isinstance(labels, list) or len(labels) != len(data):
        raise StudyError(f"{name}: expected a list of {len(data)} labels under 'labels'")
    images = data.reshape(-1, 3, SIDE, SIDE).transpose(0, 2, 3, 1)
    return np.ascontiguousarray(images), np.array(labels, dtype=np.int64)


def _class_names(record: Any) -> tuple[str, ...]:
    names = record.get(b"label_names") if isinstance(record, dict) else None
    if not isinstance(names, list) or not all(isinstance(name, bytes) for name in names):
        raise StudyError(f"{NAMES}: expected a list of class names under 'label_names'")
    return tuple(name.decode("ascii") for name in names)
