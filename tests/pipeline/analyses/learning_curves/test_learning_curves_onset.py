"""From which epoch on a run overfits: made-up losses whose turn is known."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from pipeline.analyses.learning_curves.onset import marks, onset
from pipeline.storage.runs import HISTORY_COLUMNS

EPOCHS = np.arange(1, 61)
FALLING = 0.2 + 2 * np.exp(-EPOCHS / 8)
FLAT = np.full(60, 0.7)
RISING = np.where(EPOCHS <= 20, 1.5 - 0.05 * EPOCHS, 0.5 + 0.01 * (EPOCHS - 20))
"""Turns at epoch 20, where the median of five losses is 0.52; 5% above from 0.546, epoch 25, on."""


def history(validation, train=FALLING, seed=0, run="net"):
    rows = [
        (x, "epoch", split, "loss", value)
        for split, values in (("train", train), ("validation", validation))
        for x, value in enumerate(values, start=1)
    ]
    return pd.DataFrame(rows, columns=list(HISTORY_COLUMNS)).assign(run=run, seed=seed)


def noise(share, seed, n=60):
    return 1 + share * np.random.default_rng(seed).standard_normal(n)


def test_the_epoch_and_the_losses_are_those_of_the_curve():
    found = onset(history(RISING))
    assert (found.epoch, found.lowest_epoch, found.epochs) == (25, 20, 60)
    assert found.lowest == pytest.approx(0.52)
    assert found.last == pytest.approx(0.89)  # the median of the last three
    assert found.train_then == pytest.approx(FALLING[19])
    assert found.train_last == pytest.approx(FALLING[58])


@pytest.mark.parametrize("seed", range(8))
def test_noise_moves_the_epoch_by_little(seed):
    found = onset(history(RISING * noise(0.03, seed)))
    assert abs(found.epoch - 25) <= 4
    assert abs(found.lowest_epoch - 20) <= 4


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("losses", [FALLING, FLAT], ids=["falling", "flat"])
@pytest.mark.parametrize("share", [0, 0.01, 0.05])
def test_noise_alone_is_no_onset(losses, seed, share):
    assert onset(history(losses * noise(share, seed))) is None


@pytest.mark.parametrize(
    ("validation", "train"),
    [
        pytest.param(np.where(EPOCHS == 60, 2 * FALLING, FALLING), FALLING, id="last epoch alone"),
        pytest.param(np.where(EPOCHS == 12, 0.1, FALLING), FALLING, id="one lucky epoch"),
        pytest.param(np.where(EPOCHS < 50, RISING, 0.4), FALLING, id="falls again"),
        pytest.param(RISING, RISING, id="training loss rises too"),
        pytest.param(RISING / 100, FALLING, id="both losses are near 0"),
        pytest.param(0.5 + 0.0004 * EPOCHS, FALLING, id="less than 5%"),
        pytest.param([0.5, 0.6, 0.7, 0.8, 0.9], [0.5, 0.4, 0.3, 0.2, 0.1], id="too few epochs"),
    ],
)
def test_what_is_no_onset(validation, train):
    assert onset(history(np.asarray(validation), train)) is None


def test_what_saturates_is_an_onset():
    """As where the learning rate falls to 0: the loss stays where it has risen to."""
    losses = np.where(EPOCHS <= 20, 1.5 - 0.05 * EPOCHS, 0.8 - 0.3 * np.exp(-(EPOCHS - 20) / 5))
    assert onset(history(losses * noise(0.01, 1))).epoch in (21, 22, 23)


def test_seeds_are_judged_together_over_the_epochs_that_all_have():
    rising, falling = history(RISING), history(2 - 0.04 * EPOCHS[:40], FALLING[:40], seed=1)
    both = onset(pd.concat([rising, falling]))
    assert both is None, "the mean of the two falls until the end"
    longer = history(np.append(RISING, 0.1), np.append(FALLING, 0.01), seed=1)
    assert onset(pd.concat([rising, longer])).epoch == 25


def test_other_metrics_and_classical_runs_have_no_onset():
    rows = history(RISING)
    assert onset(rows.assign(metric="accuracy")) is None
    assert onset(rows.assign(x_kind="images")) is None
    assert onset(rows[rows["split"] == "validation"]) is None


def test_rows_are_marked():
    rows = pd.concat([history(RISING, run="a"), history(FALLING, run="b", seed=4)])
    accuracies = rows.assign(metric="accuracy")
    rows = pd.concat([rows, accuracies], ignore_index=True)
    kept = {("a", 0): ("accuracy", 25), ("b", 4): ("loss", 60)}
    marked = rows.assign(mark=marks(rows, kept))
    marked = marked[marked["mark"] != ""]
    columns = ["run", "split", "metric", "x", "mark"]
    assert marked[columns].to_numpy().tolist() == [
        ["a", "validation", "loss", 25, "overfits from"],
        ["b", "validation", "loss", 60, "kept"],
        ["a", "validation", "accuracy", 25, "kept"],
    ]
    assert "kept and overfits from" in marks(rows, {("a", 0): ("loss", 25)})
