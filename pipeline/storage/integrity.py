"""Checksums by which a stage notices that what it reads is not what another stage has written.

Whoever writes a set of files leaves a manifest beside them: what the files are of (a split, a run
and its seed), and the size and SHA-256 of each. Whoever reads one of them compares it first. A
manifest carries a checksum of its own content, its *seal*, and so do the few records that stages
depend on one by one. So files that were edited, cut, damaged on the disk or in DVC's cache, or
taken from another run or study, are refused by name.

What is not noticed: someone who changes a file and writes its manifest to match. These are
checksums and no signatures. DVC's own hashes in dvc.lock are compared by `dvc repro` and `dvc
status`, but DVC trusts the objects of its cache, so that an object that is damaged under its right
name comes back without a word. ``python -m pipeline.commands.mend`` looks at the cache, too.
"""

from __future__ import annotations

import hashlib
import json
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from pipeline.checks import StudyError, listing

MANIFEST = "manifest.json"
SEAL = "seal"
"""The key of a sealed JSON object that holds the checksum of all the rest."""


def file_digest(path: Path) -> str:
    """Return the SHA-256 of a file, some 1 GB a second."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def digest(value: Any) -> str:
    """Return the SHA-256 of a value that JSON can say, whatever the order of its keys."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode("ascii")).hexdigest()


def refuse(path: Path, what: str, remedy: str) -> NoReturn:
    """Raise `StudyError` about a file that is not as it was made.

    Args:
        path: the file.
        what: what was found, and what was expected.
        remedy: the command that makes it where it is missing. Alone it would take a damaged object
            from DVC's cache again.
    """
    raise StudyError(
        f"{path}: {what}. It was changed, exchanged or damaged after it was made. "
        f"Mend it with: {_mending(path)} && {remedy}"
    )


def _mending(path: Path) -> str:
    """Return the command that removes a file and the damaged objects of DVC's cache.

    With the study's folder, which `make study` has chosen, and where that command works alone.
    """
    folder, file = shlex.quote(str(Path.cwd())), shlex.quote(str(path))
    return f"cd {folder} && python -m pipeline.commands.mend {file}"


# --- sealed records ------------------------------------------------------------------------------


def seal(content: Mapping[str, Any]) -> dict[str, Any]:
    """Return a JSON object with the checksum of its content under `SEAL`."""
    return {**content, SEAL: digest(dict(content))}


def unseal(document: Any, path: Path, remedy: str) -> dict[str, Any]:
    """Return the content of a sealed JSON object.

    Raises:
        StudyError: if it has no seal, or another one than its content.
    """
    if not isinstance(document, dict):
        refuse(path, f"found {type(document).__name__}; expected a JSON object", remedy)
    content = {key: value for key, value in document.items() if key != SEAL}
    if SEAL not in document:
        raise StudyError(
            f"{path} is another file: it has no {SEAL!r} (an earlier version of this project wrote "
            f"none); make it anew with: {_mending(path)} && {remedy}"
        )
    try:
        right = document[SEAL] == digest(content)
    except RecursionError:  # nested almost without end
        right = False
    if not right:
        refuse(path, "found content that does not have the checksum written in it", remedy)
    return content


# --- manifests -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Manifest:
    """What a folder's files are of, and what they contained when they were written."""

    path: Path
    of: dict[str, Any]
    files: dict[str, dict[str, Any]]
    """Path inside the manifest's folder -> ``bytes`` and ``sha256``."""
    seal: str
    """The checksum of all this, which tells one set of files from any other."""
    remedy: str

    def verify_size(self, name: str) -> Path:
        """Return the path of a file that is there, of its size; its content is not looked at."""
        path = self.path.parent / name
        if name not in self.files:
            refuse(path, f"found no such file in {self.path}: {listing(self.files)}", self.remedy)
        try:
            found = path.stat().st_size
        except FileNotFoundError:
            raise StudyError(f"there is no {path}; make it with: {self.remedy}") from None
        expected = self.files[name]["bytes"]
        if found != expected:
            refuse(path, f"found {found:,} bytes; expected {expected:,}", self.remedy)
        return path

    def verify(self, name: str) -> Path:
        """Return the path of a file whose content is that of the manifest."""
        path = self.verify_size(name)
        found, expected = _digest_of(path, self.remedy), self.files[name]["sha256"]
        if found != expected:
            refuse(path, f"found the SHA-256 {found}; expected {expected}", self.remedy)
        return path


