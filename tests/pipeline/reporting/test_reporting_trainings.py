"""How trainings are told: medians, several seeds, and cards that know less."""

from __future__ import annotations

import pandas as pd

from pipeline.reporting.trainings import checks_before, training_pairs
from pipeline.results import LEARNING_CURVE_COLUMNS


def history(*rows):
    full = [("net", seed, x, "epoch", "train", metric, value) for seed, x, metric, value in rows]
    return pd.DataFrame(full, columns=list(LEARNING_CURVE_COLUMNS))


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
                 phases=[{"name": "head", "epochs": 3, "best_epoch": 2},
                         {"name": "all", "epochs": 6, "best_epoch": None}])  # fmt: skip
    told = dict(training_pairs([first, card(epochs_run=15, best_epoch=15)], NONE))
    assert told == {
        "epochs run": "9 (stopped early), 15",
        "best epoch": "4, 15",
        "phases": "head 3 epochs, best 2, then all 6 epochs",
        "multiply-adds per image": "40.6 million",
    }


def test_old_cards_have_nothing_to_tell():
    assert training_pairs([card(), card()], NONE) == ()
    assert checks_before({}) == ()
    assert checks_before({"preflight": None}) == ()


def test_checks_before_training_phase_by_phase():
    notes = {"preflight": {"head": {"first_loss": "2.31", "device": "a processor"}, "labels": "ok"}}
    assert checks_before(notes) == (
        ("head, first loss", "2.31"),
        ("head, device", "a processor"),
        ("labels", "ok"),
    )
