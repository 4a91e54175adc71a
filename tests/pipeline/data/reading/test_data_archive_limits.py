"""Archives and files with far more content than images: rejected before all of it is read."""

from __future__ import annotations

import gzip
import io
import random
import struct
import tarfile
import time
import zipfile
import zlib
from pathlib import Path

import pytest

from pipeline.checks import StudyError
from pipeline.data.reading import archive_limits, archives

GB = 1 << 30


def read(path: Path) -> dict[str, bytes | None]:
    return dict(archives.read_files(path, lambda name: True))


def zip_of_zeros(path: Path, sizes: list[int], stated: int | None = None) -> Path:
    """Write a zip whose members unpack to this many zeros, or state a wrong size."""
    packed: dict[int, tuple[bytes, int]] = {}
    for size in set(sizes):
        packer = zlib.compressobj(1, wbits=-15)
        block, parts, crc = bytes(1 << 20), [], 0
        for _ in range(size >> 20):
            parts.append(packer.compress(block))
            crc = zlib.crc32(block, crc)
        packed[size] = (b"".join(parts) + packer.flush(), crc)
    content, directory = b"", b""
    for number, size in enumerate(sizes):
        data, crc = packed[size]
        name = b"cat/%d.png" % number
        sizes_and_name = (crc, len(data), stated or size, len(name), 0)
        common = struct.pack("<HHHHHIIIHH", 20, 0, 8, 0, 0, *sizes_and_name)
        directory += b"PK\x01\x02" + struct.pack("<H", 20) + common
        directory += struct.pack("<HHHII", 0, 0, 0, 0, len(content)) + name
        content += b"PK\x03\x04" + common + name + data
    end = struct.pack("<HHHHIIH", 0, 0, len(sizes), len(sizes), len(directory), len(content), 0)
    path.write_bytes(content + directory + b"PK\x05\x06" + end)
    return path


def tar_of_zeros(path: Path, sizes: list[int]) -> Path:
    """Write a tar.gz whose members *state* their sizes; it contains only 1 MB."""
    with gzip.open(path, "wb", compresslevel=1) as stream:
        for number, size in enumerate(sizes):
            member = tarfile.TarInfo(f"cat/{number}.png")
            member.size = size
            stream.write(member.tobuf(tarfile.GNU_FORMAT))
            stream.write(bytes(min(size, 1 << 20)))
    return path


@pytest.mark.tried(
    "Archives",
    "a small archive with a member of 10 GB",
    "an error that names the member and the limit, before any of it is read",
)
@pytest.mark.parametrize("kind", [".zip", ".tar.gz"])
def test_a_member_that_is_too_large(tmp_path, kind):
    path = tmp_path / f"data{kind}"
    if kind == ".zip":
        zip_of_zeros(path, [1 << 20], stated=300 << 20)
    else:
        tar_of_zeros(path, [300 << 20])
    started = time.process_time()
    with pytest.raises(StudyError, match=r"cat/0\.png has 314,572,800 bytes; expected at most"):
        read(path)
    assert time.process_time() - started < 1


@pytest.mark.tried(
    "Archives",
    "a small archive with thousands of members that unpack to 10 GB and more",
    "an error that gives both sizes and the limit, before that much is read",
)
@pytest.mark.parametrize("kind", [".zip", ".tar.gz", "a sparse tar"])
def test_an_archive_that_is_too_large_in_total(tmp_path, kind):
    path = tmp_path / "data"
    if kind == ".zip":
        zip_of_zeros(path, 200 * [1 << 20], stated=200 << 20)
    elif kind == ".tar.gz":
        tar_of_zeros(path, [2 * GB])
    else:
        sparse = tarfile.TarInfo("cat/0.png")
        sparse.type = tarfile.GNUTYPE_SPARSE
        header = bytearray(sparse.tobuf(tarfile.GNU_FORMAT))
        header[483:495] = b"%011o\0" % (2 * GB)  # its unpacked size
        header[148:156] = b" " * 8
        header[148:156] = b"%06o\0 " % sum(header)
        path.write_bytes(bytes(header) + bytes(1024))
    started = time.process_time()
    with pytest.raises(StudyError, match=r"contains at least .* in a file of .*; expected at most"):
        read(path)
    assert time.process_time() - started < 1


