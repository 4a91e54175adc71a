"""The solver for linear models meets its bound for any shape, scaling and threads."""

import warnings

import numpy as np
import pytest
from scipy.optimize import minimize
from sklearn.datasets import make_classification
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression as Reference
from sklearn.svm import LinearSVC
from threadpoolctl import threadpool_limits

from pipeline.classical.linear_svm import LinearSVM
from pipeline.classical.logistic_regression import LogisticRegression

WIDE = (120, 600, 3)
"""Images, features and classes: so few images that the solver works in their row space."""


def problem(n, d, n_classes, seed=0):
    x, y = make_classification(
        n, d, n_informative=15, n_classes=n_classes, flip_y=0.1, random_state=seed
    )
    return ((x - x.mean(0)) / x.std(0)).astype(np.float32), y


def hinge_objectives(coef, intercept, x, y, C):
    """Return LIBLINEAR's objective for each class, in float64."""
    classes = np.unique(y)
    signs = np.where(y[:, None] == (classes[None, 1:] if len(classes) == 2 else classes), 1, -1)
    slack = np.maximum(0, 1 - signs * (x.astype(np.float64) @ coef.T + intercept))
    return 0.5 * (np.square(coef).sum(1) + np.square(intercept)) + C * np.square(slack).sum(0)


def likelihood_objective(coef, intercept, x, y, C):
    """Return scikit-learn's objective of logistic regression, in float64."""
    scores = x.astype(np.float64) @ coef.T + intercept
    if scores.shape[1] == 1:
        scores = np.hstack([np.zeros_like(scores), scores])
    own = scores[np.arange(len(y)), y]
    return 0.5 * np.square(coef).sum() + C * (np.logaddexp.reduce(scores, axis=1) - own).sum()


@pytest.mark.parametrize(
    ("n", "d", "n_classes"), [(600, 30, 10), (250, 400, 3), (2000, 60, 2), WIDE]
)
@pytest.mark.parametrize("C", [0.001, 0.1, 1.0, 10.0])
def test_svm_is_within_its_bound_of_liblinear(n, d, n_classes, C):
    x, y = problem(n, d, n_classes)
    ours = LinearSVM(C=C).fit(x, y)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        reference = LinearSVC(C=C, dual=d > n, tol=1e-8, max_iter=50_000).fit(x, y)
    best = hinge_objectives(reference.coef_, reference.intercept_, x, y, C)
    reached = hinge_objectives(ours.coef_, ours.intercept_, x, y, C)
    assert ours.gap_ <= 1e-4
    assert (reached <= best * (1 + 1.1e-4)).all()
    assert ours.objective_ == pytest.approx(reached.sum(), rel=1e-5)


def test_the_bound_is_honest():
    """After early stopping, the distance to the optimum is positive but within the bound."""
    x, y = problem(600, 30, 4)
    best = hinge_objectives(*fitted(LinearSVM(C=1.0, tol=1e-7), x, y), x, y, 1.0)
    with pytest.warns(ConvergenceWarning, match="above its minimum"):
        early = LinearSVM(C=1.0, max_iter=1).fit(x, y)
    reached = hinge_objectives(early.coef_, early.intercept_, x, y, 1.0)
    away = (reached - best) / reached
    assert 1e-4 < away.max() <= early.gap_


@pytest.mark.parametrize("n_classes", [2, 5])
@pytest.mark.parametrize("C", [0.001, 0.1, 10.0])
def test_logistic_regression_equals_scikit_learn(n_classes, C):
    x, y = problem(600, 30, n_classes)
    x += 2  # the intercept is free, so this must not matter
    ours = LogisticRegression(C=C, tol=1e-7).fit(x, y)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its line search reaches the limit of precision
        reference = Reference(C=C, solver="newton-cg", tol=1e-8, max_iter=5_000).fit(x, y)
    best = likelihood_objective(reference.coef_, reference.intercept_, x, y, C)
    reached = likelihood_objective(ours.coef_, ours.intercept_, x, y, C)
    assert reached == pytest.approx(best, rel=1e-6)
    assert ours.objective_ == pytest.approx(reached, rel=1e-6)
    assert ours.predict_proba(x) == pytest.approx(reference.predict_proba(x), abs=2e-3)


