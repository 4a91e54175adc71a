"""CIFAR-100 from a small archive in the official format, and what is easily taken for it."""

from __future__ import annotations

import hashlib
import io
import tarfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from test_data_cifar10 import python_two, record

from pipeline.checks import StudyError
from pipeline.data import cifar100

INCOMING = Path("data/incoming")
FINE, COARSE = (b"beaver", b"dolphin", b"orchid"), (b"aquatic_mammals", b"flowers")
COARSE_OF = np.array([0, 0, 1])


def batch(images, fine) -> bytes:
    made = record(images, None)
    del made[b"labels"]
    labels = {b"fine_labels": fine, b"coarse_labels": COARSE_OF[fine].tolist()}
    return python_two({**made, **labels})


@pytest.fixture
def batches(rng):
    return {
        name: (rng.integers(0, 256, (n, 32, 32, 3), dtype=np.uint8), (np.arange(n) % 3).tolist())
        for name, n in (("train", 9), ("test", 4))
    }


@pytest.fixture
def members(batches, study_folder, monkeypatch):
    names = {b"fine_label_names": list(FINE), b"coarse_label_names": list(COARSE)}
    contents = {"meta": python_two(names)}
    contents |= {name: batch(*each) for name, each in batches.items()}
    md5 = {name: hashlib.md5(contents[name]).hexdigest() for name in cifar100.OFFICIAL.md5}
    monkeypatch.setattr(cifar100, "OFFICIAL", replace(cifar100.OFFICIAL, md5=md5))

    def no_download(remote):
        raise StudyError(f"{remote.name} would be downloaded")

    monkeypatch.setattr("pipeline.data.reading.published.downloaded", no_download)
    return contents


def pack(name: str, folder: str, contents: dict[str, bytes]) -> None:
    INCOMING.mkdir(parents=True, exist_ok=True)
    with tarfile.open(INCOMING / name, "w:gz") as archive:
        for file, content in contents.items():
            member = tarfile.TarInfo(f"{folder}/{file}")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))


def load(**options):
    spec = cifar100.Spec(name="cifar100", **options)
    return spec.load(spec.fetch())


@pytest.mark.parametrize(
    ("labels", "names", "of"), [("fine", FINE, np.arange(3)), ("coarse", COARSE, COARSE_OF)]
)
def test_fine_and_coarse_labels(members, batches, labels, names, of):
    pack("cifar-100-python.tar.gz", "cifar-100-python", members)
    raw = load(labels=labels)
    assert raw.class_names == tuple(name.decode() for name in names)
    for split, (images, fine) in batches.items():
        np.testing.assert_array_equal(raw.images[raw.split == split], images)
        np.testing.assert_array_equal(raw.labels[raw.split == split], of[fine])
    assert (raw.image_names[0], raw.image_names[-1]) == ("train/0", "test/3")
    assert cifar100.Spec(name="cifar100").labels == "fine"


def test_an_archive_of_cifar10_with_the_name_of_cifar100(members):
    contents = {f"data_batch_{number}": b"x" for number in range(1, 6)}
    contents |= {"test_batch": b"x", "batches.meta": b"x"}
    pack("cifar-100-python.tar.gz", "cifar-10-batches-py", contents)
    message = (
        r"cifar-100-python\.tar\.gz is not CIFAR-100 as published: found .*data_batch_1.*, which "
        r"belong to CIFAR-10; expected .*train, test, meta \(MD5 of the archive: "
    )
    with pytest.raises(StudyError, match=message):
        load()


def test_a_file_is_missing_or_changed(members):
    pack("cifar-100-python.tar.gz", "cifar-100-python", {**members, "test": b"changed"})
    with pytest.raises(StudyError, match="test of 7 bytes with the MD5"):
        load()
    del members["meta"]
    pack("cifar-100-python.tar.gz", "cifar-100-python", members)
    with pytest.raises(StudyError, match="found no meta; expected one with the MD5"):
        load()


def test_other_files_named_train_or_test_are_passed_over(members, capsys):
    """The names are common: an archive of somebody's data may hold a file called ``test``."""
    pack("mine.tar.gz", "mine", {"test": b"my own notes", "train": b"others"})
    (INCOMING / "a").mkdir()
    (INCOMING / "a" / "meta").write_text("about the others")
    with pytest.raises(StudyError, match="would be downloaded"):
        load()
    assert "mine.tar.gz holds no file of CIFAR-100" in capsys.readouterr().out
    (INCOMING / "b").mkdir()
    for name, content in members.items():
        (INCOMING / "b" / name).write_bytes(content)
    assert len(load().images) == 13


def test_its_record_differs_from_that_of_cifar10():
    official = cifar100.OFFICIAL
    assert official.archive.md5 == "eb9058c3a382ffc7106e4002c42a8d85"
    assert official.md5["train"] == "16019d7e3df5f24257cddd939b257f8d"
