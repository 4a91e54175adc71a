"""The search for a network's options: what it finds, prunes, keeps and refuses."""

from __future__ import annotations

import json

import pytest
from deep_cases import deep_spec, splits

from pipeline.checks import StudyError
from pipeline.deep.training import epochs
from pipeline.deep.training.failures import Diverged
from pipeline.deep.training.history import Epoch, TrainingHistory
from pipeline.deep.training.scoring import Measured
from pipeline.deep.tuning import study
from pipeline.deep.tuning.kept import KeptTrials
from pipeline.deep.tuning.study import Task, tune
from pipeline.storage.runs import TUNING_COLUMNS

RATES = {"learning_rate": {"low": 1e-7, "high": 0.05, "log": True}}
COMPARED = ["state", "epochs", "validation_accuracy", "options"]


@pytest.fixture(scope="module")
def task():
    images, labels, _ = splits(2, side=4, sizes=(40, 20, 2))
    return Task(images, labels, 2, seed=0)


def searched(trials=8, rate=1e-7, ranges=RATES, epochs=4):
    tuning = {"trials": trials, "epochs": epochs, "ranges": ranges}
    return deep_spec(
        "mlp", layers=1, width=0.01, epochs=6, batch_size=20, learning_rate=rate, tune=tuning
    )


class MadeUp:
    """Trainings whose accuracy is their learning rate, and a little more with each epoch."""

    def __init__(self):
        self.trained = []
        """The learning rate of each epoch."""
        self.killed_after = None

    def __call__(self, spec, images, labels, n_classes, seed, cache_folder, checkpoint, whole):
        history = TrainingHistory(monitor="accuracy")
        for epoch in range(spec.epochs):
            if spec.learning_rate > 1:
                raise Diverged("the loss is nan", epoch + 1)
            if len(self.trained) == self.killed_after:
                raise KeyboardInterrupt
            self.trained.append(spec.learning_rate)
            accuracy = min(1.0, spec.learning_rate * 10 + 0.01 * epoch)
            measured = Measured(1 - accuracy, *[accuracy] * 2, 1 - accuracy, accuracy)
            history.add(Epoch(0, measured, measured, spec.learning_rate, 0.1, 100.0))
            checkpoint.report(history)
        return history


@pytest.fixture
def made_up(monkeypatch):
    training = MadeUp()
    monkeypatch.setattr(study, "fit_best", training)
    return training


def test_the_best_trial_is_chosen_and_the_worse_are_pruned(task, made_up, capsys):
    spec = searched()
    found = tune(spec, task)
    table = found.trials
    assert list(table) == list(TUNING_COLUMNS)
    assert set(table.state) == {"complete", "pruned"}
    assert set(table.epochs[table.state == "complete"]) == {4}
    assert set(table.epochs[table.state == "pruned"]) <= {1, 2}
    assert len(made_up.trained) == table.epochs.sum()
    assert json.loads(table.options[0]) == {"learning_rate": 1e-7}
    complete = table[table.state == "complete"]
    best = json.loads(complete.options[complete.validation_accuracy.idxmax()])
    assert found.spec.learning_rate == best["learning_rate"] > 1e-4
    assert (found.spec.epochs, found.spec.tune) == (6, spec.tune)
    assert found.notes == {
        "trials": 8,
        "images": 40,
        "epochs": 4,
        "pruned": int((table.state == "pruned").sum()),
        "best_validation_accuracy": complete.validation_accuracy.max(),
        "chosen": best,
        "ranges": RATES,
    }
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("trial ")]
    assert lines[0].startswith("trial 1 of 8 (as given): learning_rate 1e-07: validation 3.0% from")
    assert any(", pruned; " in line for line in lines)


def test_a_search_that_was_killed_loses_one_trial(task, made_up, study_folder):
    whole = tune(searched(), task)
    epochs_of_all, made_up.trained = made_up.trained, []
    made_up.killed_after = len(epochs_of_all) - 1
    with pytest.raises(KeyboardInterrupt):
        tune(searched(), task, KeptTrials("net", {}))
    made_up.killed_after, made_up.trained = None, []
    resumed = tune(searched(), task, KeptTrials("net", {}))
    assert resumed.trials[COMPARED].equals(whole.trials[COMPARED])
    assert made_up.trained == epochs_of_all[-len(made_up.trained) :]
    assert len(made_up.trained) <= 4


def test_finished_trials_are_kept_until_another_search_replaces_them(task, made_up, study_folder):
    tune(searched(), task, KeptTrials("net", {"data": 1}))
    made_up.trained.clear()
    more = KeptTrials("net", {"data": 1})
    tune(searched(trials=10), task, more)
    assert 0 < len(set(made_up.trained)) < 10
    more.prune()
    other = KeptTrials("net", {"data": 2})
    tune(searched(), task, other)
    other.prune()
    made_up.trained.clear()
    tune(searched(), task, KeptTrials("net", {"data": 2}))
    assert made_up.trained == []
    tune(searched(trials=2), task, KeptTrials("net", {"data": 1}))
    assert len(set(made_up.trained)) == 2


def test_a_training_that_diverges_is_a_trial_that_has_lost(task, made_up):
    spec = searched(rate=100.0, ranges={"learning_rate": {"low": 1e-3, "high": 50, "log": True}})
    found = tune(spec, task)
    diverged = found.trials[found.trials.state == "diverged"]
    assert 0 in diverged.index
    assert diverged.validation_accuracy.isna().all()
    assert found.spec.learning_rate <= 1
    assert found.notes["diverged"] == len(diverged)


def test_a_search_without_a_complete_trial_says_so(task, made_up):
    spec = searched(rate=100.0, ranges={"learning_rate": {"low": 10, "high": 50}})
    with pytest.raises(StudyError, match=r"no trial of 8 .* diverged.*smaller learning rates"):
        tune(spec, task)


def test_without_ranges_nothing_is_searched(task):
    with pytest.raises(ValueError, match="no `tune`"):
        tune(deep_spec("mlp"), task)


def test_a_trial_resumes_after_its_last_epoch(task, eager, study_folder, monkeypatch):
    trained = []
    train_one = epochs._train_one

    def counting(*arguments):
        trained.append(arguments[1])
        return train_one(*arguments)

    keep = study.Watched.keep

    def killed(*arguments):
        keep(*arguments)
        raise KeyboardInterrupt

    monkeypatch.setattr(epochs, "_train_one", counting)
    spec = searched(trials=2, rate=0.01, epochs=2)
    kept = KeptTrials("net", {})
    monkeypatch.setattr(study.Watched, "keep", killed)
    with pytest.raises(KeyboardInterrupt):
        tune(spec, task, kept)
    monkeypatch.setattr(study.Watched, "keep", keep)
    tune(spec, task, kept)
    assert trained == [1, 2, 1, 2]
