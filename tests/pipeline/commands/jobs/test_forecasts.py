"""Forecasts of memory, against what the runs of the reference study have used."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from pipeline.commands.jobs import network_memory  # imports Keras
from pipeline.commands.jobs.forecasts import KERAS, Forecasts
from pipeline.config import registry
from pipeline.config.params import Params, load_params
from pipeline.config.sample_size import SampleSizeOptions
from pipeline.config.yaml_files import dump_yaml, read_yaml
from pipeline.storage.splits import Task

REFERENCE = Path(__file__).resolve().parents[4] / "reports" / "reference" / "cifar10-default"
SIZES = {"train": 45_000, "validation": 5_000, "test": 10_000}
CIFAR10 = Task(tuple("abcdefghij"), (32, 32, 3), SIZES)
CLASSICAL = (
    *("raw_svm", "color_svm", "hog_svm", "hog_rbf_svm", "hog_color_rbf_svm"),
    *("hog_color_patches", "hog_color_patches_mirrored"),
)
NETWORKS = ("mlp", "lenet5", "resnet20", "airbench")


def parsed(kind: str, leave_out: tuple[str, ...] = ("vgg16", "efficientnet")) -> dict[str, Any]:
    section = read_yaml(REFERENCE / "params.yaml")[kind]
    return {
        name: registry.parse(kind, entry, name)
        for name, entry in section.items()
        if not name.startswith(leave_out)
    }


@pytest.fixture(scope="module")
def forecasts() -> Forecasts:
    params = SimpleNamespace(
        features=parsed("features"),
        classical=parsed("classical"),
        deep=parsed("deep"),
        sample_size=SampleSizeOptions(),
        ablations={},
    )
    made = Forecasts(REFERENCE, cast(Params, params))
    made._task = CIFAR10
    count(made, *(f"train_deep@{name}" for name in NETWORKS))
    return made


def count(forecasts: Forecasts, *stages: str) -> None:
    """Do here what another process does for a study."""
    for stage in stages:
        for plan in forecasts._trained(stage):
            if plan.is_network:
                forecasts._networks[plan.key] = network_memory.needed(plan, CIFAR10)


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
    monkeypatch.setattr(forecasts, "_networks", {})
    assert forecasts.needed("train_deep@lenet5") is None
    assert forecasts.needed("train_classical@hog_svm") is not None


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


# --- stages of many trainings, each with options of its own ---------------------------------------

PARAMS: dict[str, Any] = {
    "seed": 0,
    "dataset": {"name": "photos", "path": "data/incoming"},
    "features": {
        "hog": {"method": "hog"},
        "color": {"method": "color_histogram"},
        "vgg": {"method": "pretrained", "weights": "random", "layers": ["block1_pool"]},
    },
    "classical": {
        "svm": {"method": "linear_svm", "features": ["hog"]},
        "kernel": {"method": "rbf_svm", "features": ["color"]},
        "vgg_svm": {"method": "linear_svm", "features": ["vgg"]},
    },
    "deep": {"lenet": {"method": "lenet5"}, "large": {"method": "mlp", "units": 3000}},
    "corrupt": {},
    "sample_size": {
        "sizes": [100, 300],
        "runs": {
            "lenet": {"batch_size": 4096},
            "kernel": {},
            "svm": {"features": ["hog", "color"]},
        },
    },
    "ablations": {
        "width": {"base": "lenet", "vary": "width", "values": [1, 8]},
        "batches": {"base": "lenet", "vary": "batch_size", "values": [64, 20_000]},
        "tuned": {"base": "lenet", "vary": "optimizer", "values": ["sgd", "adam"],
                  "tune": {"width": [1, 8]}},
        "another": {"base": "lenet", "values": {"one": {}, "two": {"run": "large"}}},
        "large": {"base": "svm", "vary": "C", "values": [1, 2], "limit": 3000},
        "svm": {"base": "lenet", "vary": "optimizer", "values": ["sgd", "adam"]},
        "kernel": {"base": "kernel", "vary": "C", "values": [1, 2], "limit": 300},
        "cells": {"base": "svm", "vary": "features.hog.cell", "values": [4, 8], "limit": 3000},
        "layers": {"base": "vgg_svm", "vary": "features.vgg.pooling",
                   "values": ["average", "max"], "limit": 3000},
    },
    "not_run": {},
}  # fmt: skip


@pytest.fixture(scope="module")
def varied(tmp_path_factory) -> Forecasts:
    folder = tmp_path_factory.mktemp("varied")
    (folder / "params.yaml").write_text(dump_yaml(PARAMS), encoding="utf-8")
    made = Forecasts(folder, load_params(folder / "params.yaml"))
    made._task = CIFAR10
    count(made, "train_deep@lenet", "train_deep@large", "sample_size@lenet")
    count(made, *(f"ablations@{name}" for name in PARAMS["ablations"]))
    return made


@pytest.mark.parametrize("name", ["width", "batches", "tuned"])
def test_options_that_a_value_changes_count(varied, name):
    assert varied.needed(f"ablations@{name}") > 1.2 * varied.needed("train_deep@lenet")


def test_the_largest_of_several_runs_counts(varied):
    assert varied.needed("ablations@another") == varied.needed("train_deep@large")


def test_an_ablation_is_told_by_its_runs_and_not_by_its_name(varied):
    assert not varied.uses_network("ablations@large")
    assert varied.needed("ablations@large") < KERAS
    assert varied.uses_network("ablations@svm")
    assert varied.needed("ablations@svm") > KERAS


def test_a_part_of_the_images_needs_less(varied):
    assert varied.needed("ablations@kernel") < varied.needed("train_classical@kernel")
    assert varied.needed("sample_size@kernel") < varied.needed("train_classical@kernel")
    widest = varied._trained("sample_size@lenet")[0]
    assert (widest.spec.batch_size, widest.images) == (4096, 300)
    assert varied.needed("sample_size@lenet") < varied.needed("ablations@batches")


def test_sample_sizes_have_their_own_options(varied):
    (plan,) = varied._trained("sample_size@svm")
    assert set(plan.features) == {"hog", "color"}


def test_features_that_a_stage_extracts_itself_count(varied):
    assert varied.needed("ablations@cells") > varied.needed("ablations@large")
    assert not varied.uses_network("ablations@cells")
    assert varied.uses_network("ablations@layers")
    assert varied.needed("ablations@layers") > KERAS


# --- the process that counts ----------------------------------------------------------------------

COUNTS = """\
import json, os, sys
sys.stdin.read()
hidden = os.environ["CUDA_VISIBLE_DEVICES"] == "-1" and os.environ["JAX_PLATFORMS"] == "cpu"
print(json.dumps({"key": sys.argv[1], "bytes": 10**9 if hidden else 0}), flush=True)
"""


def test_each_network_is_counted_once_whatever_else_is_printed(varied, monkeypatch, capsys):
    def needed(plan, task, count=network_memory.needed):
        print("comparing float32 with bfloat16 on this CPU, once")
        return count(plan, task)

    monkeypatch.chdir(varied.folder)
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    monkeypatch.setattr(network_memory, "load_task", lambda: CIFAR10)
    monkeypatch.setattr(network_memory, "needed", needed)
    stages = ["train_deep@lenet", "train_deep@large", "ablations@another", "ablations@kernel"]
    network_memory.main(stages, sys.stdout)
    found = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {each["key"]: each["bytes"] for each in found} == {
        plan.key: varied._networks[plan.key]
        for stage in stages[:2]
        for plan in varied._trained(stage)
    }
    assert len(found) == 2


def test_networks_are_counted_without_a_gpu_as_soon_as_there_are_images(varied, monkeypatch):
    given = Forecasts(varied.folder, varied.params)
    stage, popen = "train_deep@lenet", subprocess.Popen
    (plan,) = given._trained(stage)
    stands_for_it = [sys.executable, "-c", COUNTS, plan.key]
    monkeypatch.setattr(subprocess, "Popen", lambda _, **options: popen(stands_for_it, **options))
    assert not given.is_counting()
    given.begin(["train_classical@svm", "featurize@hog"])
    assert not given.is_counting(), "there is nothing to count"
    given.begin(["featurize@hog", stage])
    try:
        given._task = CIFAR10
        assert given.is_counting()
        first, end = given.needed(stage), time.monotonic() + 60
        assert first is None
        while given.is_counting():
            assert time.monotonic() < end
            time.sleep(0.01)
        assert given.needed(stage) == 1_300_000_000
    finally:
        given.close()
