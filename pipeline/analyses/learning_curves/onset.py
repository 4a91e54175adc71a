"""From which epoch on a network overfits, by its validation loss.

The rise of the validation loss above its lowest value so far is the generalization loss of Prechelt
(1998), "Automatic early stopping using cross validation", Neural Networks 11, section 2.1, who
stops at 1% to 5% of it. A training that is over is easier to judge than one that runs: the rise has
to last until the end, so that a loss that falls again, as after a lower learning rate, is no onset.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

RISE = 0.05
"""A generalization loss of this share or more counts."""
LEAST_RISE = 0.01
"""The same in units of the loss: below, every image is classified with near certainty."""
WINDOW = 5
"""Epochs of a running median, as many as in Prechelt's strips."""
SCATTER = 3.0
"""Standard deviations of the scatter that the rise has to exceed at the end."""
LASTING = 0.1
"""Share of the epochs, at the end, in which it has to."""
LEAST_LASTING = 3
"""The same in epochs."""
LEAST_EPOCHS = 6
"""Trainings of fewer epochs are not judged."""


@dataclass(frozen=True)
class Onset:
    """A network that overfits; losses are smoothed and, with several seeds, their mean."""

    epoch: int
    """The first with a validation loss of `RISE` or more above the lowest, and so until the end."""
    lowest_epoch: int
    lowest: float
    """Validation loss at `lowest_epoch`."""
    last: float
    """Validation loss at the end."""
    train_then: float
    """Training loss at `lowest_epoch`."""
    train_last: float
    """Training loss at the end."""
    epochs: int
    """Epochs that all seeds have."""


def onset(history: pd.DataFrame) -> Onset | None:
    """Return the onset of overfitting; None without one, or without enough epochs to tell.

    Args:
        history: rows of ``learning_curves.csv`` of one run, all of its seeds.
    """
    rows = history[(history["metric"] == "loss") & (history["x_kind"] == "epoch")]
    means = _means_of_seeds(rows)
    if len(means) < LEAST_EPOCHS or not {"train", "validation"} <= set(means):
        return None
    losses = means["validation"].to_numpy(dtype=float)
    validation, train = smoothed(losses), smoothed(means["train"].to_numpy(dtype=float))
    at = int(validation.argmin())
    lowest = validation[at]
    high = lowest + max(RISE * lowest, LEAST_RISE)
    above = validation >= high
    lasting = max(LEAST_LASTING, int(np.ceil(LASTING * len(losses))))
    limit = max(high, lowest + SCATTER * _scatter(losses[at:]))
    if (validation[-lasting:] < limit).any() or train[-1] >= train[at]:
        return None
    # The lowest itself is not above. A median may rise before the loss itself does.
    first = int(np.flatnonzero(~above)[-1]) + 1
    first += int((losses[first:] >= high).argmax())
    epochs = means.index
    return Onset(
        epoch=int(epochs[first]),
        lowest_epoch=int(epochs[at]),
        lowest=float(lowest),
        last=float(validation[-1]),
        train_then=float(train[at]),
        train_last=float(train[-1]),
        epochs=len(epochs),
    )


def smoothed(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return running medians over `WINDOW` values (n,), of fewer at both ends.

    A curve that only falls or only rises stays as it is, but for its ends.
    """
    series = pd.Series(values).rolling(WINDOW, center=True, min_periods=1).median()
    return series.to_numpy(dtype=float)


def marks(histories: pd.DataFrame, kept: Mapping[tuple[str, int], tuple[str, int]]) -> list[str]:
    """Return what is special about each row of ``learning_curves.csv``; mostly nothing.

    Args:
        histories: rows of all runs.
        kept: (run, seed) -> the validation metric that chose the epoch, and that epoch.

    Returns:
        "kept", "overfits from", both joined by " and ", or an empty text per row.
    """
    onsets = {run: onset(history) for run, history in histories.groupby("run", sort=False)}
    return [" and ".join(_marks(row, kept, onsets)) for row in histories.to_dict("records")]


def _marks(
    row: Mapping[Any, Any],
    kept: Mapping[tuple[str, int], tuple[str, int]],
    onsets: Mapping[Any, Onset | None],
) -> Iterator[str]:
    if row["split"] != "validation" or row["x_kind"] != "epoch":
        return
    if kept.get((str(row["run"]), int(str(row["seed"])))) == (row["metric"], row["x"]):
        yield "kept"
    found = onsets[row["run"]]
    if found is not None and row["metric"] == "loss" and row["x"] == found.epoch:
        yield "overfits from"


def _means_of_seeds(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the mean losses (epochs x splits) of the epochs that all seeds have."""
    table = rows.pivot_table(index="x", columns=["split", "seed"], values="value").dropna()
    return table.T.groupby(level="split").mean().T.sort_index()


def _scatter(values: NDArray[np.float64]) -> float:
    """Return the standard deviation of values (n,) around the straight line through them."""
    if len(values) < LEAST_LASTING:
        return 0.0
    x = np.arange(len(values))
    return float(np.std(values - np.polyval(np.polyfit(x, values, 1), x), ddof=2))
