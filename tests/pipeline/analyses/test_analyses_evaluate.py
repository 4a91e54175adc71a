"""`evaluate` as a whole, on predictions small enough to count by hand."""

from __future__ import annotations

import csv
import json
import statistics
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pipeline.analyses.accuracy import table as accuracy
from pipeline.analyses.duplicates import no_duplicates
from pipeline.analyses.evaluate import evaluate
from pipeline.analyses.records import RunRecord, SeedRecord
from pipeline.analyses.tables import load_results, save_results, tables
from pipeline.checks import StudyError
from pipeline.page.table import heading
from pipeline.storage.columns import Column
from pipeline.storage.near_duplicates import DUPLICATE_COLUMNS
from pipeline.storage.runs import HISTORY_COLUMNS, TUNING_COLUMNS, Card, Predictions
from pipeline.storage.splits import SPLITS, DatasetCard

CLASSES = ("cat", "dog")
LABELS = {
    "train": np.array([0, 1, 0, 1]),
    "validation": np.array([0, 1, 1, 0]),
    "test": np.array([0, 0, 0, 1, 1, 1, 1, 1]),
}
IDS = {split: np.arange(len(labels)) + 100 for split, labels in LABELS.items()}
DATASET = DatasetCard(
    name="pets",
    description="two classes, made by hand",
    sha256="0" * 64,
    class_names=CLASSES,
    image_shape=(8, 8, 3),
    sizes={split: len(labels) for split, labels in LABELS.items()},
    seed=0,
)


def seed_record(run, family="classical", seed=0, wrong=None, **changes):
    """One seed of a run that is wrong on the first `wrong[split]` images of each split."""
    scores = {}
    for split, labels in LABELS.items():
        predicted = labels.copy()
        k = (wrong or {}).get(split, 0)
        predicted[:k] = 1 - predicted[:k]
        scores[split] = np.eye(2, dtype=np.float32)[predicted] * 3 - 1
    x_kind = "epoch" if family == "deep" else "images"
    history = pd.DataFrame(
        [(2, x_kind, "train", "accuracy", 0.5), (4, x_kind, "train", "accuracy", 1.0)],
        columns=list(HISTORY_COLUMNS),
    )
    card = Card(
        run=run,
        family=family,
        method="some_method",
        features=() if family == "deep" else ("hog", "color"),
        options={},
        seed=seed,
        score_kind="decision",
        sizes=DATASET.sizes,
        parameters=10,
        train_seconds=2.0,
        predict_ms_per_image=0.5,
        stage_seconds=3.0,
        device="a processor",
        engine="a library 1.0",
        peak_memory_mb=100.0,
        versions={"numpy": "2"},
    )
    # Between 0.8 and 1, falling with the position, so that ranks can be told by hand.
    probabilities = {}
    for split, values in scores.items():
        sure = np.linspace(1, 0.8, len(values), dtype=np.float32)
        predicted = values.argmax(axis=1)
        probabilities[split] = np.stack([1 - sure, 1 - sure], axis=1)
        probabilities[split][np.arange(len(values)), predicted] = sure
    predictions = Predictions(dict(IDS), scores, probabilities)
    return SeedRecord(replace(card, **changes), predictions, history)


def run_record(run, *seeds, **options):
    seeds = seeds or (seed_record(run, **options),)
    return RunRecord(run, f"dvc repro train_classical@{run}", seeds)


def study(*runs, **options):
    return evaluate(DATASET, LABELS, IDS, runs, **options)


@pytest.fixture
def two_families():
    return study(
        run_record("svm", wrong={"validation": 1, "test": 3}),
        run_record("net", family="deep", wrong={"train": 1, "test": 1}),
        run_record("poor_net", family="deep", wrong={"validation": 3}),
        not_run={"resnet": "needs a GPU"},
    )


def test_tables_have_exactly_the_agreed_columns(two_families):
    assert {table.name for table in tables() if not table.optional} <= set(two_families.tables)
    agreed = {table.name: table.names for table in tables()}
    for name, table in two_families.tables.items():
        assert tuple(table.columns) == agreed[name]


