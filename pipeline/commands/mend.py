"""Remove what is damaged, so that DVC makes it again.

``python -m pipeline.commands.mend <file> ...``

DVC trusts its cache: an object whose content no longer has the hash that it is named after comes
back with every ``dvc repro``, also with ``--force``, since what is stored under a name is not
stored again. So this looks at every object of the cache and removes those that are damaged, and
then the named files from the study. After that ``dvc repro`` takes them from whole objects, or
runs the stages that make them.
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
"""Where stages leave what other stages read."""
_GIVEN = (INCOMING, DOWNLOADS)
"""Where people place data, and where downloads end: nothing there is removed."""


def damaged_objects(cache: Path) -> Iterator[Path]:
    """Give the objects of DVC's cache whose MD5 is not their name, some 0.5 GB a second."""
    for path in sorted((cache / "files" / "md5").glob("??/*")):
        name = f"{path.parent.name}{path.name}".removesuffix(".dir")
        if re.fullmatch("[0-9a-f]{32}", name) and _md5(path) != name:
            yield path


def mend(files: Sequence[Path], cache: Path) -> list[Path]:
    """Remove damaged objects of the cache, and files of the study.

    Args:
        files: what stages have made, relative to the study's folder; what is not there is skipped.
        cache: DVC's cache.

    Returns:
        What was removed.

    Raises:
        StudyError: if a file is none that a stage makes; nothing is removed then.
    """
    for path in files:
        below = path.is_absolute() or ".." in path.parts or path.is_dir()
        if below or not _is_in(path, _MADE) or _is_in(path, _GIVEN):
            raise StudyError(
                f"found {path}; expected a file that a stage has made, below data/, runs/ or "
                f"{STUDY}/ and not in data/incoming/, relative to the study's folder"
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
    """Ask DVC where its cache is; a study may share one."""
    dvc = Path(sys.executable).with_name("dvc")
    done = subprocess.run([str(dvc), "cache", "dir"], capture_output=True, text=True, check=False)
    if done.returncode:
        raise StudyError(f"`dvc cache dir` failed here: {done.stderr.strip() or done.stdout}")
    return Path(done.stdout.strip())


def main(arguments: list[str]) -> int:
    """Run ``python -m pipeline.commands.mend``; without a file it looks at the cache alone."""
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
            f"error: found no damaged object, and no {missing} in {Path.cwd()}; expected to be "
            "run in the study's folder, such as workspaces/<study>",
            file=sys.stderr,
        )
        return 1
    print(f"{len(removed)} files removed; make them anew with: dvc repro")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
