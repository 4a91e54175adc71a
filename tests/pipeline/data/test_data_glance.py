"""Counting images and guessing their size, from names and headers alone."""

from __future__ import annotations

import io
import tarfile
import zipfile
from pathlib import Path

import pytest
from PIL import Image

from pipeline.data import glance as module
from pipeline.data.glance import glance


def png(side: int) -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", (side + 9, side)).save(stream, "PNG")
    return stream.getvalue()


FILES = {
    **{f"cat/{n}.png": png(30 + n) for n in range(5)},
    **{f"dog/{n}.PNG": png(30 + n) for n in range(5)},
    "dog/broken.jpg": b"no image",
    "dog/note.txt": b"hello",
    "dog/.DS_Store": b"x",
    "__MACOSX/cat/._0.png": b"x",
}


def place(folder: Path, form: str, files: dict[str, bytes]) -> Path:
    path = folder / form
    if form.endswith("zip"):
        with zipfile.ZipFile(path, "w") as archive:
            for name, content in files.items():
                archive.writestr(name, content)
    elif ".tar" in form:
        with tarfile.open(path, "w:gz" if form.endswith("gz") else "w") as tar:
            for name, content in files.items():
                member = tarfile.TarInfo(name)
                member.size = len(content)
                tar.addfile(member, io.BytesIO(content))
    else:
        for name, content in files.items():
            (path / name).parent.mkdir(parents=True, exist_ok=True)
            (path / name).write_bytes(content)
    return path


@pytest.mark.parametrize("form", ["mine", "mine.zip", "mine.tar", "mine.tar.gz"])
def test_images_are_counted_and_their_size_is_the_median(tmp_path, form):
    found = glance(place(tmp_path, form, FILES))
    assert found is not None
    images = {name for name in FILES if name.lower().endswith((".png", ".jpg"))}
    assert set(found.names) == images - {"__MACOSX/cat/._0.png"}
    assert found.size == 32


def test_few_headers_are_read(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "_SAMPLE", 2)
    read = []
    monkeypatch.setattr(module, "side_of_file", lambda path: read.append(path) or 20)
    found = glance(place(tmp_path, "mine", FILES))
    assert found is not None
    assert (len(found.names), len(read), found.size) == (11, 2, 20)


def test_a_large_compressed_archive_is_not_listed(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "_LARGEST_COMPRESSED", 10)
    assert glance(place(tmp_path, "mine.tar.gz", FILES)) is None
    assert glance(place(tmp_path, "mine.tar", FILES)) is not None


def test_a_folder_without_images_tells_nothing(tmp_path):
    assert glance(place(tmp_path, "mine", {"a/b.txt": b"hello"})) is None
