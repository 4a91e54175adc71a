"""Which stages an edit reruns, and what a failure leaves: DVC on the graph of dvc.yaml.

One story is told once, edit after edit on one small study; each test looks at a part of it. What
`check`, `fetch`, `prepare` and `index` write decides what runs behind them: these run for real. Of
the other stages a stand-in for Python writes what they declare (stand_in_python.py).
"""

from __future__ import annotations

import copy
import sys
from pathlib import Path

import pytest
from small_study import BIN, PARAMS, Step, Study, checkout, write_params

pytestmark = pytest.mark.slow

ALWAYS = {"check"}
BEHIND = {"evaluate", "report"}
BEHIND_RUNS = BEHIND | {"illustrate_networks"}
REAL = ("check", "fetch", "prepare", "index")


BROKEN = """
def main() -> None:
    from pipeline.checks import StudyError

    raise StudyError("the labels are gone")


if __name__ == "__main__":"""


def params() -> dict:
    """The study without its run on VGG16's features, of which nothing is told here."""
    smaller = copy.deepcopy(PARAMS)
    del smaller["features"]["vgg"], smaller["classical"]["vgg_svm"]
    return smaller


def stand_in(root: Path, folder: Path) -> Study:
    """Make a checkout in a folder, and a study there of which most stages only pretend to run."""
    study = Study(checkout(root, folder / "checkout"))
    write_params(study.root, params())
    python = folder / "bin" / "python"
    python.parent.mkdir(parents=True)
    text = (Path(__file__).parent / "stand_in_python.py").read_text(encoding="utf-8")
    python.write_text(f"#!{sys.executable}\n{text}", encoding="utf-8")
    python.chmod(0o755)
    study.environment["PATH"] = f"{python.parent}:{study.environment['PATH']}"
    study.environment["REAL_STAGES"] = " ".join(REAL)
    study.call(
        sys.executable, "-m", "pipeline.commands.workspace", "create", "tiny", cwd=study.root
    )
    return study


def pulled(root: Path, study: Study, folder: Path) -> Step:
    """Push the study to a remote, pull it in another checkout, and run it there."""
    dvc, store = str(BIN / "dvc"), str(folder / "store")
    study.call(dvc, "remote", "add", "--default", "store", store, cwd=study.folder)
    study.call(dvc, "push", "--run-cache", cwd=study.folder)
    other = stand_in(root, folder)
    other.call(dvc, "remote", "add", "--default", "store", store, cwd=other.folder)
    return other.call(dvc, "repro", "--pull", cwd=other.folder)


@pytest.fixture(scope="module")
def steps(root, tmp_path_factory) -> dict[str, Step]:
    """What each step did; before the last two, the study is again as the first step left it."""
    folder = tmp_path_factory.mktemp("story")
    study = stand_in(root, folder / "here")
    first = study.params
    steps = {"first": study.repro()}

    path = study.folder / "params.yaml"
    path.write_text(path.read_text(encoding="utf-8") + "# a remark\n", encoding="utf-8")
    steps["remark"] = study.repro()

    def reword(params):
        params["dataset"].update(title="ten photographs")
        params["ablations"]["C"]["claims"][0].update(claim="It is better, weakly.")

    study.edit(reword)
    steps["words"] = study.repro()

    study.edit(lambda p: p["features"]["hog"].update(cell=8))
    steps["hog"] = study.repro()

    def change_options(params):  # of four sections, each of which has its own stages
        params["deep"]["lenet5"].update(epochs=2)
        params["classical"]["both_svm"]["tune"]["ranges"]["C"].update(high=20)
        params["sample_size"].update(sizes=[60, 120, None])
        params["ablations"]["C"].update(values=[0.01, 0.5, 1.0])

    study.edit(change_options)
    steps["options"] = study.repro()

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
    study.environment["REAL_STAGES"] = " ".join([*REAL, "evaluate"])
    steps["broken evaluate"] = study.repro()
    stage.write_text(right, encoding="utf-8")
    study.environment["REAL_STAGES"] = " ".join(REAL)
    steps["mended"] = study.repro()

    steps["pulled"] = pulled(root, study, folder / "there")
    return steps


# --- which stages run -----------------------------------------------------------------------------


def test_a_remark_reruns_nothing_but_the_check(steps):
    """`check` looks for what DVC cannot see, or must not open, among the images."""
    assert steps["first"].code == 0, steps["first"].output
    assert steps["remark"].code == 0, steps["remark"].output
    assert steps["remark"].ran == {"check"}
    assert steps["remark"].restored == set()
    assert steps["remark"].report == steps["first"].report


@pytest.mark.parametrize(
    ("step", "expected"),
    [
        ("words", ALWAYS | BEHIND | {"prepare", "index"}),
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
                "sample_size@hog_svm",
                "ablations@C",
            },
        ),
        (
            "options",
            ALWAYS
            | BEHIND_RUNS
            | {
                "index",
                "train_deep@lenet5",
                "corrupt@lenet5",
                "train_classical@both_svm",
                "sample_size@hog_svm",
                "ablations@C",
            },
        ),
        ("runs", ALWAYS | BEHIND_RUNS | {"index", "train_classical@added"}),
    ],
)
def test_an_edit_reruns_what_it_concerns_and_nothing_else(steps, step, expected):
    assert steps[step].code == 0, steps[step].output
    assert steps[step].ran == expected
    assert steps[step].restored == set()


def test_a_removed_run_stays_on_disk(steps):
    assert "color_svm" in steps["runs"].on_disk


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


def test_a_study_that_was_pulled_elsewhere_trains_nothing(steps):
    there, drawn = steps["pulled"], {"illustrate"}
    assert there.code == 0, there.output
    assert there.ran <= ALWAYS | BEHIND_RUNS | drawn
    assert there.restored >= steps["first"].ran - ALWAYS - BEHIND_RUNS - drawn
    assert there.report == steps["first"].report


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
    assert steps["mended"].report == steps["reverted"].report
