"""Published files in folders and archives of every kind, and everything that is not quite them."""

from __future__ import annotations

import hashlib
import io
import os
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.checks import StudyError
from pipeline.data.reading import archive_limits
from pipeline.data.reading import published as module
from pipeline.data.reading.download import RemoteFile
from pipeline.data.reading.published import Published, obtain

CONTENTS = {f"part_{index}": bytes([index]) * (1000 + index) for index in range(3)}
INCOMING = Path("data/incoming")
Members = dict[str, bytes]


def md5(content: bytes) -> str:
    return hashlib.md5(content).hexdigest()


RECORD = Published(
    title="FIGURES",
    md5={name: md5(content) for name, content in CONTENTS.items()},
    folder="figures-py",
    archive=RemoteFile("figures.tar.gz", "https://example.org/f", "0" * 64, 9, "1" * 32),
)
PACKED = {f"figures-py/{name}": content for name, content in CONTENTS.items()}


def folder(path: Path, members: Members) -> None:
    for name, content in members.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_bytes(content)


def tar(path: Path, members: Members) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    mode = {".gz": "w:gz", ".xz": "w:xz", ".bz2": "w:bz2", ".tgz": "w:gz"}.get(path.suffix, "w")
    with tarfile.open(path, mode) as archive:
        for name, content in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))


def zipped(path: Path, members: Members) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)


def place(path: Path, members: Members) -> None:
    """Write files into a folder or an archive, by the path's suffix."""
    write = zipped if path.suffix == ".zip" else tar if path.suffix else folder
    write(path, members)


@pytest.fixture(autouse=True)
def incoming(study_folder, monkeypatch):
    INCOMING.mkdir(parents=True)
    monkeypatch.setattr(module, "downloaded", download)
    return INCOMING


def download(remote: RemoteFile) -> Path:
    raise StudyError(f"downloading {remote.name}")


def get(path: Path = INCOMING, may_download: bool = True) -> dict[str, bytes]:
    return obtain(RECORD, path, may_download)


def state() -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in Path().rglob("*") if path.is_file()}


def refused(path: Path = INCOMING) -> str:
    """Return the message of the error; nothing may change on the disk."""
    before = state()
    with pytest.raises(StudyError) as caught:
        get(path)
    assert state() == before
    return str(caught.value)


WRAPPINGS = {
    "": CONTENTS,
    "figures-py": CONTENTS,
    "any/name": CONTENTS,
    "figures": PACKED,  # an archive unpacked into a folder of its name
    "figures-py/figures-py": CONTENTS,
    "figures.tar.gz": PACKED,
    "any.tar": PACKED,
    "any.tgz": CONTENTS,
    "any.tar.xz": {f"./around/{name}": content for name, content in PACKED.items()},
    "any.tar.bz2": PACKED,
    "archive.zip": PACKED,
    "any/other.zip": PACKED,
}


@pytest.mark.parametrize("there", [INCOMING, Path("elsewhere")])
@pytest.mark.parametrize("name", WRAPPINGS)
def test_any_wrapping_gives_the_same(name, there):
    place(there / name, WRAPPINGS[name] | {"readme.html": b"<html>", "._part_1": b"AppleDouble"})
    if there != INCOMING and Path(name).suffix:
        assert get(there / name) == CONTENTS
    assert get(there) == CONTENTS
    assert list(get(there)) == list(get(there, may_download=False))


def test_a_folder_may_be_a_link():
    folder(Path("elsewhere"), CONTENTS)
    (INCOMING / "figures-py").symlink_to(Path("elsewhere").resolve())
    assert get() == CONTENTS


def test_incoming_comes_first_then_the_path_then_a_download(monkeypatch, capsys):
    Path("mine").mkdir()
    assert "downloading" in refused()
    tar(Path("download.tar.gz"), PACKED)
    monkeypatch.setattr(module, "downloaded", lambda remote: Path("download.tar.gz"))
    for found, path in (
        ("download.tar.gz", INCOMING),
        ("mine/any.zip", Path("mine")),
        ("data/incoming/figures-py", Path("mine")),
    ):
        if found != "download.tar.gz":
            place(Path(found), CONTENTS)
        assert get(path) == CONTENTS
        assert f"3 verified files in {found}\n" in capsys.readouterr().out


def test_other_data_do_not_matter(capsys):
    """Those of other studies: images, another dataset, even what cannot be opened."""
    zipped(INCOMING / "flowers.zip", {"train/rose/1.jpg": b"\xff\xd8\xff"})
    folder(INCOMING / "mine", {"train/rose/1.jpg": b"\xff\xd8\xff"})
    (INCOMING / "cut.zip").write_bytes(b"PK\x03\x04")
    (INCOMING / "page.tar.gz").write_bytes(b"<html>")
    assert "downloading" in refused()
    assert "cut.zip was not searched for FIGURES: " in capsys.readouterr().out
    tar(INCOMING / "z.tar.gz", PACKED)
    assert get() == CONTENTS


CHANGED = CONTENTS["part_1"][:-1] + b"x"
LARGE = b"another" * 1000
LARGE_MD5 = md5(LARGE)
BAD: dict[str, tuple[Callable[[Members], Members], str]] = {
    "one byte": (
        lambda m: m | {"part_1": CHANGED},
        f"part_1 of 1,001 bytes with the MD5 {md5(CHANGED)}; expected {RECORD.md5['part_1']}",
    ),
    "two of three": (
        lambda m: {name: m[name] for name in ("part_0", "part_2")},
        f"no part_1; expected one with the MD5 {RECORD.md5['part_1']}",
    ),
    "cut short": (lambda m: m | {"part_2": m["part_2"][:500]}, "part_2 of 500 bytes with the MD5"),
    "empty files": (lambda m: dict.fromkeys(m, b""), "part_0 of 0 bytes with the MD5"),
    "another": (
        lambda m: m | {"part_0": LARGE},
        f"part_0 of 7,000 bytes with the MD5 {md5(LARGE)}",
    ),
}


