"""Handwritten digits, 1,797 images of 8×8 pixels that ship with scikit-learn; nothing to fetch.

They are the test set of "Optical Recognition of Handwritten Digits" in the UCI repository
(E. Alpaydin, C. Kaynak 1998): each pixel counts the black pixels, 0 to 16, in a 4×4 block of a
scanned digit. The copy lacks the training set, so test images are split off here.

Each of 13 people wrote about 138 of the images, and the copy does not say who wrote which. So every
writer is in all splits: accuracies apply to new digits by known writers, not to new writers, and
images by one writer are not independent.
"""

from __future__ import annotations

import gzip
import hashlib
import importlib.util
from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from pipeline.channels import GRAY
from pipeline.checks import StudyError
from pipeline.data.spec import DatasetSpec, Part, RawDataset
from pipeline.storage.source import Source, SourceFile

FILE = "datasets/data/digits.csv.gz"
"""Path of the images in scikit-learn: 64 gray levels and a label per line."""
SIDE = 8
LEVELS = 16

_DAMAGED = f"sklearn's {FILE}: expected 64 gray levels and a label per line; found something else"
_REMEDY = "Install the versions of requirements.lock: make setup"


class Spec(DatasetSpec):
    """8×8 handwritten digits that ship with scikit-learn."""

    independent: ClassVar[bool] = False
    mirrors: ClassVar[bool] = False
    test: Part = 0.2
    """A count or a fraction of the images to test on."""

    @property
    def image_channels(self) -> int:
        """One channel."""
        return GRAY

    @property
    def test_part(self) -> Part:
        """`test`: the source has one split only."""
        return self.test

    def fetch(self) -> Source:
        """Check that the file exists; `path` is not used."""
        content = _read_file()
        digest = hashlib.sha256(content).hexdigest()
        return Source(
            name=self.name,
            files=(SourceFile(Path(FILE).name, None, digest, len(content)),),
            description=f"{SIDE}×{SIDE} handwritten digits that ship with scikit-learn; each of 13 "
            "writers is in all splits, so accuracies do not apply to new writers",
        )

    def load(self, source: Source) -> RawDataset:
        """Scale levels from 0..16 to 0..255, in one channel."""
        table = _parse(_read_file())
        levels = np.rint(table[:, :-1] * (255 / LEVELS)).astype(np.uint8)
        return RawDataset(
            images=levels.reshape(-1, SIDE, SIDE, GRAY),
            labels=table[:, -1].astype(np.int64),
            class_names=tuple(map(str, range(10))),
            split=np.full(len(table), "train", dtype="<U10"),
            image_names=np.array([f"digits/{index:04d}" for index in range(len(table))]),
        )


def _read_file() -> bytes:
    """Read the file inside the package without importing the package."""
    spec = importlib.util.find_spec("sklearn")
    folders = (spec.submodule_search_locations if spec else None) or []
    found = [Path(folder) / FILE for folder in folders if (Path(folder) / FILE).is_file()]
    if not found:
        raise StudyError(
            f"found no {FILE} in the installed package 'sklearn'; expected the digits that ship "
            "with it. Install the versions of requirements.lock: make setup"
        )
    return found[0].read_bytes()


def _parse(content: bytes) -> NDArray[np.float64]:
    """Return (n, 65): 64 levels in 0..16 and a label in 0..9."""
    try:
        table = np.loadtxt(gzip.decompress(content).decode("ascii").splitlines(), delimiter=",")
    except (OSError, EOFError, ValueError) as error:
        raise StudyError(f"{_DAMAGED}: {error}. {_REMEDY}") from None
    if table.ndim != 2 or table.shape[1] != SIDE**2 + 1:
        raise StudyError(f"{_DAMAGED}: an array of shape {table.shape}. {_REMEDY}")
    inside = (table >= 0).all() and table[:, :-1].max() <= LEVELS and table[:, -1].max() <= 9
    if not inside:
        raise StudyError(f"{_DAMAGED}: values beyond 0 to {LEVELS}. {_REMEDY}")
    return table
