"""CIFAR-10 from a small archive in the official format, pickled as by Python 2."""

from __future__ import annotations

import hashlib
import io
import pickle
import struct
import tarfile
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest

from pipeline.checks import StudyError
from pipeline.data import cifar10
from pipeline.storage.source import Source

CLASSES = (b"airplane", b"automobile", b"bird")
PER_BATCH = 7


class PythonTwoPickler(pickle._Pickler):
    """Protocol 2 with byte strings as Python 2's ``str``, as in the official archive."""

    dispatch: ClassVar = dict(pickle._Pickler.dispatch)

    def save_bytes(self, value):
        self.write(pickle.BINSTRING + struct.pack("<i", len(value)) + value)
        self.memoize(value)

    dispatch[bytes] = save_bytes


def python_two(value) -> bytes:
    stream = io.BytesIO()
    PythonTwoPickler(stream, 2).dump(value)
    return stream.getvalue().replace(b"numpy._core.multiarray", b"numpy.core.multiarray")


def record(images, labels) -> dict:
    """Return a batch as in the archive; pixels are set one by one, by the published rule."""
    data = np.empty((len(images), 3072), np.uint8)
    for n, image in enumerate(images):
        for channel in range(3):
            data[n, 1024 * channel : 1024 * (channel + 1)] = image[..., channel].ravel()
    return {
        b"data": data,
        b"labels": labels,
        b"batch_label": b"a batch",
        b"filenames": [b"x_%d.png" % n for n in range(len(images))],
    }


def write_archive(path: Path, members: dict[str, bytes]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w:gz") as archive:
        for name, content in members.items():
            member = tarfile.TarInfo(f"cifar-10-batches-py/{name}")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))


@pytest.fixture
def batches(rng):
    # In the shuffled order of the real archive, not in numerical order.
    names = ("data_batch_4", "test_batch", "data_batch_3", "data_batch_2", "data_batch_5")
    return {
        name: (
            rng.integers(0, 256, (PER_BATCH, 32, 32, 3), dtype=np.uint8),
            rng.integers(0, len(CLASSES), PER_BATCH).tolist(),
        )
        for name in (*names, "data_batch_1")
    }


@pytest.fixture
def members(batches):
    return {
        "batches.meta": python_two({b"label_names": list(CLASSES), b"num_vis": 3072}),
        "readme.html": b"<html>",
        **{name: python_two(record(*batch)) for name, batch in batches.items()},
    }


def digests(members: dict[str, bytes], algorithm: str) -> dict[str, str]:
    return {
        name: hashlib.new(algorithm, members[name]).hexdigest()
        for name in cifar10.OFFICIAL.md5
        if name in members
    }


@pytest.fixture
def placed(study_folder, members, monkeypatch):
    """Place an archive of these members in data/incoming, and make them the official ones."""

    def place(members=members) -> Path:
        path = Path("data/incoming") / cifar10.OFFICIAL.archive.name
        write_archive(path, members)
        record = replace(cifar10.OFFICIAL, md5=digests(members, "md5"))
        monkeypatch.setattr(cifar10, "OFFICIAL", record)
        return path

    return place


def load():
    spec = cifar10.Spec(name="cifar10")
    return spec.load(spec.fetch())


def test_the_pickles_are_like_the_official_ones(members):
    content = members["test_batch"]
    assert b"cnumpy.core.multiarray\n_reconstruct\n" in content
    assert b"_codecs" not in content
    assert content.startswith(b"\x80\x02}")


