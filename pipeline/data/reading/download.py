"""Outside files: found where a person placed them, or downloaded, and always checked.

A file that a person placed is read and never changed. A download grows in ``.resume/downloads`` and
is moved to ``data/downloads`` only once its SHA-256 is right, so what lies there is whole. Of
several files each goes its own way: what was there, or has arrived, is not fetched again.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import requests

from pipeline.checks import ShortageError, StudyError, listing
from pipeline.data.reading.progress import byte_progress
from pipeline.storage.integrity import file_digest
from pipeline.storage.paths import DOWNLOADS, INCOMING, RESUME
from pipeline.storage.source import SourceFile

PARTS = RESUME / "downloads"
ATTEMPTS = 3
"""Broken connections in a row, none of which got further than any before, before giving up."""
PAUSE = 2.0
"""Seconds to wait after a broken connection."""
TIMEOUT = (10, 60)
"""Seconds to wait for a connection, and for the next bytes of it."""
_BLOCK = 1 << 16
_BROKEN = (
    requests.ConnectionError,
    requests.Timeout,
    requests.exceptions.ChunkedEncodingError,
)


@dataclass(frozen=True)
class RemoteFile:
    """A file of somebody else's: where it is, and how to know it."""

    name: str
    url: str
    sha256: str
    size: int
    """In bytes."""
    md5: str | None = None
    """As its publisher gives it, for people to compare; what is checked is the SHA-256."""


def find_or_download(remotes: Sequence[RemoteFile], path: Path) -> tuple[SourceFile, ...]:
    """Return where files lie, downloaded if they are not here, and checked in any case.

    Args:
        remotes: the files, in order.
        path: where a person may have placed them: a folder that holds them by their names; or the
            file, if there is one.

    Raises:
        StudyError: if what was found is another file, or there is none and no network.
    """
    if len(remotes) > 1 and path.is_file():
        raise StudyError(
            f"dataset.path: found the file {path}; expected a folder that holds "
            f"{listing(remote.name for remote in remotes)}"
        )
    return tuple(
        SourceFile(remote.name, _found(remote, path).as_posix(), remote.sha256, remote.size)
        for remote in remotes
    )


def _found(remote: RemoteFile, path: Path) -> Path:
    """Return where one file lies; see `find_or_download`."""
    placed = path / remote.name if path.is_dir() else path
    finished = DOWNLOADS / remote.name
    if placed.is_file():
        return _checked(placed, remote)
    if not path.exists() and path != INCOMING:
        raise StudyError(
            f"dataset.path: there is no {path}; expected {remote.name}, or a folder that holds it"
        )
    if not finished.is_file():
        _download(remote, finished)
    return _checked(finished, remote)


def _checked(path: Path, remote: RemoteFile) -> Path:
    size = path.stat().st_size
    digest = file_digest(path)
    if digest != remote.sha256:
        guess = "It looks cut short. " if 0 < size < remote.size else ""
        raise StudyError(
            f"{path} is not {remote.name}: found {size:,} bytes with SHA-256 {digest}; expected "
            f"{remote.size:,} bytes with SHA-256 {remote.sha256}. {guess}Replace it by the file "
            f"from {remote.url}, or move it away to have that downloaded; it was left as it is"
        )
    return path


def _download(remote: RemoteFile, finished: Path) -> None:
    part = PARTS / f"{remote.name}.part"
    try:
        part.parent.mkdir(parents=True, exist_ok=True)
        finished.parent.mkdir(parents=True, exist_ok=True)
        _complete(remote, part)
        digest = file_digest(part)
        if digest == remote.sha256:
            shutil.move(part, finished)
            return
        part.unlink()
    except requests.RequestException as error:
        raise _no_network(remote, part, _reason(error)) from None
    except OSError as error:
        raise ShortageError(
            f"cannot store the download of {remote.name} ({error}); expected "
            f"{remote.size / 1e6:,.0f} MB of free space in {Path.cwd()}"
        ) from None
    raise StudyError(
        f"the download of {remote.name} from {remote.url} was not the expected file: found "
        f"SHA-256 {digest}; expected {remote.sha256}. The partial file {part} was deleted, and "
        f"nothing else. Run it again; if it stays so, {_ways_on(remote)}"
    )


