"""Opening the stored model of a run, to compute scores or to inspect it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pipeline.checks import StudyError
from pipeline.keras_backend import check_backend, load_keras
from pipeline.storage.network_files import check_network_file
from pipeline.storage.object_files import load_object, missing, unreadable
from pipeline.storage.runs import intact_run_file, model_file


def first_seed(entry: Mapping[str, Any] | None, study_seed: int) -> int:
    """Return the first seed of a run's entry in params.yaml: its own, or the study's."""
    return int(((entry or {}).get("seeds") or [study_seed])[0])


def load_stored_model(name: str, seed: int, kind: Literal["classical", "deep"]) -> Any:
    """Open a run's model: `pipeline.classical.run.training.PixelClassifier` or `keras.Model`.

    Keras is imported only for a network.

    Raises:
        StudyError: if there is none, or it cannot be read; names the command that creates it.
    """
    path, remedy = model_file(name, seed, kind), f"dvc repro train_{kind}@{name}"
    if path.exists():
        intact_run_file(name, seed, path.name, remedy)
    return load_network(path, remedy) if kind == "deep" else load_object(path, "scores", remedy)


def load_network(path: Path, remedy: str) -> Any:
    """Open a stored `keras.Model` of stock layers, without running any code from the file.

    Args:
        path: the ``.keras`` file.
        remedy: the command that regenerates it.

    Raises:
        StudyError: if there is none, it cannot be read, or it contains anything else.
    """
    if not path.exists():
        raise StudyError(missing(path, remedy))
    check_backend()
    try:
        check_network_file(path)
        load_keras()  # takes seconds, and classical runs do not need it
        import keras

        return keras.saving.load_model(path, compile=False, safe_mode=True)
    except Exception as error:  # a damaged file can raise nearly anything
        raise StudyError(unreadable(path, error, remedy)) from None
