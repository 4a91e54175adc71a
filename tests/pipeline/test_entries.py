"""One entry of params.yaml at a time, and its YAML as DVC reads it."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.checks import StudyError
from pipeline.entries import load_entry, read_yaml, run_seeds

TWO_SETS = """
seed: 3
features:
  hog: {method: hog, cell: 8}
  broken: {method: no_such_method}
classical:
  svm: {method: rbf_svm, features: [hog], seeds: [1]}
"""


@pytest.fixture
def write(study_folder):
    def write(text: str) -> None:
        Path("params.yaml").write_text(text, encoding="utf-8")

    return write


def test_one_entry_whatever_is_wrong_with_others(write):
    write(TWO_SETS)
    spec, seed = load_entry("features", "hog")
    assert (spec.cell, seed) == (8, 3)
    with pytest.raises(StudyError, match="features has no 'hogs'; did you mean 'hog'"):
        load_entry("features", "hogs")


def test_seeds_are_its_own_or_the_studys(write):
    write(TWO_SETS)
    assert run_seeds(*load_entry("classical", "svm")) == (1,)
    assert run_seeds(*load_entry("features", "hog")) == (3,)


def test_numbers_in_scientific_notation_are_numbers(write):
    write("a: 1e-3\nb: 2E5\nc: 1.5e-4\nd: e5\n")
    assert read_yaml(Path("params.yaml")) == {
        "a": 1e-3,
        "b": 2e5,
        "c": 1.5e-4,
        "d": "e5",
    }
