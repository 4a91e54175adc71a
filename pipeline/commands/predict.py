"""Classify your own images with a run that a study has trained.

``make predict RUN=hog_color_rbf_svm IMAGES=photos`` prints the class of each image in a file, a
folder or an archive, and ``python -m pipeline.commands.predict`` does so as well. In Python::

    run = open_run("hog_color_rbf_svm")
    images = run.read(["cat.jpg", "dog.png"])
    run.predict(images), run.probabilities(images)
"""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from pipeline.checks import StudyError, escaped
from pipeline.commands import prediction_report as report
from pipeline.commands.classified import Unread, classify
from pipeline.commands.novelty import NoveltyDetector, fit_novelty_detector
from pipeline.commands.own_features import feature_function
from pipeline.commands.reporting import exit_status
from pipeline.data.reading.given_files import GivenFiles
from pipeline.data.reading.image_files import read_images
from pipeline.data.reading.pixel_values import Range
from pipeline.storage.stored_runs import PixelModel, open_model

PREDICTIONS = Path("predictions")
"""Where the predictions of many images are written, below the study's folder."""
SOME_UNREAD = 3
"""The exit status if all went well but for files that cannot be read."""


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


def predict_files(
    name: str,
    images: Iterable[str | os.PathLike[str]],
    seed: int | None = None,
    folder: str | os.PathLike[str] = ".",
    csv: str | os.PathLike[str] | None = None,
) -> int:
    """Print the classes of image files; return the exit status: 0, or `SOME_UNREAD`.

    Args:
        name: the run's name in params.yaml.
        images: files, folders and archives.
        seed: one of its seeds; None for the only one, or the smallest.
        folder: the study's folder.
        csv: a file for a row per image; None writes one below `PREDICTIONS` if there are many.

    Raises:
        StudyError: if the run cannot be opened, or none of the files is an image.
    """
    given = GivenFiles([Path(each).expanduser() for each in images])
    run = open_run(name, seed, folder)
    kind = "deep" if run.card.family == "deep" else "classical"
    see = feature_function(run)
    with contextlib.chdir(folder):
        detector = fit_novelty_detector(run.card, see, f"dvc repro train_{kind}@{name}")
    found = classify(run, see, detector, given)
    first = list(islice(found, report.SHOWN + 1))
    path = Path(csv) if csv is not None else None
    if path is None and len(first) > report.SHOWN:
        path = Path(folder) / PREDICTIONS / f"{name}.csv"
    problems = (Unread(*problem) for problem in given.problems)  # known when all are read
    tally = report.tallied(chain(first, found, problems), path)
    if not tally.n and not tally.unread:
        raise StudyError(f"found no images ({_others(given) or 'no files'}); expected at least one")
    _show(run, detector, tally, given, path)
    return SOME_UNREAD if tally.unread else 0


def _show(
    run: StoredRun,
    detector: NoveltyDetector,
    tally: report.Tally,
    given: GivenFiles,
    path: Path | None,
) -> None:
    many = tally.n > report.SHOWN
    if tally.n:
        print(report.summary(tally) if many else report.table(tally.first))
        print(
            f"\n{tally.n:,} images by {run.card.run}; {tally.flagged:,} "
            f"({report.percent(tally.flagged / tally.n)}) unlike what it has learned from: its "
            f"limits flag {report.percent(detector.flagged)} of the validation images"
        )
    for note in detector.notes:
        print(f"Note: {note}")
    if others := _others(given):
        print(f"Passed over: {escaped(others)}")
    if path is not None:
        print(f"All predictions: {path}")
    if tally.unread:
        print(report.unread_lines(tally.unread, tally.n), file=sys.stderr)


def _others(given: GivenFiles) -> str:
    return ", ".join(f"{n:,} of kind {kind}" for kind, n in given.others.items() if n)


def main(arguments: list[str]) -> int:
    """Run ``python -m pipeline.commands.predict <run> <images>``; see ``--help``."""
    parser = argparse.ArgumentParser(
        prog="python -m pipeline.commands.predict",
        description="Print the class of each image, by a run that a study has trained.",
    )
    parser.add_argument("run", help="the run's name in params.yaml")
    parser.add_argument("images", nargs="+", help="image files, folders or archives")
    parser.add_argument("--csv", help="write a row per image to this file")
    parser.add_argument("--folder", default=".", help="the study's folder, such as workspaces/x")
    parser.add_argument("--seed", type=int, help="one of the run's seeds; by default the smallest")
    given = parser.parse_args(arguments)
    return exit_status(
        lambda: predict_files(given.run, given.images, given.seed, given.folder, given.csv),
        f"predict {given.run}",
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
