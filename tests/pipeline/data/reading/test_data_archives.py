"""Reading folders and archives: everything except hidden files, and no damage is ignored."""

from __future__ import annotations

import gzip
import io
import lzma
import os
import random
import struct
import subprocess
import tarfile
import time
import zipfile
from pathlib import Path

import pytest

from pipeline.checks import StudyError
from pipeline.data.reading import archives

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
def test_every_file_is_read_once_and_completely(tmp_path, kind, form):
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


@pytest.mark.tried(
    "Archives",
    "paths that lead out of the archive, by ../ or by a slash in front",
    "an error, or the same path inside; nothing is written",
)
@pytest.mark.parametrize("kind", KINDS)
def test_names_cannot_leave_the_archive(tmp_path, kind):
    path = pack(tmp_path / f"data{kind}", {"/absolute.bin": b"2", "./here.bin": b"3"})
    assert read(path) == {"absolute.bin": b"2", "here.bin": b"3"}
    with pytest.raises(StudyError, match=r"\.\./outside\.bin, a path that leads out"):
        read(pack(path, {"a/../../outside.bin": b"1"}))
    assert [path.name for path in tmp_path.iterdir()] == [f"data{kind}"]


TWINS = {
    "the same name twice": ("cat/0.bin", "cat/0.bin"),
    "a slash in front": ("cat/0.bin", "/cat/0.bin"),
    "a dot in front": ("./cat/0.bin", "cat/0.bin"),
    "a doubled slash": ("cat//0.bin", "cat/0.bin"),
    "two spellings in Unicode": ("caf\u00e9/0.bin", "cafe\u0301/0.bin"),
}


@pytest.mark.tried("Archives", "two members of the same name", "an error that names both")
@pytest.mark.parametrize("twins", TWINS)
@pytest.mark.parametrize("kind", [".zip", ".tar", ".tar.gz"])
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_duplicate_names_are_rejected(tmp_path, kind, twins):
    path = tmp_path / f"data{kind}"
    first, second = TWINS[twins]
    if kind == ".zip":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr(first, b"1")
            archive.writestr(second, b"2")
    else:
        with tarfile.open(path, f"w:{'gz' if kind.endswith('gz') else ''}") as archive:
            for name in (first, second):
                member = tarfile.TarInfo(name)
                member.size = 1
                archive.addfile(member, io.BytesIO(b"1"))
    with pytest.raises(StudyError, match=r"found .*expected each file once") as caught:
        read(path)
    assert second in str(caught.value)


@pytest.mark.parametrize("kind", [".zip", ".tar", "folder"])
def test_two_spellings_of_a_folder_are_one(tmp_path, kind):
    files = {"caf\u00e9/0.bin": b"0", "cafe\u0301/1.bin": b"1"}
    path = tmp_path / f"data{kind}"
    if kind == "folder":
        for name, content in files.items():
            (path / name).parent.mkdir(parents=True, exist_ok=True)
            (path / name).write_bytes(content)
    else:
        pack(path, files)
    assert read(path) == {"caf\u00e9/0.bin": b"0", "caf\u00e9/1.bin": b"1"}


@pytest.mark.tried(
    "Archives", "a file name in Latin-1 instead of UTF-8", "an error that shows the name, escaped"
)
@pytest.mark.parametrize("kind", [".zip", "flagged.zip", ".tar", ".tar.gz"])
def test_names_that_are_not_utf8_are_shown(tmp_path, kind):
    """A zip may or may not mark its names as UTF-8."""
    path = tmp_path / f"data{kind}"
    if path.suffix == ".zip":
        whole = pack(path, {"cat/caf\u00e9.bin": b"1"}).read_bytes()
        whole = whole.replace("\u00e9".encode(), b"\xe9!")
        for head, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
            if "flagged" not in kind:
                at = whole.index(head) + flags
                whole = whole[:at] + bytes([0, whole[at + 1] & ~8]) + whole[at + 2 :]
        path.write_bytes(whole)
    else:
        pack(path, {"cat/caf\udce9.bin": b"1"}, tarfile.GNU_FORMAT)
    with pytest.raises(StudyError, match=r"cat/caf\\xe9!?\.bin, a name that is not UTF-8"):
        read(path)


def test_utf8_in_a_zip_needs_no_flag(tmp_path):
    whole = pack(tmp_path / "data.zip", {"caf\u00e9.bin": b"1"}).read_bytes()
    for head, flags in ((b"PK\x03\x04", 7), (b"PK\x01\x02", 9)):
        at = whole.index(head) + flags
        whole = whole[:at] + bytes([whole[at] & ~8]) + whole[at + 1 :]
    (tmp_path / "data.zip").write_bytes(whole)
    assert read(tmp_path / "data.zip") == {"caf\u00e9.bin": b"1"}


