"""Trainings on a part of the images: what they leave, and that none is made twice."""

from __future__ import annotations

import os
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pipeline.checks import StudyError
from pipeline.config import registry
from pipeline.config.yaml_files import dump_yaml, read_yaml
from pipeline.storage import resume
from pipeline.storage.runs import HISTORY_COLUMNS
from pipeline.storage.splits import Task, save_split, save_task
from pipeline.trainings import classifiers, kept
from pipeline.trainings.kept import KeptTrainings, training_key
from pipeline.trainings.training import SCORED, Outcome, Training
from stages import featurize

SIZES = {"train": 48, "validation": 15, "test": 12}
SVM = {"method": "linear_svm", "features": ["color"]}
PATCHES = {"method": "patches", "count": 8, "size": 4, "samples": 200, "grid": 1}
NETWORK = {"method": "lenet5", "epochs": 2, "batch_size": 8, "width": 0.25}
RATES = {"learning_rate": {"low": 0.001, "high": 0.1}}
TUNED = {"method": "mlp", "layers": 1, "epochs": 1, "tune": {"trials": 2, "ranges": RATES}}
PART = np.arange(0, 48, 2)


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """A folder with 3 classes of noise in their own colors, and two feature sets."""
    folder = tmp_path_factory.mktemp("study")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        rng = np.random.default_rng(0)
        for first, (split, n) in enumerate(SIZES.items()):
            labels = np.arange(n) % 3
            images = rng.integers(0, 120, (n, 16, 16, 3))
            images[np.arange(n), :, :, labels] += 60
            ids = 100 * first + np.arange(n)
            save_split(split, images.astype(np.uint8), labels, ids)
        save_task(Task(("r", "g", "b"), (16, 16, 3), SIZES))
        sets = {
            "color": {"method": "color_histogram", "grid": 1, "bins": 4},
            "patches": PATCHES,
        }
        Path("params.yaml").write_text(dump_yaml({"seed": 0, "features": sets}))
        for name in sets:
            featurize.main(name)
    return folder


@pytest.fixture
def here(study, monkeypatch):
    monkeypatch.chdir(study)
    return study


def training(kind: str, entry: dict, **changes: object) -> Training:
    return Training(registry.parse(kind, entry, kind), 0, **changes)


def made(each: Training, told: str = "it", owner: str = "test") -> Outcome:
    with KeptTrainings(owner, "it", ()) as trainings:
        return trainings.outcome(each, told)


@pytest.mark.parametrize(
    ("kind", "entry"),
    [
        ("classical", SVM),
        ("classical", SVM | {"features": ["color", "patches"], "mirrored": True}),
        ("classical", SVM | {"tune": {"trials": 2, "ranges": {"C": {"low": 0.1, "high": 9}}}}),
        ("deep", NETWORK),
        ("deep", TUNED),
    ],
    ids=["stored features", "learned features, mirrored", "tuned", "network", "tuned network"],
)
def test_a_part_of_the_images(here, kind, entry, capsys):
    each = training(kind, entry, rows=PART)
    first = made(each)
    assert {split: first.scores[split].shape for split in SCORED} == {
        split: (SIZES[split], 3) for split in SCORED
    }
    assert first.facts["images"] == len(PART)
    assert first.seconds > 0
    assert first.diverged is None
    assert set(first.history["split"]) == {"train", "validation"}
    assert ("chosen" in first.facts) == ("tune" in entry)
    capsys.readouterr()
    again = made(each)
    assert "already trained" in capsys.readouterr().out
    for split in SCORED:
        np.testing.assert_array_equal(again.scores[split], first.scores[split])
    assert again.history.equals(first.history)
    assert (again.seconds, again.facts) == (first.seconds, first.facts)


