"""The files of reports/study/: what evaluate writes is what report reads."""

from pathlib import Path

import pandas as pd
import pytest

from pipeline.analyses import tables as questions
from pipeline.analyses.tables import load_results, save_results
from pipeline.checks import StudyError
from pipeline.storage.results import Results, pretrained_on
from tests.pipeline.awkward_files import AWKWARD, DAMAGES, DIGITS, contents

pytestmark = pytest.mark.usefixtures("study_folder")

COLUMNS = {table.name: table.names for table in questions.tables() if not table.optional}
TABLES = Path("reports/study/tables")


def results(names=AWKWARD, runs=("01", "NA")) -> Results:
    """Tables of two runs; a network has no features."""
    tables = {}
    numbers = dict.fromkeys(COLUMNS["accuracy"], 0.5)
    words = {"method": "m", "dataset": "photos", "device": "d", "n_test": 7, "parameters": 9}
    words |= {"tta": "mirror"}
    tables["accuracy"] = pd.DataFrame(
        [
            numbers
            | words
            | {"run": runs[0], "family": "classical", "features": "7", "seeds": "0"},
            numbers | words | {"run": runs[1], "family": "deep", "features": "", "seeds": "0+1"},
        ]
    )
    pairs = [(run, name) for run in runs for name in names]
    tables["per_class"] = pd.DataFrame(
        [(run, name, 0.1, 0.2, 0.3, 4) for run, name in pairs],
        columns=list(COLUMNS["per_class"]),
    )
    tables["confusion"] = pd.DataFrame(
        [(run, name, names[0], 4) for run, name in pairs],
        columns=list(COLUMNS["confusion"]),
    )
    tables["learning_curves"] = pd.DataFrame(
        [(run, 0, 10, "images", "train", "accuracy", 0.5, "kept") for run in runs],
        columns=list(COLUMNS["learning_curves"]),
    )
    tables["samples"] = pd.DataFrame(
        [(3, "samples/3.png", name, run, "deep", name, True) for run, name in pairs],
        columns=list(COLUMNS["samples"]),
    )
    options = '{"C": 0.5, "kernel": "a,b"}'
    tables["tuning"] = pd.DataFrame(
        [(run, 0, 3, "pruned", 40, 2, 0.5, 1.5, options) for run in runs],
        columns=list(COLUMNS["tuning"]),
    )
    tables["certainty"] = pd.DataFrame(
        [(run, "deep", "unsure", 1, 3, "samples/3.png", n, n, 0.25) for run, n in pairs],
        columns=list(COLUMNS["certainty"]),
    )
    tables |= statistics(runs)
    tables["errors"] = pd.DataFrame(
        [("hardest", 1, 3, "samples/3.png", n, n, "", 0, 2, 0.25) for n in names],
        columns=list(COLUMNS["errors"]),
    )
    tables["confused_pairs"] = pd.DataFrame(
        [(run, "deep", name, name, 1, 2, 0.5) for run, name in pairs],
        columns=list(COLUMNS["confused_pairs"]),
    )
    tables["confusion_images"] = pd.DataFrame(
        [(run, name, names[0], 1, 3, "samples/small/3.jpg", 0.5) for run, name in pairs],
        columns=list(COLUMNS["confusion_images"]),
    )
    tables["corruption"] = pd.DataFrame(
        [(run, "deep", name, 0, 0.5, 0.4, 0.6, 7) for run in runs for name in ("none", "fog")],
        columns=list(COLUMNS["corruption"]),
    )
    costs = dict.fromkeys(COLUMNS["cost"], 0.5) | {"family": "deep", "device": "d"}
    frontiers = {name: True for name in COLUMNS["cost"] if name.startswith("frontier")}
    tables["cost"] = pd.DataFrame([costs | frontiers | {"run": run} for run in runs])
    tables["near_duplicates"] = pd.DataFrame(
        [(3, 4, "train", "alike", False, 0.9, name, names[0]) for name in names],
        columns=list(COLUMNS["near_duplicates"]),
    )
    return Results(tables, {"01": {"test_accuracy": 0.5}}, {"dataset": {"name": "photos"}})


def statistics(runs) -> dict[str, pd.DataFrame]:
    """Tables over all runs; with one seed there is no spread, and an oracle has no p-value."""
    nan = float("nan")
    rows = {
        "pairwise": [(*runs, "classical", "deep", 0.1, 0.05, 0.15, nan, 9, 3, 0.01, 0.02, True)],
        "agreement": [(*runs, 0.5, 0.4, 0.3, 0.7, nan)],
        "calibration": [(run, "deep", "softmax", 7, *[0.5] * 13) for run in runs],
        "reliability": [(run, "before", 1, 0.0, 0.1, 0, nan, nan) for run in runs],
        "combinations": [
            ("oracle", "classical+deep", "+".join(runs), 7, 0.5, 0.4, 0.6, runs[0], 0.1, nan),
            ("mean", "classical+deep", "+".join(runs), 7, 0.5, 0.4, 0.6, runs[0], 0.1, 0.5),
        ],
    }
    return {name: pd.DataFrame(rows[name], columns=list(COLUMNS[name])) for name in rows}


