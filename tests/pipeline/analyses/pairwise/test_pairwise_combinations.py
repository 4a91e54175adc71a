"""What families reach together: bounds, means and stacks of runs."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from pipeline.analyses.pairwise import combinations
from pipeline.analyses.pairwise.combinations import combine, mean_prediction
from pipeline.analyses.pairwise.table import COMBINATIONS, combinations_table
from pipeline.statistics.pooling import fit_pool
from tests.pipeline.analyses.scored_runs import made_up_labels, made_up_run, study_of


@pytest.fixture
def labels(rng):
    return made_up_labels(rng, 600)


@pytest.fixture
def best(rng, labels):
    return {
        "classical": made_up_run("svm", labels, 0.6, rng),
        "deep": made_up_run("net", labels, 0.75, rng, family="deep"),
        "hybrid": made_up_run("mixed", labels, 0.7, rng, family="hybrid"),
    }


def test_rows_of_two_and_three_families(best, labels):
    table = combinations_table(study_of(tuple(best.values()), labels))
    assert tuple(table) == COMBINATIONS.names
    assert table["kind"].tolist() == ["oracle", "mean", "stack"] * 4
    assert table["families"].unique().tolist() == [
        "classical+deep", "classical+hybrid", "deep+hybrid", "classical+deep+hybrid",
    ]  # fmt: skip
    assert table["runs"].iloc[-1] == "svm+net+mixed"
    assert table["best_single"].tolist() == ["net"] * 3 + ["mixed"] * 3 + ["net"] * 6
    assert ((table["ci_low"] < table["accuracy"]) & (table["accuracy"] < table["ci_high"])).all()


def test_the_oracle_counts_images_that_any_gets_right(best, labels):
    row = combinations_table(study_of(tuple(best.values()), labels)).iloc[9]
    right = np.stack([run.predicted[0]["test"] == labels.test for run in best.values()])
    assert row["accuracy"] == right.any(axis=0).mean()
    assert row["difference"] == pytest.approx(right.any(axis=0).mean() - right[1].mean())
    assert np.isnan(row["p_value"])


def test_mean_and_stack_gain_from_runs_that_err_apart(best, labels):
    table = combinations_table(study_of(tuple(best.values()), labels)).iloc[9:].set_index("kind")
    assert (table.loc[["mean", "stack"], "difference"] > 0.05).all()
    assert (table["accuracy"] <= table.loc["oracle", "accuracy"]).all()


def test_p_values_are_mcnemars_against_the_best_single(best, labels):
    row = combinations_table(study_of(tuple(best.values()), labels)).iloc[1]
    shares = best["classical"].probabilities["test"] + best["deep"].probabilities["test"]
    one, other = (
        shares.argmax(axis=1) == labels.test,
        best["deep"].predicted[0]["test"] == labels.test,
    )
    counts = (one & ~other).sum(), (other & ~one).sum()
    assert row["p_value"] == pytest.approx(stats.binomtest(counts[0], sum(counts)).pvalue)
    assert row["accuracy"] == one.mean()


def test_the_stack_is_fitted_on_validation_alone(best, labels):
    """Its predictions of test images do not move with test labels, and do with validation's."""

    def right(by_split):
        found = combine(best, replace(labels, by_split=by_split))
        return next(each for each in found if each.kind == "stack").accuracy.value

    given = dict(labels.by_split)
    other = {**given, "validation": (given["validation"] + 1) % 4}
    assert right(other) != right(given)
    everywhere_else = {**given, "test": np.full(600, 5)}  # no run names a sixth class
    assert right(everywhere_else) == 0


def test_one_family_has_nothing_to_combine(best, labels):
    table = combinations_table(study_of((best["deep"],), labels))
    assert tuple(table) == COMBINATIONS.names
    assert table.empty


def test_the_mean_is_that_of_probabilities():
    one, other = np.array([[0.6, 0.4, 0.0]]), np.array([[0.1, 0.4, 0.5]])
    assert mean_prediction([one, other]).tolist() == [1]
    assert mean_prediction([one]).tolist() == [0]


def test_the_weights_of_a_fold_are_fitted_on_the_others(best, labels, monkeypatch):
    folds = np.arange(len(labels.test)) % 3
    fitted = []

    def fit(shares, actual):
        fitted.append(actual)
        return fit_pool(shares, actual)

    monkeypatch.setattr(combinations, "fit_pool", fit)
    two = {family: best[family] for family in ("classical", "deep")}
    combine(two, replace(labels, folds=folds))
    assert [each.tolist() for each in fitted] == [
        labels.validation[folds != fold].tolist() for fold in range(3)
    ]