def make_manifest(
    folder: Path, of: Mapping[str, Any], files: Iterable[Path], name: str = MANIFEST
) -> dict[str, Any]:
    """Return the sealed manifest of files in `folder`, to be written there as `name`, last.

    Args:
        folder: where the manifest will lie.
        of: what the files are of: facts that JSON can say, which readers compare.
        files: paths in `folder`; a manifest of this name is left out.
        name: of the manifest.
    """
    entries = {
        path.relative_to(folder).as_posix(): {
            "bytes": path.stat().st_size,
            "sha256": file_digest(path),
        }
        for path in sorted(files)
        if path != folder / name
    }
    return seal({"of": dict(of), "files": entries})


def extend_manifest(path: Path, of: Mapping[str, Any], files: Iterable[Path]) -> dict[str, Any]:
    """Return a manifest with further files, or such as were written again.

    Args:
        path: of the manifest; where there is none, or one of something else, a new one begins.
        of: what the files are of.
        files: paths in its folder.
    """
    added = make_manifest(path.parent, of, files, path.name)["files"]
    try:
        known = load_manifest(path, of, "").files
    except StudyError:
        known = {}
    return seal({"of": dict(of), "files": dict(sorted({**known, **added}.items()))})


def files_below(folder: Path) -> list[Path]:
    """Return all files below a folder, sorted."""
    return [path for path in sorted(folder.rglob("*")) if path.is_file()]


def load_manifest(path: Path, of: Mapping[str, Any], remedy: str) -> Manifest:
    """Read a manifest, and compare what it is of.

    Args:
        path: of the manifest.
        of: facts that it must hold, among others.
        remedy: the command that makes what it is of.

    Raises:
        StudyError: if it is missing, damaged, or of something else.
    """
    if not path.exists():
        raise StudyError(
            f"there is no {path}, the checksums of the files there (an earlier version of this "
            f"project wrote none); make it with: {remedy}"
        )
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        refuse(path, f"found what is not JSON ({error})", remedy)
    content = unseal(document, path, remedy)
    found, files = content.get("of"), content.get("files")
    if not isinstance(found, dict) or not isinstance(files, dict) or not _are_entries(files):
        refuse(path, f"found the keys {listing(content)}; expected a manifest", remedy)
    wrong = [name for name, value in of.items() if found.get(name) != value]
    if wrong:
        expected = ", ".join(f"{name} {_short(of[name])}" for name in wrong)
        there = ", ".join(f"{name} {_short(found.get(name))}" for name in wrong)
        refuse(path, f"the files there are of {there}; expected {expected}", remedy)
    return Manifest(path, found, files, document[SEAL], remedy)


def _short(value: Any) -> str:
    """Return a value for a message; of a checksum, its beginning."""
    text = repr(value)
    return f"{text[:13]}...'" if len(text) == 66 else text


def _are_entries(files: dict[str, Any]) -> bool:
    return all(
        isinstance(entry, dict)
        and entry.keys() == {"bytes", "sha256"}
        and isinstance(entry["bytes"], int)
        and isinstance(entry["sha256"], str)
        for entry in files.values()
    )


def _digest_of(path: Path, remedy: str) -> str:
    try:
        return file_digest(path)
    except OSError as error:
        raise StudyError(
            f"{path} cannot be read ({error.strerror}); make it anew with: "
            f"{_mending(path)} && {remedy}"
        ) from None