def test_a_wrong_size_is_damage(tmp_path):
    """No more than the stated size is ever unpacked."""
    with pytest.raises(StudyError, match="damaged or truncated"):
        read(zip_of_zeros(tmp_path / "data.zip", [32 << 20], stated=1 << 10))


def test_zeros_after_the_end_of_a_tar(tmp_path, monkeypatch):
    """They are read, because checksums follow them, but not for hours."""
    monkeypatch.setattr(archive_limits, "FREE_BYTES", 1 << 20)
    with gzip.open(tmp_path / "data.tar.gz", "wb", compresslevel=1) as stream:
        stream.write(bytes(64 << 20))
    with pytest.raises(StudyError, match="contains at least"):
        read(tmp_path / "data.tar.gz")


def test_a_header_that_is_too_large(tmp_path):
    """The standard library would keep all of a long name in memory."""
    member = tarfile.TarInfo("././@LongLink")
    member.type, member.size = tarfile.GNUTYPE_LONGNAME, 3 << 20
    content = member.tobuf(tarfile.GNU_FORMAT) + b"a" * (3 << 20) + bytes(1024)
    (tmp_path / "data.tar").write_bytes(content)
    with pytest.raises(StudyError, match="a header of 3,145,728 bytes"):
        read(tmp_path / "data.tar")


def test_a_file_in_a_folder_that_is_too_large(tmp_path):
    with (tmp_path / "0.png").open("wb") as stream:
        stream.truncate(300 << 20)  # takes no disk space
    with pytest.raises(StudyError, match=r"0\.png has 314,572,800 bytes"):
        read(tmp_path)


@pytest.mark.parametrize("kind", [".zip", ".tar.gz", "folder"])
def test_files_that_are_not_read_whole_may_be_large(tmp_path, monkeypatch, kind):
    """The first bytes of a movie, for example, show what it is."""
    monkeypatch.setattr(archive_limits, "MAX_FILE", 1 << 20)
    path = tmp_path / f"data{kind}"
    if kind == ".zip":
        zip_of_zeros(path, [2 << 20])
    elif kind == ".tar.gz":
        with tarfile.open(path, "w:gz") as archive:
            member = tarfile.TarInfo("cat/0.png")
            member.size = 2 << 20
            archive.addfile(member, io.BytesIO(bytes(2 << 20)))
    else:
        (path / "cat").mkdir(parents=True)
        (path / "cat/0.png").write_bytes(bytes(2 << 20))
    heads = []
    files = archives.read_files(path, lambda name: True, lambda *head: heads.append(head))
    assert dict(files) == {"cat/0.png": bytes(512)}
    assert heads == [("cat/0.png", bytes(512))]


def test_an_archive_of_thumbnails_is_far_from_the_limit(tmp_path, monkeypatch):
    """A tar's headers and padding, 1 kB per file, compress to nearly nothing."""
    monkeypatch.setattr(archive_limits, "FREE_BYTES", 0)
    path = tmp_path / "data.tar.xz"
    with tarfile.open(path, "w:xz") as archive:
        for number in range(500):
            member = tarfile.TarInfo(f"cat/{number}.png")
            member.size = 100
            archive.addfile(member, io.BytesIO(random.Random(number).randbytes(100)))
    assert len(read(path)) == 500


def test_a_zip_of_stored_images_is_far_from_the_limit(tmp_path, monkeypatch):
    monkeypatch.setattr(archive_limits, "FREE_BYTES", 0)
    with zipfile.ZipFile(tmp_path / "data.zip", "w") as archive:
        archive.writestr("cat/0.png", bytes(1000))
    assert len(read(tmp_path / "data.zip")) == 1
