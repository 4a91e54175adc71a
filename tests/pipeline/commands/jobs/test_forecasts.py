"""Forecasts of memory, against what the runs of the reference study have used."""

from __future__ import annotations

import csv
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from pipeline.commands.jobs import network_memory  # imports Keras
from pipeline.commands.jobs.forecasts import Forecasts
from pipeline.config import registry
from pipeline.config.params import Params
from pipeline.config.yaml_files import read_yaml
from pipeline.storage.splits import Task

REFERENCE = Path(__file__).resolve().parents[4] / "reports" / "reference" / "cifar10"
SIZES = {"train": 45_000, "validation": 5_000, "test": 10_000}
CIFAR10 = Task(tuple("abcdefghij"), (32, 32, 3), SIZES)
CLASSICAL = (
    *("raw_svm", "color_svm", "hog_svm", "hog_rbf_svm", "hog_color_rbf_svm"),
    *("hog_color_patches", "hog_color_patches_mirrored"),
)
NETWORKS = ("mlp", "lenet5", "resnet20", "airbench")


def parsed(kind: str, leave_out: str = "vgg16") -> dict[str, Any]:
    section = read_yaml(REFERENCE / "params.yaml")[kind]
    return {
        name: registry.parse(kind, entry, name)
        for name, entry in section.items()
        if not name.startswith(leave_out)
    }


@pytest.fixture(scope="module")
def forecasts() -> Forecasts:
    params = SimpleNamespace(
        features=parsed("features"), classical=parsed("classical"), deep=parsed("deep")
    )
    made = Forecasts(Path(), cast(Params, params))
    made._task = CIFAR10
    made._networks = {name: network_memory.needed(params.deep[name], CIFAR10) for name in NETWORKS}
    return made


@pytest.fixture(scope="module")
def peaks() -> dict[str, float]:
    with (REFERENCE / "tables" / "cost.csv").open(encoding="utf-8") as file:
        return {row["run"]: 1e6 * float(row["peak_memory_mb"]) for row in csv.DictReader(file)}


@pytest.mark.parametrize("run", [*CLASSICAL, *NETWORKS])
def test_what_is_set_aside_is_enough_and_not_twice_as_much(forecasts, peaks, run):
    stage = f"train_{'deep' if run in NETWORKS else 'classical'}@{run}"
    needed = forecasts.needed(stage)
    assert peaks[run] <= needed <= 2 * peaks[run]


def test_a_network_that_is_not_counted_yet_is_unknown(forecasts, monkeypatch):
    monkeypatch.setattr(forecasts, "_networks", {"mlp": 10**9})
    assert forecasts.needed("train_deep@lenet5") is None
    assert forecasts.needed("ablations@depth") is None, "it may train any run"


def test_stages_of_many_trainings_need_what_one_of_them_needs(forecasts, monkeypatch):
    run = forecasts.needed("train_deep@lenet5")
    assert forecasts.needed("sample_size@lenet5") == run
    assert forecasts.uses_network("sample_size@lenet5")
    assert not forecasts.uses_network("sample_size@hog_svm")
    numbers = dict.fromkeys(forecasts.params.deep, 9 * 10**9)
    monkeypatch.setattr(forecasts, "_networks", numbers)
    assert forecasts.needed("ablations@depth") == forecasts.needed("train_deep@mlp") > run


def test_stages_with_keras(forecasts):
    using = {
        stage
        for stage in (
            *("train_deep@mlp", "illustrate_networks", "corrupt@lenet5"),
            *("corrupt@hog_svm", "featurize@hog", "evaluate", "report", "illustrate"),
        )
        if forecasts.uses_network(stage)
    }
    assert using == {"train_deep@mlp", "illustrate_networks", "corrupt@lenet5"}
