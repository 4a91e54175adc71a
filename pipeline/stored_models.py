"""Opening the model that a run has stored, to score with it again or to look at it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal

import joblib

from pipeline import artefacts
from pipeline.checks import StudyError


def first_seed(entry: Mapping[str, Any] | None, study_seed: int) -> int:
    """Return the first seed of a run's entry in params.yaml: its own, or the study's."""
    return int(((entry or {}).get("seeds") or [study_seed])[0])


def load_stored_model(name: str, seed: int, kind: Literal["classical", "deep"]) -> Any:
    """Open a run's model: `pipeline.classical.training.PixelClassifier` or `keras.Model`.

    Keras is imported only for a network.

    Raises:
        StudyError: if there is none, or it cannot be read; it names the command that makes it.
    """
    path, remedy = artefacts.model_file(name, seed, kind), f"dvc repro train_{kind}@{name}"
    if not path.exists():
        raise StudyError(f"there is no {path}; make it with: {remedy}")
    load = _load_network if kind == "deep" else joblib.load
    return _opened(path, load, remedy)


def _opened(path: Path, load: Callable[[Path], Any], remedy: str) -> Any:
    try:
        return load(path)
    except Exception as error:  # loading raises whatever a broken file leads it to
        raise StudyError(
            f"{path} cannot be read ({error!r}); make it anew with: {remedy}"
        ) from None


def _load_network(path: Path) -> Any:
    import keras  # takes seconds, and a classical run needs none

    return keras.saving.load_model(path, compile=False)
