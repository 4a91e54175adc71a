"""Files that a person gives: what is read, what is passed over, and what is kept with a reason."""

import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pipeline.checks import StudyError
from pipeline.data.reading.given_files import GivenFiles
from pipeline.data.reading.image_files import stream_images


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "in" / "deep").mkdir(parents=True)
    image = Image.fromarray(np.full((9, 12, 3), 200, np.uint8))
    image.save(tmp_path / "in" / "b.png")
    image.save(tmp_path / "in" / "deep" / "no-suffix", format="JPEG")
    (tmp_path / "in" / "a.heic").write_bytes(b"\0\0\0\x18ftypheic")
    (tmp_path / "in" / "text.txt").write_text("words\n", encoding="utf-8")
    (tmp_path / "in" / ".hidden.png").write_bytes(b"x")
    (tmp_path / "in" / "empty.jpg").touch()
    return tmp_path / "in"


def test_a_folder_gives_its_images_in_order(folder):
    given = GivenFiles([folder])
    assert [name for name, _ in given] == ["b.png", "deep/no-suffix", "empty.jpg"]
    assert given.problems == [("a.heic", "HEIC image, which is not supported")]
    assert +given.others == {"text file": 1}


def test_an_archive_gives_the_same(folder, tmp_path):
    archive = tmp_path / "in.zip"
    with zipfile.ZipFile(archive, "w") as stream:
        for path in folder.rglob("*"):
            if path.is_file():
                stream.write(path, path.relative_to(folder))
    given = GivenFiles([archive])
    assert sorted(given) == sorted(GivenFiles([folder]))
    assert [name for name, _ in given.problems] == ["a.heic"]


def test_a_file_that_is_named_is_read_whatever_it_is(folder):
    assert [name for name, _ in GivenFiles([folder / "text.txt"])] == [str(folder / "text.txt")]
    with pytest.raises(StudyError, match="there is no "):
        GivenFiles([folder, Path("nowhere")])


def test_what_cannot_be_opened_is_kept_with_its_reason(folder, monkeypatch):
    opened = Path.open

    def refused(path, *arguments, **options):
        if path.name == "b.png":
            raise PermissionError(13, "Permission denied")
        return opened(path, *arguments, **options)

    monkeypatch.setattr(Path, "open", refused)
    given = GivenFiles([folder])
    assert "b.png" not in [name for name, _ in given]
    assert ("b.png", "Permission denied") in given.problems


def test_what_a_study_would_refuse_is_a_reason(tmp_path):
    deep = np.linspace(0, 4095, 64).reshape(8, 8).astype(np.uint16)
    Image.fromarray(deep).save(tmp_path / "deep.png")
    bright = np.full((40, 40), 60_000, np.uint16)
    Image.fromarray(bright).save(tmp_path / "bright.png")
    ((_, reason),) = stream_images(GivenFiles([tmp_path / "deep.png"]), 8)
    assert "values from 0 to 4,095" in reason
    ((_, reason),) = stream_images(GivenFiles([tmp_path / "bright.png"]), 8, [0, 4095])
    assert reason == "values from 60,000 to 60,000, beyond the study's range of 0 to 4,095"
    ((_, pixels),) = stream_images(GivenFiles([tmp_path / "deep.png"]), 8, [0, 4095])
    assert (pixels.min(), pixels.max()) == (0, 255)
