"""MNIST and Fashion-MNIST from small files in the official format, whole and broken."""

from __future__ import annotations

import gzip
import hashlib
import shutil
import struct
import tarfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pipeline.checks import StudyError
from pipeline.data import fashion_mnist, mnist
from pipeline.data.idx_images import FASHION_MD5, FILES, MNIST_MD5, NAMES, idx_values
from pipeline.data.reading.published import Published
from pipeline.storage.paths import DOWNLOADS

SETS = {"mnist": mnist, "fashion_mnist": fashion_mnist}
SIZES = {"train": 30, "test": 10}
INCOMING = Path("data/incoming")


def idx(values: np.ndarray) -> bytes:
    """By the published description of the format, number by number."""
    head = struct.pack(">BBBB", 0, 0, 8, values.ndim)
    head += b"".join(struct.pack(">I", side) for side in values.shape)
    return gzip.compress(head + values.tobytes(), mtime=0)


def made_up(seed: int) -> dict[str, np.ndarray]:
    rng, arrays = np.random.default_rng(seed), {}
    for split, (images, labels) in FILES.items():
        arrays[images] = rng.integers(0, 256, (SIZES[split], 28, 28), dtype=np.uint8)
        arrays[labels] = rng.permutation(np.arange(SIZES[split]) % 10).astype(np.uint8)
    return arrays


ARRAYS = {name: made_up(seed) for seed, name in enumerate(SETS)}
CONTENTS = {
    name: {file: idx(values) for file, values in arrays.items()} for name, arrays in ARRAYS.items()
}


def md5(content: bytes) -> str:
    return hashlib.md5(content).hexdigest()


@pytest.fixture(autouse=True)
def records(study_folder, monkeypatch) -> dict[str, Published]:
    """Make the made-up files the official ones of both sets, and let nothing be downloaded."""
    sums = {name: {file: md5(each) for file, each in CONTENTS[name].items()} for name in SETS}
    found = {}
    for name, module in SETS.items():
        other = next(each for each in SETS if each != name)
        siblings = dict.fromkeys(sums[other].values(), SETS[other].OFFICIAL.title)
        found[name] = replace(module.OFFICIAL, md5=sums[name], siblings=siblings)
        monkeypatch.setattr(module, "OFFICIAL", found[name])

    def no_network(*_, **__):
        import requests

        raise requests.ConnectionError

    monkeypatch.setattr("requests.get", no_network)
    return found


