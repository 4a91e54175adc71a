"""The stage as a whole, on a network whose options are searched, with two seeds."""

from __future__ import annotations

import json

import numpy as np
import pytest

from pipeline.config.yaml_files import dump_yaml
from pipeline.storage.runs import TUNING_COLUMNS, load_card, load_tuning, run_folder
from pipeline.storage.splits import PREPARED, Task, save_split, save_task

SIZES = {"train": 24, "validation": 12, "test": 6}
RANGES = {"learning_rate": {"low": 1e-4, "high": 0.1, "log": True}}
NETWORK = {"method": "mlp", "layers": 1, "units": 4, "epochs": 2, "batch_size": 12}


@pytest.fixture
def eager():
    """Nothing is compiled: that takes longer than the few steps of these trainings."""
    import tensorflow as tf

    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)


@pytest.fixture
def study(study_folder, rng, monkeypatch, eager):
    from pipeline.deep.training import fitting

    monkeypatch.setattr(fitting, "preflight", lambda *_: {})
    for split, n in SIZES.items():
        labels = np.arange(n) % 3
        images = rng.integers(0, 90, (n, 4, 4, 3)).astype(np.uint8)
        images[np.arange(n), :, :, labels] += 60
        save_split(split, images, labels, 1000 + np.arange(n))
    save_task(Task(("r", "g", "b"), (4, 4, 3), SIZES))
    (PREPARED / "labels" / "test.npy").unlink()  # for evaluate alone
    return study_folder


def trained(**options):
    from stages import train_deep

    params = {"seed": 0, "deep": {"net": NETWORK | options}}
    with open("params.yaml", "w", encoding="utf-8") as stream:
        stream.write(dump_yaml(params))
    train_deep.main("net")


def test_one_search_serves_all_seeds_and_trials_are_kept(study, capsys):
    tune = {"trials": 2, "epochs": 1, "ranges": RANGES}
    trained(tune=tune, seeds=[3, 4])
    cards = {seed: load_card("net", seed, "train it") for seed in (3, 4)}
    notes = cards[3].notes["tuning"]
    for card in cards.values():
        assert card.options["tune"] == tune
        assert card.options["learning_rate"] == notes["chosen"]["learning_rate"]
        assert card.options["epochs"] == card.notes["epochs_run"] == 2
        assert "optuna" in card.versions
    assert cards[3].tuning_seconds > 0 == cards[4].tuning_seconds
    trials = load_tuning("net", 3, "train it")
    assert tuple(trials) == TUNING_COLUMNS
    assert trials.epochs.tolist() == [1, 1]
    assert json.loads(trials.options[0]) == {"learning_rate": 1e-3}
    assert (notes["trials"], notes["images"], notes["epochs"]) == (2, 24, 1)

    capsys.readouterr()
    trained(tune=tune, seeds=[3, 4, 5])  # only the new seed is trained, with what was chosen before
    said = capsys.readouterr().out
    assert said.count("already trained, restored") == 2
    assert len([line for line in said.splitlines() if "epoch 1/1" in line]) == 0
    again = load_card("net", 5, "train it")
    assert again.options["learning_rate"] == notes["chosen"]["learning_rate"]
    assert run_folder("net", 5).exists()
