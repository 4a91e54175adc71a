"""Linear classifiers: ours compared with scikit-learn's, on HOG features of overlapping patches."""

import warnings

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression as TheirLogistic
from sklearn.svm import LinearSVC

from pipeline.classical.linear_svm import LinearSVM
from pipeline.classical.logistic_regression import LogisticRegression
from tests.benchmarks.hog_patches import labeled_hog
from tests.benchmarks.measure import Row, race

SUBJECT = "Linear classifiers"
IMAGES = 45_000
LOGISTIC_IMAGES = 15_000
C_LOGISTIC = 0.01


def rows() -> list[Row]:
    """Compare seconds to fit, and check that our objective is as low."""
    x, y = labeled_hog(IMAGES)
    return _svm(x, y) + _logistic(x[:LOGISTIC_IMAGES], y[:LOGISTIC_IMAGES])


def _svm(x: np.ndarray, y: np.ndarray) -> list[Row]:
    signs = np.where(y[:, None] == np.unique(y), 1, -1)

    def objective(machine) -> float:
        slack = np.maximum(0, 1 - signs * _scores(machine, x))
        penalty = np.square(machine.coef_).sum() + np.square(machine.intercept_).sum()
        return 0.5 * penalty + np.square(slack).sum()

    task = f"fit a linear SVM, C = 1, {len(x):,} images × {x.shape[1]} features, 10 classes"
    return _raced(task, LinearSVM(C=1.0), LinearSVC(C=1.0), (x, y), objective, 1)


def _logistic(x: np.ndarray, y: np.ndarray) -> list[Row]:
    def objective(machine) -> float:
        scores = _scores(machine, x)
        loss = np.logaddexp.reduce(scores, axis=1) - scores[np.arange(len(y)), y]
        return 0.5 * np.square(machine.coef_).sum() + C_LOGISTIC * loss.sum()

    task = f"fit logistic regression, C = {C_LOGISTIC}, {len(x):,} images × {x.shape[1]} features"
    theirs = TheirLogistic(C=C_LOGISTIC, max_iter=1_000)
    return _raced(task, LogisticRegression(C=C_LOGISTIC), theirs, (x, y), objective, 3)


def _raced(task, ours, theirs, problem, objective, repetitions) -> list[Row]:
    """Time the fits, then compare the objectives that they reached."""

    def agreement() -> str:
        our, their = objective(ours), objective(theirs)
        if our > 1.001 * their:
            raise SystemExit(f"{task}: our objective {our:.6g} is above {their:.6g}")
        return f"objective {our:.6g} and {their:.6g}"

    return race(
        task,
        lambda: ours.fit(*problem),
        {f"sklearn {type(theirs).__name__}": (lambda: _fitted(theirs, *problem), agreement)},
        repetitions,
    )


def _scores(machine, x: np.ndarray) -> np.ndarray:
    return x.astype(np.float64) @ machine.coef_.T + machine.intercept_


def _fitted(machine, x: np.ndarray, y: np.ndarray):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return machine.fit(x, y)