def test_a_new_column_is_one_record_of_one_folder(monkeypatch, study_folder):
    engine = Column(
        "engine",
        "The library that fitted the model.",
        format="text",
        value=lambda run, study: run.cards[0].engine,
    )
    (table,) = accuracy.TABLES
    more = replace(table, columns=(*table.columns, engine))
    monkeypatch.setattr(accuracy, "TABLES", (more,))
    save_results(study(run_record("svm")))
    text = Path("reports/study/tables/accuracy.csv").read_text(encoding="utf-8")
    (row,) = csv.DictReader(text.splitlines())
    assert row["engine"] == "a library 1.0"
    assert list(row) == [*table.names, "engine"]
    assert load_results().tables["accuracy"]["engine"].tolist() == ["a library 1.0"]


def test_every_column_says_what_it_means():
    for table in tables():
        for column in table.columns:
            assert column.meaning.endswith("."), f"{table.name}.{column.name}"
            assert heading(column).title


def test_accuracy_row(two_families):
    row = two_families.tables["accuracy"].set_index("run").loc["svm"]
    assert row["test_accuracy"] == 5 / 8
    assert row["validation_accuracy"] == 3 / 4
    assert row["train_accuracy"] == 1
    assert (row["features"], row["seeds"], row["n_test"]) == ("hog+color", "0", 8)
    assert row["majority_share"] == 5 / 8
    # precision and recall of cat are 0; dog: 5 of 8 said to be dog are, all 5 are found
    assert row["macro_f1"] == pytest.approx((0 + 2 * 5 / 13) / 2)


def test_balanced_accuracy_and_its_interval(two_families):
    row = two_families.tables["accuracy"].set_index("run").loc["svm"]
    # all three cats are wrong, all five dogs are right; a cat and both dogs of validation are right
    assert row["test_balanced_accuracy"] == pytest.approx((0 + 1) / 2)
    assert row["validation_balanced_accuracy"] == pytest.approx((1 / 2 + 1) / 2)
    assert row["test_balanced_ci_low"] < 0.5 < row["test_balanced_ci_high"]
    assert row["macro_f1_ci_low"] <= row["macro_f1"] <= row["macro_f1_ci_high"]
    assert two_families.study["chosen_by"] == "accuracy"


def test_the_baseline_is_in_the_record(two_families):
    found = two_families.study["majority"]
    assert found["classes"] == ["cat", "dog"]
    assert found["test_accuracy"] == 5 / 8
    assert found["test_ci_low"] < 5 / 8 < found["test_ci_high"]


def test_of_unequal_classes_the_best_run_is_chosen_by_balanced_accuracy(monkeypatch):
    """Of 10 validation images 8 are dogs: one run finds all dogs, the other both cats."""
    unequal = LABELS | {"train": np.array([0, 1, 1, 1]), "validation": np.array([0, 0] + [1] * 8)}
    monkeypatch.setitem(LABELS, "train", unequal["train"])
    monkeypatch.setitem(LABELS, "validation", unequal["validation"])
    for split in ("train", "validation"):
        monkeypatch.setitem(IDS, split, np.arange(len(unequal[split])))
    dogs = seed_record("dogs", wrong={"validation": 2})
    both = seed_record("both")
    scores = np.eye(2, dtype=np.float32)[[0, 0, 0, 0, 0, 1, 1, 1, 1, 1]]
    both.predictions.scores["validation"] = scores
    found = study(run_record("dogs", dogs), run_record("both", both))
    table = found.tables["accuracy"].set_index("run")
    assert table["validation_accuracy"].to_dict() == {"dogs": 0.8, "both": 0.7}
    assert table["validation_balanced_accuracy"].to_dict() == pytest.approx(
        {"dogs": 0.5, "both": (1 + 5 / 8) / 2}
    )
    assert found.study["families_best"] == {"classical": "both"}
    assert found.study["chosen_by"] == "balanced accuracy"
    assert found.study["majority"]["largest_to_smallest"] == 3


