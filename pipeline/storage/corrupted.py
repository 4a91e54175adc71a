"""Artifacts of `corrupt`: scores of corrupted test images.

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
from pipeline.storage.runs import RUNS

CORRUPTED = RUNS / "_corrupted"


@dataclass(frozen=True)
class CorruptedCard:
    """The settings of a test on corrupted images."""

    run: str
    seed: int
    """Seed of the stored model."""
    study_seed: int
    """Seed for the choice of images, and for random corruptions."""
    corruptions: tuple[str, ...]
    severities: tuple[int, ...]
    missing: dict[str, str]
    """Published corruptions that are not implemented, and why."""


@dataclass(frozen=True)
class CorruptedScores:
    """Scores of one run for the same images, clean and corrupted."""

    card: CorruptedCard
    ids: NDArray[np.int64]
    """(n,) ids of the images."""
    clean: NDArray[np.float32]
    """(n, classes) scores of the clean images."""
    corrupted: dict[str, NDArray[np.float32]]
    """Corruption -> (severities, n, classes)."""


def save_corrupted(scores: CorruptedScores, trained: str = "") -> None:
    """Write ``runs/_corrupted/<run>/``: the scores and their settings.

    Args:
        scores: the scores of one run.
        trained: the seal of the run's manifest, which identifies the model.
    """
    folder = CORRUPTED / scores.card.run
    arrays: dict[str, Any] = {"ids": scores.ids, "clean": scores.clean}
    arrays |= {f"under_{name}": values for name, values in scores.corrupted.items()}
    with atomic(folder / "scores.npz") as temporary, temporary.open("wb") as stream:
        np.savez_compressed(stream, **arrays)
    save_json(folder / "card.json", asdict(scores.card))
    seal_corrupted(scores.card.run, trained)


def seal_corrupted(run: str, trained: str) -> None:
    """Write the manifest of the scores of one run."""
    folder = CORRUPTED / run
    files = [folder / "scores.npz", folder / "card.json"]
    of = {"corrupted": run, "model": trained}
    save_json(folder / integrity.MANIFEST, integrity.make_manifest(folder, of, files))


def load_corrupted(run: str, remedy: str, trained: str | None = None) -> CorruptedScores:
    """Read the scores of one run.

    Args:
        run: its name.
        remedy: the command that creates them.
        trained: the expected seal of the run's manifest; None to accept any.

    Raises:
        StudyError: if they are missing, were changed, or belong to another run or model.
    """
    of = {"corrupted": run} | ({} if trained is None else {"model": trained})
    manifest = CORRUPTED / run / integrity.MANIFEST
    path = intact(manifest, of, "card.json", remedy)
    card = strict.read_record(CorruptedCard, load_json(path, remedy), path, remedy)
    if card.run != run:
        integrity.refuse(path, f"found the card of {card.run!r}; expected {run!r}", remedy)
    path = intact(manifest, of, "scores.npz", remedy)
    arrays = load_arrays(path, remedy)
    wanted: dict[str, tuple[type, int]] = {"ids": (np.int64, 1), "clean": (np.float32, 2)}
    wanted |= {f"under_{name}": (np.float32, 3) for name in card.corruptions}
    for name, (dtype, dimensions) in wanted.items():
        strict.take_array(arrays, name, dtype, dimensions, path, remedy)
    return CorruptedScores(
        card=card,
        ids=arrays["ids"],
        clean=arrays["clean"],
        corrupted={name: arrays[f"under_{name}"] for name in card.corruptions},
    )
