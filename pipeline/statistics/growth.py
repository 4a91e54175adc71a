"""How the error falls with the training images, and what twice as many would give.

Several forms are fitted, because none is right for all methods (Viering and Loog 2023, "The Shape
of Learning Curves: A Review", section 4), each by weighted least squares over a grid of its one
parameter that is not linear: nothing depends on starting values. Parameters of a power law with an
asymptote are unstable, so what is reported are the fitted error at the largest size and its slope
(Hoiem, Gupta, Li and Shlapentokh-Rothman 2021, "Learning Curves for Analysis of Deep Networks",
section 3), and the error at twice that size. The form that is used is the one that best predicts
the largest size from the others.

About a seventh of learning curves are ill-behaved ("LCDB 1.1", arXiv 2505.15657): they rise
somewhere, or fall faster after falling slower. `ill_behaved` finds that where it is significant,
and such a curve is not extrapolated.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FEWEST_SIZES = 4
"""Forms have up to three parameters; of fewer sizes nothing is extrapolated."""
SIGNIFICANCE = 0.05
"""For a curve as a whole: divided by the number of places where it might misbehave."""


_EXPONENTS = tuple(np.geomspace(0.02, 3, 240).tolist())
_RATES = tuple(np.geomspace(0.1, 1e4, 300).tolist())


@dataclass(frozen=True)
class Form:
    """error = asymptote + scale · f(n / largest size; parameter), with both at least 0."""

    name: str
    shape: Callable[[NDArray[np.float64], float], NDArray[np.float64]]
    """f, falling."""
    parameters: tuple[float, ...]
    asymptote: bool


FORMS = (
    Form("power law", lambda n, p: n**-p, _EXPONENTS, asymptote=False),
    Form("power law with asymptote", lambda n, p: n**-p, _EXPONENTS, asymptote=True),
    Form("exponential", lambda n, p: np.exp(-p * n), _RATES, asymptote=True),
    Form("logarithm", lambda n, p: np.log(8.0) - np.log(n), (0.0,), asymptote=True),
)
"""The logarithm falls to its asymptote at eight times the largest size, and is not used beyond."""


@dataclass(frozen=True)
class Fit:
    """A form that was fitted to a curve and to its replicates; first the curve itself."""

    form: str
    fitted: NDArray[np.float64]
    """(1 + resamples,) errors at the largest size."""
    slope: NDArray[np.float64]
    """(1 + resamples,) change of the error per doubling, by the tangent there; at most 0."""
    doubled: NDArray[np.float64]
    """(1 + resamples,) errors at twice that size."""
    missed: float
    """Error at the largest size, less what the form fitted to the other sizes predicts."""
    fits: bool
    """Whether that is at most twice the standard error there, as `_spread` measures it."""

    @property
    def gain(self) -> NDArray[np.float64]:
        """(1 + resamples,): what the error falls by when the images are doubled."""
        return self.fitted - self.doubled


def fit_forms(
    sizes: Sequence[int], errors: NDArray[np.float64], replicates: NDArray[np.float64]
) -> list[Fit]:
    """Fit all forms, the one to use first.

    Args:
        sizes: (s,) ascending numbers of training images, at least `FEWEST_SIZES`.
        errors: (s,) shares of wrong predictions.
        replicates: (resamples, s) of the same; their spread gives the weights.
    """
    n = np.asarray(sizes, dtype=np.float64) / sizes[-1]
    spread = np.maximum(_spread(replicates), 1e-4)
    weights = 1 / spread**2
    curves = np.concatenate([errors[None], replicates])
    at, step = np.array([1.0, 2.0]), 1e-4
    fits = []
    for form in FORMS:
        x = np.concatenate([at, [1 - step, 1 + step]])
        one, two, before, after = _fitted(form, n, curves, weights, x).T
        shorter = _fitted(form, n[:-1], errors[None, :-1], weights[:-1], at[:1])
        slope = (after - before) / (2 * step) * np.log(2)
        missed = float(errors[-1] - shorter[0, 0])
        fits.append(Fit(form.name, one, slope, two, missed, abs(missed) <= 2 * spread[-1]))
    return sorted(fits, key=lambda each: abs(each.missed))


def _spread(replicates: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return half the range of the middle 68% of the replicates: of normal ones one deviation.

    Replicates over few draws have the tails of Student's t, whose standard deviation is much larger
    (of five draws by a factor of 1.4), and with three draws infinite: what a sample has is chance.
    """
    low, high = np.quantile(replicates, [0.16, 0.84], axis=0)
    half: NDArray[np.float64] = (high - low) / 2
    return half


def _fitted(
    form: Form,
    n: NDArray[np.float64],
    curves: NDArray[np.float64],
    weights: NDArray[np.float64],
    at: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Return the values (curves, at) of a form that was fitted to each of (curves, s) curves."""
    best = np.full(len(curves), np.inf)
    values = np.zeros((len(curves), len(at)))
    total = weights.sum()
    mean = curves @ weights / total
    for parameter in form.parameters:
        u, there = form.shape(n, parameter), form.shape(at, parameter)
        squares = weights @ u**2
        if squares == 0:
            continue
        scale = np.maximum(curves @ (weights * u) / squares, 0)
        asymptote = np.zeros(len(curves))
        if form.asymptote:
            center = weights @ u / total
            across = weights @ (u - center) ** 2
            free = curves @ (weights * (u - center)) / across if across > 0 else scale * 0
            level = mean - free * center
            rising, below = free < 0, level < 0
            scale = np.where(rising, 0, np.where(below, scale, free))
            asymptote = np.where(rising, np.maximum(mean, 0), np.where(below, 0, level))
        misses = curves - asymptote[:, None] - scale[:, None] * u
        loss = misses**2 @ weights
        better = loss < best
        best[better] = loss[better]
        values[better] = asymptote[better, None] + scale[better, None] * there
    return values


def ill_behaved(sizes: Sequence[int], replicates: NDArray[np.float64]) -> str:
    """Say where a curve of errors significantly rises, or falls ever faster; "" where it does not.

    Args:
        sizes: (s,) ascending.
        replicates: (resamples, s) errors.

    Returns:
        What follows "the error": ``rises from 1,000 to 3,000 images``.
    """
    n = np.asarray(sizes, dtype=np.float64)
    changes = np.diff(replicates, axis=1)
    slopes = changes / np.diff(n)
    level = SIGNIFICANCE / (2 * len(n) - 3)
    for place in range(len(n) - 1):
        if np.quantile(changes[:, place], level) > 0:
            return f"rises from {sizes[place]:,} to {sizes[place + 1]:,} images"
    for place in range(len(n) - 2):
        if np.quantile(slopes[:, place] - slopes[:, place + 1], level) > 0:
            return (
                f"falls faster after {sizes[place + 1]:,} images than before, per image, as no "
                "fitted form does"
            )
    return ""