@pytest.mark.parametrize(("names", "runs"), [(AWKWARD, ("01", "NA")), (DIGITS, ("01", "1"))])
def test_results(names, runs):
    expected = results(names, runs)
    save_results(expected)
    found = load_results()
    assert found.metrics == expected.metrics
    assert found.study == expected.study
    assert set(found.tables) == set(COLUMNS)
    for name, columns in COLUMNS.items():
        assert tuple(found.tables[name].columns) == columns
        mine = found.tables[name].sort_index(axis=1)
        theirs = expected.tables[name][list(columns)].sort_index(axis=1)
        pd.testing.assert_frame_equal(mine, theirs, check_dtype=False)
    assert found.tables["accuracy"]["features"].tolist() == ["7", ""]
    assert found.tables["samples"]["correct"].dtype == bool
    assert found.tables["pairwise"]["holds"].dtype == bool


def test_columns_stand_in_their_published_order():
    shuffled = results()
    tables = {name: table[table.columns[::-1]] for name, table in shuffled.tables.items()}
    save_results(Results(tables, {}, {}))
    for name, columns in COLUMNS.items():
        head = (TABLES / f"{name}.csv").read_text(encoding="utf-8").splitlines()[0]
        assert head == ",".join(columns)


def test_tables_that_lack_a_column_replace_nothing():
    save_results(results())
    before = contents()
    broken = dict(results().tables)
    broken["accuracy"] = broken["accuracy"].drop(columns="macro_f1")
    with pytest.raises(KeyError):
        save_results(Results(broken, {}, {}))
    assert contents() == before


@pytest.mark.parametrize("kept", ["reports/study", "reports/study/tables"])
def test_results_of_another_folder(kept):
    """Committed references are read by the same code, older ones without a folder of tables."""
    save_results(results())
    Path(kept).rename("reference")
    assert load_results(Path("reference")).metrics == {"01": {"test_accuracy": 0.5}}


@pytest.mark.parametrize("column", ["test_seed_std", "test_top2_accuracy", "tta", "tta_p_value"])
def test_results_of_before_a_column_was_told_are_read(column):
    save_results(results())
    path = TABLES / "accuracy.csv"
    pd.read_csv(path).drop(columns=column).to_csv(path, index=False)
    assert load_results().tables["accuracy"][column].isna().all()


def test_older_results_get_the_share_of_the_most_common_class_and_pairs_that_look_alike():
    save_results(results())
    for name, column in (("accuracy", "majority_share"), ("near_duplicates", "kind")):
        path = TABLES / f"{name}.csv"
        pd.read_csv(path).drop(columns=column).to_csv(path, index=False)
    classes = pd.read_csv(TABLES / "per_class.csv")
    one = classes.loc[classes["run"] == classes["run"].iloc[0], "support"]
    found = load_results().tables
    assert found["accuracy"]["majority_share"].tolist() == pytest.approx(
        [one.max() / one.sum()] * len(found["accuracy"])
    )
    assert set(found["near_duplicates"]["kind"]) == {"alike"}


def test_older_results_lack_the_optional_tables():
    optional = {table.name for table in questions.tables() if table.optional}
    assert "decision" in optional
    save_results(results())
    assert not optional & load_results().tables.keys()


def test_a_table_without_a_column_is_refused():
    save_results(results())
    path = TABLES / "accuracy.csv"
    pd.read_csv(path).drop(columns="test_accuracy").to_csv(path, index=False)
    with pytest.raises(StudyError, match=r"accuracy\.csv has no column test_accuracy; expected"):
        load_results()


@pytest.mark.parametrize(
    ("notes", "expected"),
    [
        ({}, None),
        ({"weights": "random"}, None),
        ({"weights": None}, None),
        ({"weights": "imagenet"}, "imagenet"),
        ({"weights": "file"}, "file"),
        ({"feature_sets": {"hog": {"method": "hog"}, "vgg": {"weights": "imagenet"}}}, "imagenet"),
        ({"feature_sets": {"vgg": {"weights": "data/incoming/notop.h5"}}}, "file"),
        ({"feature_sets": {"vgg": {"weights": "random"}}}, None),
    ],
)
def test_what_was_pretrained_on(notes, expected):
    assert pretrained_on(notes) == expected


def damaged():
    for name in (*(f"{table}.csv" for table in COLUMNS), "metrics.json", "study.json"):
        for damage in DAMAGES:
            # A CSV file that is cut short is a CSV file again.
            if not (damage == "cut short" and name.endswith(".csv")):
                yield pytest.param(name, damage, id=f"{name}, {damage}")


@pytest.mark.parametrize(("name", "damage"), damaged())
def test_a_missing_or_damaged_file_is_named_with_the_command_that_makes_it(name, damage):
    save_results(results())
    DAMAGES[damage](TABLES / name)
    with pytest.raises(StudyError) as caught:
        load_results()
    assert str(TABLES / name) in str(caught.value)
    assert "dvc repro evaluate" in str(caught.value)


def test_a_study_without_tuned_runs_has_an_empty_table_of_trials():
    expected = results()
    empty = {"tuning": expected.tables["tuning"].iloc[:0]}
    save_results(Results({**expected.tables, **empty}, {}, {}))
    found = load_results().tables["tuning"]
    assert tuple(found) == COLUMNS["tuning"]
    assert found.empty
