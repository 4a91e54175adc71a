"""The training state on disk: written after each epoch, restored by the same command."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
from numpy.typing import NDArray

from pipeline.deep.training import snapshot
from pipeline.deep.training.history import TrainingHistory
from pipeline.storage.resume import TrainingState, load_state, save_state

_MODEL, _BEST = "model/", "best/"


class Checkpoint:
    """The state of one training.

    Keras's `BackupAndRestore` keeps neither the history nor the state of callbacks. Here one file,
    which is replaced atomically, holds everything: weights, best weights, the optimizer's
    variables, states of random generators, and the history so far.

    Args:
        path: of the file, whose name contains a hash of all that determines the training; None
            stores nothing.
    """

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self._found: TrainingState | None = None

    def history(self) -> TrainingHistory | None:
        """Return the history up to the last finished epoch, or None to start from scratch."""
        self._found = load_state(self.path) if self.path is not None else None
        if self._found is None:
            return None
        history = TrainingHistory.from_json(self._found.facts)
        print(f"resuming after epoch {len(history.epochs)}, from {self.path}", flush=True)
        return history

    def restore(self, model: keras.Model) -> list[NDArray]:
        """Restore the state of a compiled training model; return the best weights."""
        if self._found is None:
            raise RuntimeError("there is no state to restore; call `history` first")
        arrays, self._found = self._found.arrays, None
        snapshot.restore(model, _below(arrays, _MODEL))
        best = _below(arrays, _BEST)
        return [best[name] for name in sorted(best)]

    def keep(self, history: TrainingHistory, model: keras.Model, best: list[NDArray]) -> None:
        """Store the state after an epoch."""
        if self.path is None:
            return
        arrays = {f"{_MODEL}{name}": array for name, array in snapshot.take(model).items()}
        arrays |= {f"{_BEST}{i:05d}": np.asarray(array) for i, array in enumerate(best)}
        save_state(self.path, TrainingState(arrays, history.as_json()))


def _below(arrays: dict[str, NDArray], prefix: str) -> dict[str, NDArray]:
    return {
        name.removeprefix(prefix): array
        for name, array in arrays.items()
        if name.startswith(prefix)
    }
