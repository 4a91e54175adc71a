"""Artifacts of `sample_size`: what runs predict that were trained on parts of the training images.

They are below ``runs/``, on which `evaluate` depends, in a folder that cannot clash with a run:
names of runs begin with a letter or digit.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.storage import integrity, strict
from pipeline.storage.files import atomic, intact, load_arrays, load_json, save_json
from pipeline.storage.runs import LEARNING, RUNS

SAMPLE_SIZE = RUNS / "_sample_size"


@dataclass(frozen=True)
class SizedTraining:
    """One training."""

    images: int
    draw: int
    """From 0."""
    seed: int
    seconds: float
    """As `Card.train_seconds`."""
    tuning_seconds: float
    passes: int
    """How often an epoch goes over the images; 1 for a classical run."""
    steps: int
    """Of the optimizer; 0 for a classical run."""
    diverged: bool


@dataclass(frozen=True)
class SampleSizeCard:
    """What was trained, and how."""

    run: str
    study_seed: int
    sizes: tuple[int, ...]
    draws: int
    steps: int | None
    """The fewest of a network's training, as in params.yaml."""
    tuned: bool
    """Whether options were searched anew for each training."""
    changes: dict[str, Any]
    """Options that differ from those of the run in the study."""
    refitted: tuple[str, ...]
    """Feature sets that learned from the images of each training alone."""
    trainings: tuple[SizedTraining, ...]
    """By size, then by draw."""


@dataclass(frozen=True)
class SizedPredictions:
    """What one run predicts."""

    card: SampleSizeCard
    ids: dict[str, NDArray[np.int64]]
    """``validation`` and ``test`` -> (n,) image ids."""
    predicted: dict[str, NDArray[np.int16]]
    """The same splits -> (sizes, draws, n) classes, or `DIVERGED`."""


def save_sized(found: SizedPredictions, learning: str) -> None:
    """Write ``runs/_sample_size/<run>/``.

    Args:
        found: of one run.
        learning: `learning_seal` of the prepared data.
    """
    folder = SAMPLE_SIZE / found.card.run
    arrays: dict[str, Any] = {f"{split}_ids": ids for split, ids in found.ids.items()}
    arrays |= {f"{split}_predicted": each for split, each in found.predicted.items()}
    with atomic(folder / "predictions.npz") as temporary, temporary.open("wb") as stream:
        np.savez_compressed(stream, **arrays)
    save_json(folder / "card.json", asdict(found.card))
    seal_sized(found.card.run, learning)


def seal_sized(run: str, learning: str) -> None:
    """Write the manifest of the files of one run."""
    folder = SAMPLE_SIZE / run
    files = [folder / "predictions.npz", folder / "card.json"]
    of = {"sample size": run, LEARNING: learning}
    save_json(folder / integrity.MANIFEST, integrity.make_manifest(folder, of, files))


def load_sized(run: str, remedy: str, learning: str) -> SizedPredictions:
    """Read what `save_sized` has written.

    Args:
        run: its name.
        remedy: the command that creates it.
        learning: the expected `learning_seal`.

    Raises:
        StudyError: if it is missing, was changed, or belongs to another run or other data.
    """
    of = {"sample size": run, LEARNING: learning}
    manifest = SAMPLE_SIZE / run / integrity.MANIFEST
    path = intact(manifest, of, "card.json", remedy)
    card = strict.read_record(SampleSizeCard, load_json(path, remedy), path, remedy)
    if card.run != run:
        integrity.refuse(path, f"found the card of {card.run!r}; expected {run!r}", remedy)
    path = intact(manifest, of, "predictions.npz", remedy)
    arrays = load_arrays(path, remedy)

    def taken(what: str, dtype: Any, dimensions: int) -> dict[str, NDArray]:
        return {
            split: strict.take_array(arrays, f"{split}_{what}", dtype, dimensions, path, remedy)
            for split in ("validation", "test")
        }

    return SizedPredictions(card, taken("ids", np.int64, 1), taken("predicted", np.int16, 3))
