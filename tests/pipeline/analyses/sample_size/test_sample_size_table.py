"""Tables by sample size: against numbers computed by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from pipeline.analyses.sample_size.crossings import crossing_rows
from pipeline.analyses.sample_size.table import TABLES, compute, record
from pipeline.analyses.sized_runs import score_sized
from tests.pipeline.analyses.scored_runs import made_up_labels, made_up_run, study_of
from tests.pipeline.synthetic_study import SAMPLE_SIZES, sized_record

SKILLS = {
    ("svm", "classical"): (0.36, 0.45, 0.53, 0.60, 0.66),
    ("weak_svm", "classical"): (0.3, 0.3, 0.3, 0.3, 0.3),
    ("net", "deep"): (0.20, 0.36, 0.52, 0.66, 0.76),
    ("weak_net", "deep"): (0.20, 0.20, 0.20, 0.20, 0.20),
    ("features_svm", "hybrid"): (0.70, 0.75, 0.80, 0.85, 0.9),
}


@pytest.fixture(scope="module")
def study():
    rng = np.random.default_rng(0)
    labels = made_up_labels(rng, n=600)
    runs = [made_up_run(name, labels, 0.7, rng, family=family) for name, family in SKILLS]
    records = [
        sized_record(name, skills, labels.by_split, labels.ids, deep=family == "deep")
        for (name, family), skills in SKILLS.items()
    ]
    return study_of(runs, labels, sized=score_sized(records, runs, labels))


@pytest.fixture(scope="module")
def tables(study):
    return compute(study)


def test_accuracy_is_the_mean_over_draws(study, tables):
    found = tables["sample_size"]
    assert len(found) == len(SKILLS) * len(SAMPLE_SIZES)
    for run in study.sized:
        rows = found[found["run"] == run.name]
        right = run.right["test"]
        assert rows["images"].tolist() == list(SAMPLE_SIZES)
        np.testing.assert_allclose(rows["accuracy"], right.mean(axis=(1, 2)))
        np.testing.assert_allclose(rows["draw_std"], right.mean(axis=2).std(axis=1, ddof=1))
        assert ((rows["ci_low"] < rows["accuracy"]) & (rows["accuracy"] < rows["ci_high"])).all()
        assert (rows["steps"] == (500 if run.family == "deep" else 0)).all()


def test_networks_and_hybrids_are_compared_with_the_best_classical_run(tables):
    found = tables["sample_size_crossings"].set_index("run")
    assert set(found.index) == {"net", "weak_net", "features_svm"}
    assert set(found["against"]) == {"svm"}
    assert found["chosen"].to_dict() == {"net": "best deep", "weak_net": "", "features_svm": ""}
    net = found.loc["net"]
    assert 100 < net["ci_low"] < net["images"] < net["ci_high"] < 400
    assert found.loc["weak_net", ["images", "ci_low"]].tolist() == [np.inf, np.inf]
    assert found.loc["weak_net", "never"] > 0.99
    assert found.loc["features_svm", ["images", "ci_high"]].tolist() == [0, 0]
    assert found.loc["features_svm", "always"] > 0.99


def test_the_best_network_without_pretrained_weights_is_named_too(study):
    sized = [replace(run, pretrained=run.name == "net") for run in study.sized]
    found = pd.DataFrame(crossing_rows(sized, 0)).set_index("run")
    assert found["chosen"].to_dict() == {
        "net": "best deep",
        "weak_net": "best deep from scratch",
        "features_svm": "",
    }


def test_forms_say_what_more_images_would_give(study, tables):
    found = tables["sample_size_forms"]
    for run in study.sized:
        rows = found[found["run"] == run.name]
        assert len(rows) == 4
        error = 1 - run.right["test"][-1].mean()
        np.testing.assert_allclose(rows["error"], error)
        np.testing.assert_allclose(rows["fitted_error"].iloc[0], error, atol=0.05)
        assert rows["missed"].abs().is_monotonic_increasing
    flat = found[found["run"] == "weak_net"].iloc[0]
    assert flat["gain"] < 0.02


def test_of_few_sizes_nothing_is_extrapolated(study):
    labels = study.labels
    record_ = sized_record("svm", (0.4, 0.5, 0.6), labels.by_split, labels.ids)
    found = compute(study_of(study.runs, labels, sized=score_sized([record_], study.runs, labels)))
    assert found["sample_size_forms"].empty
    assert found["sample_size_crossings"].empty
    assert len(found["sample_size"]) == 3


def test_without_sample_sizes_there_is_no_table(study):
    none = study_of(study.runs, study.labels)
    assert compute(none) == {}
    assert record(none) == {}
    assert all(table.optional for table in TABLES)
