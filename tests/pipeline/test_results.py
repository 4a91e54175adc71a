"""The files of reports/study/: what evaluate writes is what report reads."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from awkward_files import AWKWARD, DAMAGES, DIGITS, contents
from PIL import Image

from pipeline.checks import StudyError
from pipeline.results import (
    ACCURACY_COLUMNS,
    AGREEMENT_COLUMNS,
    CALIBRATION_COLUMNS,
    CERTAINTY_COLUMNS,
    COMBINATION_COLUMNS,
    CONFUSED_PAIR_COLUMNS,
    CONFUSION_COLUMNS,
    CONFUSION_IMAGE_COLUMNS,
    CORRUPTION_COLUMNS,
    COST_COLUMNS,
    ERROR_COLUMNS,
    FEATURE_PICTURE_COLUMNS,
    LEARNING_CURVE_COLUMNS,
    NEAR_DUPLICATE_COLUMNS,
    PAIRWISE_COLUMNS,
    PER_CLASS_COLUMNS,
    RELIABILITY_COLUMNS,
    RESULT_TABLES,
    SAMPLE_COLUMNS,
    TUNING_RESULT_COLUMNS,
    FeaturePicture,
    Results,
    learnt_elsewhere,
    load_feature_pictures,
    load_network_pictures,
    load_results,
    save_feature_pictures,
    save_network_pictures,
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
    options = '{"C": 0.5, "kernel": "a,b"}'
    tables["tuning"] = pd.DataFrame(
        [(run, 0, 3, "pruned", 40, 0.5, 1.5, options) for run in runs],
        columns=list(TUNING_RESULT_COLUMNS),
    )
    tables["certainty"] = pd.DataFrame(
        [(run, "deep", "unsure", 1, 3, "samples/3.png", n, n, 0.25) for run, n in pairs],
        columns=list(CERTAINTY_COLUMNS),
    )
    tables |= statistics(runs)
    tables["errors"] = pd.DataFrame(
        [("hardest", 1, 3, "samples/3.png", n, n, "", 0, 2, 0.25) for n in names],
        columns=list(ERROR_COLUMNS),
    )
    tables["confused_pairs"] = pd.DataFrame(
        [(run, "deep", name, name, 1, 2, 0.5) for run, name in pairs],
        columns=list(CONFUSED_PAIR_COLUMNS),
    )
    tables["confusion_images"] = pd.DataFrame(
        [(run, name, names[0], 1, 3, "samples/small/3.jpg", 0.5) for run, name in pairs],
        columns=list(CONFUSION_IMAGE_COLUMNS),
    )
    tables["corruption"] = pd.DataFrame(
        [(run, "deep", name, 0, 0.5, 0.4, 0.6, 7) for run in runs for name in ("none", "fog")],
        columns=list(CORRUPTION_COLUMNS),
    )
    costs = dict.fromkeys(COST_COLUMNS, 0.5) | {"family": "deep", "device": "d"}
    frontiers = {name: True for name in COST_COLUMNS if name.startswith("frontier")}
    tables["cost"] = pd.DataFrame([costs | frontiers | {"run": run} for run in runs])
    tables["near_duplicates"] = pd.DataFrame(
        [(3, 4, "train", "alike", False, 0.9, name, names[0]) for name in names],
        columns=list(NEAR_DUPLICATE_COLUMNS),
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
    columns = {
        "pairwise": PAIRWISE_COLUMNS,
        "agreement": AGREEMENT_COLUMNS,
        "calibration": CALIBRATION_COLUMNS,
        "reliability": RELIABILITY_COLUMNS,
        "combinations": COMBINATION_COLUMNS,
    }
    return {name: pd.DataFrame(rows[name], columns=list(columns[name])) for name in rows}


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
    assert found.tables["pairwise"]["holds"].dtype == bool


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


@pytest.mark.parametrize("column", ["test_seed_std", "test_top2_accuracy"])
def test_results_of_before_a_column_was_told_are_read(column):
    save_results(results())
    path = Path("reports/study/accuracy.csv")
    pd.read_csv(path).drop(columns=column).to_csv(path, index=False)
    assert load_results().tables["accuracy"][column].isna().all()


def test_older_results_get_the_share_of_the_most_common_class_and_pairs_that_look_alike():
    save_results(results())
    study = Path("reports/study")
    for name, column in (("accuracy", "majority_share"), ("near_duplicates", "kind")):
        path = study / f"{name}.csv"
        pd.read_csv(path).drop(columns=column).to_csv(path, index=False)
    classes = pd.read_csv(study / "per_class.csv")
    one = classes.loc[classes["run"] == classes["run"].iloc[0], "support"]
    found = load_results().tables
    assert found["accuracy"]["majority_share"].tolist() == pytest.approx(
        [one.max() / one.sum()] * len(found["accuracy"])
    )
    assert set(found["near_duplicates"]["kind"]) == {"alike"}


def test_a_table_without_a_column_is_refused():
    save_results(results())
    path = Path("reports/study/accuracy.csv")
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
def test_what_was_learnt_elsewhere(notes, expected):
    assert learnt_elsewhere(notes) == expected


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


def test_a_study_without_tuned_runs_has_an_empty_table_of_trials():
    expected = results()
    empty = {"tuning": expected.tables["tuning"].iloc[:0]}
    save_results(Results({**expected.tables, **empty}, {}, {}))
    found = load_results().tables["tuning"]
    assert tuple(found) == TUNING_RESULT_COLUMNS
    assert found.empty


def picture(name, kind, id_, pixels, class_name="NA") -> FeaturePicture:
    path = f"features/{name}/{id_}.png" if name else f"features/{id_}.png"
    return FeaturePicture(name, "m", 7, kind, id_, class_name, path, "words", pixels)


def test_feature_pictures_come_back_and_stale_ones_go(rng):
    pixels = rng.integers(0, 256, (16, 24, 3), dtype=np.uint8)
    first = [picture("", "original", 5, pixels), picture("01", "image", 5, pixels)]
    save_feature_pictures([*first, picture("old", "learnt", -1, pixels, "")])
    assert load_feature_pictures()["class"].tolist() == ["NA", "NA", ""]
    save_feature_pictures(first)
    table = load_feature_pictures()
    assert table["features"].tolist() == ["", "01"]
    folder = Path("reports/study")
    found = {str(path.relative_to(folder)) for path in (folder / "features").rglob("*")}
    assert found == {"features/5.png", "features/01", "features/01/5.png"}
    for path in table["image"]:
        with Image.open(folder / path) as read:
            assert (np.asarray(read) == pixels).all()


def test_a_large_picture_is_written_small_and_nearly_the_same(rng):
    y, x = np.mgrid[:256, :256]
    smooth = np.stack([x, y, (x + y) // 2], axis=-1)
    noisy = np.clip(smooth + rng.integers(-9, 9, smooth.shape), 0, 255).astype(np.uint8)
    save_feature_pictures([picture("hog", "image", 1, noisy)])
    path = Path("reports/study/features/hog/1.png")
    with Image.open(path) as read:
        found = np.asarray(read.convert("RGB")).astype(int)
    assert path.stat().st_size < 80_000  # 24 bits a pixel: 150 kB and more
    assert np.abs(found - noisy).mean() < 12
    save_feature_pictures([picture("hog", "learnt", 1, noisy)])
    with Image.open(path) as read:
        assert (np.asarray(read) == noisy).all()


def test_missing_feature_pictures_name_their_command():
    with pytest.raises(StudyError, match="dvc repro illustrate"):
        load_feature_pictures()


def network_picture(name, kind, id_, pixels) -> FeaturePicture:
    path = f"networks/{name}/{kind}-{id_}.png"
    return FeaturePicture(name, "m", 7, kind, id_, "NA", path, "words, more", pixels)


def test_network_pictures_stand_beside_those_of_features(rng):
    pixels = rng.integers(0, 256, (16, 24, 3), dtype=np.uint8)
    save_feature_pictures([picture("01", "image", 5, pixels)])
    save_network_pictures([network_picture(name, "maps", 5, pixels) for name in ("1", "2")])
    save_network_pictures([network_picture("1", kind, 5, pixels) for kind in ("maps", "gradcam")])
    table = load_network_pictures()
    assert tuple(table) == tuple(load_feature_pictures()) == FEATURE_PICTURE_COLUMNS
    assert table["features"].tolist() == ["1", "1"]
    folder = Path("reports/study")
    found = {str(path.relative_to(folder)) for path in folder.rglob("*.png")}
    assert found == {
        "features/01/5.png", "networks/1/maps-5.png", "networks/1/gradcam-5.png",
    }  # fmt: skip


def test_a_study_without_networks_has_a_table_without_rows(rng):
    pixels = rng.integers(0, 256, (16, 24, 3), dtype=np.uint8)
    save_feature_pictures([picture("01", "image", 5, pixels)])
    before = load_network_pictures()
    save_network_pictures([])
    assert Path("reports/study/networks").is_dir()
    for empty in (before, load_network_pictures()):
        assert tuple(empty) == FEATURE_PICTURE_COLUMNS
        assert empty.empty
        together = pd.concat([load_feature_pictures(), empty], ignore_index=True)
        assert together["id"].dtype == np.int64


def test_any_network_picture_is_written_small(rng):
    noise = rng.integers(0, 256, (128, 128, 3), dtype=np.uint8)
    save_network_pictures([network_picture("1", "learnt", -1, noise)])
    with Image.open("reports/study/networks/1/learnt--1.png") as read:
        assert read.mode == "P"
