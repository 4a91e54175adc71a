"""What twice as many training images would give."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pipeline.analyses.sized_runs import SizedRun
from pipeline.statistics.bootstrap import percentiles
from pipeline.statistics.draws import resampled_draws
from pipeline.statistics.growth import FEWEST_SIZES, fit_forms, ill_behaved

REFITTED = 1000
"""Resamples to which forms are fitted."""


def form_rows(run: SizedRun, seed: int) -> Iterator[dict[str, Any]]:
    """Yield the rows of the table ``sample_size_forms``; none with too few sizes.

    Args:
        run: trained at all sizes.
        seed: of the resamples.
    """
    sizes = run.card.sizes
    if len(sizes) < FEWEST_SIZES:
        return
    found = resampled_draws(~run.right["test"], seed)
    reason = ill_behaved(sizes, found.replicates)
    for fit in fit_forms(sizes, found.means, found.replicates[:REFITTED]):
        low, high = percentiles(fit.gain[1:], 0.95)
        yield {
            "run": run.name,
            "family": run.family,
            "form": fit.form,
            "images": sizes[-1],
            "error": found.means[-1],
            "fitted_error": fit.fitted[0],
            "slope": fit.slope[0],
            "gain": fit.gain[0],
            "gain_low": low,
            "gain_high": high,
            "missed": fit.missed,
            "fits": bool(fit.fits),
            "ill_behaved": reason,
        }
