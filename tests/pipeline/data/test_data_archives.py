"""Reading folders and archives: everything, nothing hidden, and no damage passed over."""

from __future__ import annotations

import gzip
import io
import lzma
import os
import random
import subprocess
import tarfile
import zipfile
from pathlib import Path

import pytest

from pipeline.checks import StudyError
from pipeline.data import archives

FILES = {
    f"train/{name}/{number}.bin": random.Random(f"{name}{number}").randbytes(500 * number)
    for name in ("ant", "bée", "c" * 90)
    for number in range(4)
}
KINDS = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.xz", ".tar.bz2")


def pack(path: Path, files: dict[str, bytes], form: int = tarfile.PAX_FORMAT) -> Path:
    if path.suffix == ".zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, content in files.items():
                archive.writestr(name, content)
        return path
    mode = {".tar": "w", ".tgz": "w:gz"}.get(path.suffix, f"w:{path.suffix[1:]}")
    with tarfile.open(path, mode, format=form) as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return path


def read(path: Path, wanted=lambda name: True) -> dict[str, bytes | None]:
    return dict(archives.read_files(path, wanted))


@pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
@pytest.mark.parametrize("kind", KINDS)
def test_every_file_comes_once_and_whole(tmp_path, kind, form):
    files = {name: content for name, content in FILES.items() if "c" * 90 not in name}
    files = files if form == tarfile.USTAR_FORMAT else FILES
    assert read(pack(tmp_path / f"data{kind}", files, form)) == files


def test_a_folder_gives_the_same(tmp_path):
    for name, content in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(content)
    assert read(tmp_path) == FILES
    assert list(read(tmp_path)) == sorted(FILES)


@pytest.mark.parametrize("kind", [*KINDS, "folder"])
def test_hidden_and_unwanted_files_are_left_out(tmp_path, kind):
    files = {
        "a/1.bin": b"1",
        "a/._1.bin": b"mac",
        "__MACOSX/a/1.bin": b"mac",
        ".git/a/1.bin": b"git",
        "a/Thumbs.db": b"windows",
        "a/notes.txt": b"text",
    }
    path = tmp_path / "data"
    if kind == "folder":
        for name, content in files.items():
            (path / name).parent.mkdir(parents=True, exist_ok=True)
            (path / name).write_bytes(content)
    else:
        path = pack(tmp_path / f"data{kind}", files)
    assert read(path, lambda name: not name.endswith(".txt")) == {"a/1.bin": b"1"}


@pytest.mark.parametrize("kind", KINDS)
def test_names_lead_nowhere(tmp_path, kind):
    files = {"../../outside.bin": b"1", "/absolute.bin": b"2", "./here.bin": b"3"}
    found = read(pack(tmp_path / f"data{kind}", files))
    assert found == {"../../outside.bin": b"1", "absolute.bin": b"2", "here.bin": b"3"}
    assert [path.name for path in tmp_path.iterdir()] == [f"data{kind}"]


def test_back_slashes_of_windows_are_understood(tmp_path):
    assert read(pack(tmp_path / "data.zip", {"train\\cat\\1.bin": b"1"})) == {
        "train/cat/1.bin": b"1"
    }


def test_links_in_a_tar_are_given_without_contents(tmp_path):
    with tarfile.open(tmp_path / "data.tar", "w") as archive:
        for name, kind in (("soft.bin", tarfile.SYMTYPE), ("hard.bin", tarfile.LNKTYPE)):
            member = tarfile.TarInfo(name)
            member.type, member.linkname = kind, "/etc/passwd"
            archive.addfile(member)
    assert read(tmp_path / "data.tar") == {"soft.bin": None, "hard.bin": None}


def test_linked_folders_are_followed_once(tmp_path):
    (tmp_path / "data/cat").mkdir(parents=True)
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere/2.bin").write_bytes(b"2")
    (tmp_path / "data/cat/1.bin").write_bytes(b"1")
    (tmp_path / "data/dog").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "data/cat/round").symlink_to(tmp_path / "data")
    assert read(tmp_path / "data") == {"cat/1.bin": b"1", "dog/2.bin": b"2"}


@pytest.mark.parametrize("kind", KINDS)
def test_no_cut_passes(tmp_path, kind):
    """Wherever an archive is cut: an error, or all files (the tail of a tar is padding)."""
    whole = pack(tmp_path / f"data{kind}", FILES).read_bytes()
    cut = tmp_path / f"cut{kind}"
    # Every block's end is among the lengths, where tarfile by itself sees an archive's proper end.
    messages = []
    for length in range(512, len(whole) - 1, 512):
        cut.write_bytes(whole[:length])
        try:
            assert read(cut) == FILES, length
            assert kind == ".tar"
        except StudyError as error:
            messages.append(str(error))
    assert len(messages) >= 10
    assert all("damaged or cut short" in message for message in messages)
    assert cut.exists()


