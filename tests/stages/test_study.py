"""The whole pipeline through DVC: which stages an edit reruns, and what stands in the report.

One story is told once, edit after edit on one small study; each test looks at a part of it.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from small_study import BIN, PARAMS, RUNS, SIZES, Step, Study, checkout, contents

from pipeline.commands.predict import open_run
from pipeline.results import RESULT_TABLES, load_results
from pipeline.storage.runs import load_card, load_predictions, model_file, run_folder
from pipeline.storage.splits import (
    SPLITS,
    load_dataset_card,
    load_ids,
    load_image_index,
    load_images,
    load_labels,
)

pytestmark = pytest.mark.slow

ALWAYS = {"check"}
BEHIND = {"evaluate", "report"}
BEHIND_RUNS = BEHIND | {"illustrate_networks"}
NOT_OF_ALL_RUNS = {
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
}
"""Tables of some runs, of pairs of runs, or of images."""


BROKEN = """
def main() -> None:
    from pipeline.checks import StudyError

    raise StudyError("the labels are gone")


if __name__ == "__main__":"""


def pulled(root: Path, study: Study) -> Step:
    """Push the study to a remote, pull it in another checkout, and run it there."""
    dvc, store = str(BIN / "dvc"), str(study.root.parent / "store")
    study.call(dvc, "remote", "add", "--default", "store", store, cwd=study.folder)
    study.call(dvc, "push", "--run-cache", cwd=study.folder)
    other = Study(checkout(root, study.root.parent / "other"))
    other.call(
        sys.executable, "-m", "pipeline.commands.workspace", "create", "tiny", cwd=other.root
    )
    other.call(dvc, "remote", "add", "--default", "store", store, cwd=other.folder)
    return other.call(dvc, "repro", "--pull", cwd=other.folder)


@pytest.fixture(scope="module")
def story(root, tmp_path_factory):
    """(study, what each step did); afterwards the study is again as the first step left it."""
    study = Study(checkout(root, tmp_path_factory.mktemp("story") / "checkout"))
    outside = {name: text for name, text in contents(study.root).items() if "/tiny/" not in name}
    steps = {"first": study.make()}
    first = study.params
    steps["again"] = study.repro()

    path = study.folder / "params.yaml"
    path.write_text(path.read_text(encoding="utf-8") + "# a remark\n", encoding="utf-8")
    steps["remark"] = study.repro()

    study.edit(lambda p: p["dataset"].update(title="ten photographs"))
    steps["title"] = study.repro()

    study.edit(lambda p: p["deep"]["lenet5"].update(epochs=2))
    steps["epochs"] = study.repro()

    study.edit(lambda p: p["features"]["hog"].update(cell=8))
    steps["hog"] = study.repro()

    def widen(params):
        params["classical"]["both_svm"]["tune"]["ranges"]["C"]["high"] = 20

    study.edit(widen)
    steps["range"] = study.repro()

    def swap_runs(params):
        params["classical"]["added"] = {"method": "linear_svm", "features": ["color"], "C": 0.1}
        del params["classical"]["color_svm"]

    study.edit(swap_runs)
    steps["runs"] = study.repro()

    study.edit(lambda p: p["features"]["hog"].update(cel=4))
    steps["typo"] = study.repro()
    study.edit(lambda p: p["features"]["hog"].pop("cel"))

    # Right as far as `check` can see; there are ten classes.
    study.edit(lambda p: p["dataset"].update(limit=5))
    steps["too few images"] = study.repro()

    study.edit(lambda p: (p.clear(), p.update(first)))
    steps["reverted"] = study.repro()

    stage = study.root / "stages" / "evaluate.py"
    right = stage.read_text(encoding="utf-8")
    stage.write_text(right.replace('\nif __name__ == "__main__":', BROKEN), encoding="utf-8")
    steps["broken evaluate"] = study.repro()
    stage.write_text(right, encoding="utf-8")
    steps["mended"] = study.repro()

    steps["pulled"] = pulled(root, study)

    inside = {name: text for name, text in contents(study.root).items() if "/tiny/" not in name}
    unmade = {name: text for name, text in inside.items() if "__pycache__" not in name}
    assert unmade == outside, "the checkout is as it was"
    return study, steps


@pytest.fixture(scope="module")
def steps(story) -> dict[str, Step]:
    return story[1]


@pytest.fixture
def study(story, monkeypatch) -> Study:
    """The study as it is at the end, as the working directory."""
    monkeypatch.chdir(story[0].folder)
    return story[0]


# --- which stages run -----------------------------------------------------------------------------


def test_first_run_makes_everything_and_says_where_the_report_is(steps):
    first = steps["first"]
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
        "duplicates",
        "evaluate",
        "illustrate",
        "illustrate_networks",
        "report",
    }
    assert first.output.rstrip().endswith("workspaces/tiny/reports/study/index.html")
    assert "Traceback" not in first.output


def test_second_run_checks_and_does_nothing(steps):
    """`check` looks for what DVC cannot see, or must not open, among the images."""
    assert steps["again"].code == 0
    assert steps["again"].ran == {"check"}
    assert steps["again"].restored == set()
    assert steps["again"].report == steps["first"].report


@pytest.mark.parametrize(
    ("step", "expected"),
    [
        ("remark", ALWAYS),
        ("title", ALWAYS | BEHIND | {"prepare"}),
        ("epochs", ALWAYS | BEHIND_RUNS | {"train_deep@lenet5", "corrupt@lenet5"}),
        (
            "hog",
            ALWAYS
            | BEHIND_RUNS
            | {
                "featurize@hog",
                "illustrate",
                "index",
                "train_classical@hog_svm",
                "train_classical@both_svm",
                "corrupt@hog_svm",
            },
        ),
        ("range", ALWAYS | BEHIND_RUNS | {"index", "train_classical@both_svm"}),
        ("runs", ALWAYS | BEHIND_RUNS | {"index", "train_classical@added"}),
    ],
)
def test_an_edit_reruns_what_it_concerns_and_nothing_else(steps, step, expected):
    assert steps[step].code == 0, steps[step].output
    assert steps[step].ran == expected
    assert steps[step].restored == set()


def test_an_edit_shows_in_the_report(steps):
    def rows(step):
        return {row["run"]: row for row in steps[step].table("accuracy")}

    def epochs(step):
        curve = steps[step].table("learning_curves")
        return max(float(row["x"]) for row in curve if row["run"] == "lenet5")

    assert {row["dataset"] for row in rows("title").values()} == {"ten photographs"}
    assert (epochs("first"), epochs("epochs")) == (1, 2)
    assert rows("epochs")["hog_svm"] == rows("title")["hog_svm"]
    assert int(rows("hog")["hog_svm"]["parameters"]) > int(rows("epochs")["hog_svm"]["parameters"])
    assert rows("hog")["color_svm"] == rows("title")["color_svm"]
    assert rows("hog")["lenet5"] == rows("epochs")["lenet5"]


def test_an_added_run_is_in_the_report(steps):
    assert "added" not in {row["run"] for row in steps["hog"].table("accuracy")}
    assert "added" in {row["run"] for row in steps["runs"].table("accuracy")}
    assert "added" in json.loads(steps["runs"].report["metrics.json"])
    assert b"added" in steps["runs"].report["index.html"]


def test_a_removed_run_is_gone_from_the_report_though_not_from_disk(steps):
    before, after = steps["hog"], steps["runs"]
    assert "color_svm" in after.on_disk
    for name in set(RESULT_TABLES) - NOT_OF_ALL_RUNS:
        assert "color_svm" in {row["run"] for row in before.table(name)}
        assert "color_svm" not in {row["run"] for row in after.table(name)}
    for name in ("pairwise", "agreement"):
        assert "color_svm" in {row[run] for row in before.table(name) for run in ("run_a", "run_b")}
        assert "color_svm" not in {
            row[run] for row in after.table(name) for run in ("run_a", "run_b")
        }
    for name in ("index.html", "summary.md", "metrics.json", "study.json"):
        assert b"color_svm" in before.report[name]
        assert b"color_svm" not in after.report[name]


def test_a_reverted_edit_computes_no_feature_and_trains_nothing(steps):
    reverted = steps["reverted"]
    assert reverted.code == 0, reverted.output
    assert reverted.ran <= ALWAYS | BEHIND_RUNS | {"index", "illustrate"}
    assert reverted.restored >= {
        "featurize@hog",
        "train_classical@hog_svm",
        "train_classical@both_svm",
        "train_deep@lenet5",
    }


def test_a_reverted_edit_gives_back_the_same_report(steps):
    """To the byte: no time, date or order of the disk is in it."""
    first, reverted = steps["first"].report, steps["reverted"].report
    assert set(reverted) == set(first)
    assert [name for name in first if first[name] != reverted[name]] == []


def test_a_study_that_was_pulled_elsewhere_trains_nothing(steps):
    there, drawn = steps["pulled"], {"illustrate"}
    assert there.code == 0, there.output
    assert there.ran <= ALWAYS | BEHIND_RUNS | drawn
    assert there.restored >= steps["first"].ran - ALWAYS - BEHIND_RUNS - drawn
    assert set(there.report) == set(steps["first"].report)
    assert there.table("accuracy") == steps["first"].table("accuracy")


# --- what a failure leaves ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("step", "before", "ran", "message"),
    [
        ("typo", "runs", {"check"}, "features.hog.cel: unknown option; did you mean 'cell'?"),
        ("too few images", "runs", {"check", "prepare"}, "found 5 train images for 10 classes"),
        ("broken evaluate", "reverted", {"check", "evaluate"}, "the labels are gone"),
    ],
)
def test_a_failure_is_told_and_leaves_the_last_report(steps, step, before, ran, message):
    failed = steps[step]
    assert failed.code != 0
    assert message in failed.output
    assert "Traceback" not in failed.output
    assert failed.ran == ran
    assert failed.report == steps[before].report


def test_nothing_is_trained_after_a_failure_is_mended(steps):
    assert steps["mended"].code == 0
    assert steps["mended"].ran <= BEHIND | ALWAYS
    assert steps["mended"].report == steps["first"].report


# --- what stands in the report --------------------------------------------------------------------


def test_tables_have_their_published_columns(steps):
    for name, columns in RESULT_TABLES.items():
        head = steps["first"].report[f"{name}.csv"].decode("utf-8").splitlines()[0]
        assert head == ",".join(columns)
        assert steps["first"].table(name), f"{name} has rows"


def test_the_report_is_whole(steps):
    report = steps["first"].report
    assert {"index.html", "summary.md", "metrics.json", "study.json"} <= set(report)
    page = report["index.html"].decode("utf-8")
    for name in (*RUNS, "too slow for a test"):
        assert name in page
        assert name in report["summary.md"].decode("utf-8")
    body = re.sub(r"<script.*?</script>", "", page, flags=re.DOTALL)
    assert re.findall(r"""src=["']?(?!data:)([^"' >]+)""", body) == [], "the page is one file"
    linked = set(re.findall(r"""href=["']?(?!\#)([^"' >]+)""", body))
    assert {"accuracy.csv", "figures/accuracy.svg"} <= linked <= set(report)
    for row in steps["first"].table("samples"):
        assert report[row["image"]].startswith(b"\x89PNG")


def test_accuracy_table(steps):
    rows = {row["run"]: row for row in steps["first"].table("accuracy")}
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
    for row in steps["first"].table("cost"):
        assert float(row["train_seconds"]) > 0
        assert float(row["predict_ms_per_image"]) > 0
        assert row["device"]
    # Ten classes of which colour tells most apart: far above chance, or labels are shuffled.
    assert float(rows["color_svm"]["test_accuracy"]) > 0.3
    assert float(rows["both_svm"]["test_accuracy"]) > 0.3


def test_learning_curves(steps):
    curves = pd.DataFrame(steps["first"].table("learning_curves"))
    assert set(curves["run"]) == set(RUNS)
    kinds = set(zip(curves["run"], curves["x_kind"], strict=True))
    assert kinds == {*((run, "images") for run in RUNS[:4]), ("lenet5", "epoch")}
    assert set(curves["split"]) == {"train", "validation"}
    last = curves[(curves["metric"] == "accuracy") & (curves["x"] == str(SIZES["train"]))]
    accuracy = pd.DataFrame(steps["first"].table("accuracy")).set_index("run")
    for row in last.itertuples():
        assert float(row.value) == pytest.approx(
            float(accuracy.loc[row.run, f"{row.split}_accuracy"])
        )


def test_the_trials_of_a_tuned_run(steps):
    trials = steps["first"].table("tuning")
    assert {row["run"] for row in trials} == {"both_svm"}
    assert [row["trial"] for row in trials] == ["0", "1", "2"]
    assert json.loads(trials[0]["options"]) == {"C": 5}  # what params.yaml says goes first
    card = json.loads(steps["first"].report["study.json"])["cards"]["both_svm"]["0"]
    assert card["options"]["C"] == card["notes"]["tuning"]["chosen"]["C"]
    assert card["tuning_seconds"] > 0
    drawn = [json.loads(row["options"])["C"] for row in steps["range"].table("tuning")]
    assert max(drawn) <= 20


def test_pictures_of_what_the_features_see(steps):
    report = steps["first"].report
    pictured = {row["features"] for row in steps["first"].table("features")}
    assert {"color", "hog"} <= pictured
    for row in steps["first"].table("features"):
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
    metrics = json.loads(shown.output)[""]["data"]["reports/study/metrics.json"]["data"]
    assert set(metrics) == set(RUNS)
    accuracy = {row["run"]: row["test_accuracy"] for row in shown.table("accuracy")}
    for run, numbers in metrics.items():
        assert numbers["test_accuracy"] == pytest.approx(float(accuracy[run]), abs=1e-8)

    plots = json.loads(study.call(dvc, "plots", "show", "--json", cwd=study.folder).output)
    assert not plots.get("errors")
    files = {"accuracy", "learning_curves", "confusion"}
    assert set(plots["data"]) == {f"reports/study/{name}.csv" for name in files}
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