def test_near_duplicates_are_left_out_of_a_column_of_their_own():
    pairs = pd.DataFrame(
        [(100, 101, "train", "exact", False, 1), (105, 100, "validation", "alike", True, 0.8)],
        columns=list(DUPLICATE_COLUMNS),
    )
    pairs = replace(no_duplicates(), pairs=pairs)
    runs = (run_record("svm", wrong={"test": 3}), run_record("net", family="deep"))
    found = study(*runs, duplicates=pairs)
    row = found.tables["accuracy"].set_index("run").loc["svm"]
    # Wrong are images 100 to 102; 100 and 105 have a near-duplicate.
    assert (row["test_accuracy"], row["n_test"]) == (5 / 8, 8)
    assert (row["test_accuracy_unique"], row["n_test_unique"]) == (4 / 6, 6)
    table = found.tables["near_duplicates"]
    assert table["actual"].tolist() == ["cat", "dog"]
    assert table["partner_actual"].tolist() == ["dog", "cat"]
    alone = study(*runs).tables["accuracy"].set_index("run").loc["svm"]
    assert (alone["test_accuracy_unique"], alone["n_test_unique"]) == (5 / 8, 8)
    with pytest.raises(StudyError, match=r"not in the test split.*repro duplicates"):
        study(*runs, duplicates=replace(pairs, pairs=pairs.pairs.assign(test_id=[99, 98])))


def test_costs_stand_in_a_table_of_their_own():
    slow = replace(seed_record("net", "deep", train_seconds=9.0), model_bytes=123)
    notes = {"multiply_adds": 50}
    svm = run_record("svm", wrong={"test": 3}, notes=notes)
    table = study(svm, run_record("net", slow)).tables["cost"].set_index("run")
    assert table.loc["net", "model_bytes"] == 123
    assert table.loc["svm", "multiply_adds"] == 50
    assert np.isnan(table.loc["net", "multiply_adds"])
    assert table["frontier_train"].all()


def test_rows_are_sorted_by_validation_never_by_test(two_families):
    # poor_net is best on the test split and worst on validation
    assert two_families.tables["accuracy"]["run"].tolist() == ["net", "svm", "poor_net"]
    assert two_families.study["families_best"] == {"classical": "svm", "deep": "net"}


def test_comparison_pairs_the_best_of_each_family(two_families):
    found = two_families.study["comparison"]
    assert (found["deep"], found["classical"]) == ("net", "svm")
    assert found["difference"] == 2 / 8
    assert (found["only_deep_right"], found["only_classical_right"]) == (2, 0)
    assert (found["both_right"], found["neither_right"]) == (5, 1)
    assert found["p_value"] == 0.5
    assert found["ci_low"] < 0.25 < found["ci_high"]


def test_no_comparison_with_one_family():
    only = study(run_record("svm"), run_record("mixed", family="hybrid"))
    assert only.study["comparison"] is None
    assert only.study["families_best"] == {"classical": "svm", "hybrid": "mixed"}


def test_hybrids_are_compared_with_both_families():
    found = study(
        run_record("svm", wrong={"test": 3}),
        run_record("net", family="deep", wrong={"test": 1}),
        run_record("mixed", family="hybrid", wrong={"test": 2}),
    ).study
    assert set(found["comparison"]) >= {"deep_accuracy", "only_classical_right"}
    with_deep, with_classical = (
        found["comparisons"][name] for name in ("hybrid_deep", "hybrid_classical")
    )
    assert (with_deep["hybrid"], with_deep["deep"]) == ("mixed", "net")
    assert with_deep["difference"] == -1 / 8
    assert (with_deep["only_hybrid_right"], with_deep["only_deep_right"]) == (0, 1)
    assert with_classical["difference"] == 1 / 8
    assert with_classical["only_hybrid_right"] == 1
    assert (with_classical["hybrid_accuracy"], with_classical["classical_accuracy"]) == (
        6 / 8,
        5 / 8,
    )


def test_further_comparisons_only_where_there_are_two(two_families):
    assert two_families.study["comparisons"] == {}
    found = study(run_record("svm"), run_record("mixed", family="hybrid")).study["comparisons"]
    assert set(found) == {"hybrid_classical"}


