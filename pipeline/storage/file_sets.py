"""Sets of files that are replaced together.

If several stages write to one folder, it cannot be replaced as a whole. Instead, a set of files is
written to a hidden subfolder with a manifest, and moved file by file once it is complete. If the
process is killed while it writes, the old set remains intact. If it is killed during the moves,
which take some milliseconds, old and new files are mixed: they do not match the manifest, which is
moved last, so verification fails and the next run replaces the set.
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
    """Yield an empty folder whose files replace those of `folder` if the block succeeds.

    Args:
        folder: where the files belong; other files there are kept.
        of: the identity of the set, for its manifest.
        owned: subfolders that belong to the set entirely: files that are no longer in the set are
            removed, and subfolders without files are kept empty.
        manifest: the name of the manifest; each set in a folder has its own.
    """
    incoming = folder / f".incoming-{Path(manifest).stem}"
    shutil.rmtree(incoming, ignore_errors=True)  # left by a killed process
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
    """Raise `StudyError` unless the files of a set were written together."""
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
