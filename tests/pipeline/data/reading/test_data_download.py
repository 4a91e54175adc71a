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
from pipeline.data.reading.download import RemoteFile, find_or_download

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


INCOMING = Path("data/incoming")


def fetch(remote, path=INCOMING) -> Path:
    """Find or download a single file."""
    (found,) = find_or_download([remote], path)
    assert (found.name, found.sha256, found.size) == (remote.name, remote.sha256, remote.size)
    return Path(found.path)


def test_it_is_downloaded_once(server, remote):
    assert fetch(remote) == FINISHED
    assert FINISHED.read_bytes() == CONTENT
    assert not PART.exists()
    assert fetch(remote) == FINISHED
    assert server.ranges == [None]


def test_a_broken_connection_is_resumed(server, remote):
    server.cuts = [150_000, 100_000]
    assert fetch(remote).read_bytes() == CONTENT
    starts = [int(asked.removeprefix("bytes=").removesuffix("-")) for asked in server.ranges[1:]]
    # Whole blocks are kept; at most one block is requested again.
    assert 150_000 - 65_536 < starts[0] <= 150_000
    assert starts[0] < starts[1] <= starts[0] + 100_000
    assert len(starts) == 2


def test_a_later_attempt_resumes_from_the_partial_file(server, remote):
    PART.parent.mkdir(parents=True)
    PART.write_bytes(CONTENT[:123_456])
    assert fetch(remote).read_bytes() == CONTENT
    assert server.ranges == ["bytes=123456-"]


def test_a_server_without_ranges_is_read_from_the_start(server, remote):
    server.understands_ranges = False
    PART.parent.mkdir(parents=True)
    PART.write_bytes(CONTENT[:123_456])
    assert fetch(remote).read_bytes() == CONTENT


def test_a_server_without_ranges_that_always_breaks_is_given_up(server, remote):
    server.understands_ranges = False
    server.cuts = [200_000, 100_000] * 10
    with pytest.raises(StudyError, match="You can put"):
        fetch(remote)
    assert len(server.ranges) == 1 + download.ATTEMPTS


def test_a_partial_file_that_is_too_long_is_downloaded_again(server, remote):
    PART.parent.mkdir(parents=True)
    PART.write_bytes(CONTENT + b"more")
    assert fetch(remote).read_bytes() == CONTENT
    assert server.ranges == [None]


def test_a_complete_partial_file_needs_no_server(server, remote):
    PART.parent.mkdir(parents=True)
    PART.write_bytes(CONTENT)
    assert fetch(remote).read_bytes() == CONTENT
    assert server.ranges == []


def test_a_wrong_download_is_deleted_and_reported(server, remote):
    wrong = replace(remote, sha256="0" * 64)
    Path("data/incoming/other.txt").write_text("a person's")
    with pytest.raises(StudyError, match="deleted") as caught:
        fetch(wrong)
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
        fetch(remote)
    assert all(way in str(caught.value) for way in WAYS_ON)
    assert not FINISHED.exists()


@pytest.mark.parametrize("status", [403, 404, 503])
def test_an_http_error_is_reported(server, remote, status):
    server.status = status
    with pytest.raises(StudyError, match=f"server returned: {status}"):
        fetch(remote)


def test_without_a_network_three_remedies_are_named(server, remote):
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    with pytest.raises(StudyError) as caught:
        fetch(replace(remote, url=f"http://127.0.0.1:{port}/data.bin"))
    assert all(way in str(caught.value) for way in WAYS_ON)
    assert remote.sha256 in str(caught.value)


def test_a_broken_download_is_kept_for_the_next_time(server, remote):
    server.cuts = [200_000, *[0] * 9]
    with pytest.raises(StudyError, match="received and kept"):
        fetch(remote)
    assert CONTENT.startswith(PART.read_bytes())
    assert PART.stat().st_size > 200_000 - 65_536


@pytest.mark.parametrize("place", ["data/incoming/data.bin", "elsewhere/cifar.bin"])
@pytest.mark.parametrize("as_folder", [True, False])
def test_a_placed_file_is_used_where_it_lies(server, remote, place, as_folder):
    placed = Path(place)
    if as_folder:
        placed = placed.with_name("data.bin")
    placed.parent.mkdir(exist_ok=True)
    placed.write_bytes(CONTENT)
    assert fetch(remote, placed.parent if as_folder else placed) == placed
    assert server.ranges == []