def trials(*accuracies):
    rows = [
        (trial, "complete", 4, 0, accuracy, 1.0, '{"C": 1}')
        for trial, accuracy in enumerate(accuracies)
    ]
    return pd.DataFrame(rows, columns=list(TUNING_COLUMNS))


def test_trials_of_all_tuned_runs_stand_below_each_other(two_families):
    assert two_families.tables["tuning"].empty
    first, second = seed_record("a", seed=5), seed_record("b")
    table = study(
        run_record("a", replace(first, tuning=trials(0.5, 0.6))),
        run_record("b", replace(second, tuning=trials(0.7))),
        run_record("c"),
    ).tables["tuning"]
    assert list(table) == ["run", "seed", *TUNING_COLUMNS]
    assert table["run"].tolist() == ["a", "a", "b"]
    assert table["seed"].tolist() == [5, 5, 0]
    assert table["validation_accuracy"].tolist() == [0.5, 0.6, 0.7]


def test_a_table_of_trials_that_lacks_a_column_is_refused():
    broken = replace(seed_record("svm"), tuning=trials(0.5).drop(columns="seconds"))
    with pytest.raises(StudyError, match=r"'svm', seed 0: the table of trials.*seconds.*svm"):
        study(run_record("svm", broken))


def test_confusion_counts_add_up(two_families):
    table = two_families.tables["confusion"]
    svm = table[table["run"] == "svm"].set_index(["actual", "predicted"])["count"]
    assert svm.to_dict() == {
        ("cat", "cat"): 0, ("cat", "dog"): 3, ("dog", "cat"): 0, ("dog", "dog"): 5,
    }  # fmt: skip


def test_the_clock_and_the_machine_change_no_accuracy():
    quick = study(run_record("svm")).tables
    slow = study(run_record("svm", train_seconds=9.0, predict_ms_per_image=7.0, device="b")).tables
    assert quick["accuracy"].to_csv() == slow["accuracy"].to_csv()
    assert quick["cost"].to_csv() != slow["cost"].to_csv()


def test_seeds_are_averaged_and_counts_summed():
    two = run_record(
        "svm",
        seed_record("svm", seed=3, wrong={"test": 1}),
        seed_record("svm", seed=4, wrong={"test": 2}),
    )
    results = study(two)
    row = results.tables["accuracy"].iloc[0]
    assert (row["seeds"], row["n_test"]) == ("3+4", 8)
    assert row["test_accuracy"] == 6.5 / 8
    alone = study(run_record("svm", wrong={"test": 1})).tables["accuracy"].iloc[0]
    width = alone["test_ci_high"] - alone["test_ci_low"]
    assert row["test_ci_high"] - row["test_ci_low"] > width  # nearer to 1/2, and no image more
    assert results.tables["confusion"]["count"].sum() == 16
    apart = [study(run_record("svm", wrong={"test": wrong})) for wrong in (1, 2)]
    f1 = [each.tables["accuracy"].iloc[0]["macro_f1"] for each in apart]
    assert row["macro_f1"] == pytest.approx(sum(f1) / 2)
    support = results.tables["per_class"].set_index("class")["support"]
    assert support.equals(apart[0].tables["per_class"].set_index("class")["support"])
    assert results.study["accuracy_by_seed"]["svm"]["4"]["test"] == 6 / 8
    assert sorted(results.tables["learning_curves"]["seed"].unique()) == [3, 4]


def test_the_spread_over_seeds_is_a_sample_standard_deviation():
    wrong = (1, 2, 4)
    three = run_record("net", *(seed_record("net", "deep", s, {"test": k})
                                for s, k in enumerate(wrong)))  # fmt: skip
    results = study(three, run_record("svm"))
    table = results.tables["accuracy"].set_index("run")
    expected = statistics.stdev((8 - k) / 8 for k in wrong)
    assert table.loc["net", "test_seed_std"] == pytest.approx(expected)
    assert np.isnan(table.loc["svm", "test_seed_std"])
    assert results.metrics["net"]["test_seed_std"] == pytest.approx(expected)
    assert "test_seed_std" not in results.metrics["svm"]