def _complete(remote: RemoteFile, part: Path) -> None:
    """Fill up the partial file, going on after broken connections while bytes arrive."""
    failures = furthest = 0
    while (done := _size(part)) != remote.size:
        try:
            _receive(remote, part, done)
            problem: requests.RequestException = requests.ConnectionError("it ended early")
        except _BROKEN as error:
            problem = error
        after = _size(part)
        if after == remote.size:
            return
        failures = 0 if after > max(done, furthest) else failures + 1
        furthest = max(done, after, furthest)
        # Without a first byte there is most likely no network at all: say so at once.
        if failures >= ATTEMPTS or furthest == 0:
            raise problem
        print(f"{remote.name}: no connection at {after / 1e6:,.1f} MB; trying again", flush=True)
        time.sleep(PAUSE)


def _receive(remote: RemoteFile, part: Path, done: int) -> None:
    """Append what is missing; start over where the server cannot go on in the middle."""
    if done > remote.size:
        part.unlink()
        done = 0
    headers = {"Accept-Encoding": "identity"}
    if done:
        headers["Range"] = f"bytes={done}-"
    with requests.get(remote.url, headers=headers, stream=True, timeout=TIMEOUT) as response:
        if response.status_code == requests.codes.requested_range_not_satisfiable:
            part.unlink(missing_ok=True)
            return
        response.raise_for_status()
        if response.status_code != requests.codes.partial_content:
            done = 0
        _check_total(remote, response, done)
        with (
            part.open("ab" if done else "wb") as stream,
            byte_progress(f"downloading {remote.name}", remote.size, done) as advance,
        ):
            for block in response.iter_content(_BLOCK):
                stream.write(block)
                advance(len(block))
                if stream.tell() > remote.size:
                    part.unlink()
                    raise _another_file(remote, response, f"more than {remote.size:,}")


def _check_total(remote: RemoteFile, response: requests.Response, done: int) -> None:
    """Refuse another file before all of it is downloaded: a login page, a moved address."""
    length = response.headers.get("Content-Length", "")
    if "Content-Encoding" in response.headers or not length.isdigit():
        return
    if (total := int(length) + done) != remote.size:
        raise _another_file(remote, response, f"{total:,}")


def _another_file(remote: RemoteFile, response: requests.Response, found: str) -> StudyError:
    kind = response.headers.get("Content-Type", "of no given type")
    return StudyError(
        f"{remote.url} offers another file: found {found} bytes ({kind}); expected "
        f"{remote.size:,}. None of them was kept; {_ways_on(remote)}"
    )


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _reason(error: requests.RequestException) -> str:
    if error.response is not None:
        return f"the server says: {error.response.status_code} {error.response.reason}"
    if isinstance(error, requests.Timeout):
        return "the server did not answer in time"
    if isinstance(error, requests.exceptions.SSLError):
        return "the connection could not be secured"
    if isinstance(error, requests.exceptions.ProxyError):
        return "the proxy refused it"
    return "no connection, or it broke off"


def _ways_on(remote: RemoteFile) -> str:
    return (
        f"put {remote.name} (SHA-256 {remote.sha256}) in {INCOMING}/, or set dataset.path to where "
        "it lies, or run `make demo`, which needs no download"
    )


def _no_network(remote: RemoteFile, part: Path, reason: str) -> StudyError:
    arrived = _size(part)
    kept = (
        f" {arrived / 1e6:,.1f} of {remote.size / 1e6:,.1f} MB have arrived and are kept; run it "
        "again to go on from there."
        if arrived
        else ""
    )
    return StudyError(
        f"{remote.name} is not here, and cannot be downloaded from "
        f"{urlsplit(remote.url).netloc} ({reason}).{kept} Three ways on: {_ways_on(remote)}"
    )
