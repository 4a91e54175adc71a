"""The state of a training on disk: written after each epoch, taken up by the same command."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
from numpy.typing import NDArray

from pipeline.deep.training import snapshot
from pipeline.deep.training.history import Course
from pipeline.storage.resume import TrainingState, load_state, save_state

_MODEL, _BEST = "model/", "best/"


class Checkpoint:
    """One training's state.

    Keras's `BackupAndRestore` keeps neither the history nor what callbacks remember; here all of it
    is in one file that is replaced atomically: weights, best weights, the optimizer's variables,
    states of random generators, and the course so far.

    Args:
        path: of the file, whose name tells all that determines the training; None keeps nothing.
    """

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self._found: TrainingState | None = None

    def course(self) -> Course | None:
        """Return the course up to the last finished epoch, or None to begin at the beginning."""
        self._found = load_state(self.path) if self.path is not None else None
        if self._found is None:
            return None
        course = Course.from_json(self._found.facts)
        print(f"going on after epoch {len(course.epochs)}, from {self.path}", flush=True)
        return course

    def restore(self, model: keras.Model) -> list[NDArray]:
        """Give a compiled training model its state back; return the best weights."""
        if self._found is None:
            raise RuntimeError("there is no state to restore; ask for the course first")
        arrays, self._found = self._found.arrays, None
        snapshot.restore(model, _below(arrays, _MODEL))
        best = _below(arrays, _BEST)
        return [best[name] for name in sorted(best)]

    def keep(self, course: Course, model: keras.Model, best: list[NDArray]) -> None:
        """Store the state after an epoch."""
        if self.path is None:
            return
        arrays = {f"{_MODEL}{name}": array for name, array in snapshot.take(model).items()}
        arrays |= {f"{_BEST}{i:05d}": np.asarray(array) for i, array in enumerate(best)}
        save_state(self.path, TrainingState(arrays, course.as_json()))


def _below(arrays: dict[str, NDArray], prefix: str) -> dict[str, NDArray]:
    return {
        name.removeprefix(prefix): array
        for name, array in arrays.items()
        if name.startswith(prefix)
    }