def test_learning_rates_and_times_pass_into_the_curves():
    record = seed_record("net", "deep")
    more = [(1, "epoch", "train", "learning_rate", 0.1), (1, "epoch", "train", "seconds", 20.5),
            (1, "epoch", "train", "images_per_second", 2200.0),
            (1, "epoch", "validation", "macro_f1", 0.4)]  # fmt: skip
    columns = list(HISTORY_COLUMNS)
    history = pd.concat([record.history, pd.DataFrame(more, columns=columns)])
    found = study(run_record("net", replace(record, history=history))).tables["learning_curves"]
    assert len(found) == 6
    assert found.set_index("metric")["value"]["images_per_second"] == 2200


def test_a_pretrained_winner_leaves_a_comparison_to_the_best_network_on_these_images():
    runs = (
        run_record("svm", wrong={"validation": 2, "test": 3}),
        run_record("poor", family="deep", wrong={"validation": 3}),
        run_record("scratch", family="deep", wrong={"validation": 1, "test": 2}),
        run_record("transfer", family="deep", notes={"weights": "imagenet"}),
    )
    found = study(*runs).study
    assert found["comparison"]["deep"] == "transfer"
    pair = found["comparisons"]["scratch_classical"]
    assert (pair["deep"], pair["classical"], pair["difference"]) == ("scratch", "svm", 1 / 8)
    assert "scratch_classical" not in study(*runs[:3]).study["comparisons"]
    assert "scratch_classical" not in study(runs[0], runs[3]).study["comparisons"]
    assert "scratch_classical" not in study(*runs[1:]).study["comparisons"]


def test_a_history_that_was_cut_is_refused():
    record = seed_record("svm")
    record.history.loc[0, "value"] = float("nan")
    with pytest.raises(StudyError, match=r"'svm', seed 0: the history .* train_classical@svm"):
        study(run_record("svm", record))


def test_metrics_are_numbers_alone(two_families):
    assert set(two_families.metrics) == {"svm", "net", "poor_net"}
    assert two_families.metrics["net"]["test_accuracy"] == 7 / 8
    for numbers in two_families.metrics.values():
        assert all(isinstance(value, float) for value in numbers.values())


def test_samples_tell_each_runs_prediction(two_families):
    table = two_families.tables["samples"]
    assert len(table) == 3 * table["id"].nunique()
    assert (table["correct"] == (table["actual"] == table["predicted"])).all()
    assert (table["image"] == "samples/" + table["id"].astype(str) + ".png").all()


def test_results_survive_the_disk(two_families, study_folder):
    save_results(two_families)
    loaded = load_results()
    assert loaded.study == json.loads(json.dumps(two_families.study))
    assert loaded.study["not_run"] == {"resnet": "needs a GPU"}
    pd.testing.assert_frame_equal(
        loaded.tables["confusion"], two_families.tables["confusion"], check_dtype=False
    )


def test_a_generator_is_enough():
    assert len(study(*(run_record(name) for name in "abc")).metrics) == 3


def spoiled(**changes):
    record = seed_record("svm")
    predictions = replace(record.predictions, **changes)
    return RunRecord(
        "svm", "dvc repro train_classical@svm", (replace(record, predictions=predictions),)
    )


def test_unpaired_ids_name_the_run_and_the_remedy():
    with pytest.raises(StudyError, match=r"'svm'.*test.*dvc repro train_classical@svm"):
        study(spoiled(ids={**IDS, "test": IDS["test"][::-1]}))


def test_wrong_number_of_scores():
    scores = {split: np.zeros((len(ids), 3), dtype=np.float32) for split, ids in IDS.items()}
    with pytest.raises(StudyError, match=r"\(4, 3\).*\(4, 2\).*train_classical@svm"):
        study(spoiled(scores=scores))


def test_scores_that_are_not_finite():
    scores = {split: np.zeros((len(ids), 2), dtype=np.float32) for split, ids in IDS.items()}
    scores["validation"][2, 1] = np.nan
    with pytest.raises(StudyError, match=r"validation.*nan.*row 2.*train_classical@svm"):
        study(spoiled(scores=scores))


