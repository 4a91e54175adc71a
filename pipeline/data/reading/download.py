"""Downloads of external files, resumed after interruptions and always verified.

A download is written to ``.resume/downloads`` and moved to ``data/downloads`` once its SHA-256 is
right, so files there are complete, and none is downloaded twice.
"""

from __future__ import annotations

import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import requests

from pipeline.checks import ShortageError, StudyError
from pipeline.data.reading.progress import byte_progress
from pipeline.storage.integrity import file_digest
from pipeline.storage.paths import DOWNLOADS, INCOMING, RESUME

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
    """As published, for people to compare; a download is checked by its SHA-256."""


def finished(remote: RemoteFile) -> Path:
    """Return the path of a file's finished download, whether it exists or not."""
    return DOWNLOADS / remote.name


def downloaded(remote: RemoteFile) -> Path:
    """Return the path of a file's finished download; download it if there is none.

    Raises:
        StudyError: if it is not the expected file, or cannot be downloaded.
    """
    path = finished(remote)
    if not path.is_file():
        _download(remote, path)
    return _checked(path, remote)


def _checked(path: Path, remote: RemoteFile) -> Path:
    size = path.stat().st_size
    digest = file_digest(path)
    if digest != remote.sha256:
        guess = "It looks truncated. " if 0 < size < remote.size else ""
        raise StudyError(
            f"{path} is not {remote.name}: found {size:,} bytes with SHA-256 {digest}; expected "
            f"{remote.size:,} bytes with SHA-256 {remote.sha256}. {guess}Remove it to download it "
            f"again from {remote.url}; it was not changed"
        )
    return path


def _download(remote: RemoteFile, target: Path) -> None:
    part = PARTS / f"{remote.name}.part"
    try:
        part.parent.mkdir(parents=True, exist_ok=True)
        target.parent.mkdir(parents=True, exist_ok=True)
        _complete(remote, part)
        digest = file_digest(part)
        if digest == remote.sha256:
            shutil.move(part, target)
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
