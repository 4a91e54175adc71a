"""What families reach together: bounds, means and stacks of runs."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats
from scored_runs import made_up_answers, made_up_run

from pipeline.evaluation.combinations import combinations_table, combine, mean_prediction
from pipeline.results import COMBINATION_COLUMNS


@pytest.fixture
def answers(rng):
    return made_up_answers(rng, 600)


@pytest.fixture
def best(rng, answers):
    return {
        "classical": made_up_run("svm", answers, 0.6, rng),
        "deep": made_up_run("net", answers, 0.75, rng, family="deep"),
        "hybrid": made_up_run("mixed", answers, 0.7, rng, family="hybrid"),
    }


def test_rows_of_two_and_three_families(best, answers):
    table = combinations_table(best, answers)
    assert tuple(table) == COMBINATION_COLUMNS
    assert table["kind"].tolist() == ["oracle", "mean", "stack"] * 4
    assert table["families"].unique().tolist() == [
        "classical+deep", "classical+hybrid", "deep+hybrid", "classical+deep+hybrid",
    ]  # fmt: skip
    assert table["runs"].iloc[-1] == "svm+net+mixed"
    assert table["best_single"].tolist() == ["net"] * 3 + ["mixed"] * 3 + ["net"] * 6
    assert ((table["ci_low"] < table["accuracy"]) & (table["accuracy"] < table["ci_high"])).all()


def test_the_oracle_counts_images_that_any_gets_right(best, answers):
    row = combinations_table(best, answers).iloc[9]
    labels = answers.labels["test"]
    right = np.stack([run.predicted[0]["test"] == labels for run in best.values()])
    assert row["accuracy"] == right.any(axis=0).mean()
    assert row["difference"] == pytest.approx(right.any(axis=0).mean() - right[1].mean())
    assert np.isnan(row["p_value"])


def test_mean_and_stack_gain_from_runs_that_err_apart(best, answers):
    table = combinations_table(best, answers).iloc[9:].set_index("kind")
    assert (table.loc[["mean", "stack"], "difference"] > 0.05).all()
    assert (table["accuracy"] <= table.loc["oracle", "accuracy"]).all()


def test_p_values_are_mcnemars_against_the_best_single(best, answers):
    row = combinations_table(best, answers).iloc[1]
    labels = answers.labels["test"]
    shares = best["classical"].probabilities["test"] + best["deep"].probabilities["test"]
    one, other = shares.argmax(axis=1) == labels, best["deep"].predicted[0]["test"] == labels
    counts = (one & ~other).sum(), (other & ~one).sum()
    assert row["p_value"] == pytest.approx(stats.binomtest(counts[0], sum(counts)).pvalue)
    assert row["accuracy"] == one.mean()


def test_the_stack_is_fitted_on_validation_alone(best, answers):
    """Its predictions of test images do not move with test labels, and do with validation's."""

    def right(labels):
        found = combine(best, replace(answers, labels=labels))
        return next(each for each in found if each.kind == "stack").accuracy.value

    labels = dict(answers.labels)
    other = {**labels, "validation": (labels["validation"] + 1) % 4}
    assert right(other) != right(labels)
    everywhere_else = {**labels, "test": np.full(600, 5)}  # no run names a sixth class
    assert right(everywhere_else) == 0


def test_one_family_has_nothing_to_combine(best, answers):
    table = combinations_table({"deep": best["deep"]}, answers)
    assert tuple(table) == COMBINATION_COLUMNS
    assert table.empty


def test_the_mean_is_that_of_probabilities():
    one, other = np.array([[0.6, 0.4, 0.0]]), np.array([[0.1, 0.4, 0.5]])
    assert mean_prediction([one, other]).tolist() == [1]
    assert mean_prediction([one]).tolist() == [0]