@pytest.mark.parametrize("wrong", [b"", b"something else", CONTENT[:-1], CONTENT + b"x"])
def test_a_wrong_placed_file_is_not_changed(server, remote, wrong):
    placed = Path("data/incoming/data.bin")
    placed.write_bytes(wrong)
    with pytest.raises(StudyError) as caught:
        fetch(remote)
    assert placed.read_bytes() == wrong
    message = str(caught.value)
    assert f"{len(wrong):,} bytes" in message
    assert hashlib.sha256(wrong).hexdigest() in message
    assert remote.sha256 in message
    assert ("truncated" in message) == (0 < len(wrong) < len(CONTENT))
    assert server.ranges == []


def test_a_missing_path_is_an_error(server, remote):
    with pytest.raises(StudyError, match=r"there is no typo/data\.bin"):
        fetch(remote, Path("typo/data.bin"))
    assert server.ranges == []


def test_a_log_gets_a_line_per_tenth(server, remote, monkeypatch, capsys):
    monkeypatch.setattr(progress, "QUIET", 0)
    fetch(remote)
    lines = [line for line in capsys.readouterr().out.splitlines() if "downloading" in line]
    assert 5 <= len(lines) <= 10
    assert all("s left" in line for line in lines)
    assert "0.4 of 0.4 MB" in lines[-1]


def test_a_short_download_prints_nothing_in_a_log(server, remote, capsys):
    fetch(remote)
    assert capsys.readouterr().out == ""


# --- several files --------------------------------------------------------------------------------


@pytest.fixture
def four(server, monkeypatch) -> list[RemoteFile]:
    """Four files of one dataset, served by name."""
    contents = {f"part{index}.bin": CONTENT[: 50_000 * (index + 1)] for index in range(4)}
    do_get = Handler.do_GET

    def serve(handler):
        handler.server.content = contents[handler.path.strip("/")]
        do_get(handler)

    monkeypatch.setattr(Handler, "do_GET", serve)
    address = f"http://127.0.0.1:{server.server_port}"
    return [
        RemoteFile(name, f"{address}/{name}", hashlib.sha256(content).hexdigest(), len(content))
        for name, content in contents.items()
    ]


def test_several_files_are_fetched_in_order(server, four):
    found = find_or_download(four, INCOMING)
    assert [file.name for file in found] == [remote.name for remote in four]
    for file, remote in zip(found, four, strict=True):
        assert file.path == f"data/downloads/{remote.name}"
        assert hashlib.sha256(Path(file.path).read_bytes()).hexdigest() == remote.sha256
    assert find_or_download(four, INCOMING) == found
    assert server.ranges == [None] * 4


def test_those_that_are_there_are_not_fetched_again(server, four):
    (INCOMING / four[0].name).write_bytes(CONTENT[:50_000])
    server.cuts = [100_000, 90_000, *[0] * 9]  # the second is whole, the third breaks off
    with pytest.raises(StudyError, match=r"part2\.bin was not found, .* kept; run the command"):
        find_or_download(four, INCOMING)
    server.cuts, server.ranges = [], []
    found = find_or_download(four, INCOMING)
    folders = [Path(file.path).parent.as_posix() for file in found]
    assert folders == ["data/incoming", *["data/downloads"] * 3]
    (resumed, fresh) = server.ranges
    assert resumed.startswith("bytes=")
    assert fresh is None


def test_a_wrong_one_among_several_is_named(server, four):
    (INCOMING / four[2].name).write_bytes(b"something else")
    with pytest.raises(StudyError, match=r"data/incoming/part2\.bin is not part2\.bin"):
        find_or_download(four, INCOMING)


def test_several_files_are_looked_for_in_a_folder(server, four):
    placed = INCOMING / "all.zip"
    placed.write_bytes(b"")
    with pytest.raises(StudyError, match=r"expected a folder that contains part0\.bin, part1\.bin"):
        find_or_download(four, placed)
    assert server.ranges == []


def test_each_of_several_has_its_own_progress(server, four, monkeypatch, capsys):
    monkeypatch.setattr(progress, "QUIET", 0)
    find_or_download(four, INCOMING)
    lines = capsys.readouterr().out.splitlines()
    assert all(any(f"downloading {remote.name}" in line for line in lines) for remote in four)