@pytest.mark.parametrize(("kind", "entry"), [("classical", SVM), ("deep", NETWORK)])
def test_some_classes_are_told_apart_as_if_there_were_no_others(here, kind, entry):
    each = training(kind, entry, rows=PART, classes=(2, 0))
    found = made(each)
    assert found.facts["images"] == 2 * len(PART) // 3
    assert found.scores["test"].shape == (SIZES["test"], 2)
    assert found.scores["validation"].shape == (2 * SIZES["validation"] // 3, 2)
    assert training_key(each) != training_key(replace(each, classes=(0, 2)))
    if kind == "classical":  # which is right on all of them
        labels = np.arange(SIZES["test"]) % 3
        of_both = labels != 1
        found_classes = np.array([2, 0])[found.scores["test"].argmax(1)]
        np.testing.assert_array_equal(found_classes[of_both], labels[of_both])


def test_feature_sets_with_other_options_are_those_of_such_a_study(here):
    other = registry.parse(
        "features", {"method": "color_histogram", "grid": 2, "bins": 3}, "features.color"
    )
    each = training("classical", SVM, rows=PART, features={"color": other})
    changed = made(each)
    assert training_key(each) != training_key(replace(each, features={}))
    assert not np.array_equal(
        changed.scores["test"], made(replace(each, features={})).scores["test"]
    )
    document = read_yaml(Path("params.yaml"))
    document["features"]["color"] |= {"grid": 2, "bins": 3}
    before = Path("params.yaml").read_text()
    try:
        Path("params.yaml").write_text(dump_yaml(document))
        featurize.main("color")
        np.testing.assert_array_equal(
            made(training("classical", SVM, rows=PART)).scores["test"], changed.scores["test"]
        )
    finally:
        Path("params.yaml").write_text(before)
        featurize.main("color")


def test_labels_of_test_images_are_not_there(here):
    Path("data/prepared/labels/test.npy").unlink(missing_ok=True)
    assert made(training("classical", SVM, rows=PART[:12])).scores["test"].shape == (12, 3)


def test_learned_features_learn_from_the_part_alone(here):
    """All other training images may change."""
    entry = SVM | {"features": ["patches"]}
    scores = made(training("classical", entry, rows=PART)).scores["test"]
    assert not np.array_equal(scores, made(training("classical", entry)).scores["test"])
    images = np.load("data/prepared/train/images.npy")
    others = np.setdiff1d(np.arange(len(images)), PART)
    changed = images.copy()
    changed[others] = 0
    with pytest.MonkeyPatch.context() as patch:
        real = classifiers.load_images
        patch.setattr(
            classifiers, "load_images", lambda split: changed if split == "train" else real(split)
        )
        found = classifiers.train_on(training("classical", entry, rows=PART), Path("unused"))
    np.testing.assert_array_equal(found.scores["test"], scores)


def test_an_edit_repeats_its_own_training(here):
    part = training("classical", SVM, rows=PART)
    edits = {
        "options": training("classical", SVM | {"C": 0.5}, rows=PART),
        "seed": replace(part, seed=1),
        "rows": replace(part, rows=PART[:-1]),
        "all rows": replace(part, rows=None),
    }
    keys = {name: training_key(each) for name, each in edits.items()}
    assert len({*keys.values(), training_key(part)}) == len(edits) + 1
    seeds = training("classical", SVM | {"seeds": [4]}, rows=PART)
    assert training_key(seeds) == training_key(part)


def test_what_no_stage_asks_for_is_removed(here):
    mine, shared = (training("classical", SVM | {"C": c}, rows=PART) for c in (0.11, 0.12))

    def there() -> list[bool]:
        return [
            resume.kept_scores("_trainings", training_key(each)) is not None
            for each in (mine, shared)
        ]

    with KeptTrainings("one", "it", ()) as trainings:
        for each in (mine, shared):
            trainings.outcome(each, "it")
    made(shared, owner="two")
    with pytest.raises(StudyError), KeptTrainings("one", "it", ()):
        raise StudyError("killed")
    assert there() == [True, True]
    with KeptTrainings("one", "it", ()):
        pass
    assert there() == [False, True]
    with KeptTrainings("two", "it", ()):
        pass
    assert there() == [False, False]


def test_what_a_removed_entry_asked_for_is_removed(here):
    each = training("classical", SVM | {"C": 0.13}, rows=PART)
    with KeptTrainings("stage", "removed", ["removed", "left"]) as trainings:
        trainings.outcome(each, "it")
    with KeptTrainings("stage", "left", ["left"]):
        pass
    assert resume.kept_scores("_trainings", training_key(each)) is None
    assert not list(resume.SEEDS.glob("_trainings/stage.removed.json"))


def test_two_stages_at_once_make_a_training_once(here, monkeypatch):
    """The second one finds the first at work, waits, and takes what that one has left."""
    each = training("classical", SVM | {"C": 0.14}, rows=PART)
    working, waiting = here / "working", here / "waiting"
    scores = {split: np.full((SIZES[split], 3), 7, dtype=np.float32) for split in SCORED}

    def train_on(*given: object) -> Outcome:
        working.touch()
        wait_for(waiting)
        return Outcome(scores, pd.DataFrame(columns=list(HISTORY_COLUMNS)), 1.0)

    def told(text: str, **options: object) -> None:
        if "waiting for another stage" in text:
            waiting.touch()

    monkeypatch.setattr(classifiers, "train_on", train_on)
    first = os.fork()  # locks of this kind belong to processes
    if first == 0:
        try:
            made(each, owner="first")
            os._exit(0)
        finally:
            os._exit(1)
    wait_for(working)
    monkeypatch.setattr(classifiers, "train_on", lambda *given: pytest.fail("made twice"))
    monkeypatch.setattr(kept, "print", told, raising=False)
    found = made(each, owner="second")
    assert os.waitpid(first, 0)[1] == 0
    np.testing.assert_array_equal(found.scores["test"], scores["test"])


def wait_for(path: Path) -> None:
    until = time.monotonic() + 600
    while not path.exists():
        assert time.monotonic() < until, path
        time.sleep(0.01)


def test_a_divergence_is_an_outcome(here):
    entry = NETWORK | {"optimizer": "sgd", "learning_rate": 1e8, "batch_norm": False}
    found = made(training("deep", entry, rows=PART))
    assert "Training diverged" in found.diverged
    assert found.scores == {}
    assert found.facts["diverged_epoch"] >= 1
    assert found.facts["epochs_run"] <= 2
    assert made(training("deep", entry, rows=PART)).diverged == found.diverged


def test_a_killed_training_resumes(here, capsys, monkeypatch):
    """With all of its epochs' steps: an epoch of 24 images in batches of 8 goes over them twice."""
    from pipeline.deep.training.checkpoint import Checkpoint

    each = training("deep", NETWORK, rows=PART, steps=7)
    with monkeypatch.context() as patch:
        keep = Checkpoint.keep

        def killed(self, *state):
            keep(self, *state)
            raise KeyboardInterrupt

        patch.setattr(Checkpoint, "keep", killed)
        with pytest.raises(KeyboardInterrupt):
            made(each)
    found = made(each)
    assert "resuming after epoch 1" in capsys.readouterr().out
    assert {
        name: found.facts[name] for name in ("epochs_run", "passes", "steps", "batch_size")
    } == {
        "epochs_run": 2,
        "passes": 2,
        "steps": 12,
        "batch_size": 8,
    }


def test_an_edit_to_steps_concerns_trainings_that_it_changes(here):
    """One epoch of 24 images in batches of 8 has 3 steps; two epochs have 6."""
    keys = {
        steps: training_key(training("deep", NETWORK, rows=PART, steps=steps))
        for steps in (None, 4, 6, 7, 12, 13)
    }
    assert keys[None] == keys[4] == keys[6]
    assert keys[7] == keys[12]
    assert len(set(keys.values())) == 3
    for steps in (None, 500):
        key = training_key(training("classical", SVM, rows=PART, steps=steps))
        assert key == training_key(training("classical", SVM, rows=PART))


def test_a_killed_training_with_a_search_resumes_and_keeps_its_choice(here, capsys, monkeypatch):
    from pipeline.deep.training.checkpoint import Checkpoint
    from pipeline.deep.tuning import study
    from pipeline.deep.tuning.watched import Watched

    each = training("deep", TUNED | {"epochs": 2}, rows=PART)
    with monkeypatch.context() as patch:
        keep = Checkpoint.keep

        def killed(self, *state):
            keep(self, *state)
            if not isinstance(self, Watched):
                raise KeyboardInterrupt

        patch.setattr(Checkpoint, "keep", killed)
        with pytest.raises(KeyboardInterrupt):
            made(each)
    monkeypatch.setattr(study, "fit_best", lambda *given: pytest.fail("a trial was made again"))
    found = made(each)
    assert "resuming after epoch 1" in capsys.readouterr().out
    assert found.facts["epochs_run"] == 2
    assert not list(Path(".resume").glob(f"*/_trials/_trainings/{training_key(each)}"))


def test_a_search_in_which_all_trials_diverge_is_an_outcome(here):
    rates = {"learning_rate": {"low": 1e8, "high": 1e9}}
    entry = NETWORK | {
        "optimizer": "sgd",
        "learning_rate": 1e8,
        "batch_norm": False,
        "tune": {"trials": 2, "ranges": rates},
    }
    found = made(training("deep", entry, rows=PART))
    assert "because all diverged" in found.diverged
    assert (found.scores, found.facts["epochs_run"]) == ({}, 0)


@pytest.mark.parametrize(
    ("images", "batch_size", "epochs", "steps", "passes"),
    [
        (100, 64, 20, None, 1),
        (100, 64, 20, 20, 1),
        (100, 64, 20, 500, 16),  # 25 batches of 64 per epoch
        (100, 100, 20, 500, 25),
        (45_000, 64, 20, 500, 1),
        (24, 8, 2, 7, 2),
    ],
)
def test_passes(images, batch_size, epochs, steps, passes):
    """The fewest that give enough steps: without the last, there are too few."""
    from pipeline.trainings.networks import passes_over

    assert passes_over(images, batch_size, epochs, steps) == passes
    for over, enough in ((passes, True), (passes - 1, False)):
        made_steps = epochs * (over * images // batch_size)
        assert steps is None or not over or (made_steps >= steps) is enough


def test_batches_hold_no_more_images_than_there_are(here):
    found = made(training("deep", NETWORK | {"batch_size": 64, "epochs": 1}, rows=PART))
    assert (found.facts["batch_size"], found.facts["steps"]) == (24, 1)


def test_a_frozen_base_is_computed_once_for_all_parts(here, monkeypatch):
    """And gives what it gives for the images of the part alone."""
    from pipeline.deep.training import building, fitting
    from pipeline.storage.splits import load_images, load_labels

    entry = {
        "method": "transfer",
        "weights": "random",
        "image_size": 32,
        "layers": ["block1_pool"],
        "epochs": 1,
        "batch_size": 8,
    }
    each = training("deep", entry, rows=PART)
    alone = {split: load_images(split) for split in SIZES}
    alone["train"] = alone["train"][PART]
    labels = {split: load_labels(split) for split in ("train", "validation")}
    labels["train"] = labels["train"][PART]
    direct = fitting.train(each.spec, alone, labels, 3, 0, checks=False)
    computed, real = [], building.base_features

    def counted(frozen, images, *rest):
        computed.append(len(images))
        return real(frozen, images, *rest)

    monkeypatch.setattr(building, "base_features", counted)
    found = made(each)
    assert computed == [SIZES[split] for split in SIZES]
    np.testing.assert_allclose(found.scores["test"], direct.scores["test"], atol=1e-5)
