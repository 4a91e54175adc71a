"""Classify your own images with a run that a study has trained.

::

    run = open_run("hog_color_rbf_svm")
    images = run.read(["cat.jpg", "dog.png"])
    run.predict(images), run.probabilities(images)
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from pipeline.checks import StudyError
from pipeline.data.reading.image_files import read_images
from pipeline.data.reading.pixel_values import Range
from pipeline.storage.stored_runs import PixelModel, open_model


@dataclass(frozen=True)
class StoredRun(PixelModel):
    """A trained run of any family: a `PixelModel` that can also read image files."""

    def read(
        self,
        paths: str | os.PathLike[str] | Iterable[str | os.PathLike[str]],
        value_range: Range | Literal["full"] | None = None,
    ) -> NDArray[np.uint8]:
        """Read image files as `prepare` reads those of the dataset: the same decoding and size.

        Args:
            paths: one file, or several.
            value_range: for gray images with more than 8 bits whose range differs from the
                study's: the values that become black and white, or ``full``. It also applies to
                8-bit images if the study stretches those.

        Returns:
            (n, height, width, 3) uint8, RGB, in the order of `paths`.

        Raises:
            StudyError: if a file is missing or cannot be read as an image; or if no
                `value_range` is given, and images with more than 8 bits use only a sliver of
                their range, or have values outside of the study's range.
        """
        if isinstance(paths, np.ndarray):
            raise StudyError(
                "found an array; expected paths of image files. Pass arrays directly to predict, "
                "scores or probabilities"
            )
        several = [paths] if isinstance(paths, (str, os.PathLike)) else paths
        options = dict(self.task.decoding)
        if value_range:
            options |= {"value_range": value_range, "cut_off": True}
            if "value_range_8_bits" in options and value_range != "full":
                options["value_range_8_bits"] = value_range
            elif value_range == "full":
                options.pop("value_range_8_bits", None)
        return read_images(map(Path, several), **options)


def open_run(run: str, seed: int | None = None, folder: str | os.PathLike[str] = ".") -> StoredRun:
    """Open a trained run of any family: classical, hybrid or deep.

    Stored models contain no code, so opening one only runs the project's own.

    Args:
        run: its name in params.yaml.
        seed: one of its seeds; None for the only one, or the smallest.
        folder: the study's folder, such as ``workspaces/cpu``.

    Raises:
        StudyError: if there is no such run, it cannot be read, or the study's images have changed
            since it was trained.
    """
    if not Path(folder).is_dir():
        raise StudyError(f"there is no folder {folder}; expected the folder of a study")
    try:
        with contextlib.chdir(folder):  # paths of artifacts are relative to the study's folder
            opened = open_model(run, seed)
    except StudyError as error:
        inside = Path(folder).resolve() == Path.cwd()
        raise StudyError(str(error) if inside else f"in {folder}: {error}") from None
    return StoredRun(opened.card, opened.task, opened.model)
