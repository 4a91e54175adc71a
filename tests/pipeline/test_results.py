"""The files of reports/study/: what evaluate writes is what report reads."""

from pathlib import Path

import pandas as pd
import pytest
from awkward_files import AWKWARD, DAMAGES, DIGITS, contents

from pipeline.checks import StudyError
from pipeline.results import (
    ACCURACY_COLUMNS,
    CONFUSION_COLUMNS,
    LEARNING_CURVE_COLUMNS,
    PER_CLASS_COLUMNS,
    RESULT_TABLES,
    SAMPLE_COLUMNS,
    Results,
    load_results,
    save_results,
)

pytestmark = pytest.mark.usefixtures("study_folder")


def results(names=AWKWARD, runs=("01", "NA")) -> Results:
    """Tables of two runs; a network has no features."""
    tables = {}
    numbers = dict.fromkeys(ACCURACY_COLUMNS, 0.5)
    words = {"method": "m", "dataset": "photos", "device": "d", "n_test": 7, "parameters": 9}
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
        columns=list(PER_CLASS_COLUMNS),
    )
    tables["confusion"] = pd.DataFrame(
        [(run, name, names[0], 4) for run, name in pairs],
        columns=list(CONFUSION_COLUMNS),
    )
    tables["learning_curves"] = pd.DataFrame(
        [(run, 0, 10, "images", "train", "accuracy", 0.5) for run in runs],
        columns=list(LEARNING_CURVE_COLUMNS),
    )
    tables["samples"] = pd.DataFrame(
        [(3, "samples/3.png", name, run, "deep", name, True) for run, name in pairs],
        columns=list(SAMPLE_COLUMNS),
    )
    return Results(tables, {"01": {"test_accuracy": 0.5}}, {"dataset": {"name": "photos"}})


@pytest.mark.parametrize(("names", "runs"), [(AWKWARD, ("01", "NA")), (DIGITS, ("01", "1"))])
def test_results(names, runs):
    expected = results(names, runs)
    save_results(expected)
    found = load_results()
    assert found.metrics == expected.metrics
    assert found.study == expected.study
    assert set(found.tables) == set(RESULT_TABLES)
    for name, columns in RESULT_TABLES.items():
        assert tuple(found.tables[name].columns) == columns
        mine = found.tables[name].sort_index(axis=1)
        theirs = expected.tables[name][list(columns)].sort_index(axis=1)
        pd.testing.assert_frame_equal(mine, theirs, check_dtype=False)
    assert found.tables["accuracy"]["features"].tolist() == ["7", ""]
    assert found.tables["samples"]["correct"].dtype == bool


def test_columns_stand_in_their_published_order():
    shuffled = results()
    tables = {name: table[table.columns[::-1]] for name, table in shuffled.tables.items()}
    save_results(Results(tables, {}, {}))
    for name, columns in RESULT_TABLES.items():
        head = Path(f"reports/study/{name}.csv").read_text(encoding="utf-8").splitlines()[0]
        assert head == ",".join(columns)


def test_tables_that_lack_a_column_replace_nothing():
    save_results(results())
    before = contents()
    broken = dict(results().tables)
    broken["accuracy"] = broken["accuracy"].drop(columns="macro_f1")
    with pytest.raises(KeyError):
        save_results(Results(broken, {}, {}))
    assert contents() == before


def test_results_of_another_folder():
    """Committed references are read by the same code."""
    save_results(results())
    Path("reports/study").rename("reference")
    assert load_results(Path("reference")).metrics == {"01": {"test_accuracy": 0.5}}


def damaged():
    for name in (*(f"{table}.csv" for table in RESULT_TABLES), "metrics.json", "study.json"):
        for damage in DAMAGES:
            # A CSV file that is cut short is a CSV file again.
            if not (damage == "cut short" and name.endswith(".csv")):
                yield pytest.param(name, damage, id=f"{name}, {damage}")


@pytest.mark.parametrize(("name", "damage"), damaged())
def test_a_missing_or_damaged_file_is_named_with_the_command_that_makes_it(name, damage):
    save_results(results())
    DAMAGES[damage](Path("reports/study") / name)
    with pytest.raises(StudyError) as caught:
        load_results()
    assert f"reports/study/{name}" in str(caught.value)
    assert "dvc repro evaluate" in str(caught.value)