@pytest.mark.parametrize("kind", KINDS)
def test_random_damage_is_never_a_traceback(tmp_path, kind):
    whole = pack(tmp_path / f"data{kind}", FILES).read_bytes()
    damaged = tmp_path / f"damaged{kind}"
    draw = random.Random(0)
    errors = 0
    for _ in range(60):
        content = bytearray(whole)
        content[draw.randrange(8, len(content))] ^= 1 << draw.randrange(8)
        damaged.write_bytes(content)
        try:
            found = read(damaged)
        except StudyError:
            errors += 1
        else:
            # A plain tar has no checksum over contents; all else is told apart.
            assert found == FILES or kind == ".tar"
    assert errors > (1 if kind == ".tar" else 30)


def test_a_damaged_header_is_not_the_end_of_a_tar(tmp_path):
    path = pack(tmp_path / "data.tar", {f"{n}.bin": b"x" * 512 for n in range(5)})
    content = bytearray(path.read_bytes())
    content[2 * 1024 + 3] ^= 1  # inside the name of the third member
    path.write_bytes(content)
    with tarfile.open(path) as archive:
        assert len(archive.getnames()) == 2  # the standard library says nothing
    with pytest.raises(StudyError, match="damaged"):
        read(path)


def test_an_encrypted_zip_is_said(tmp_path):
    path = pack(tmp_path / "data.zip", {"a.bin": b"1" * 100})
    content = bytearray(path.read_bytes())
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        content[content.index(signature) + offset] |= 1
    path.write_bytes(content)
    with pytest.raises(StudyError, match="encrypted"):
        read(path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "an empty file"),
        (b"hello", "no archive that is known here"),
        (b"Rar!\x1a\x07\x00", "a RAR archive"),
        (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive"),
        (b"\x89PNG\r\n", "a PNG image"),
        (b"<!DOCTYPE html>", "a web page"),
        (b"version https://git-lfs.github.com/spec/v1", "a Git LFS pointer"),
        (gzip.compress(b"\0" * 4 + b"digits" * 300), "gzip file holds no whole tar"),
        (lzma.compress(b"digits" * 300), "xz file holds no whole tar"),
        (lzma.compress(b""), "xz file holds no whole tar"),
    ],
    # Not made from the contents: gzip writes the time into them, and tests need names that last.
    ids=["empty", "text", "RAR", "7-Zip", "PNG", "HTML", "LFS", "gzip", "xz", "empty xz"],
)
def test_another_kind_of_file_is_said(tmp_path, content, message):
    path = tmp_path / "data.zip"
    path.write_bytes(content)
    with pytest.raises(StudyError, match=message):
        read(path)


def test_the_kind_is_in_the_file_not_in_its_name(tmp_path):
    path = pack(tmp_path / "data.tar.xz", FILES)
    assert read(path.rename(tmp_path / "data.zip")) == FILES


def test_the_digest_of_a_folder_is_that_of_sha256sum(tmp_path):
    for name, content in FILES.items():
        (tmp_path / "data" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "data" / name).write_bytes(content)
    names = sorted(FILES)
    environment = os.environ | {"LC_ALL": "C.UTF-8"}
    run = {"cwd": tmp_path / "data", "env": environment, "check": True, "capture_output": True}
    listed = subprocess.run(["sha256sum", *names], **run).stdout
    (tmp_path / "list").write_bytes(listed)
    expected = subprocess.run(["sha256sum", tmp_path / "list"], **run).stdout.split()[0]
    digest, size = archives.digest_of(tmp_path / "data", lambda name: True)
    assert digest == expected.decode()
    assert size == sum(map(len, FILES.values()))


def test_the_digest_of_a_folder_hangs_on_names_and_contents(tmp_path):
    def digest(**files):
        folder = tmp_path / "data"
        for name in ("a", "b", "c"):
            (folder / name).unlink(missing_ok=True)
        folder.mkdir(exist_ok=True)
        for name, content in files.items():
            (folder / name).write_bytes(content)
        return archives.digest_of(folder, lambda name: name != "c")[0]

    first = digest(a=b"1", b=b"2")
    assert digest(b=b"2", a=b"1") == first
    assert digest(a=b"1", b=b"2", c=b"3") == first
    assert len({first, digest(a=b"2", b=b"1"), digest(a=b"12", b=b""), digest(a=b"1")}) == 4
