"""Truncated Newton for linear models with an L2 penalty, with a bound on the error.

It minimizes, over weights W of (d, outputs) and intercepts b::

    1/2 ||W||^2 + 1/2 r ||b||^2 + L(X W + b)        r = 1, or 0 for a free intercept

for a convex loss L with first and (generalized) second derivatives. Each step solves the Newton
equations by preconditioned conjugate gradients. The Hessian is never formed: each product with it
is a pass over the images (Keerthi & DeCoste 2005, "A Modified Finite Newton Method for Fast
Solution of Large Scale Linear SVMs"; Lin, Weng & Keerthi 2008, "Trust Region Newton Method for
Large-Scale Logistic Regression").

Departures:

* All outputs are solved at once, so that one pass over the images serves them all. Each has its own
  step lengths if the loss is a sum over outputs.
* A line search replaces the trust region.
* The preconditioner is the penalty plus the second moments of the features, as if all images had
  the same curvature. Moments of a sample of images needed several times as many passes, because
  histogram bins are sparse.
* Many features of few images are first expressed in the row space of the images
  (`pipeline.classical.solvers.row_space`).

The objective minus ``1/2 ||W||^2`` is convex, so ``f - min f <= 1/2 ||g||^2`` for the gradient g;
for a squared hinge this is also the duality gap. The solver stops when the bound is at most `tol`
times f, for each output if the loss is a sum over outputs. A free intercept has no such bound; its
contribution is g_b^2 over twice its own curvature, exact to second order.

Products are in float32 over blocks of rows, and sums over blocks in float64. When float32 is too
coarse for the bound, the remaining steps use float64.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from pipeline.classical.solvers.loss import Array, Loss
from pipeline.classical.solvers.preconditioner import Preconditioner
from pipeline.classical.solvers.row_products import RowProducts
from pipeline.classical.solvers.row_space import is_wide, row_space
from pipeline.machine import allowed_threads

_INNER_ACCURACY = 0.1
_MOST_INNER = 200
_NOISE = 1e-8  # relative change of an objective that float32 cannot show reliably


@dataclass(frozen=True)
class Solution:
    """Where the solver stopped."""

    weights: Array
    """(d + 1, k); the last row contains the intercepts."""
    objective: float
    """Summed over outputs."""
    gap: float
    """Bound on the distance to the minimum, as a fraction of the objective; the largest of all
    outputs."""
    n_iter: int
    """Newton steps."""


def minimize(x: NDArray[np.float32], loss: Loss, tol: float, max_iter: int) -> Solution:
    """Minimize the objective in the module docstring, starting from zero.

    Args:
        x: (n, d) features, C-contiguous.
        loss: the loss of the outputs.
        tol: stop when the objective is proven to be this close to its minimum, as a fraction of it.
        max_iter: the most Newton steps.
    """
    if is_wide(*x.shape):
        with threadpool_limits(1, "blas"):  # the same numbers on any number of cores
            basis, coordinates = row_space(x)
        found = _minimize(coordinates, loss, tol, max_iter)
        return replace(found, weights=np.vstack([basis @ found.weights[:-1], found.weights[-1:]]))
    return _minimize(x, loss, tol, max_iter)


def _minimize(x: NDArray[np.float32], loss: Loss, tol: float, max_iter: int) -> Solution:
    penalty = np.ones((x.shape[1] + 1, 1))
    penalty[-1] = loss.intercept_penalty
    precondition = Preconditioner(x, penalty)
    with ThreadPoolExecutor(allowed_threads()) as threads, threadpool_limits(1, "blas"):
        return _newton(RowProducts(x, threads), loss, penalty, precondition, tol, max_iter)


def _newton(
    rows: RowProducts,
    loss: Loss,
    penalty: Array,
    precondition: Preconditioner,
    tol: float,
    max_iter: int,
) -> Solution:
    weights = np.zeros((len(penalty), loss.n_outputs))
    outputs: NDArray = np.zeros((len(rows.x), loss.n_outputs), np.float32)
    for n_iter in range(max_iter + 1):
        value = 0.5 * _dot(penalty * weights, weights, loss) + loss.value(outputs)
        gradient = penalty * weights + rows.backward(loss.gradient(outputs))
        curvature = loss.curvature(outputs)
        mean = loss.mean_curvature(curvature)
        bound = _bound(gradient, penalty, len(outputs) * mean, loss)
        gap = bound / np.maximum(value, 1e-300)
        unfinished = gap > tol
        if n_iter == max_iter or not unfinished.any():
            break
        multiply = partial(_hessian_product, rows, loss, penalty, curvature)
        downhill = np.where(unfinished, gradient, 0)
        step = _newton_step(multiply, precondition.at(mean), downhill, loss)
        slope = _dot(gradient, step, loss)
        if rows.dtype == np.float32 and (-slope <= _NOISE * value)[unfinished].all():
            rows.dtype = np.dtype(np.float64)
            outputs = rows.forward(weights)
            continue
        change = rows.forward(step)
        length = _line_search(weights, step, outputs, change, value, slope, penalty, loss)
        weights += length * step
        outputs += (length * change).astype(outputs.dtype, copy=False)
    return Solution(weights, float(value.sum()), float(gap.max()), n_iter)


def _hessian_product(
    rows: RowProducts, loss: Loss, penalty: Array, curvature: NDArray, v: Array
) -> Array:
    return penalty * v + rows.hessian_product(loss, curvature, v)


def _newton_step(
    multiply: Callable[[Array], Array],
    precondition: Callable[[Array], Array],
    gradient: Array,
    loss: Loss,
) -> Array:
    """Solve H step = -gradient by conjugate gradients, until the residual has shrunk to a tenth."""
    step = np.zeros_like(gradient)
    residual = -gradient
    direction = preconditioned = precondition(residual)
    size = _dot(residual, preconditioned, loss)
    goal = _INNER_ACCURACY**2 * size
    for _ in range(_MOST_INNER):
        product = multiply(direction)
        length = _ratio(size, _dot(direction, product, loss))
        step += length * direction
        residual -= length * product
        preconditioned = precondition(residual)
        next_size = _dot(residual, preconditioned, loss)
        if (next_size <= goal).all():
            break
        direction = preconditioned + _ratio(next_size, size) * direction
        size = next_size
    return step


def _line_search(
    weights: Array,
    step: Array,
    outputs: NDArray,
    change: NDArray,
    value: Array,
    slope: Array,
    penalty: Array,
    loss: Loss,
) -> Array:
    """Halve each length, from 1, until the objective decreases enough; no pass over the images."""
    length = np.ones_like(value)
    for _ in range(30):
        moved = weights + length * step
        reached = 0.5 * _dot(penalty * moved, moved, loss)
        reached += loss.value(outputs + (length * change).astype(outputs.dtype, copy=False))
        enough = reached <= value + 1e-4 * length * slope + 1e-10 * value
        if enough.all():
            break
        length = np.where(enough, length, length / 2)
    return length


def _bound(gradient: Array, penalty: Array, curvature: float, loss: Loss) -> Array:
    """Return how far each objective can be above its minimum (module docstring)."""
    stiffness = np.where(penalty > 0, penalty, max(curvature, 1e-300))
    return 0.5 * _dot(gradient / stiffness, gradient, loss)


def _dot(a: Array, b: Array, loss: Loss) -> Array:
    products = np.einsum("ij,ij->j", a, b)
    return products if loss.separate else products.sum(keepdims=True)


def _ratio(above: Array, below: Array) -> Array:
    return np.divide(above, below, out=np.zeros_like(above), where=below > 0)