def test_logits_are_the_scores():
    x, y = problem(400, 20, 3)
    machine = LogisticRegression().fit(x, y)
    powers = np.exp(machine.decision_function(x))
    expected = powers / powers.sum(axis=1, keepdims=True)
    assert machine.predict_proba(x) == pytest.approx(expected, abs=1e-6)


def test_badly_scaled_features_still_meet_the_bound():
    x, y = problem(500, 40, 3)
    x = x * np.logspace(-1.5, 1.5, 40, dtype=np.float32) + 3
    assert LinearSVM(C=100.0).fit(x, y).gap_ <= 1e-4


def test_wide_features_use_the_diagonal_preconditioner(monkeypatch):
    x, y = problem(500, 60, 4)
    factorized = LinearSVM(C=0.1, tol=1e-6).fit(x, y)
    monkeypatch.setattr("pipeline.classical.solvers.preconditioner._WIDEST_FACTORIZED", 10)
    diagonal = LinearSVM(C=0.1, tol=1e-6).fit(x, y)
    assert diagonal.coef_ == pytest.approx(factorized.coef_, abs=1e-3)


def test_few_images_are_solved_in_their_row_space(monkeypatch):
    """The same minimum, also where images are repeated and so do not span n dimensions."""
    x, y = problem(*WIDE)
    x[60:] = x[:60]
    y[60:] = y[:60]
    with monkeypatch.context() as patch:
        patch.setattr("pipeline.classical.solvers.newton.is_wide", lambda n, d: False)
        whole = LinearSVM(C=0.1, tol=1e-7).fit(x, y)
    turned = LinearSVM(C=0.1, tol=1e-7).fit(x, y)
    assert turned.coef_ == pytest.approx(whole.coef_, abs=1e-4)
    assert turned.intercept_ == pytest.approx(whole.intercept_, abs=1e-4)
    assert not np.array_equal(turned.coef_, whole.coef_), "it was solved in another way"


def test_blocks_and_threads_change_nothing_but_rounding(monkeypatch):
    x, y = problem(900, 30, 3)
    whole = LinearSVM(C=1.0).fit(x, y)
    monkeypatch.setattr("pipeline.classical.solvers.row_products._BLOCK_BYTES", 70 * 4 * 30)
    blocks = LinearSVM(C=1.0).fit(x, y)
    with threadpool_limits(1):
        one_thread = LinearSVM(C=1.0).fit(x, y)
    assert blocks.coef_ == pytest.approx(whole.coef_, abs=1e-4)
    assert np.array_equal(one_thread.coef_, blocks.coef_)


def test_float64_finishes_what_float32_cannot():
    """A bound this tight is out of reach of float32 products at this C."""
    x, y = problem(2000, 60, 2)
    machine = LinearSVM(C=1e4, tol=1e-9).fit(x, y)
    assert machine.gap_ <= 1e-9
    signs = np.where(y == 1, 1.0, -1.0)
    exact = x.astype(np.float64)

    def value_and_gradient(w):
        slack = np.maximum(0, 1 - signs * (exact @ w[:-1] + w[-1]))
        pull = -2e4 * slack * signs
        return 0.5 * w @ w + 1e4 * slack @ slack, w + np.append(exact.T @ pull, pull.sum())

    best = minimize(value_and_gradient, np.zeros(61), jac=True, method="L-BFGS-B").fun
    assert machine.objective_ <= best * (1 + 1e-9)


def fitted(machine, x, y):
    machine.fit(x, y)
    return machine.coef_, machine.intercept_