def test_backslashes_from_windows_are_understood(tmp_path):
    assert read(pack(tmp_path / "data.zip", {"train\\cat\\1.bin": b"1"})) == {
        "train/cat/1.bin": b"1"
    }


def test_links_in_an_archive_have_no_contents(tmp_path):
    """All links are included, because one may stand for a folder, whatever its name."""
    with tarfile.open(tmp_path / "data.tar", "w") as archive:
        for name, kind in (("soft", tarfile.SYMTYPE), ("hard", tarfile.LNKTYPE)):
            member = tarfile.TarInfo(name)
            member.type, member.linkname = kind, "/etc/passwd"
            archive.addfile(member)
    assert read(tmp_path / "data.tar", lambda name: False) == {"soft": None, "hard": None}
    with zipfile.ZipFile(tmp_path / "data.zip", "w") as zipped:
        link = zipfile.ZipInfo("val")
        link.create_system, link.external_attr = 3, 0o120777 << 16
        zipped.writestr(link, "../elsewhere")
    assert read(tmp_path / "data.zip", lambda name: False) == {"val": None}


@pytest.mark.parametrize("kind", KINDS)
def test_no_truncation_is_missed(tmp_path, kind):
    """A truncated archive is an error, unless all files can be read (a tar ends in padding)."""
    whole = pack(tmp_path / f"data{kind}", FILES).read_bytes()
    cut = tmp_path / f"cut{kind}"
    # The lengths include the end of every block, where tarfile alone sees a proper end.
    messages = []
    for length in range(512, len(whole) - 1, 512):
        cut.write_bytes(whole[:length])
        try:
            assert read(cut) == FILES, length
            assert kind == ".tar"
        except StudyError as error:
            messages.append(str(error))
    assert len(messages) >= 10
    assert all("damaged or truncated" in message for message in messages)
    assert cut.exists()


def damaged(content: bytes, draw: random.Random) -> bytes:
    """Damage an archive at random: change bytes or a length, cut it, or swap parts."""
    found = bytearray(content)
    at, kind = draw.randrange(len(found)), draw.randrange(5)
    if kind == 0:
        found[at] ^= 1 << draw.randrange(8)
    elif kind == 1:
        del found[at:]
    elif kind == 2:
        found[at : at + draw.randrange(600)] = draw.randbytes(draw.randrange(600))
    elif kind == 3:
        found[at:at] = found[: draw.randrange(len(found))]
    else:
        sizes = (0, 1, 10**9, 2**31 - 1, 2**32 - 1, draw.getrandbits(32))
        found[at : at + 4] = struct.pack("<I", draw.choice(sizes))
    return bytes(found)


@pytest.mark.tried(
    "Archives",
    "random damage: bytes and lengths changed, parts cut out, doubled and moved",
    "an error in plain words, or the right files; never another error, within a second",
)
@pytest.mark.parametrize("kind", KINDS)
def test_random_damage_is_never_a_traceback(tmp_path, kind, trials):
    files = {name: content[:400] for name, content in FILES.items()}
    whole = pack(tmp_path / f"data{kind}", files).read_bytes()
    path = tmp_path / f"damaged{kind}"
    draw = random.Random(0)
    errors = 0
    for _ in range(100):
        path.write_bytes(damaged(whole, draw))
        started = time.process_time()
        try:
            found = read(path)
        except StudyError:
            errors += 1
        else:
            # A plain tar has no checksum of contents; all other damage is detected.
            assert found == files or kind == ".tar"
        assert time.process_time() - started < 1
    trials(100)
    assert errors > 30


