"""Classes of image files by a stored run, a batch at a time."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from pipeline.commands.novelty import NoveltyDetector
from pipeline.commands.own_features import FeatureFunction
from pipeline.data.reading.image_files import stream_images
from pipeline.storage.stored_runs import PixelModel

BATCH_BYTES = 2**25
"""Pixels that are classified at once: 170 images of 256 x 256 pixels."""
COLUMNS = ("file", "class", "probability", "runner_up", "runner_up_probability", "unlike")


@dataclass(frozen=True)
class Classified:
    """What a run says of one file."""

    file: str
    predicted: str
    """The class with the largest score, as `PixelModel.predict` returns it."""
    probability: float
    """The calibrated probability of that class."""
    runner_up: str
    """The class with the second largest score; of one-vs-rest runs it can be the more probable."""
    runner_up_probability: float
    unlike: tuple[str, ...]
    """Why the image is unlike what the run has learned from; empty if it isn't."""

    @property
    def row(self) -> tuple[str, ...]:
        """The values of `COLUMNS`, as text."""
        first, second = f"{self.probability:.4f}", f"{self.runner_up_probability:.4f}"
        return self.file, self.predicted, first, self.runner_up, second, "; ".join(self.unlike)


@dataclass(frozen=True)
class Unread:
    """A file that gives no image."""

    file: str
    reason: str


def classify(
    run: PixelModel,
    see: FeatureFunction,
    detector: NoveltyDetector,
    files: Iterable[tuple[str, bytes | None]],
) -> Iterator[Classified | Unread]:
    """Classify files as they arrive; memory holds one batch of images.

    Args:
        run: the run.
        see: what it sees in images.
        detector: its temperature and limits.
        files: names and contents.
    """
    several = max(1, BATCH_BYTES // math.prod(run.image_shape))
    found = stream_images(files, **run.task.decoding)
    while batch := list(islice(found, several)):
        names = [name for name, pixels in batch if not isinstance(pixels, str)]
        images = [pixels for _, pixels in batch if not isinstance(pixels, str)]
        made = iter(
            _classified(run.class_names, see, detector, names, np.stack(images)) if images else ()
        )
        for name, pixels in batch:
            yield Unread(name, pixels) if isinstance(pixels, str) else next(made)


def _classified(
    classes: Sequence[str],
    see: FeatureFunction,
    detector: NoveltyDetector,
    names: Sequence[str],
    images: NDArray[np.uint8],
) -> list[Classified]:
    scores, probabilities, features = see(images)
    calibrated = detector.calibrated(probabilities)
    flags = detector.flags(images, calibrated, features)
    rows = range(len(names))
    first = scores.argmax(axis=1)
    others = scores.copy()
    others[rows, first] = -np.inf
    second = others.argmax(axis=1)
    return [
        Classified(
            file=names[row],
            predicted=classes[first[row]],
            probability=float(calibrated[row, first[row]]),
            runner_up=classes[second[row]],
            runner_up_probability=float(calibrated[row, second[row]]),
            unlike=tuple(reason for reason, flagged in flags.items() if flagged[row]),
        )
        for row in rows
    ]
