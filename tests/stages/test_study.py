"""A whole study as ``make study`` runs it, with real trainings, and what stands in its report.

It is run once through DVC, and once more with other options in this process, in a copy; each test
looks at a part. Which stages an edit reruns is told in test_reruns.py.
"""

from __future__ import annotations

import copy
import json
import re
import shutil
from contextlib import chdir
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from in_process import run_study
from small_study import BIN, PARAMS, RUNS, SIZES, Step, Study, checkout, contents

from pipeline.analyses.tables import load_results, tables
from pipeline.commands.predict import open_run
from pipeline.storage.paths import STUDY
from pipeline.storage.runs import load_card, load_predictions, model_file, run_folder
from pipeline.storage.splits import (
    SPLITS,
    load_dataset_card,
    load_ids,
    load_image_index,
    load_images,
    load_labels,
)
from stages import evaluate, illustrate, illustrate_networks, report

pytestmark = pytest.mark.slow

WITHOUT_ROWS = {
    *("two_classes", "thresholds", "two_class_curves"),  # there are more classes
    "ablation_curves",  # of networks
    *("sample_size_crossings", "sample_size_forms"),  # of several runs, and of more sizes
}
NOT_OF_ALL_RUNS = {
    "answers",
    "coverage",
    "health",
    "shortcut",
    "two_classes",
    "thresholds",
    "two_class_curves",
    "tuning",
    "certainty",
    "pairwise",
    "agreement",
    "combinations",
    "errors",
    "confused_pairs",
    "confusion_images",
    "corruption",
    "near_duplicates",
    "sample_size",
    "sample_size_crossings",
    "sample_size_forms",
    "ablations",
    "ablation_claims",
    "ablation_curves",
}
"""Tables of some runs, of pairs of runs, or of images."""


def edited() -> dict[str, Any]:
    """The study with another title, other options, and one run in place of another."""
    params = copy.deepcopy(PARAMS)
    params["dataset"].update(path="../../data/incoming", title="ten photographs")
    params["deep"]["lenet5"].update(epochs=2)
    params["features"]["hog"].update(cell=8)
    params["classical"]["both_svm"]["tune"]["ranges"]["C"]["high"] = 20
    params["classical"]["added"] = {"method": "linear_svm", "features": ["color"], "C": 0.1}
    params["corrupt"] = {}
    del params["classical"]["color_svm"], params["classical"]["vgg_svm"], params["features"]["vgg"]
    return params


@pytest.fixture(scope="module")
def made(root, tmp_path_factory) -> tuple[Study, Step]:
    """The study as ``make study STUDY=tiny`` leaves it, and what that did."""
    study = Study(checkout(root, tmp_path_factory.mktemp("made") / "checkout"))
    outside = {name: text for name, text in contents(study.root).items() if "/tiny/" not in name}
    step = study.make()
    inside = {name: text for name, text in contents(study.root).items() if "/tiny/" not in name}
    unmade = {name: text for name, text in inside.items() if "__pycache__" not in name}
    assert unmade == outside, "the checkout is as it was"
    return study, step


@pytest.fixture(scope="module")
def first(made) -> Step:
    return made[1]


@pytest.fixture
def study(made, monkeypatch) -> Study:
    """The study as the working directory."""
    monkeypatch.chdir(made[0].folder)
    return made[0]


@pytest.fixture(scope="module")
def steps(made, tmp_path_factory) -> dict[str, Step]:
    """What the report was at first, evaluated again, and of a study with other options."""
    study, first = made
    there = Study(tmp_path_factory.mktemp("edited") / "checkout")
    shutil.copytree(study.folder, there.folder, symlinks=True)
    shutil.copytree(study.root / "data", there.root / "data")
    with chdir(there.folder), pytest.MonkeyPatch.context() as patch:
        patch.setattr(evaluate, "code_version", lambda: "not under git")  # as the copy of the code
        shutil.rmtree(STUDY)
        for stage in (evaluate, illustrate, illustrate_networks, report):
            stage.main()
        again = there.step(0, "")
        run_study(edited())
    return {"first": first, "again": again, "edited": there.step(0, "")}