@pytest.mark.tried(
    "Files",
    "CIFAR-10 with a changed byte, a missing or truncated file, or twice in one archive; another "
    "dataset or an empty folder under its name; a truncated archive: wrapped in any way",
    "an error with each file's checksum and the official one; nothing is read, changed or run",
)
@pytest.mark.parametrize("wrapping", ["", "figures-py", "figures.tar.gz", "any.zip"])
@pytest.mark.parametrize("what", BAD)
def test_changed_files_are_refused(what, wrapping):
    change, message = BAD[what]
    place(INCOMING / wrapping, change(dict(CONTENTS)))
    reported = refused()
    assert f"{INCOMING / wrapping} is not FIGURES as published: found " in reported
    assert message in reported
    assert "Nothing in it was used or changed. Replace it with figures.tar.gz from" in reported


@pytest.mark.parametrize("content", [PACKED, {"figures-py/part_1": b"another"}])
@pytest.mark.parametrize("name", ["figures.tar.gz", "archive.zip"])
def test_an_archive_with_two_copies_is_refused(name, content):
    place(INCOMING / name, {**PACKED, **{f"old/{path}": value for path, value in content.items()}})
    copies = "figures-py/part_1, old/figures-py/part_1"
    assert f"part_1 2 times ({copies}); expected it once" in refused()


@pytest.mark.parametrize("wrapping", ["figures-py", "any.zip"])
def test_a_file_too_large_for_memory_is_not_read(monkeypatch, wrapping):
    monkeypatch.setattr(archive_limits, "MAX_FILE", 900)
    place(INCOMING / wrapping, CONTENTS)
    assert "part_0 has 1,000 bytes; expected at most 900" in refused()


def test_a_repeated_member_is_refused():
    path = INCOMING / "any.tar"
    tar(path, PACKED)
    with tarfile.open(path, "a") as archive:
        archive.addfile(tarfile.TarInfo("figures-py/part_1"))
    assert "found figures-py/part_1 twice; expected each file once" in refused()


def test_a_link_in_an_archive_is_not_a_file():
    path = INCOMING / "any.tar"
    tar(path, {name: content for name, content in PACKED.items() if "part_1" not in name})
    with tarfile.open(path, "a") as archive:
        member = tarfile.TarInfo("figures-py/part_1")
        member.type, member.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(member)
    assert f"part_1 as a link; expected the file, with the MD5 {RECORD.md5['part_1']}" in refused()


OTHERS = {
    "CIFAR-100": {"cifar-100-python/train": b"a", "cifar-100-python/meta": b"b"},
    "images": {"train/cat/1.jpg": b"\xff\xd8\xff", "test/cat/2.jpg": b"\xff\xd8\xff"},
}


@pytest.mark.parametrize("name", ["figures.tar.gz", "figures-py.zip", "figures.tar"])
@pytest.mark.parametrize("what", OTHERS)
def test_another_dataset_under_the_name_is_refused(what, name):
    place(INCOMING / name, OTHERS[what])
    reported = refused()
    assert f"found {', '.join(OTHERS[what])}; expected part_0, part_1, part_2" in reported
    digest = md5((INCOMING / name).read_bytes())
    official = f"(MD5 of the archive: {digest}; of the official one: {'1' * 32})"
    assert (official in reported) == (name == "figures.tar.gz")


@pytest.mark.parametrize("what", [*OTHERS, "nothing"])
def test_a_folder_of_the_name_without_the_files_is_refused(what):
    (INCOMING / "figures-py").mkdir()
    folder(INCOMING / "figures-py", OTHERS.get(what, {}))
    found = {"CIFAR-100": "cifar-100-python", "images": "test, train"}.get(what, "nothing at all")
    assert f"found {found}; expected part_0, part_1, part_2" in refused()


@pytest.mark.parametrize("name", ["figures.tar.gz", "figures.zip", "any.tar.gz", "any.tar"])
@pytest.mark.parametrize("part", [0.3, 0.6, 0.9])
def test_a_truncated_archive_is_refused(name, part):
    place(INCOMING / name, {path: os.urandom(100_000) for path in PACKED})
    content = (INCOMING / name).read_bytes()
    (INCOMING / name).write_bytes(content[: int(part * len(content))])
    reported = refused()
    assert f"{INCOMING / name} is damaged or truncated" in reported
    assert "Replace it" in reported


@pytest.mark.parametrize(
    ("name", "members", "message"),
    [
        ("mine", {}, "found no FIGURES in mine (it contains: none)"),
        ("mine", OTHERS["images"], "found no FIGURES in mine (it contains: test, train)"),
        ("mine.zip", OTHERS["images"], "mine.zip is not FIGURES as published: found train/cat"),
        ("typo", None, "there is no typo; expected figures.tar.gz"),
    ],
)
def test_a_path_without_the_files_is_refused(name, members, message):
    """Somebody said that they are there, so nothing is downloaded instead."""
    if members is not None:
        if not Path(name).suffix:
            Path(name).mkdir()
        place(Path(name), members)
    assert message in refused(Path(name))


def test_files_that_are_gone_are_not_downloaded_by_a_later_stage():
    with pytest.raises(StudyError, match=r"FIGURES is no longer .* dvc repro --force fetch"):
        get(may_download=False)
