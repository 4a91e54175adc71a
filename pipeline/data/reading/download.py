"""External files: found where a person placed them, or downloaded, and always verified.

A file that a person placed is read and never changed. A download is written to
``.resume/downloads`` and moved to ``data/downloads`` once its SHA-256 is right, so files there are
complete. Several files are handled one by one: finished ones are not downloaded again.
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
"""Number of consecutive connections without progress before giving up."""
PAUSE = 2.0
"""Seconds to wait after a broken connection."""
TIMEOUT = (10, 60)
"""Seconds to wait for a connection, and for the next bytes."""
_BLOCK = 1 << 16
_BROKEN = (
    requests.ConnectionError,
    requests.Timeout,
    requests.exceptions.ChunkedEncodingError,
)


@dataclass(frozen=True)
class RemoteFile:
    """An external file: its address, size and checksum."""

    name: str
    url: str
    sha256: str
    size: int
    """In bytes."""
    md5: str | None = None
    """As published, for people to compare; only the SHA-256 is checked."""


def find_or_download(remotes: Sequence[RemoteFile], path: Path) -> tuple[SourceFile, ...]:
    """Find files, or download missing ones, and verify them.

    Args:
        remotes: the files, in order.
        path: where a person may have placed them: a folder that contains them under their names, or
            the file itself if there is only one.

    Raises:
        StudyError: if a file is not the expected one, or is missing and cannot be downloaded.
    """
    if len(remotes) > 1 and path.is_file():
        raise StudyError(
            f"dataset.path: found the file {path}; expected a folder that contains "
            f"{listing(remote.name for remote in remotes)}"
        )
    return tuple(
        SourceFile(remote.name, _found(remote, path).as_posix(), remote.sha256, remote.size)
        for remote in remotes
    )


def _found(remote: RemoteFile, path: Path) -> Path:
    """Return the path of one file; see `find_or_download`."""
    placed = path / remote.name if path.is_dir() else path
    finished = DOWNLOADS / remote.name
    if placed.is_file():
        return _checked(placed, remote)
    if not path.exists() and path != INCOMING:
        raise StudyError(
            f"dataset.path: there is no {path}; expected {remote.name}, or a folder that contains "
            "it"
        )
    if not finished.is_file():
        _download(remote, finished)
    return _checked(finished, remote)


def _checked(path: Path, remote: RemoteFile) -> Path:
    size = path.stat().st_size
    digest = file_digest(path)
    if digest != remote.sha256:
        guess = "It looks truncated. " if 0 < size < remote.size else ""
        raise StudyError(
            f"{path} is not {remote.name}: found {size:,} bytes with SHA-256 {digest}; expected "
            f"{remote.size:,} bytes with SHA-256 {remote.sha256}. {guess}Replace it with the file "
            f"from {remote.url}, or move it away to download that file; it was not changed"
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
        f"SHA-256 {digest}; expected {remote.sha256}. Only the partial file {part} was deleted. "
        f"Run the command again; if that does not help, {_ways_on(remote)}"
    )


def _complete(remote: RemoteFile, part: Path) -> None:
    """Complete the partial file; reconnect after broken connections as long as bytes arrive."""
    failures = furthest = 0
    while (done := _size(part)) != remote.size:
        try:
            _receive(remote, part, done)
            problem: requests.RequestException = requests.ConnectionError("ended early")
        except _BROKEN as error:
            problem = error
        after = _size(part)
        if after == remote.size:
            return
        failures = 0 if after > max(done, furthest) else failures + 1
        furthest = max(done, after, furthest)
        # If no byte has arrived at all, there is most likely no network, so fail at once.
        if failures >= ATTEMPTS or furthest == 0:
            raise problem
        print(f"{remote.name}: connection lost at {after / 1e6:,.1f} MB; retrying", flush=True)
        time.sleep(PAUSE)


def _receive(remote: RemoteFile, part: Path, done: int) -> None:
    """Append what is missing; start over if the server cannot resume."""
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
    """Reject a wrong file, such as a login page, before downloading all of it."""
    length = response.headers.get("Content-Length", "")
    if "Content-Encoding" in response.headers or not length.isdigit():
        return
    if (total := int(length) + done) != remote.size:
        raise _another_file(remote, response, f"{total:,}")


def _another_file(remote: RemoteFile, response: requests.Response, found: str) -> StudyError:
    kind = response.headers.get("Content-Type", "unknown type")
    return StudyError(
        f"{remote.url} offers another file: found {found} bytes ({kind}); expected "
        f"{remote.size:,}. Nothing was kept; {_ways_on(remote)}"
    )


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _reason(error: requests.RequestException) -> str:
    if error.response is not None:
        return f"the server returned: {error.response.status_code} {error.response.reason}"
    if isinstance(error, requests.Timeout):
        return "the server did not answer in time"
    if isinstance(error, requests.exceptions.SSLError):
        return "the connection could not be secured"
    if isinstance(error, requests.exceptions.ProxyError):
        return "the proxy refused the connection"
    return "no connection, or the connection was lost"


def _ways_on(remote: RemoteFile) -> str:
    return (
        f"put {remote.name} (SHA-256 {remote.sha256}) in {INCOMING}/, or set dataset.path to its "
        "location, or run `make demo`, which needs no download"
    )


def _no_network(remote: RemoteFile, part: Path, reason: str) -> StudyError:
    arrived = _size(part)
    kept = (
        f" {arrived / 1e6:,.1f} of {remote.size / 1e6:,.1f} MB were received and kept; run the "
        "command again to resume the download."
        if arrived
        else ""
    )
    return StudyError(
        f"{remote.name} was not found, and cannot be downloaded from "
        f"{urlsplit(remote.url).netloc} ({reason}).{kept} You can {_ways_on(remote)}"
    )
