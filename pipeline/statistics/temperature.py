"""Temperature scaling, and proper scores of probabilities.

Guo et al. (On Calibration of Modern Neural Networks, ICML 2017, section 4.2): logits are divided by
one number, fitted on the validation split by maximum likelihood. It changes no ranking of classes.
Here it starts from probabilities; their logarithms differ from logits by a constant per image,
which softmax cancels: ``softmax(log(p) / T)`` is ``softmax(logits / T)``. So it works just the same
for calibrated probabilities without logits.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_softmax

SMALLEST = float(np.finfo(np.float32).tiny)
"""Smaller probabilities, including 0, are replaced by this one (1.2e-38): a true class of
probability 0 would cost infinitely many nats; like this it costs 87."""
LOWEST, HIGHEST = 0.05, 20.0
"""Bounds of the temperature. It ends near the lower one where every validation image is right."""


def log_probabilities(
    probabilities: NDArray[np.floating], temperature: float = 1.0
) -> NDArray[np.float64]:
    """Return the logarithms of (n, classes) probabilities at a temperature; rows sum to 1 again.

    Above 1 they become more even, below 1 less so; 1 changes nothing but `SMALLEST` and rounding.
    """
    logarithms = np.log(np.maximum(probabilities, SMALLEST, dtype=np.float64))
    return log_softmax(logarithms / temperature, axis=1)


def fit_temperature(probabilities: NDArray[np.floating], labels: NDArray[np.integer]) -> float:
    """Return the temperature that makes the labels likeliest.

    The mean negative log-likelihood is convex in 1 / T, so it has one minimum in log T as well,
    where a bounded scalar search (Brent) finds it.

    Args:
        probabilities: (n, classes) of the validation split.
        labels: (n,) its labels.
    """
    from scipy.optimize import minimize_scalar

    def loss(log_temperature: float) -> float:
        scaled = log_probabilities(probabilities, float(np.exp(log_temperature)))
        return negative_log_likelihood(scaled, labels)

    bounds = (np.log(LOWEST), np.log(HIGHEST))
    found = minimize_scalar(loss, bounds=bounds, method="bounded", options={"xatol": 1e-6})
    return float(np.exp(found.x))


def negative_log_likelihood(logarithms: NDArray[np.floating], labels: NDArray[np.integer]) -> float:
    """Return the mean of -log p of the true class, in nats, of (n, classes) log p."""
    return float(-logarithms[np.arange(len(labels)), labels].mean())


def brier_score(probabilities: NDArray[np.floating], labels: NDArray[np.integer]) -> float:
    """Return the mean squared distance to the truth, summed over classes, in [0, 2].

    Brier (Monthly Weather Review 78, 1950, 1-3), with 1 for the true class and 0 for the others.
    """
    # (p - 1)^2 + the squares of the others, without an array of the truth.
    true = probabilities[np.arange(len(labels)), labels]
    return float(np.mean(np.square(probabilities).sum(axis=1) - 2 * true + 1))
