"""scikit-learn's digits: the same numbers, without its loader and without a network."""

from __future__ import annotations

import gzip
import socket

import numpy as np
import pytest
from sklearn.datasets import load_digits

from pipeline.checks import StudyError
from pipeline.config import registry
from pipeline.data import digits
from pipeline.data.splits import make_splits


def load(**options):
    spec = digits.Spec(name="digits", **options)
    return spec.load(spec.fetch())


@pytest.fixture(scope="module")
def raw():
    return load()


def test_they_equal_those_of_scikit_learn(raw):
    known = load_digits()
    assert raw.images.shape == (1797, 8, 8, 1)
    assert raw.images.dtype == np.uint8
    gray = raw.images[..., 0] / 255
    np.testing.assert_allclose(gray, known.images / 16, atol=0.5 / 255 + 1e-9)
    np.testing.assert_array_equal(raw.labels, known.target)
    assert raw.class_names == tuple(map(str, known.target_names))


def test_the_ends_of_the_scale_are_black_and_white(raw):
    known = load_digits().images
    assert (raw.images[known == 0] == 0).all()
    assert (raw.images[known == 16] == 255).all()
    assert len(np.unique(raw.images)) == 17


def test_splits_are_stratified_and_disjoint(raw):
    spec = digits.Spec(name="digits")
    prepared = make_splits(raw, spec, 0)
    sizes = {split: len(ids) for split, ids in prepared.ids.items()}
    assert sizes == {"train": 1294, "validation": 144, "test": 359}
    assert len(np.unique(np.concatenate(list(prepared.ids.values())))) == 1797
    assert np.bincount(prepared.labels["test"]).min() >= 34


def test_the_test_part_is_an_option(raw):
    spec = registry.parse("dataset", {"name": "digits", "test": 500, "classes": [3, 8]}, "dataset")
    with pytest.raises(StudyError, match=r"dataset\.test: found 500"):
        make_splits(raw, spec, 0)
    spec = registry.parse("dataset", {"name": "digits", "test": 100, "classes": [3, 8]}, "dataset")
    prepared = make_splits(raw, spec, 0)
    assert prepared.class_names == ("3", "8")
    assert len(prepared.ids["test"]) == 100
    with pytest.raises(StudyError, match=r"dataset\.test"):
        registry.parse("dataset", {"name": "digits", "test": 1.5}, "dataset")


def test_no_claim_is_made_for_new_writers():
    assert not digits.Spec.independent
    assert "13 writers" in digits.Spec(name="digits").fetch().description


def test_nothing_is_downloaded(raw, monkeypatch, tmp_path):
    def refuse(*_, **__):
        raise AssertionError("a connection was tried")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.chdir(tmp_path)
    source = digits.Spec(name="digits", path="not/there").fetch()
    assert [file.path for file in source.files] == [None]
    assert len(source.sha256) == 64
    np.testing.assert_array_equal(load().images, raw.images)


def test_a_missing_file_is_reported(monkeypatch):
    monkeypatch.setattr(digits, "FILE", "datasets/data/letters.csv.gz")
    with pytest.raises(StudyError, match=r"found no datasets/data/letters\.csv\.gz.*make setup"):
        load()


@pytest.mark.parametrize(
    "content",
    [
        b"not gzip",
        gzip.compress(b"a,b,c\n"),
        gzip.compress(b"1,2,3\n"),
        gzip.compress(b",".join([b"17"] * 65) + b"\n"),
        gzip.compress(b",".join([b"1"] * 65) + b"\n")[:-9],
    ],
    ids=["no archive", "no numbers", "too few", "too large", "cut off"],
)
def test_damaged_files_are_reported(content, monkeypatch):
    monkeypatch.setattr(digits, "_read_file", lambda: content)
    with pytest.raises(StudyError, match=r"digits\.csv\.gz: expected 64 gray levels.*make setup"):
        load()