@pytest.mark.tried(
    "Archives",
    "tar headers with a right checksum and a wrong size, kind or name",
    "an error in plain words, or other files; never another error, within a second",
)
@pytest.mark.parametrize("kind", [".tar", ".tar.gz"])
def test_wrong_tar_headers_are_never_a_traceback(tmp_path, kind, trials):
    whole = pack(tmp_path / "data.tar", FILES).read_bytes()
    path = tmp_path / f"wrong{kind}"
    draw = random.Random(0)
    errors = 0
    for _ in range(150):
        content = bytearray(whole)
        at = 512 * draw.randrange(len(content) // 1024)
        header = content[at : at + 512]
        sizes = (0, 1, 511, 10**6, 2 * 10**9, 8**11 - 1)
        octal, binary = b"%011o\0" % draw.choice(sizes), bytes([255]) + draw.randbytes(11)
        header[124:136] = draw.choice((octal, binary))
        header[156:157] = bytes([draw.choice(b"0000123456789LKxgXSVDMN")])
        header[148:156] = b" " * 8
        header[148:156] = b"%06o\0 " % sum(header)
        content[at : at + 512] = header
        path.write_bytes(gzip.compress(content, 1) if kind == ".tar.gz" else content)
        started = time.process_time()
        try:
            read(path)
        except StudyError:
            errors += 1
        assert time.process_time() - started < 1
    trials(150)
    assert errors > 30


def chain_of_long_names(count: int) -> bytes:
    """Return a tar in which each header announces a longer name for the next one."""
    member = tarfile.TarInfo("././@LongLink")
    member.type, member.size = tarfile.GNUTYPE_LONGNAME, 4
    return count * (member.tobuf(tarfile.GNU_FORMAT) + b"abc".ljust(512, b"\0"))


def test_a_chain_of_headers_is_damage(tmp_path):
    (tmp_path / "data.tar").write_bytes(chain_of_long_names(2000))
    with pytest.raises(StudyError, match="damaged or truncated"):
        read(tmp_path / "data.tar")


def test_a_damaged_header_is_not_the_end_of_a_tar(tmp_path):
    path = pack(tmp_path / "data.tar", {f"{n}.bin": b"x" * 512 for n in range(5)})
    content = bytearray(path.read_bytes())
    content[2 * 1024 + 3] ^= 1  # inside the name of the third member
    path.write_bytes(content)
    with tarfile.open(path) as archive:
        assert len(archive.getnames()) == 2  # the standard library does not notice
    with pytest.raises(StudyError, match="damaged"):
        read(path)


@pytest.mark.tried(
    "Archives",
    "a wrong length or a wrong name in a zip's directory, which has no checksum",
    "an error that names the file, where files would be lost",
)
def test_a_damaged_directory_of_a_zip_is_not_its_end(tmp_path):
    path = pack(tmp_path / "data.zip", {f"{n}.bin": b"x" for n in range(9)})
    whole = path.read_bytes()
    entry = whole.index(b"PK\x01\x02")
    swallowed = bytearray(whole)
    swallowed[entry + 32] = 5 * (46 + len("0.bin"))  # the length of a comment
    path.write_bytes(swallowed)
    with zipfile.ZipFile(path) as archive:
        assert len(archive.namelist()) == 4  # the standard library does not notice
    with pytest.raises(StudyError, match="lists 4 files; expected 9"):
        read(path)
    path.write_bytes(whole[: entry + 46] + b"0.txt" + whole[entry + 51 :])
    with pytest.raises(StudyError, match="damaged"):
        read(path, lambda name: name.endswith(".bin"))


def test_the_files_of_a_zip_may_be_counted_in_64_bits(tmp_path, monkeypatch):
    """This happens from 65,535 files on, when the short field is full."""
    monkeypatch.setattr(zipfile, "ZIP_FILECOUNT_LIMIT", 3)
    files = {f"{n}.bin": b"x" for n in range(5)}
    path = pack(tmp_path / "data.zip", files)
    content = bytearray(path.read_bytes())
    end = content.rindex(b"PK\x05\x06")
    content[end + 8 : end + 12] = b"\xff" * 4
    path.write_bytes(content)
    assert read(path) == files


def test_an_encrypted_zip_is_reported(tmp_path):
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
        (b"hello", "not a supported archive"),
        (b"Rar!\x1a\x07\x00", "a RAR archive"),
        (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive"),
        (b"\x89PNG\r\n", "a PNG image"),
        (b"<!DOCTYPE html>", "a web page"),
        (b"version https://git-lfs.github.com/spec/v1", "a Git LFS pointer"),
        (gzip.compress(b"\0" * 4 + b"digits" * 300), "gzip file has no complete tar"),
        (lzma.compress(b"digits" * 300), "xz file has no complete tar"),
        (lzma.compress(b""), "xz file has no complete tar"),
    ],
    # Not generated from the contents, because gzip writes the time and test names must be stable.
    ids=["empty", "text", "RAR", "7-Zip", "PNG", "HTML", "LFS", "gzip", "xz", "empty xz"],
)
def test_another_kind_of_file_is_reported(tmp_path, content, message):
    path = tmp_path / "data.zip"
    path.write_bytes(content)
    with pytest.raises(StudyError, match=message):
        read(path)


def test_the_kind_depends_on_the_content_not_the_name(tmp_path):
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


def test_the_digest_of_a_folder_depends_on_names_and_contents(tmp_path):
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
