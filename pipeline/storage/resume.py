"""State from which killed trainings resume, and finished seeds: ``.resume/``.

No stage reads what another one leaves here. Everything is named by the hash of all that determines
it (`state_key`), so that a run never continues from other options, data or code. A damaged state or
seed is ignored.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline import system_errors
from pipeline.checks import StudyError
from pipeline.storage import integrity
from pipeline.storage.files import atomic, save_json
from pipeline.storage.paths import RESUME

TRAINING = RESUME / "training"
"""``<run>/<key>.npz``: unfinished trainings."""
SEEDS = RESUME / "seeds"
"""``<run>/<key>/``: artifacts of finished seeds, ``files/`` and ``manifest.json``."""


@dataclass(frozen=True)
class TrainingState:
    """Everything that a training needs to resume as if it had never stopped."""

    arrays: dict[str, NDArray]
    """Arrays of NumPy's own dtypes; convert bfloat16 to float32, which represents it exactly."""
    facts: dict[str, Any]
    """JSON values, infinities included; tuples come back as lists."""


# --- keys ----------------------------------------------------------------------------------------


def state_key(facts: Mapping[str, Any]) -> str:
    """Return the SHA-256 of JSON values, regardless of the order of their names."""
    return integrity.digest(dict(facts))


# --- unfinished trainings ------------------------------------------------------------------------


def state_file(run: str, key: str) -> Path:
    """Return the path of the state of one seed of a run during its training."""
    return TRAINING / run / f"{key}.npz"


def save_state(path: Path, state: TrainingState) -> None:
    """Write a state as one file, which replaces the previous one atomically.

    Arrays and facts share the file, so that they are always from the same moment. The file is
    flushed to disk before it replaces the old one, so even a power failure leaves one intact.

    Raises:
        ValueError: if ``.npy`` cannot store an array without pickling.
    """
    for name, array in state.arrays.items():
        if array.dtype.kind not in "biuf":
            raise ValueError(f"{name} has the dtype {array.dtype}; convert it to float32 first")
    content = {f"array/{name}": array for name, array in state.arrays.items()}
    text = json.dumps(state.facts, ensure_ascii=True).encode("ascii")
    content["facts"] = np.frombuffer(text, dtype=np.uint8)
    content["sha256"] = np.frombuffer(_content_digest(content), dtype=np.uint8)
    with atomic(path) as temporary, temporary.open("wb") as stream:
        np.savez(stream, allow_pickle=False, **content)
        stream.flush()
        os.fsync(stream.fileno())


def load_state(path: Path) -> TrainingState | None:
    """Read a state; None if there is none, or if it is damaged, which is then printed."""
    if not path.exists():
        return None
    try:
        with np.load(path, allow_pickle=False) as stored:
            content = {name: stored[name] for name in stored.files}
        if _content_digest(content) != content.pop("sha256").tobytes():
            raise ValueError("its content does not match its checksum")
        facts = json.loads(content.pop("facts").tobytes())
    except Exception as error:  # reading a damaged archive can raise anything
        if system_errors.is_shortage(error):
            raise  # the state may be intact, and a new training would replace it
        print(f"{path} is damaged ({error}); training starts from the beginning", flush=True)
        return None
    return TrainingState(
        {name.removeprefix("array/"): array for name, array in content.items()}, facts
    )


def _content_digest(content: Mapping[str, NDArray]) -> bytes:
    digest = hashlib.sha256()
    for name in sorted(content.keys() - {"sha256"}):
        array = content[name]
        digest.update(f"{name} {array.dtype.str} {array.shape}\n".encode())
        digest.update(np.ascontiguousarray(array).reshape(-1).view(np.uint8).data)
    return digest.digest()


# --- finished seeds ------------------------------------------------------------------------------


def seed_folder(run: str, key: str) -> Path:
    """Return the folder that keeps the outputs of one finished seed of a run."""
    return SEEDS / run / key


def keep_seed(run: str, key: str, folder: Path) -> None:
    """Keep a copy of the folder of a finished seed, and remove its training state.

    It is a copy rather than a hard link, because DVC moves outputs into its cache and links them
    back: a hard link would share its file with the cache, and changing one would damage the other.
    """
    with _replacing(seed_folder(run, key)) as temporary:
        shutil.copytree(folder, temporary / "files", copy_function=shutil.copyfile)
        files = integrity.files_below(temporary / "files")
        manifest = integrity.make_manifest(temporary, {"run": run, "key": key}, files)
        save_json(temporary / integrity.MANIFEST, manifest)
    state_file(run, key).unlink(missing_ok=True)


def restore_seed(run: str, key: str, folder: Path) -> bool:
    """Restore a finished seed to its folder, replacing what is there.

    Returns:
        Whether there was one; a damaged one is ignored, which is printed.
    """
    kept = seed_folder(run, key)
    if not kept.exists():
        return False
    if not _is_whole(kept, run, key):
        print(f"{kept} is damaged; training this seed again", flush=True)
        return False
    with _replacing(folder) as temporary:
        shutil.copytree(
            kept / "files", temporary, copy_function=shutil.copyfile, dirs_exist_ok=True
        )
    return True


def keep_scores(
    run: str, key: str, arrays: Mapping[str, NDArray], facts: Mapping[str, Any]
) -> TrainingState:
    """Keep what one model of a cross-validation predicts, and remove its training state."""
    state = TrainingState(dict(arrays), dict(facts))
    save_state(_scores_file(run, key), state)
    state_file(run, key).unlink(missing_ok=True)
    return state


def kept_scores(run: str, key: str) -> TrainingState | None:
    """Return what `keep_scores` has kept; None if there is nothing, or if it is damaged."""
    return load_state(_scores_file(run, key))


def forget(run: str, key: str) -> None:
    """Remove what `keep_scores` has kept, and an unfinished training of the same key."""
    for path in (_scores_file(run, key), state_file(run, key)):
        path.unlink(missing_ok=True)


def _scores_file(run: str, key: str) -> Path:
    return SEEDS / run / f"{key}.npz"


def prune(run: str, keep_keys: Collection[str]) -> None:
    """Remove what is kept of a run under other keys, and unfinished files of killed processes."""
    kept = {f"{key}.npz" for key in keep_keys} | set(keep_keys)
    for parent in (TRAINING / run, SEEDS / run):
        for path in list(parent.iterdir()) if parent.exists() else []:
            if path.name not in kept:
                shutil.rmtree(path) if path.is_dir() else path.unlink()


@contextmanager
def _replacing(folder: Path) -> Iterator[Path]:
    """Yield an empty folder beside `folder`, and rename it to `folder` if the block succeeds."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(dir=folder.parent, prefix="."))
    try:
        yield temporary
        temporary.chmod(0o755)
        if folder.exists():
            shutil.rmtree(folder)
        os.replace(temporary, folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _is_whole(kept: Path, run: str, key: str) -> bool:
    files = integrity.files_below(kept / "files")
    try:
        manifest = integrity.load_manifest(kept / integrity.MANIFEST, {"run": run, "key": key}, "")
        for name in manifest.files:
            manifest.verify(name)
    except StudyError as error:
        cause = error.__context__
        if cause is not None and system_errors.is_shortage(cause):
            raise
        return False
    return bool(files) and {file.relative_to(kept).as_posix() for file in files} == set(
        manifest.files
    )
