"""Downloads from a local server that disconnects, refuses ranges, or lies."""

from __future__ import annotations

import hashlib
import http.server
import socket
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pipeline.checks import StudyError
from pipeline.data.reading import download, progress
from pipeline.data.reading.download import RemoteFile, downloaded

CONTENT = np.random.default_rng(0).bytes(400_000)
PART = Path(".resume/downloads/data.bin.part")
FINISHED = Path("data/downloads/data.bin")
WAYS_ON = ("data/incoming", "dataset.path", "make demo")


class Server(http.server.ThreadingHTTPServer):
    """Serves `content`; each request stops after the next number of bytes in `cuts`, if any."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.content = CONTENT
        self.cuts: list[int] = []
        self.ranges: list[str | None] = []
        self.understands_ranges = True
        self.says_length = True
        self.status: int | None = None


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        asked = self.headers.get("Range")
        self.server.ranges.append(asked)
        if self.server.status:
            self.send_error(self.server.status)
            return
        start = int(asked.removeprefix("bytes=").removesuffix("-")) if asked else 0
        start = start if self.server.understands_ranges else 0
        if start >= len(self.server.content):
            self.send_error(416)
            return
        self.send_response(206 if start else 200)
        body = self.server.content[start:]
        if self.server.says_length:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[: self.server.cuts.pop(0)] if self.server.cuts else body)

    def log_message(self, *_):
        pass


@pytest.fixture
def server(study_folder, monkeypatch):
    monkeypatch.setattr(download, "PAUSE", 0)
    monkeypatch.setenv("no_proxy", "*")
    Path("data/incoming").mkdir(parents=True)
    with Server() as running:
        thread = threading.Thread(target=running.serve_forever, args=(0.01,))
        thread.start()
        yield running
        running.shutdown()
        thread.join()


@pytest.fixture
def remote(server) -> RemoteFile:
    return RemoteFile(
        name="data.bin",
        url=f"http://127.0.0.1:{server.server_port}/data.bin",
        sha256=hashlib.sha256(CONTENT).hexdigest(),
        size=len(CONTENT),
    )


def test_it_is_downloaded_once(server, remote):
    assert downloaded(remote) == FINISHED
    assert FINISHED.read_bytes() == CONTENT
    assert not PART.exists()
    assert downloaded(remote) == FINISHED
    assert server.ranges == [None]


def test_a_broken_connection_is_resumed(server, remote):
    server.cuts = [150_000, 100_000]
    assert downloaded(remote).read_bytes() == CONTENT
    starts = [int(asked.removeprefix("bytes=").removesuffix("-")) for asked in server.ranges[1:]]
    # Whole blocks are kept; at most one block is requested again.
    assert 150_000 - 65_536 < starts[0] <= 150_000
    assert starts[0] < starts[1] <= starts[0] + 100_000
    assert len(starts) == 2


def test_a_later_attempt_resumes_from_the_partial_file(server, remote):
    PART.parent.mkdir(parents=True)
    PART.write_bytes(CONTENT[:123_456])
    assert downloaded(remote).read_bytes() == CONTENT
    assert server.ranges == ["bytes=123456-"]


def test_a_server_without_ranges_is_read_from_the_start(server, remote):
    server.understands_ranges = False
    PART.parent.mkdir(parents=True)
    PART.write_bytes(CONTENT[:123_456])
    assert downloaded(remote).read_bytes() == CONTENT


def test_a_server_without_ranges_that_always_breaks_is_given_up(server, remote):
    server.understands_ranges = False
    server.cuts = [200_000, 100_000] * 10
    with pytest.raises(StudyError, match="You can put"):
        downloaded(remote)
    assert len(server.ranges) == 1 + download.ATTEMPTS


def test_a_partial_file_that_is_too_long_is_downloaded_again(server, remote):
    PART.parent.mkdir(parents=True)
    PART.write_bytes(CONTENT + b"more")
    assert downloaded(remote).read_bytes() == CONTENT
    assert server.ranges == [None]


def test_a_complete_partial_file_needs_no_server(server, remote):
    PART.parent.mkdir(parents=True)
    PART.write_bytes(CONTENT)
    assert downloaded(remote).read_bytes() == CONTENT
    assert server.ranges == []


def test_a_wrong_download_is_deleted_and_reported(server, remote):
    wrong = replace(remote, sha256="0" * 64)
    Path("data/incoming/other.txt").write_text("a person's")
    with pytest.raises(StudyError, match="deleted") as caught:
        downloaded(wrong)
    assert remote.sha256 in str(caught.value)
    assert "0" * 64 in str(caught.value)
    assert not PART.exists()
    assert not FINISHED.exists()
    assert Path("data/incoming/other.txt").exists()


@pytest.mark.parametrize("says_length", [True, False])
@pytest.mark.parametrize("content", [b"<html>please log in</html>", CONTENT * 2])
def test_another_file_is_not_stored(server, remote, content, says_length):
    server.content, server.says_length = content, says_length
    with pytest.raises(StudyError) as caught:
        downloaded(remote)
    assert all(way in str(caught.value) for way in WAYS_ON)
    assert not FINISHED.exists()


@pytest.mark.parametrize("status", [403, 404, 503])
def test_an_http_error_is_reported(server, remote, status):
    server.status = status
    with pytest.raises(StudyError, match=f"server returned: {status}"):
        downloaded(remote)


def test_without_a_network_three_remedies_are_named(server, remote):
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    with pytest.raises(StudyError) as caught:
        downloaded(replace(remote, url=f"http://127.0.0.1:{port}/data.bin"))
    assert all(way in str(caught.value) for way in WAYS_ON)
    assert remote.sha256 in str(caught.value)


def test_a_broken_download_is_kept_for_the_next_time(server, remote):
    server.cuts = [200_000, *[0] * 9]
    with pytest.raises(StudyError, match="received and kept"):
        downloaded(remote)
    assert CONTENT.startswith(PART.read_bytes())
    assert PART.stat().st_size > 200_000 - 65_536


@pytest.mark.parametrize("wrong", [b"", b"something else", CONTENT[:-1], CONTENT + b"x"])
def test_a_damaged_finished_download_is_not_changed(server, remote, wrong):
    FINISHED.parent.mkdir(parents=True)
    FINISHED.write_bytes(wrong)
    with pytest.raises(StudyError) as caught:
        downloaded(remote)
    assert FINISHED.read_bytes() == wrong
    message = str(caught.value)
    assert f"{len(wrong):,} bytes" in message
    assert hashlib.sha256(wrong).hexdigest() in message
    assert remote.sha256 in message
    assert ("truncated" in message) == (0 < len(wrong) < len(CONTENT))
    assert server.ranges == []


def test_a_log_gets_a_line_per_tenth(server, remote, monkeypatch, capsys):
    monkeypatch.setattr(progress, "QUIET", 0)
    downloaded(remote)
    lines = [line for line in capsys.readouterr().out.splitlines() if "downloading" in line]
    assert 5 <= len(lines) <= 10
    assert all("s left" in line for line in lines)
    assert "0.4 of 0.4 MB" in lines[-1]


def test_a_short_download_prints_nothing_in_a_log(server, remote, capsys):
    downloaded(remote)
    assert capsys.readouterr().out == ""