@pytest.mark.parametrize(
    ("shares", "message"),
    [([0.7, 0.7], "sum to 1.4 in row 2"), ([1.5, -0.5], "from -0.5"), ([np.nan, 1], "nan")],
)
def test_probabilities_that_are_none(shares, message):
    values = seed_record("svm").predictions.probabilities
    values = {**values, "test": values["test"].copy()}
    values["test"][2] = shares
    with pytest.raises(StudyError, match=rf"test predictions.*{message}.*train_classical@svm"):
        study(spoiled(probabilities=values))


def augmented(run, tta_wrong, seeds=(0,), **plain):
    """A run that is wrong on the last `tta_wrong` test images with test-time augmentation."""
    records = []
    for seed in seeds:
        one = seed_record(run, seed=seed, options={"tta": "mirror"}, **plain)
        shown = {split: LABELS[split].copy() for split in ("validation", "test")}
        shown["test"][len(shown["test"]) - tta_wrong :] = 0
        scores = {split: np.eye(2, dtype=np.float32)[classes] for split, classes in shown.items()}
        notes = {"tta_ms_per_image": 1.25 + seed}
        card = replace(one.card, notes=notes)
        predictions = replace(one.predictions, tta_scores=scores)
        records.append(replace(one, card=card, predictions=predictions))
    return run_record(run, *records)


def test_test_time_augmentation_has_columns_of_its_own_and_changes_nothing_else():
    plain = {"wrong": {"validation": 1, "test": 3}}
    other = run_record("net", family="deep", wrong={"test": 1})
    without = study(run_record("svm", **plain), other)
    found = study(augmented("svm", 2, **plain), other)
    for name, table in without.tables.items():
        same = [column for column in table if not column.startswith("tta")]
        pd.testing.assert_frame_equal(found.tables[name][same], table[same])
        assert [column for column in table if column not in same] == [
            column for column in found.tables[name] if column.startswith("tta")
        ]
    for key in ("comparison", "comparisons", "families_best", "statistics", "accuracy_by_seed"):
        assert found.study[key] == without.study[key], key
    assert found.metrics == without.metrics

    rows = found.tables["accuracy"].set_index("run")
    svm = rows.loc["svm"]
    assert (svm["tta"], rows.loc["net", "tta"]) == ("mirror", "")
    assert np.isnan(rows.loc["net", "tta_test_accuracy"])
    assert svm["test_accuracy"] == 5 / 8
    assert (svm["tta_validation_accuracy"], svm["tta_test_accuracy"]) == (1, 6 / 8)
    assert svm["tta_difference"] == 1 / 8
    assert svm["tta_difference_ci_low"] < 0 < svm["tta_difference_ci_high"]
    # Right with it alone on the first three images, wrong with it alone on the last two.
    assert svm["tta_p_value"] == 1
    low, high = wilson(6, 8)
    assert svm["tta_test_ci_low"] == pytest.approx(low)
    assert svm["tta_test_ci_high"] == pytest.approx(high)
    costs = found.tables["cost"].set_index("run")["tta_ms_per_image"]
    assert costs["svm"] == 1.25
    assert np.isnan(costs["net"])


def wilson(k, n, z=1.959964):
    center, square = (k / n + z**2 / (2 * n)), z**2 / (4 * n**2)
    half = z * np.sqrt(k / n * (1 - k / n) / n + square)
    return (center - half) / (1 + z**2 / n), (center + half) / (1 + z**2 / n)


def test_seeds_with_test_time_augmentation_are_averaged():
    one, other = augmented("svm", 1).seeds, augmented("svm", 3, seeds=(1,)).seeds
    (row,) = study(run_record("svm", *one, *other)).tables["accuracy"].to_dict("records")
    assert row["tta_test_accuracy"] == pytest.approx(6 / 8)
    assert row["tta_difference"] == pytest.approx(-2 / 8)