def place(folder: Path, contents: dict[str, bytes]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in contents.items():
        (folder / name).write_bytes(content)


def load(name: str, path: str = "data/incoming"):
    spec = SETS[name].Spec(name=name, path=path)
    source = spec.fetch()
    return source, spec.load(source)


def test_the_checksums_are_the_official_ones():
    """Those of MNIST are computed from the files, where these are there."""
    assert [*MNIST_MD5] == [*FASHION_MD5] == [*NAMES]
    assert not {*MNIST_MD5.values()} & {*FASHION_MD5.values()}
    assert MNIST_MD5["train-images-idx3-ubyte.gz"] == "f68b3c2dcbeaaa9fbdd348bbdeb94873"
    assert FASHION_MD5["train-images-idx3-ubyte.gz"] == "8d4fb7e6c68d591d4c3dfef9ec88bf0d"


def test_the_record_is_that_of_the_real_files(root):
    """In data/incoming; on other machines, this test is skipped."""
    if not (root / INCOMING / mnist.OFFICIAL.parts[0].name).exists():
        pytest.skip("MNIST is not in data/incoming")
    for remote in mnist.OFFICIAL.parts:
        path = root / INCOMING / Path(remote.name).name
        content = path.read_bytes()
        assert (md5(content), len(content)) == (MNIST_MD5[path.name], remote.size)
        assert hashlib.sha256(content).hexdigest() == remote.sha256


@pytest.mark.parametrize("name", SETS)
def test_images_and_labels_are_read_in_the_order_of_the_files(name):
    place(INCOMING / "any name", CONTENTS[name])
    source, raw = load(name)
    arrays = ARRAYS[name]
    assert raw.images.shape == (40, 28, 28, 1)
    for split, (images, labels) in FILES.items():
        rows = raw.split == split
        np.testing.assert_array_equal(raw.images[rows, ..., 0], arrays[images])
        np.testing.assert_array_equal(raw.labels[rows], arrays[labels])
    assert len(raw.class_names) == 10
    assert len({*raw.image_names}) == 40
    assert raw.image_names[30] == "t10k-images-idx3-ubyte/0"
    assert SETS[name].Spec(name=name).image_channels == 1
    assert [file.name for file in source.files] == [*NAMES]
    assert all(file.path is None for file in source.files)
    assert "each with its official MD5" in source.description


def test_the_record_is_the_same_for_every_wrapping():
    place(INCOMING / "mnist", CONTENTS["mnist"])
    first, _ = load("mnist")
    with tarfile.open("data/incoming/packed.tar", "w") as archive:
        archive.add(INCOMING / "mnist", "below")
    shutil.rmtree(INCOMING / "mnist")
    assert load("mnist")[0] == first


def test_each_set_finds_its_own_files_beside_those_of_the_other(capsys):
    for name in reversed(SETS):
        place(INCOMING / f"a {name}", CONTENTS[name])
    for name in SETS:
        _, raw = load(name)
        np.testing.assert_array_equal(raw.images[:30, ..., 0], ARRAYS[name][NAMES[0]])
    assert "a fashion_mnist holds Fashion-MNIST, not MNIST" in capsys.readouterr().out


def failing(name: str, path: str = "data/incoming") -> str:
    with pytest.raises(StudyError) as found:
        load(name, path)
    return str(found.value)


@pytest.mark.parametrize("missing", NAMES)
def test_three_of_four_files(missing):
    contents = {name: each for name, each in CONTENTS["mnist"].items() if name != missing}
    place(INCOMING, contents)
    said = failing("mnist")
    assert (
        f"found no {missing}; expected one with the MD5 {md5(CONTENTS['mnist'][missing])}" in said
    )
    assert "Replace it with the 4 files from https://" in said


def test_labels_of_the_other_set():
    labels = FILES["train"][1]
    place(INCOMING / "mnist", {**CONTENTS["mnist"], labels: CONTENTS["fashion_mnist"][labels]})
    said = failing("mnist")
    assert f"{labels} of " in said
    assert "which is that of Fashion-MNIST; expected " in said
    assert said.count("MD5") == 1  # the other three are right


def test_a_folder_with_the_right_name_and_the_other_set():
    place(INCOMING / "mnist", CONTENTS["fashion_mnist"])
    assert failing("mnist").count("which is that of Fashion-MNIST") == 4


def test_the_other_set_alone_where_any_set_may_be_is_passed_over(capsys):
    place(INCOMING, CONTENTS["fashion_mnist"])
    said = failing("mnist")
    assert "mnist/train-images-idx3-ubyte.gz was not found, and cannot be downloaded" in said
    assert "data/incoming holds Fashion-MNIST, not MNIST" in capsys.readouterr().out


def test_a_chosen_path_with_the_other_set_is_refused():
    place(Path("elsewhere"), CONTENTS["fashion_mnist"])
    assert "which is that of Fashion-MNIST" in failing("mnist", "elsewhere")


def test_a_changed_byte():
    content = bytearray(CONTENTS["mnist"][NAMES[2]])
    content[50] ^= 1
    place(INCOMING, {**CONTENTS["mnist"], NAMES[2]: bytes(content)})
    assert f"{NAMES[2]} of {len(content):,} bytes with the MD5 {md5(content)}; " in failing("mnist")


def test_downloads_of_each_file_are_found_again(records, monkeypatch):
    def place_downloaded(remote):
        place(DOWNLOADS / "mnist", CONTENTS["mnist"])
        assert remote.name.startswith("mnist/")
        assert remote.url.endswith(remote.name.rpartition("/")[2])
        return DOWNLOADS / remote.name

    monkeypatch.setattr("pipeline.data.reading.published.downloaded", place_downloaded)
    source, raw = load("mnist")
    assert len(source.files) == 4
    assert len(raw.images) == 40


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"no gzip", "expected a gzipped file"),
        (idx(np.zeros((2, 3), np.uint8)), "expected 00 00 08 03, for an IDX array"),
        (gzip.compress(b"\0\0\x08\x03" + struct.pack(">III", 2, 3, 4) + bytes(23)), "23 bytes of"),
        (gzip.compress(b"\0\0"), "found the first bytes 00 00"),
    ],
    ids=["no gzip", "labels", "too short", "no array"],  # gzip writes the time into its bytes
)
def test_files_that_are_no_such_array(content, message):
    with pytest.raises(StudyError, match=message):
        idx_values(content, "x.gz", 3)


@pytest.mark.parametrize(
    ("file", "values", "message"),
    [
        (NAMES[0], np.zeros((30, 27, 28), np.uint8), "found images of 27×28 pixels"),
        (NAMES[1], np.zeros(29, np.uint8), "found 29 labels; expected 30"),
        (NAMES[1], np.full(30, 10, np.uint8), "found the label 10; expected 0 to 9"),
    ],
)
def test_arrays_that_do_not_belong_together(file, values, message, records, monkeypatch):
    contents = {**CONTENTS["mnist"], file: idx(values)}
    sums = {name: md5(content) for name, content in contents.items()}
    monkeypatch.setattr(mnist, "OFFICIAL", replace(records["mnist"], md5=sums))
    place(INCOMING, contents)
    assert message in failing("mnist")
