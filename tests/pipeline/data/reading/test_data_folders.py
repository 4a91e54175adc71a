"""Folders: what cannot be read or hashed is named, in no time; links are what they seem."""

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
    """Two class folders of one file each, in the study's folder."""
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
def test_links_to_folders_are_refused(data, what):
    target, link = LINKS[what]
    Path("elsewhere").mkdir()
    (data / link).symlink_to(Path(target).resolve())
    told = refused(data)
    assert f"{link} -> {Path(target).resolve()}" in told
    assert "cp -rL data/mine data/mine-copy" in told
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
    "a link that leads nowhere": lambda path: path.symlink_to("nowhere"),
    "a link that leads nowhere (": lambda path: path.symlink_to(path.name),
    "a name that is not UTF-8": lambda path: path.with_name("caf\udce9.png").write_bytes(b""),
    "more than 40 folders deep": lambda path: deep(path),
    "which DVC passes over": lambda path: (path.parent / ".dvc").mkdir(),
}


def deep(path: Path) -> None:
    """Make 200 folders in each other, and a file; no more, so that pytest can remove them."""
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
def test_what_can_be_neither_read_nor_hashed_is_named(data, what, linked_folders):
    SPECIAL[what](data / "cat/odd.png")
    told = refused(data, linked_folders)
    assert "found what cannot be read: cat/" in told
    assert what in told
    told.encode("utf-8")
    assert len(told) < 500


def test_all_of_it_is_named_at_once_hidden_files_too(data):
    os.mkfifo(data / "cat/.pipe")
    (data / "dog/gone").symlink_to("nowhere")
    told = refused(data)
    assert "dog/gone (a link that leads nowhere), cat/.pipe (a FIFO)" in told


def test_what_dvc_passes_over_is_passed_over(data):
    (data / ".git").mkdir()
    os.mkfifo(data / ".git/pipe")
    (data / ".cache/.dvc").mkdir(parents=True)
    check_source(data, linked_folders=False)


@pytest.mark.tried(
    "Files", "an image or a folder without permission to read it", "an error that names it"
)
def test_what_may_not_be_read_is_named(data, monkeypatch):
    """Simulated, since an administrator may read everything."""
    scandir, access = os.scandir, os.access

    def refuse(path):
        if str(path).endswith("dog"):
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    monkeypatch.setattr(os, "access", lambda path, mode: "cat" not in str(path))
    told = refused(data)
    assert "dog/ (Permission denied)" in told
    assert "cat/0.png (no permission to read it)" in told
    monkeypatch.setattr(os, "access", access)
    assert len(survey(data).files) == 1


def test_a_file_that_vanishes_while_it_is_read(data, monkeypatch):
    monkeypatch.setattr(archives, "folder_files", lambda path: ["cat/gone.png"])
    monkeypatch.setattr(archives, "_folder_size", lambda path, wanted: 0)
    with pytest.raises(StudyError, match=r"cat/gone\.png cannot be read: No such file"):
        list(archives.read_files(data, lambda name: True))


@pytest.mark.tried(
    "Files", "a device or a FIFO as dataset.path", "an error that says what it is, at once"
)
@pytest.mark.parametrize("what", ["/dev/zero", "pipe"])
def test_a_path_that_is_no_file(study_folder, what):
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
def test_the_study_is_no_dataset_of_its_own(study_folder, path):
    assert overlaps_study(Path(path))
    assert overlaps_study(study_folder / path)
    if (study_folder / path).exists():
        Path("link").symlink_to((study_folder / path).resolve())
        assert "apart from the study's own folder" in refused(Path("link"))


@pytest.mark.parametrize("path", ["data/incoming", "data/incoming/mine", "../images", "/images"])
def test_other_places_are_none_of_the_study(study_folder, path):
    assert not overlaps_study(Path(path))


def test_images_that_dvc_tracks_are_pulled(tmp_path):
    (tmp_path / "mine.dvc").touch()
    with pytest.raises(StudyError, match=r"DVC tracks it: cd .* && dvc pull mine\.dvc"):
        check_source(tmp_path / "mine", False)
    with pytest.raises(StudyError, match="Paths are relative to /"):
        check_source(tmp_path / "other", False)
