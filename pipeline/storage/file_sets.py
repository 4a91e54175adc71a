"""Files that change all at once: a set of them is written apart, and then takes its place.

Where several stages write into one folder, it cannot be replaced as a whole. So a set is written
into a hidden folder beside its files, with a manifest, and moved file by file once it is complete.
A process that is killed while it writes leaves the old set whole. One that is killed during the
moves, some milliseconds, leaves a mixture: it does not fit the manifest that lies there, which
is moved last, so that whoever verifies the set refuses it, and the next run replaces it.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pipeline.storage import integrity
from pipeline.storage.files import save_json


@contextmanager
def replacing(
    folder: Path,
    of: Mapping[str, Any],
    owned: Collection[str] = (),
    manifest: str = integrity.MANIFEST,
) -> Iterator[Path]:
    """Give an empty folder whose files replace those of `folder` if the block succeeds.

    Args:
        folder: where the files belong; other files there stay.
        of: what the set is of, for its manifest.
        owned: subfolders of which everything belongs to the set: what it no longer has is removed,
            and one without a file stays, empty.
        manifest: the name of the manifest; two sets in one folder have two.
    """
    incoming = folder / f".incoming-{Path(manifest).stem}"
    shutil.rmtree(incoming, ignore_errors=True)  # what a killed process has left
    incoming.mkdir(parents=True)
    try:
        yield incoming
        files = integrity.files_below(incoming)
        content = integrity.make_manifest(incoming, of, files, manifest)
        save_json(incoming / manifest, content)
        _move(incoming, folder, [*content["files"], manifest])
        _remove_others(folder, owned, set(content["files"]))
    finally:
        shutil.rmtree(incoming, ignore_errors=True)


def verify(
    folder: Path, of: Mapping[str, Any], remedy: str, manifest: str = integrity.MANIFEST
) -> None:
    """Raise `StudyError` unless the files of a set are those that were written together."""
    found = integrity.load_manifest(folder / manifest, of, remedy)
    for name in found.files:
        found.verify(name)


def _move(source: Path, target: Path, names: list[str]) -> None:
    """Move files, the manifest last."""
    for name in names:
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        os.replace(source / name, target / name)


def _remove_others(folder: Path, owned: Collection[str], kept: Collection[str]) -> None:
    for name in owned:
        (folder / name).mkdir(exist_ok=True)
        # Longest paths first, so that a folder is empty when its turn comes.
        for path in sorted((folder / name).rglob("*"), reverse=True):
            if path.is_dir() and not any(path.iterdir()):
                path.rmdir()
            elif path.is_file() and path.relative_to(folder).as_posix() not in kept:
                path.unlink()
