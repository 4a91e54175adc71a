"""One entry of params.yaml at a time, and its YAML as DVC reads it."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.checks import StudyError
from pipeline.config.entries import load_entry, read_params, run_seeds, stage_entry
from pipeline.config.yaml_files import dump_yaml, read_yaml

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


# --- names ----------------------------------------------------------------------------------------

HOSTILE = ("x; touch p #", "$(touch p)", "`touch p`", "a b", "a\ntouch p", "'", "../../docs",
           "/etc", "-c", "", "é", "a" * 61)  # fmt: skip


@pytest.mark.parametrize("stage", ["featurize", "train_deep"])
@pytest.mark.parametrize("before", ["", "dvc.yaml:", "workspaces/cpu+short/dvc.yaml:"])
def test_a_stage_learns_its_entry_from_dvc(monkeypatch, stage, before):
    monkeypatch.setenv("DVC_STAGE", f"{before}{stage}@hog_2")
    assert stage_entry(stage, []) == "hog_2"
    assert stage_entry(stage, ["lbp"]) == "lbp"  # by hand


@pytest.mark.parametrize("value", [None, "", "evaluate", "featurize", "other@hog"])
def test_a_stage_that_nobody_names_an_entry(monkeypatch, value):
    monkeypatch.delenv("DVC_STAGE", raising=False)
    if value is not None:
        monkeypatch.setenv("DVC_STAGE", value)
    with pytest.raises(StudyError, match=r"found no name; expected one, .* dvc repro featur"):
        stage_entry("featurize", [])


@pytest.mark.tried(
    "Names",
    "an entry of params.yaml named as a shell command or as a path elsewhere",
    "an error that says what names may hold; nothing is run, written or removed",
)
@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_are_refused_by_every_reader(monkeypatch, write, name):
    monkeypatch.setenv("DVC_STAGE", f"featurize@{name}")
    write(dump_yaml({"features": {name: {"method": "raw"}}}))
    for read in (
        lambda: stage_entry("featurize", []),
        lambda: stage_entry("featurize", [name]),
        lambda: load_entry("features", name),
        read_params,
    ):
        with pytest.raises(StudyError, match=r"found the name .*; expected up to 60 letters"):
            read()


def test_params_whole_without_its_methods(write):
    write(TWO_SETS)
    document, seed = read_params()
    assert (list(document["features"]), document["deep"], seed) == (["hog", "broken"], {}, 3)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("deep: 5", r"deep: found 5; expected a mapping of names to entries"),
        ("deep: {a: 5}", r"deep\.a: found 5; expected a mapping"),
        ("seed: x", r"seed: found 'x'; expected an integer from 0 to"),
        ("seed: true", r"seed: found True"),
        ("seed: 99999999999", r"seed: found 99999999999"),
    ],
)
def test_params_that_are_none(write, text, message):
    write(text)
    with pytest.raises(StudyError, match=message):
        read_params()
