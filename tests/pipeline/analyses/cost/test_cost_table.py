"""What runs cost, by hand."""

import numpy as np
import pandas as pd

from pipeline.analyses.cost.table import TABLES, compute
from pipeline.analyses.scored import ScoredRun
from pipeline.statistics.proportions import Proportion
from pipeline.storage.runs import Card
from tests.pipeline.analyses.scored_runs import made_up_labels, study_of


def card(run, seed=0, **changes):
    values = {
        "run": run, "family": "classical", "method": "m", "features": (), "options": {},
        "seed": seed, "score_kind": "decision", "sizes": {}, "parameters": 10,
        "train_seconds": 2.0, "predict_ms_per_image": 0.5, "stage_seconds": 3.0, "device": "a",
        "engine": "e", "peak_memory_mb": 100.0, "versions": {}, "notes": {"multiply_adds": 1000},
    }  # fmt: skip
    return Card(**values | changes)


def scored(name, right, *cards, model_bytes=5.0, **changes):
    cards = cards or (card(name, **changes),)
    return ScoredRun(
        name=name,
        cards=cards,
        predicted=(),
        history=pd.DataFrame(),
        tuning=pd.DataFrame(),
        accuracies=tuple({"test": Proportion(right, 10)} for _ in cards),
        probabilities={},
        model_bytes=model_bytes,
    )


def table(*runs):
    labels = made_up_labels(np.random.default_rng(0))
    found = compute(study_of(runs, labels))["cost"]
    assert tuple(found) == TABLES[0].names
    return found.set_index("run")


def test_one_row_a_run_with_means_sums_and_the_largest_memory():
    seeds = (
        card("svm", 0, tuning_seconds=7.0, stage_seconds=11.0, peak_memory_mb=90.0),
        card("svm", 1, train_seconds=4.0, predict_ms_per_image=1.5, parameters=13,
             notes={"multiply_adds": 2000}),
    )  # fmt: skip
    row = table(scored("svm", 6, *seeds)).loc["svm"]
    assert row["test_accuracy"] == 0.6
    assert (row["train_seconds"], row["tuning_seconds"], row["stage_seconds"]) == (3, 7, 14)
    assert (row["predict_ms_per_image"], row["images_per_second"]) == (1, 1000)
    assert (row["parameters"], row["multiply_adds"]) == (12, 1500)
    assert (row["model_bytes"], row["peak_memory_mb"], row["device"]) == (5, 100, "a")
    assert row[[name for name in TABLES[0].names if name.startswith("frontier_")]].all()


def test_frontiers_by_hand():
    found = table(
        scored("cheap", 5, train_seconds=1.0, notes={"multiply_adds": 10}),
        scored("good", 8, train_seconds=9.0, notes={"multiply_adds": 90}),
        scored("poor", 5, train_seconds=2.0, notes={"multiply_adds": 90}),
        scored("twin", 8, train_seconds=9.0, notes={"multiply_adds": 5}),
        scored("older", 9, train_seconds=10.0, predict_ms_per_image=0.4, notes={}),
    )
    assert found["frontier_train"].tolist() == [True, True, False, True, True]
    # The last is both the best and the fastest to answer.
    assert found["frontier_predict"].tolist() == [False, False, False, False, True]
    # A run that is not counted is on no frontier, and keeps none off.
    assert found["frontier_multiply_adds"].tolist() == [False, False, False, True, False]
    assert np.isnan(found.loc["older", "multiply_adds"])


def test_seconds_are_compared_on_one_device_alone():
    found = table(
        scored("here", 5, train_seconds=9.0, notes={"multiply_adds": 9}),
        scored("there", 8, train_seconds=1.0, device="b", notes={"multiply_adds": 1}, parameters=9),
    )
    assert found["frontier_train"].tolist() == [True, True]
    assert found["frontier_multiply_adds"].tolist() == [False, True]
    assert found["frontier_parameters"].tolist() == [False, True]


def test_a_run_that_answers_at_once_has_no_images_per_second():
    assert np.isnan(table(scored("x", 5, predict_ms_per_image=0.0))["images_per_second"].item())