def test_images_labels_and_names(placed, batches):
    placed()
    raw = load()
    assert raw.class_names == ("airplane", "automobile", "bird")
    assert raw.images.shape == (6 * PER_BATCH, 32, 32, 3)
    assert raw.images.dtype == np.uint8
    assert raw.labels.dtype == np.int64
    assert raw.split.tolist() == ["train"] * 5 * PER_BATCH + ["test"] * PER_BATCH
    order = [*(f"data_batch_{number}" for number in range(1, 6)), "test_batch"]
    for index, name in enumerate(raw.image_names):
        batch, position = name.split("/")
        assert batch == order[index // PER_BATCH]
        assert int(position) == index % PER_BATCH
        np.testing.assert_array_equal(raw.images[index], batches[batch][0][int(position)])
        assert raw.labels[index] == batches[batch][1][int(position)]


def test_the_record_is_of_the_files_whatever_wraps_them(placed, members):
    path = placed()
    packed = cifar10.Spec(name="cifar10").fetch()
    expected = digests(members, "sha256")
    assert {file.name: file.sha256 for file in packed.files} == expected
    assert [file.size for file in packed.files] == [len(members[name]) for name in expected]
    path.unlink()
    Path("elsewhere").mkdir()
    for name, content in members.items():
        Path("elsewhere", name).write_bytes(content)
    assert cifar10.Spec(name="cifar10", path="elsewhere").fetch() == packed


def test_nothing_is_unpickled_before_all_is_verified(placed, members, monkeypatch):
    path = placed()
    monkeypatch.setattr(cifar10, "_unpickle", None)
    spec = cifar10.Spec(name="cifar10")
    source = spec.fetch()
    write_archive(path, members | {"test_batch": python_two({b"data": Evil()})})
    for read in (spec.fetch, lambda: spec.load(source)):
        with pytest.raises(StudyError, match=r"is not CIFAR-10 as published: found test_batch"):
            read()
    assert not Path("was-here").exists()


def test_the_official_files_where_they_are(root, monkeypatch):
    """In data/incoming, or downloaded; on other machines, this test is skipped."""
    monkeypatch.chdir(root)
    try:
        raw = cifar10.Spec(name="cifar10").load(Source("cifar10", (), ""))
    except StudyError as error:
        if "no longer" not in str(error):
            raise
        pytest.skip("the official CIFAR-10 is not in data/incoming")
    assert raw.images.shape == (60_000, 32, 32, 3)
    for split, n in (("train", 5_000), ("test", 1_000)):
        assert np.bincount(raw.labels[raw.split == split]).tolist() == [n] * 10
    assert raw.class_names[0::3] == ("airplane", "cat", "frog", "truck")


class Evil:
    def __reduce__(self):
        return Path.touch, (Path("was-here"),)


@pytest.mark.parametrize(
    "content",
    [
        python_two({b"data": Evil()}),
        b"cos\nsystem\n(S'touch was-here'\ntR.",
        b'cbuiltins\neval\n(S\'open("was-here", "w")\'\ntR.',
        b"cnumpy\nload\n(S'x'\ntR.",
        b"cnumpy\nndarray\n(I1000000000\ntR.",  # would allocate a gigabyte
        b"not a pickle",
        b"",
    ],
)
def test_a_pickle_cannot_run_code(placed, members, content):
    placed(members | {"data_batch_2": content})
    with pytest.raises(StudyError, match="data_batch_2 is not a CIFAR batch"):
        load()
    assert not Path("was-here").exists()


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("data_batch_1", [], "expected an array"),
        ("data_batch_1", {b"data": np.zeros((2, 3072)), b"labels": [0, 1]}, "uint8"),
        ("data_batch_1", {b"data": np.zeros((2, 3071), np.uint8), b"labels": [0, 1]}, "3072"),
        ("data_batch_1", {b"data": np.zeros((2, 3072), np.uint8), b"labels": [0]}, "2 labels"),
        ("batches.meta", {b"names": []}, "label_names"),
    ],
)
def test_another_record_is_rejected(placed, members, name, value, message):
    placed(members | {name: python_two(value)})
    with pytest.raises(StudyError, match=message):
        load()


def test_an_archive_that_is_gone_is_reported(placed):
    path = placed()
    spec = cifar10.Spec(name="cifar10")
    source = spec.fetch()
    path.unlink()
    with pytest.raises(StudyError, match="dvc repro --force fetch"):
        spec.load(source)
