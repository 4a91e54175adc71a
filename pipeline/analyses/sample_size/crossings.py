"""From how many training images on networks and hybrids are ahead of the best classical run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from pipeline.analyses.sized_runs import SizedRun
from pipeline.statistics.crossing import find_crossing
from pipeline.statistics.draws import resampled_draws

BEST, FROM_SCRATCH = "best deep", "best deep from scratch"


def crossing_rows(runs: Sequence[SizedRun], seed: int) -> list[dict[str, Any]]:
    """Compare each network and hybrid run with the best classical run, by draw and by image.

    Args:
        runs: the best on the validation split first.
        seed: of the resamples.

    Returns:
        Rows of the table ``sample_size_crossings``; none without a classical run.
    """
    classical = next((run for run in runs if run.family == "classical"), None)
    if classical is None:
        return []
    deep = [run for run in runs if run.family == "deep"]
    chosen = {run.name: FROM_SCRATCH for run in [r for r in deep if not r.pretrained][:1]}
    chosen |= {run.name: BEST for run in deep[:1]}
    return [
        _row(run, classical, chosen.get(run.name, ""), seed)
        for run in runs
        if run.family != "classical"
    ]


def _row(run: SizedRun, classical: SizedRun, chosen: str, seed: int) -> dict[str, Any]:
    # 1 where only the run is right, -1 where only the classical one is.
    differences = run.right["test"].astype(np.int8) - classical.right["test"]
    resampled = resampled_draws(differences, seed)
    found = find_crossing(run.card.sizes, resampled.means, resampled.replicates)
    return {
        "run": run.name,
        "family": run.family,
        "against": classical.name,
        "chosen": chosen,
        "images": found.images,
        "ci_low": found.interval.low,
        "ci_high": found.interval.high,
        "never": found.never,
        "always": found.always,
        "several": found.several,
    }
