"""How trainings are told: medians, several seeds, and cards that know less."""

from __future__ import annotations

import pandas as pd

from pipeline.analyses.learning_curves.table import TABLES
from pipeline.analyses.setup.trainings import checks_before, is_shown, training_pairs


def history(*rows):
    full = [("net", seed, x, "epoch", "train", metric, value) for seed, x, metric, value in rows]
    needed = [column.name for column in TABLES[0].columns if not column.optional]
    return pd.DataFrame(full, columns=needed)


def card(**notes):
    return {"notes": notes}


NONE = history()


def test_times_are_medians_over_the_epochs_of_all_seeds():
    rows = [(seed, x, "seconds", 99.0 if x == 1 else 10.0 + seed) for seed in (0, 1)
            for x in (1, 2, 3, 4)]  # fmt: skip
    rows += [(0, x, "images_per_second", value) for x, value in enumerate((10, 2000, 2100), 1)]
    told = dict(training_pairs([card()], history(*rows)))
    assert told == {"seconds per epoch": "11.0", "images per second": "2,000"}


def test_learning_rate_is_the_peak_and_that_of_the_last_epoch():
    rows = [(0, 1, "learning_rate", 0.05), (0, 3, "learning_rate", 0.001),
            (0, 2, "learning_rate", 0.1)]  # fmt: skip
    told = dict(training_pairs([card()], history(*rows)))
    assert told == {"learning rate": "peak 0.1, last 0.001"}
    assert dict(training_pairs([card()], history(*rows[:1]))) == {"learning rate": "0.05"}


def test_several_seeds_and_phases():
    first = card(epochs_run=9, best_epoch=4, stopped_early=True, multiply_adds=40_551_424,
                 phases=[{"epochs": 3, "learning_rate": 5e-4},
                         {"epochs": 6, "learning_rate": 1e-4}])  # fmt: skip
    told = dict(training_pairs([first, card(epochs_run=15, best_epoch=15)], NONE))
    assert told == {
        "epochs run": "9 (stopped early), 15",
        "best epoch": "4, 15",
        "phases": "3 epochs (learning rate 0.0005), then 6 epochs (learning rate 0.0001)",
        "multiply-adds per image": "40.6 million",
    }


def test_old_cards_have_nothing_to_tell():
    assert training_pairs([card(), card()], NONE) == ()
    assert checks_before({}) == ()


def test_checks_before_training_phase_by_phase():
    first = {"device": "a processor", "first loss": "2.31"}
    assert checks_before({"preflight": first}) == tuple(first.items())
    notes = {"preflight": first, "monitor": "loss", "preflight_2": {"first loss": "0.32"}}
    assert checks_before(notes) == (
        ("phase 1, device", "a processor"),
        ("phase 1, first loss", "2.31"),
        ("phase 2, first loss", "0.32"),
    )
    assert [note for note in notes if is_shown(note)] == ["preflight", "preflight_2"]
