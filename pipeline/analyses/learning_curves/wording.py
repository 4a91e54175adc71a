"""What the losses of the networks say, in sentences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pipeline.analyses.learning_curves.onset import (
    LASTING,
    LEAST_EPOCHS,
    LEAST_LASTING,
    LEAST_RISE,
    RISE,
    SCATTER,
    WINDOW,
    Onset,
)
from pipeline.page.formats import decimal

_NUMBERS = {3: "three", 5: "five", 6: "six", 10: "ten"}
RULE = (
    f"A network overfits from the first epoch at which its validation loss is {RISE:.0%} or more "
    f"({LEAST_RISE:g} at least) above its lowest value and stays so until the end, while its "
    f"training loss falls further. In the last {LASTING:.0%} of the epochs "
    f"({_NUMBERS[LEAST_LASTING]} or more), the rise also has to exceed {_NUMBERS[round(SCATTER)]} "
    "times the scatter of the validation loss around its trend. Losses are smoothed by running "
    f"medians of {_NUMBERS[WINDOW]} epochs; with several seeds, their mean is judged."
)
_CALLED = {
    "loss": "validation loss",
    "accuracy": "validation accuracy",
    "macro_f1": "validation macro-F1",
    "balanced_loss": "balanced validation loss",
    "balanced_accuracy": "balanced validation accuracy",
}
_LOSSES = {"squared_error": "squared error", "hinge": "hinge loss", "focal": "focal loss"}


def sentence(run: str, found: Onset, monitor: str, kept: Sequence[int]) -> str:
    """Say from which epoch on a run overfits, and whether that concerns the weights it kept.

    Args:
        run: its name.
        found: the onset.
        monitor: the metric that chose the epochs; empty if unknown.
        kept: the epochs whose weights were kept, one per seed; may be empty.
    """
    rise = found.last / found.lowest - 1
    text = (
        f"{run} overfits from epoch {found.epoch} on: its validation loss is lowest at epoch "
        f"{found.lowest_epoch} ({decimal(found.lowest)}) and {rise:.0%} higher at epoch "
        f"{found.epochs} ({decimal(found.last)}), while its training loss falls from "
        f"{decimal(found.train_then)} to {decimal(found.train_last)}."
    )
    return f"{text} {_of_the_kept(found, monitor, kept)}".strip()


def _of_the_kept(found: Onset, monitor: str, kept: Sequence[int]) -> str:
    if not kept:
        return ""
    epochs = sorted(set(kept))
    listed = ", ".join(map(str, epochs[:-1])) + " and " * (len(epochs) > 1) + str(epochs[-1])
    chosen = f" (by {_CALLED[monitor]})" if monitor in _CALLED else ""
    which = f"The kept weights, of epoch{'s' * (len(epochs) > 1)} {listed}{chosen}, are"
    if epochs[-1] < found.epoch:
        return f"{which} from before it overfits."
    if epochs[0] >= found.epoch:
        return f"{which} from after that, so the run’s probabilities may be overconfident."
    return f"{which} partly from after that, so the run’s probabilities may be overconfident."


def too_short(epochs: Mapping[str, int]) -> list[str]:
    """Say which runs are too short to be judged: at most one sentence.

    Args:
        epochs: run -> epochs that all of its seeds have.
    """
    short = [run for run, number in epochs.items() if number < LEAST_EPOCHS]
    if not short:
        return []
    return [f"Not judged, with fewer than {_NUMBERS[LEAST_EPOCHS]} epochs: {', '.join(short)}."]


def notes(cards: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Say what sets the losses of some runs apart from those of the others.

    Args:
        cards: run -> its card, of all runs that have losses.
    """
    smoothing = {run: card["options"].get("label_smoothing", 0) for run, card in cards.items()}
    other = {run: _LOSSES.get(card["options"].get("loss", ""), "") for run, card in cards.items()}
    found = []
    if any(smoothing.values()):
        which = ", ".join(f"{run} {value:g}" for run, value in smoothing.items() if value)
        found.append(
            f"Label smoothing ({which}) keeps probabilities away from 1, so the losses of these "
            "runs, especially on training images, are higher than those of equally accurate runs "
            "without it; only the shapes of the curves can be compared."
        )
    if any(other.values()):
        which = ", ".join(f"{run} ({name})" for run, name in other.items() if name)
        found.append(f"Trained with a loss other than the cross-entropy shown here: {which}.")
    return found
