"""How far accuracy drops on corrupted images, on average and compared between families.

All runs are tested on the same images with the same corruptions, so that they can be compared image
by image.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pipeline.analyses.corrupted_runs import CorruptedRun
from pipeline.statistics.bootstrap import RESAMPLES, percentiles, resampled_means
from pipeline.statistics.proportions import Interval, Proportion


@dataclass(frozen=True)
class Robustness:
    """How a run fares on average over corruptions and severities, all with equal weight."""

    clean: Proportion
    """On the same images as they are."""
    corrupted: float
    """Mean accuracy on corrupted images."""
    corrupted_interval: Interval
    drop_interval: Interval
    """Both intervals reflect test-set sampling: 95%, percentile bootstrap over images, which keeps
    an image and all its corrupted versions together."""

    @property
    def drop(self) -> float:
        """Accuracy that corruption costs, in [-1, 1]."""
        return self.clean.value - self.corrupted

    @property
    def relative_drop(self) -> float | None:
        """The drop as a share of the clean accuracy; None where that is 0."""
        return self.drop / self.clean.value if self.clean.successes else None


def robustness(run: CorruptedRun, seed: int) -> Robustness:
    """Average over all corruptions and severities of a run; `seed` is of the bootstrap."""
    means = resampled_means(np.stack([run.clean, run.share], axis=1).astype(float), seed)
    return Robustness(
        clean=Proportion(int(run.clean.sum()), len(run.ids)),
        corrupted=float(run.share.mean()),
        corrupted_interval=Interval(*percentiles(means.means[:, 1], 0.95)),
        drop_interval=means.difference_interval(0, 1),
    )


def corruption_summary(
    runs: Sequence[CorruptedRun], seed: int, independent: bool
) -> dict[str, Any]:
    """Return what ``study.json`` says under ``corruption``: means, a comparison, what is missing.

    Args:
        runs: by falling validation accuracy; the first of a family stands for it.
        seed: of the bootstrap.
        independent: whether test images were drawn independently.
    """
    return {
        "runs": {run.name: _run_summary(run, robustness(run, seed)) for run in runs},
        "comparison": drops_compared(runs, seed, independent),
        "interval": f"95%, percentile bootstrap over images, {RESAMPLES:,} resamples",
        "missing": {name: why for run in runs for name, why in run.missing.items()},
    }


def _run_summary(run: CorruptedRun, found: Robustness) -> dict[str, Any]:
    return {
        "family": run.family,
        "seed": run.seed,
        "n": found.clean.n,
        "corruptions": list(run.corruptions),
        "severities": list(run.severities),
        "clean_accuracy": found.clean.value,
        "corrupted_accuracy": found.corrupted,
        "corrupted_ci_low": found.corrupted_interval.low,
        "corrupted_ci_high": found.corrupted_interval.high,
        "drop": found.drop,
        "drop_ci_low": found.drop_interval.low,
        "drop_ci_high": found.drop_interval.high,
        "relative_drop": found.relative_drop,
    }


def drops_compared(
    runs: Sequence[CorruptedRun], seed: int, independent: bool
) -> dict[str, Any] | None:
    """Compare how far the best network and the best classical run fall, image by image.

    It uses the images, corruptions and severities that both were tested on. The difference is
    the network's drop less the classical run's: above 0, the network loses more.

    Returns:
        None where one of the two families has no corrupted run, or they share nothing.
    """
    best = {run.family: run for run in reversed(runs)}
    if "deep" not in best or "classical" not in best:
        return None
    deep, classical = best["deep"], best["classical"]
    ids = np.intersect1d(deep.ids, classical.ids)
    names = [name for name in classical.corruptions if name in deep.corruptions]
    levels = [level for level in classical.severities if level in deep.severities]
    if not (ids.size and names and levels):
        return None
    pair = [run.part(ids, names, levels) for run in (deep, classical)]
    drops = np.stack([run.clean - run.share for run in pair], axis=1)
    interval = resampled_means(drops, seed).difference_interval(0, 1)
    deep_drop, classical_drop = (float(drop) for drop in drops.mean(axis=0))
    return {
        "deep": deep.name,
        "classical": classical.name,
        "chosen_by": "the validation split, among the corrupted runs",
        "independent_images": independent,
        "n": len(ids),
        "corruptions": names,
        "severities": levels,
        "deep_drop": deep_drop,
        "classical_drop": classical_drop,
        "difference": deep_drop - classical_drop,
        "ci_low": interval.low,
        "ci_high": interval.high,
    }
