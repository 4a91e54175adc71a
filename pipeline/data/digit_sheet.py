"""A sheet of handwritten digits: one picture with equal rows of digits, from 0 at the top to 9.

OpenCV ships one for its samples: ``samples/data/digits.png``, 5,000 digits of 20×20 pixels in 50
rows and 100 columns, white on black, five rows for each digit. Any such sheet can be read.

Test images are split off here. Who wrote which digit is not known, so that writers can be in all
splits: accuracies apply to new digits by known writers.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Annotated, Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pydantic import Field

from pipeline.channels import GRAY, as_gray
from pipeline.checks import StudyError, listing
from pipeline.data.reading.decoding import FORMATS, decode
from pipeline.data.reading.deskew import deskewed
from pipeline.data.spec import DatasetSpec, Part, RawDataset
from pipeline.storage.source import Source, SourceFile

CLASSES = tuple(map(str, range(10)))
FILE = "digits.png"
"""The name of OpenCV's sheet, which is looked for where `path` is a folder."""
ORIGIN = "https://github.com/opencv/opencv/blob/4.x/samples/data/digits.png"
LEAST_SIDE, MOST_SIDE = 8, 64


class Spec(DatasetSpec):
    """Handwritten digits in gray, cut out of one picture, such as OpenCV's digits.png."""

    independent: ClassVar[bool] = False
    mirrors: ClassVar[bool] = False
    digit: Annotated[int, Field(ge=LEAST_SIDE, le=MOST_SIDE)] = 20
    """Height and width of a digit in the picture, in pixels."""
    deskew: Annotated[bool, Field(strict=True)] = False
    """Undo the slant of each digit, as OpenCV's sample does before it computes HOG."""
    test: Part = 0.1
    """A count or a fraction of the digits to test on."""

    @property
    def image_channels(self) -> int:
        """One channel."""
        return GRAY

    @property
    def test_part(self) -> Part:
        """`test`: a sheet has one split only."""
        return self.test

    def check_files(self) -> None:
        """Check the picture's size by its header, if it can be read; `fetch` says what cannot."""
        super().check_files()
        path = self._file()
        try:
            with Image.open(path, formats=FORMATS) as sheet:
                width, height = sheet.size
        except OSError:
            return
        self._check_size(height, width, path)

    def fetch(self) -> Source:
        """Find the picture: `path` itself, or `FILE` in it."""
        path = self._file()
        try:
            content = path.read_bytes()
        except OSError as error:
            raise StudyError(
                f"dataset.path: {path} cannot be read ({error.strerror}); expected a picture with "
                f"{len(CLASSES)} equal bands of digits, such as OpenCV's {FILE} from {ORIGIN}. Put "
                "it there, or set dataset.path to it"
            ) from None
        digest = hashlib.sha256(content).hexdigest()
        return Source(
            self.name,
            (SourceFile(path.name, path.as_posix(), digest, len(content)),),
            f"handwritten digits, cut out of {path.name}; writers can be in all splits, so "
            "accuracies do not apply to new writers",
        )

    def load(self, source: Source) -> RawDataset:
        """Cut the sheet into digits, row by row."""
        path = source.files[0].located()
        sheet = _decoded(path)
        side = self.digit
        self._check_size(sheet.shape[0], sheet.shape[1], path)
        rows, columns = sheet.shape[0] // side, sheet.shape[1] // side
        digits = sheet.reshape(rows, side, columns, side).swapaxes(1, 2)
        images = digits.reshape(-1, side, side, GRAY)
        if self.deskew:
            images = np.stack([deskewed(each) for each in images])
        places = [
            f"row{row:03d}/column{column:03d}" for row in range(rows) for column in range(columns)
        ]
        decoding: dict[str, Any] = {"size": side, "channels": "gray", "deskew": self.deskew}
        return RawDataset(
            images=np.ascontiguousarray(images),
            labels=np.repeat(np.arange(len(CLASSES)), len(images) // len(CLASSES)),
            class_names=CLASSES,
            split=np.full(len(images), "train", dtype="<U10"),
            image_names=np.array(places),
            notes=("the slant of each digit was undone",) if self.deskew else (),
            decoding=decoding,
        )

    def _file(self) -> Path:
        path = Path(self.path)
        return path / FILE if path.is_dir() else path

    def _check_size(self, height: int, width: int, path: Path) -> None:
        """Raise `StudyError` unless whole digits fill the sheet, in ten bands of equal height."""
        side = self.digit
        if width % side == 0 and height % (side * len(CLASSES)) == 0:
            return
        sides = [
            each
            for each in range(LEAST_SIDE, MOST_SIDE + 1)
            if width % each == 0 and height % (each * len(CLASSES)) == 0
        ]
        fitting = (
            f"digits of {listing(map(str, sides))} pixels would fit" if sides else "no size fits"
        )
        raise StudyError(
            f"{path}: found a sheet of {width:,}×{height:,} pixels; expected a width that is a "
            f"multiple of {side}, the side of a digit, and a height that is a multiple of "
            f"{side * len(CLASSES)}, for {len(CLASSES)} bands of whole rows ({fitting}). Set "
            "dataset.digit, or use another picture"
        )


def _decoded(path: Path) -> NDArray[np.uint8]:
    """Return the sheet, (height, width, 1) uint8."""
    try:
        return as_gray(decode(path.read_bytes()))
    # Damaged files make Pillow raise almost anything.
    except Exception as error:
        raise StudyError(
            f"{path} cannot be read as a picture ({error}); expected a sheet of digits, such "
            f"as OpenCV's {FILE} from {ORIGIN}. Replace it and run: "
            "dvc repro --force fetch"
        ) from None