def test_the_study_makes_everything_and_says_where_the_report_is(first):
    assert first.code == 0, first.output
    assert first.ran == {
        "check",
        "fetch",
        "prepare",
        "featurize@color",
        "featurize@hog",
        "featurize@vgg",
        "index",
        "train_classical@color_svm",
        "train_classical@hog_svm",
        "train_classical@both_svm",
        "train_classical@vgg_svm",
        "train_deep@lenet5",
        "corrupt@hog_svm",
        "corrupt@lenet5",
        "sample_size@hog_svm",
        "ablations@C",
        "duplicates",
        "health",
        "evaluate",
        "illustrate",
        "illustrate_networks",
        "report",
    }
    assert first.output.rstrip().endswith("workspaces/tiny/reports/study/index.html")
    assert "Traceback" not in first.output


# --- what an edit changes in the report -----------------------------------------------------------


def test_the_same_results_give_the_same_report(steps):
    """To the byte: no time, date or order of the disk is in it."""
    first, again = steps["first"].report, steps["again"].report
    assert set(again) == set(first)
    assert [name for name in first if first[name] != again[name]] == []


def test_an_edit_shows_in_the_report(steps):
    def rows(step):
        return {row["run"]: row for row in steps[step].table("accuracy")}

    def epochs(step):
        curve = steps[step].table("learning_curves")
        return max(float(row["x"]) for row in curve if row["run"] == "lenet5")

    def highest(step):
        cards = json.loads(steps[step].report["tables/study.json"])["cards"]
        return cards["both_svm"]["0"]["notes"]["tuning"]["ranges"]["C"]["high"]

    assert {row["dataset"] for row in rows("edited").values()} == {"ten photographs"}
    assert (epochs("first"), epochs("edited")) == (1, 2)
    assert int(rows("edited")["hog_svm"]["parameters"]) > int(
        rows("first")["hog_svm"]["parameters"]
    )
    assert (highest("first"), highest("edited")) == (9, 20)


def test_an_added_run_is_in_the_report(steps):
    assert "added" not in {row["run"] for row in steps["first"].table("accuracy")}
    assert "added" in {row["run"] for row in steps["edited"].table("accuracy")}
    assert "added" in json.loads(steps["edited"].report["tables/metrics.json"])
    assert b"added" in steps["edited"].report["index.html"]


def test_a_removed_run_is_gone_from_the_report(steps):
    before, after = steps["first"], steps["edited"]
    for name in {table.name for table in tables()} - NOT_OF_ALL_RUNS:
        assert "color_svm" in {row["run"] for row in before.table(name)}
        assert "color_svm" not in {row["run"] for row in after.table(name)}
    for name in ("pairwise", "agreement"):
        assert "color_svm" in {row[run] for row in before.table(name) for run in ("run_a", "run_b")}
        assert "color_svm" not in {
            row[run] for row in after.table(name) for run in ("run_a", "run_b")
        }
    for name in ("index.html", "summary.md", "tables/metrics.json", "tables/study.json"):
        assert b"color_svm" in before.report[name]
        assert b"color_svm" not in after.report[name]


# --- what stands in the report --------------------------------------------------------------------


def test_tables_have_their_published_columns(first):
    for table in tables():
        head = first.report[f"tables/{table.name}.csv"].decode("utf-8").splitlines()[0]
        assert head == ",".join(table.names)
        if table.name not in WITHOUT_ROWS:
            assert first.table(table.name), f"{table.name} has rows"


def test_the_report_is_whole(first):
    report = first.report
    assert {"index.html", "summary.md", "tables/metrics.json", "tables/study.json"} <= set(report)
    page = report["index.html"].decode("utf-8")
    for name in (*RUNS, "too slow for a test"):
        assert name in page
        assert name in report["summary.md"].decode("utf-8")
    body = re.sub(r"<script.*?</script>", "", page, flags=re.DOTALL)
    assert re.findall(r"""src=["']?(?!data:)([^"' >]+)""", body) == [], "the page is one file"
    linked = set(re.findall(r"""href=["']?(?!\#)([^"' >]+)""", body))
    assert {"tables/accuracy.csv", "figures/accuracy.svg"} <= linked <= set(report)
    for row in first.table("samples"):
        assert report[row["image"]].startswith(b"\x89PNG")


