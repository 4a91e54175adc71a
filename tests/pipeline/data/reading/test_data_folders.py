"""Folders: whatever cannot be read or hashed is reported at once; links are handled."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from pipeline.checks import StudyError
from pipeline.data.reading import archives
from pipeline.data.reading.folders import check_source, folder_files, overlaps_study, survey


@pytest.fixture
def data(study_folder) -> Path:
    """Create two class folders with one file each in the study's folder."""
    for name in ("cat", "dog"):
        (study_folder / "data/mine" / name).mkdir(parents=True)
        (study_folder / "data/mine" / name / "0.png").write_bytes(b"0")
    return Path("data/mine")


def refused(path: Path, linked_folders: bool = False) -> str:
    with pytest.raises(StudyError) as caught:
        check_source(path, linked_folders)
    return str(caught.value)


def test_files_are_sorted_and_links_to_files_count(data):
    (data / "cat/.hidden").write_bytes(b"")
    (data / "cat/link.png").symlink_to("../dog/0.png")
    assert folder_files(data) == ["cat/0.png", "cat/link.png", "dog/0.png"]
    check_source(data, linked_folders=False)


LINKS = {
    "a class from elsewhere": ("elsewhere", "bird"),
    "a class under a second name": ("data/mine/cat", "aaa"),
    "a validation split": ("elsewhere", "val"),
    "a loop": ("data/mine", "cat/round"),
}


@pytest.mark.tried(
    "Links",
    "a class folder or a split that is a link, to elsewhere, to another class, or in a loop",
    "an error that names the link, where it leads, and the command that makes a copy",
)
@pytest.mark.parametrize("what", LINKS)
def test_links_to_folders_are_rejected(data, what):
    target, link = LINKS[what]
    Path("elsewhere").mkdir()
    (data / link).symlink_to(Path(target).resolve())
    message = refused(data)
    assert f"{link} -> {Path(target).resolve()}" in message
    assert "cp -rL data/mine data/mine-copy" in message
    with pytest.raises(StudyError, match="found links to folders"):
        list(archives.read_files(data, lambda name: True))
    check_source(data, linked_folders=True)  # a dataset that reads one archive there


def test_the_path_itself_may_be_a_link(data):
    Path("data/link").symlink_to("mine")
    check_source(Path("data/link"), linked_folders=False)
    assert folder_files(Path("data/link")) == ["cat/0.png", "dog/0.png"]


def make_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(os.path.relpath(path))


SPECIAL = {
    "a FIFO": lambda path: os.mkfifo(path),
    "a socket": make_socket,
    "a device": lambda path: path.symlink_to("/dev/zero"),
    "a broken link": lambda path: path.symlink_to("nowhere"),
    "a broken link (": lambda path: path.symlink_to(path.name),
    "a name that is not UTF-8": lambda path: path.with_name("caf\udce9.png").write_bytes(b""),
    "more than 40 folders deep": lambda path: deep(path),
    "which DVC skips": lambda path: (path.parent / ".dvc").mkdir(),
}


def deep(path: Path) -> None:
    """Make 200 nested folders and a file; pytest could not remove more."""
    folder = path.parent / "/".join("x" * 200)
    folder.mkdir(parents=True)
    (folder / "0.png").write_bytes(b"")


@pytest.mark.tried(
    "Files",
    "among the images: a FIFO, a socket, an endless device, a dangling link, a name in Latin-1, "
    "200 nested folders, a DVC project",
    "an error that names each, before anything is opened",
)
@pytest.mark.parametrize("linked_folders", [True, False])
@pytest.mark.parametrize("what", SPECIAL)
def test_files_that_cannot_be_read_or_hashed_are_named(data, what, linked_folders):
    SPECIAL[what](data / "cat/odd.png")
    message = refused(data, linked_folders)
    assert "these cannot be read: cat/" in message
    assert what in message
    message.encode("utf-8")
    assert len(message) < 500


def test_all_problems_are_named_at_once_including_hidden_files(data):
    os.mkfifo(data / "cat/.pipe")
    (data / "dog/gone").symlink_to("nowhere")
    message = refused(data)
    assert "dog/gone (a broken link), cat/.pipe (a FIFO)" in message


def test_files_that_dvc_skips_are_skipped(data):
    (data / ".git").mkdir()
    os.mkfifo(data / ".git/pipe")
    (data / ".cache/.dvc").mkdir(parents=True)
    check_source(data, linked_folders=False)


@pytest.mark.tried(
    "Files", "an image or a folder without permission to read it", "an error that names it"
)
def test_files_without_permission_are_named(data, monkeypatch):
    """Permissions are simulated, because an administrator may read everything."""
    scandir, access = os.scandir, os.access

    def refuse(path):
        if str(path).endswith("dog"):
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    monkeypatch.setattr(os, "access", lambda path, mode: "cat" not in str(path))
    message = refused(data)
    assert "dog/ (Permission denied)" in message
    assert "cat/0.png (no permission to read it)" in message
    monkeypatch.setattr(os, "access", access)
    assert len(survey(data).files) == 1


def test_a_file_that_disappears_during_reading(data, monkeypatch):
    monkeypatch.setattr(archives, "folder_files", lambda path: ["cat/gone.png"])
    monkeypatch.setattr(archives, "_folder_size", lambda path, wanted: 0)
    with pytest.raises(StudyError, match=r"cat/gone\.png cannot be read: No such file"):
        list(archives.read_files(data, lambda name: True))


@pytest.mark.tried(
    "Files", "a device or a FIFO as dataset.path", "an error that says what it is, at once"
)
@pytest.mark.parametrize("what", ["/dev/zero", "pipe"])
def test_a_path_that_is_not_a_file(study_folder, what):
    os.mkfifo("pipe")
    assert "expected an archive or a folder" in refused(Path(what))
    with pytest.raises(StudyError, match=r"is a (device|FIFO); expected"):
        archives.archive_kind(Path(what))


@pytest.mark.tried(
    "Files", "dataset.path: ., another folder of the study, or a link to one", "an error"
)
@pytest.mark.parametrize(
    "path", [".", "..", "../..", "data", "data/incoming/../..", "runs", "data/prepared/train", "/"]
)
def test_the_study_cannot_be_its_own_dataset(study_folder, path):
    assert overlaps_study(Path(path))
    assert overlaps_study(study_folder / path)
    if (study_folder / path).exists():
        Path("link").symlink_to((study_folder / path).resolve())
        assert "not overlap the study's own folder" in refused(Path("link"))


@pytest.mark.parametrize("path", ["data/incoming", "data/incoming/mine", "../images", "/images"])
def test_other_places_do_not_overlap_the_study(study_folder, path):
    assert not overlaps_study(Path(path))


def test_missing_images_that_dvc_tracks(tmp_path):
    (tmp_path / "mine.dvc").touch()
    with pytest.raises(StudyError, match=r"DVC tracks it: cd .* && dvc pull mine\.dvc"):
        check_source(tmp_path / "mine", False)
    with pytest.raises(StudyError, match="Paths are relative to /"):
        check_source(tmp_path / "other", False)