def test_scores_with_test_time_augmentation_are_checked():
    (one,) = augmented("svm", 1).seeds
    scores = one.predictions.tta_scores
    for wrong, message in (
        ({}, "of none; expected those of test, validation. Repair it with: dvc repro train_cl"),
        ({**scores, "test": scores["test"][:-1]}, r"found scores of shape \(7, 2\)"),
        (
            {**scores, "test": np.full_like(scores["test"], np.inf)},
            "test predictions with test-time augm",
        ),
    ):
        predictions = replace(one.predictions, tta_scores=wrong)
        with pytest.raises(StudyError, match=message):
            study(run_record("svm", replace(one, predictions=predictions)))
    with pytest.raises(StudyError, match="of test, validation; expected those of none"):
        study(run_record("svm", replace(one, card=replace(one.card, options={}))))


def test_no_run_and_names_that_stand_twice():
    with pytest.raises(StudyError, match="found no run"):
        study()
    with pytest.raises(StudyError, match="two runs named 'svm'"):
        study(run_record("svm"), run_record("svm"))
    with pytest.raises(StudyError, match="no seed"):
        study(RunRecord("svm", "dvc repro", ()))


def test_labels_of_an_unknown_class():
    labels = {**LABELS, "test": LABELS["test"] + 1}
    with pytest.raises(StudyError, match="labels of test"):
        evaluate(DATASET, labels, IDS, [run_record("svm")])
    assert set(labels) == set(SPLITS)


def test_folds_need_all_images_in_all_splits():
    folds = np.arange(len(LABELS["test"])) % 3
    with pytest.raises(StudyError, match="all images in all splits"):
        evaluate(DATASET, LABELS, IDS, [run_record("svm")], folds=folds)


def test_statistics_are_told_with_their_constants(two_families):
    record = two_families.study["statistics"]
    assert (record["pairs"], record["resamples"], record["bins"]) == (3, 10_000, 15)
    table = two_families.tables["pairwise"]
    assert table["run_a"].tolist() == ["net", "net", "svm"]
    assert not table["holds"].any()  # eight images tell nothing apart
    assert two_families.tables["calibration"]["run"].tolist() == ["net", "svm", "poor_net"]
    assert two_families.tables["combinations"]["best_single"].tolist() == ["net"] * 3


def test_images_that_are_not_independent_let_no_difference_hold():
    labels = {split: np.tile(each, 40) for split, each in LABELS.items()}
    ids = {split: np.arange(len(each)) for split, each in labels.items()}

    def record(run, wrong):
        one = seed_record(run, wrong={"test": wrong})
        many = {
            kind: {split: np.tile(each, (40, 1)) for split, each in values.items()}
            for kind, values in (("scores", one.predictions.scores),
                                 ("probabilities", one.predictions.probabilities))
        }  # fmt: skip
        return run_record(run, replace(one, predictions=Predictions(ids, **many)))

    runs = [record("good", 0), record("poor", 4)]
    for independent in (True, False):
        dataset = replace(DATASET, independent=independent)
        row = evaluate(dataset, labels, ids, runs).tables["pairwise"].iloc[0]
        assert row["holds"] == independent
        assert row["p_holm"] < 1e-6


def test_the_second_place_counts_where_there_is_a_third(two_families):
    assert two_families.tables["accuracy"]["test_top2_accuracy"].isna().all()
    labels = {"train": np.array([0, 1, 2]), "validation": np.array([0, 1]),
              "test": np.array([0, 1, 2, 2])}  # fmt: skip
    ids = {split: np.arange(len(each)) for split, each in labels.items()}
    dataset = replace(DATASET, class_names=("cat", "dog", "eel"))
    places = np.array([[5, 1, 0], [3, 2, 1], [3, 2, 1], [0, 2, 3]])  # first, second, third, first

    def seed(number, test):
        scores = {split: np.eye(3, dtype=np.float32)[each] for split, each in labels.items()}
        scores["test"] = test.astype(np.float32)
        shares = {s: (e + 1) / (e + 1).sum(axis=1, keepdims=True) for s, e in scores.items()}
        predictions = Predictions(ids, scores, shares)
        return replace(seed_record("svm", seed=number), predictions=predictions)

    run = run_record("svm", seed(0, places), seed(1, np.eye(3)[labels["test"]]))
    row = evaluate(dataset, labels, ids, [run]).tables["accuracy"].iloc[0]
    assert row["test_top2_accuracy"] == (3 / 4 + 1) / 2
