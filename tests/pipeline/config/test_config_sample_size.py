"""The section `sample_size` of params.yaml: what it asks for, and what is wrong with it at once."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from pipeline.checks import StudyError
from pipeline.config.params import load_params
from pipeline.config.sample_size import parse_sample_size, sized_run
from pipeline.config.yaml_files import dump_yaml

PARAMS: dict[str, Any] = {
    "seed": 0,
    "dataset": {"name": "photos", "path": "data/incoming"},
    "features": {"hog": {"method": "hog"}},
    "classical": {
        "svm": {
            "method": "linear_svm",
            "features": ["hog"],
            "tune": {"trials": 2, "ranges": {"C": {"low": 0.1, "high": 1}}},
        }
    },
    "deep": {"net": {"method": "lenet5"}},
    "corrupt": {},
    "sample_size": {
        "sizes": [50, 100, None],
        "runs": {"svm": {"tuned": False, "C": 2.0}, "net": {"epochs": 3, "steps": 7}},
    },
    "not_run": {},
}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def load(folder, section: Any) -> Any:
    params = {**copy.deepcopy(PARAMS), "sample_size": section}
    (folder / "params.yaml").write_text(dump_yaml(params), encoding="utf-8")
    return load_params().sample_size


def test_options_of_a_run_replace_those_of_the_study():
    options = parse_sample_size(PARAMS["sample_size"])
    svm, net = (sized_run(PARAMS, options, name) for name in ("svm", "net"))
    assert (svm.C, svm.tune, net.epochs) == (2.0, None, 3)
    assert options.steps_of("net") == 7
    assert options.steps_of("svm") == 500
    tuned = parse_sample_size({"sizes": [9, None], "runs": {"svm": {}}})
    assert sized_run(PARAMS, tuned, "svm").tune.trials == 2


def test_sizes_are_numbers_of_images():
    options = parse_sample_size(PARAMS["sample_size"])
    assert options.numbers(700) == (50, 100, 700)
    assert options.numbers(100) == (50, 100)
    single = parse_sample_size({"sizes": [50, None], "runs": {"svm": {}}})
    with pytest.raises(StudyError, match="sizes: found 50 and null, which is as many; expected at"):
        single.numbers(50)
    with pytest.raises(StudyError, match="found 100; expected at most the 99 training images"):
        options.numbers(99)


def test_a_study_of_an_earlier_version_asks_for_nothing(folder):
    assert load(folder, PARAMS["sample_size"]).draws == 5
    params = {name: each for name, each in PARAMS.items() if name != "sample_size"}
    (folder / "params.yaml").write_text(dump_yaml(params), encoding="utf-8")
    assert not load_params().sample_size.runs


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ({"sizes": [100, 50], "runs": {"svm": {}}}, "sizes: found .*ascending numbers of images"),
        ({"sizes": [50, 50], "runs": {"svm": {}}}, "sizes: found .*each once"),
        ({"sizes": [None, 50], "runs": {"svm": {}}}, "sizes: found .*only at the end"),
        ({"sizes": [1, 50], "runs": {"svm": {}}}, r"sizes\.0: found 1; expected at least 2"),
        ({"sizes": [50], "runs": {"svm": {}}}, "sizes: found 50; expected at least two numbers"),
        ({"runs": {"svm": {}}}, "sizes: found none; expected at least two numbers"),
        ({"sizes": [9, 50], "draws": 1}, "draws: found 1; expected at least 2"),
        ({"sizes": [9, 50], "steps": 0}, "steps: found 0; expected at least 1"),
        ({"sizes": [9, 50], "size": 3}, "size: unknown option; did you mean 'sizes'"),
        ({"sizes": [9, 50], "runs": {"svn": {}}}, "unknown run 'svn'; did you mean 'svm'"),
        ({"sizes": [9, 50], "runs": {"net": {"epoch": 3}}}, "runs.net.epoch: unknown option"),
        ({"sizes": [9, 50], "runs": {"net": {"epochs": 0}}}, "runs.net.epochs: found 0"),
        ({"sizes": [9, 50], "runs": {"net": {"steps": 0}}}, "runs.net.steps: found 0"),
        ({"sizes": [9, 50], "runs": {"svm": {"tuned": 1}}}, "tuned: found 1; expected true"),
        ({"sizes": [9, 50], "runs": {"svm": {"features": ["hg"]}}}, "unknown feature set 'hg'"),
        ({"sizes": [9, 50], "runs": {"svm": None}}, "runs: found"),
        ([9, 50], "sample_size: "),
    ],
)
def test_mistakes(folder, section, message):
    with pytest.raises(StudyError, match=message):
        load(folder, section)
