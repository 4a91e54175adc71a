"""Checksums by which a stage verifies that what it reads is what another stage wrote.

A stage that writes a set of files adds a manifest: what the files belong to (a split, a run and its
seed), and the size and SHA-256 of each. A stage that reads one of them verifies it first. A
manifest contains a checksum of its own content, its *seal*, and so do the few records that stages
depend on individually. Files that were edited, truncated, damaged on the disk or in DVC's cache, or
taken from another run or study are therefore rejected by name.

These are checksums, not signatures: someone can change a file and its manifest to match. `dvc
repro` and `dvc status` compare the hashes in dvc.lock, but DVC trusts the objects of its cache, so
a damaged object with the right name is restored silently. ``python -m pipeline.commands.mend``
checks the cache as well.
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
"""The key in a sealed JSON object whose value is the checksum of the rest."""


def file_digest(path: Path) -> str:
    """Return the SHA-256 of a file, at about 1 GB per second."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def digest(value: Any) -> str:
    """Return the SHA-256 of a value as JSON, regardless of the order of its keys."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode("ascii")).hexdigest()


def refuse(path: Path, what: str, remedy: str) -> NoReturn:
    """Raise `StudyError` about a file that changed after it was written.

    Args:
        path: the file.
        what: what was found, and what was expected.
        remedy: the command that creates the file. On its own, it might restore a damaged object
            from DVC's cache.
    """
    raise StudyError(
        f"{path}: {what}. It was changed, replaced or damaged after it was created. "
        f"Repair it with: {_mending(path)} && {remedy}"
    )


def _mending(path: Path) -> str:
    """Return the command that removes a file and the damaged objects of DVC's cache.

    It changes to the study's folder first, because it only works there.
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
        StudyError: if it has no seal, or the seal does not match its content.
    """
    if not isinstance(document, dict):
        refuse(path, f"found {type(document).__name__}; expected a JSON object", remedy)
    content = {key: value for key, value in document.items() if key != SEAL}
    if SEAL not in document:
        raise StudyError(
            f"{path} has an unexpected format: found no {SEAL!r} (earlier versions of this project "
            f"did not write one); regenerate it with: {_mending(path)} && {remedy}"
        )
    try:
        right = document[SEAL] == digest(content)
    except RecursionError:  # nested too deeply
        right = False
    if not right:
        refuse(path, "found content that does not match the checksum in the file", remedy)
    return content


# --- manifests -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Manifest:
    """The identity of a folder's files, and their checksums when they were written."""

    path: Path
    of: dict[str, Any]
    files: dict[str, dict[str, Any]]
    """Path inside the manifest's folder -> ``bytes`` and ``sha256``."""
    seal: str
    """The checksum of all this, which identifies a set of files."""
    remedy: str

    def verify_size(self, name: str) -> Path:
        """Return the path of a file after checking that it exists and has the right size."""
        path = self.path.parent / name
        if name not in self.files:
            refuse(
                path,
                f"not listed in {self.path}, which lists: {listing(self.files)}",
                self.remedy,
            )
        try:
            found = path.stat().st_size
        except FileNotFoundError:
            raise StudyError(f"there is no {path}; create it with: {self.remedy}") from None
        expected = self.files[name]["bytes"]
        if found != expected:
            refuse(path, f"found {found:,} bytes; expected {expected:,}", self.remedy)
        return path

    def verify(self, name: str) -> Path:
        """Return the path of a file after checking its size and SHA-256."""
        path = self.verify_size(name)
        found, expected = _digest_of(path, self.remedy), self.files[name]["sha256"]
        if found != expected:
            refuse(path, f"found the SHA-256 {found}; expected {expected}", self.remedy)
        return path


def make_manifest(
    folder: Path, of: Mapping[str, Any], files: Iterable[Path], name: str = MANIFEST
) -> dict[str, Any]:
    """Return the sealed manifest of files in `folder`, to be written there as `name` at the end.

    Args:
        folder: the folder of the manifest.
        of: the identity of the files: JSON values, which readers compare.
        files: paths in `folder`; the manifest itself is left out.
        name: the name of the manifest.
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
    """Return a manifest with files added or updated.

    Args:
        path: path of the manifest; if it is missing or belongs to something else, a new one is
            started.
        of: the identity of the files.
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
    """Read a manifest, and check what its files belong to.

    Args:
        path: path of the manifest.
        of: values that its identity must include.
        remedy: the command that creates the files.

    Raises:
        StudyError: if it is missing, is damaged, or belongs to something else.
    """
    if not path.exists():
        raise StudyError(
            f"there is no {path}, the checksums of the files there (earlier versions of this "
            f"project did not write them); create it with: {remedy}"
        )
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        refuse(path, f"found invalid JSON ({error})", remedy)
    content = unseal(document, path, remedy)
    found, files = content.get("of"), content.get("files")
    if not isinstance(found, dict) or not isinstance(files, dict) or not _are_entries(files):
        refuse(path, f"found the keys {listing(content)}; expected a manifest", remedy)
    wrong = [name for name, value in of.items() if found.get(name) != value]
    if wrong:
        expected = ", ".join(f"{name} {_short(of[name])}" for name in wrong)
        there = ", ".join(f"{name} {_short(found.get(name))}" for name in wrong)
        refuse(path, f"found files of {there}; expected {expected}", remedy)
    return Manifest(path, found, files, document[SEAL], remedy)


def _short(value: Any) -> str:
    """Return a value for a message; checksums are abbreviated."""
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
            f"{path} cannot be read ({error.strerror}); regenerate it with: "
            f"{_mending(path)} && {remedy}"
        ) from None
