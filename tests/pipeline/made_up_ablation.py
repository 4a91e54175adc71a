"""Ablations made of seeded noise, of values whose true accuracies are known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import numpy as np
import pandas as pd

from pipeline.analyses.ablated import AblationRecord
from pipeline.config.ablations import parse_options
from pipeline.storage.ablations import (
    CURVE_COLUMNS,
    AblatedTraining,
    AblatedValue,
    AblationCard,
    AblationResults,
)
from pipeline.storage.runs import DIVERGED

EPOCHS = 8


def ablation_record(
    labels: np.ndarray,
    ids: np.ndarray,
    truth: Mapping[str, float],
    *,
    name: str = "optimizer",
    repeats: int = 3,
    between: float = 0.01,
    diverged: Sequence[tuple[str, int]] = (),
    family: str = "deep",
    seconds: Mapping[str, float] | None = None,
    classes: Mapping[str, tuple[int, ...]] | None = None,
    seed: int = 0,
    **options: Any,
) -> AblationRecord:
    """Make up an ablation.

    Args:
        labels: (n,) of the test images; hard images are hard for all values.
        ids: (n,).
        truth: value -> expected test accuracy.
        name: of the ablation.
        repeats: trainings of each value.
        between: standard deviation of the expected accuracy between trainings.
        diverged: (value, repeat) of those that diverged, in the second epoch.
        family: of the run.
        seconds: value -> seconds of a training; 10 by default.
        classes: value -> the classes that it tells apart; all by default.
        seed: of the noise.
        options: of the ablation's entry, in addition.
    """
    rng = np.random.default_rng(seed)
    hard = rng.random(len(labels))
    every = tuple(range(int(labels.max()) + 1))
    predicted, trainings, curves = [], [], []
    for label, accuracy in truth.items():
        told = (classes or {}).get(label, every)
        for repeat in range(repeats):
            broken = (label, repeat) in diverged
            share = np.clip(accuracy + between * rng.standard_normal(), 0, 1)
            predicted.append(_predicted(labels, told, hard, share, rng, broken))
            run = 1 if broken else EPOCHS
            time = (seconds or {}).get(label, 10.0) * np.exp(0.02 * rng.standard_normal())
            deep = family == "deep"
            trainings.append(AblatedTraining(
                label, repeat, repeat, 500, float(time), run if deep else 0,
                run if deep else 0, "the loss is nan" if broken else "",
            ))  # fmt: skip
            curves += _curve(label, repeat, share, run, deep, rng)
    values = tuple(
        AblatedValue(label, "net", family, {"optimizer": label}, {}, 0,
                     (classes or {}).get(label, every), 500)
        for label in truth
    )  # fmt: skip
    entry = {"base": "net", "vary": "optimizer", "values": list(truth), "repeats": repeats}
    card = AblationCard(name, 0, repeats, next(iter(truth)), values, tuple(trainings))
    results = AblationResults(
        card,
        np.array(ids, dtype=np.int64),
        np.array(predicted, dtype=np.int16).reshape(len(truth), repeats, -1),
        pd.DataFrame(curves, columns=list(CURVE_COLUMNS)),
    )
    options = parse_options(name, {**entry, **options})
    return AblationRecord(results, options, f"dvc repro ablations@{name}")


def _predicted(labels, classes, hard, share, rng, broken):
    if broken:
        return np.full(len(labels), DIVERGED)
    known = 0.7 * hard + 0.3 * rng.random(len(labels)) < _quantile(share)
    wrong = np.array(classes)[(np.searchsorted(classes, labels) + 1) % len(classes)]
    right = np.isin(labels, classes) & known
    return np.where(right, labels, wrong)


@cache
def _below() -> tuple[np.ndarray, np.ndarray]:
    """Places, and how likely 0.7 and 0.3 times two uniform numbers lie below."""
    places = np.linspace(0, 1, 501)
    rest = (places[:, None] - np.linspace(0, 0.3, 101)) / 0.7
    return places, np.clip(rest, 0, 1).mean(axis=1)


def _quantile(share: float) -> float:
    places, below = _below()
    return float(np.interp(share, below, places))


def _curve(label, repeat, share, epochs, deep, rng):
    rows = []
    for epoch in range(1, epochs + 1) if deep else (500,):
        progress = epoch / EPOCHS if deep else 1.0
        kind = "epoch" if deep else "images"
        for split, more in (("train", 0.1), ("validation", 0.0)):
            value = min(1.0, share * progress + more) + 0.002 * rng.standard_normal()
            rows.append((label, repeat, epoch, kind, split, "accuracy", value))
            if deep:
                rows.append((label, repeat, epoch, kind, split, "loss", 2.3 * (1 - value)))
    return rows