def test_accuracy_table(first):
    rows = {row["run"]: row for row in first.table("accuracy")}
    assert set(rows) == set(RUNS)
    assert {run: (row["family"], row["features"]) for run, row in rows.items()} == {
        "color_svm": ("classical", "color"),
        "hog_svm": ("classical", "hog"),
        "both_svm": ("classical", "hog+color"),
        "vgg_svm": ("hybrid", "vgg"),
        "lenet5": ("deep", ""),
    }
    for row in rows.values():
        assert (row["dataset"], row["seeds"], int(row["n_test"])) == ("photos", "0", SIZES["test"])
        low, value, high = (
            float(row[key]) for key in ("test_ci_low", "test_accuracy", "test_ci_high")
        )
        assert 0 <= low < value < high <= 1
        assert int(row["parameters"]) > 0
    for row in first.table("cost"):
        assert float(row["train_seconds"]) > 0
        assert float(row["predict_ms_per_image"]) > 0
        assert row["device"]
    # Ten classes of which color tells most apart: far above chance, or labels are shuffled.
    assert float(rows["color_svm"]["test_accuracy"]) > 0.3
    assert float(rows["both_svm"]["test_accuracy"]) > 0.3


def test_learning_curves(first):
    curves = pd.DataFrame(first.table("learning_curves"))
    assert set(curves["run"]) == set(RUNS)
    kinds = set(zip(curves["run"], curves["x_kind"], strict=True))
    assert kinds == {*((run, "images") for run in RUNS[:4]), ("lenet5", "epoch")}
    assert set(curves["split"]) == {"train", "validation"}
    last = curves[(curves["metric"] == "accuracy") & (curves["x"] == str(SIZES["train"]))]
    accuracy = pd.DataFrame(first.table("accuracy")).set_index("run")
    for row in last.itertuples():
        assert float(row.value) == pytest.approx(
            float(accuracy.loc[row.run, f"{row.split}_accuracy"])
        )


def test_the_trials_of_a_tuned_run(first):
    trials = first.table("tuning")
    assert {row["run"] for row in trials} == {"both_svm"}
    assert [row["trial"] for row in trials] == ["0", "1", "2"]
    assert json.loads(trials[0]["options"]) == {"C": 5}  # what params.yaml says goes first
    card = json.loads(first.report["tables/study.json"])["cards"]["both_svm"]["0"]
    assert card["options"]["C"] == card["notes"]["tuning"]["chosen"]["C"]
    assert card["tuning_seconds"] > 0


def test_pictures_of_what_the_features_see(first):
    report = first.report
    pictured = {row["features"] for row in first.table("features")}
    assert {"color", "hog"} <= pictured
    for row in first.table("features"):
        assert report[row["image"]].startswith(b"\x89PNG")


@pytest.mark.usefixtures("study")
def test_tables_agree_with_the_predictions():
    """Counted anew from predictions and labels, without a line of the evaluation."""
    tables = load_results().tables
    labels = {split: load_labels(split) for split in SPLITS}
    names = load_dataset_card().class_names
    for row in tables["accuracy"].itertuples():
        scores = load_predictions(row.run, 0, "").scores
        predicted = {split: scores[split].argmax(axis=1) for split in SPLITS}
        for split in SPLITS:
            found = getattr(row, f"{split}_accuracy")
            assert found == pytest.approx((predicted[split] == labels[split]).mean())
        confusion = tables["confusion"].query("run == @row.run")
        counts = confusion.pivot(index="actual", columns="predicted", values="count")
        expected = np.zeros((len(names), len(names)), dtype=int)
        np.add.at(expected, (labels["test"], predicted["test"]), 1)
        np.testing.assert_array_equal(counts.loc[list(names), list(names)], expected)
        recall = tables["per_class"].query("run == @row.run").set_index("class")["recall"]
        np.testing.assert_allclose(recall[list(names)], expected.diagonal() / expected.sum(1))


