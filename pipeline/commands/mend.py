"""Remove damaged files, so that DVC can restore or recreate them.

``python -m pipeline.commands.mend <file> ...``

DVC trusts its cache: an object whose content no longer matches the hash in its name comes back
with every ``dvc repro``, even with ``--force``, because DVC does not store an object again under an
existing name. This command checks every object of the cache and removes damaged ones, and then
removes the given files from the study. After that, ``dvc repro`` restores the files from intact
objects, or runs the stages that create them.
"""

from __future__ import annotations

import hashlib
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from pipeline.checks import StudyError
from pipeline.storage.paths import DOWNLOADS, INCOMING, STUDY
from pipeline.storage.runs import RUNS

_MADE = (Path("data"), RUNS, STUDY)
"""Folders of files that stages write for other stages."""
_GIVEN = (INCOMING, DOWNLOADS)
"""Folders of data from people and downloads: nothing there is removed."""


def damaged_objects(cache: Path) -> Iterator[Path]:
    """Yield the objects of DVC's cache whose MD5 is not their name, at about 0.5 GB per second."""
    for path in sorted((cache / "files" / "md5").glob("??/*")):
        name = f"{path.parent.name}{path.name}".removesuffix(".dir")
        if re.fullmatch("[0-9a-f]{32}", name) and _md5(path) != name:
            yield path


def mend(files: Sequence[Path], cache: Path) -> list[Path]:
    """Remove damaged objects of the cache, and files of the study.

    Args:
        files: files that stages wrote, relative to the study's folder; missing ones are skipped.
        cache: DVC's cache.

    Returns:
        The removed files.

    Raises:
        StudyError: if a file is not written by a stage; then nothing is removed.
    """
    for path in files:
        below = path.is_absolute() or ".." in path.parts or path.is_dir()
        if below or not _is_in(path, _MADE) or _is_in(path, _GIVEN):
            raise StudyError(
                f"found {path}; expected a file that a stage wrote, in data/, runs/ or {STUDY}/ "
                "but not in data/incoming/ or data/downloads/, relative to the study's folder"
            )
    removed = list(damaged_objects(cache))
    removed += [path for path in files if path.exists() or path.is_symlink()]
    for path in removed:
        path.unlink()
    return removed


def _is_in(path: Path, folders: Sequence[Path]) -> bool:
    return any(path.is_relative_to(folder) for folder in folders)


def _md5(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def _cache() -> Path:
    """Ask DVC where its cache is; studies may share one."""
    dvc = Path(sys.executable).with_name("dvc")
    done = subprocess.run([str(dvc), "cache", "dir"], capture_output=True, text=True, check=False)
    if done.returncode:
        raise StudyError(f"`dvc cache dir` failed here: {done.stderr.strip() or done.stdout}")
    return Path(done.stdout.strip())


def main(arguments: list[str]) -> int:
    """Run ``python -m pipeline.commands.mend``; without files it only checks the cache."""
    files = [Path(each) for each in arguments]
    try:
        removed = mend(files, _cache())
    except StudyError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    for path in removed:
        print(f"removed {path}")
    if files and not removed:
        missing = ", ".join(map(str, files))
        print(
            f"error: found no damaged object, and no {missing} in {Path.cwd()}; run this command "
            "in the study's folder, such as workspaces/<study>",
            file=sys.stderr,
        )
        return 1
    if not removed:
        print("every object in DVC's cache is intact; removed nothing")
        return 0
    count = "1 file" if len(removed) == 1 else f"{len(removed)} files"
    print(f"{count} removed; regenerate with: dvc repro")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