def test_dvc_shows_metrics_and_plots(study):
    before = contents(study.folder / "reports")
    dvc = str(BIN / "dvc")
    shown = study.call(dvc, "metrics", "show", "--json", cwd=study.folder)
    metrics = json.loads(shown.output)[""]["data"]["reports/study/tables/metrics.json"]["data"]
    assert set(metrics) == set(RUNS)
    accuracy = {row["run"]: row["test_accuracy"] for row in shown.table("accuracy")}
    for run, numbers in metrics.items():
        assert numbers["test_accuracy"] == pytest.approx(float(accuracy[run]), abs=1e-8)

    plots = json.loads(study.call(dvc, "plots", "show", "--json", cwd=study.folder).output)
    assert not plots.get("errors")
    files = {"accuracy", "learning_curves", "confusion"}
    assert set(plots["data"]) == {f"reports/study/tables/{name}.csv" for name in files}
    for name, drawn in plots["data"].items():
        content = drawn[0]["content"]
        content = json.loads(content) if isinstance(content, str) else content
        assert len(content["data"]["values"]) == len(shown.table(Path(name).stem))
    assert contents(study.folder / "reports") == before


# --- what is on disk ------------------------------------------------------------------------------


@pytest.mark.usefixtures("study")
def test_no_image_is_in_two_splits():
    ids = {split: load_ids(split) for split in SPLITS}
    assert {split: len(each) for split, each in ids.items()} == SIZES
    assert len(np.unique(np.concatenate(list(ids.values())))) == sum(SIZES.values())
    pixels = [image.tobytes() for split in SPLITS for image in np.asarray(load_images(split))]
    assert len(set(pixels)) > 0.95 * len(pixels), "nor is its copy (patches of sky are alike)"


@pytest.mark.usefixtures("study")
def test_labels_are_those_of_the_index():
    names = load_dataset_card().class_names
    index = load_image_index().set_index("id")
    assert len(index) == sum(SIZES.values())
    for split in SPLITS:
        rows = index.loc[load_ids(split)]
        assert set(rows["split"]) == {split}
        assert rows["class"].tolist() == [names[label] for label in load_labels(split)]
        # An image's name tells its photograph and split once more, from where it was cut.
        told = [name.split("/")[:2] for name in rows["name"]]
        assert told == [[split, name] for name in rows["class"]]


@pytest.mark.usefixtures("study")
@pytest.mark.parametrize("run", RUNS)
def test_every_run_leaves_the_same_things(run):
    folder = run_folder(run, 0)
    kind = "deep" if run in PARAMS["deep"] else "classical"
    model = model_file(run, 0, kind)
    assert {path.name for path in folder.iterdir()} == {
        "predictions.npz",
        "history.csv",
        "card.json",
        "task.json",
        "manifest.json",
        model.name,
        *(["tuning.csv"] if run == "both_svm" else []),
    }
    predictions = load_predictions(run, 0, "")
    for split in SPLITS:
        np.testing.assert_array_equal(predictions.ids[split], load_ids(split))
        assert predictions.scores[split].shape == (SIZES[split], 10)
        assert predictions.scores[split].dtype == np.float32
    card = load_card(run, 0, "")
    family = "hybrid" if run == "vgg_svm" else kind
    assert (card.run, card.family, card.seed, card.sizes) == (run, family, 0, SIZES)
    assert card.method == PARAMS[kind][run]["method"]
    given = {k: v for k, v in PARAMS[kind][run].items() if k not in ("method", "features")}
    assert {name: card.options[name] for name in given} == given
    assert set(card.options) > set(given), "defaults are told too"


@pytest.mark.usefixtures("study")
@pytest.mark.parametrize("run", RUNS)
def test_a_stored_model_gives_the_stored_predictions_from_pixels(run):
    opened, images = open_run(run), np.asarray(load_images("test"))
    stored = load_predictions(run, 0, "")
    assert opened.class_names == load_dataset_card().class_names
    scores, probabilities = stored.scores["test"], stored.probabilities["test"]
    atol = 1e-4 * np.abs(scores).max()
    np.testing.assert_allclose(opened.scores(images), scores, rtol=1e-4, atol=atol)
    np.testing.assert_allclose(opened.probabilities(images), probabilities, rtol=1e-4, atol=1e-4)
    # Other pixels have other scores: the comparison can fail.
    turned = np.ascontiguousarray(255 - images[:, ::-1, :, ::-1])
    assert np.abs(opened.scores(turned) - scores).max() > 1e-2
