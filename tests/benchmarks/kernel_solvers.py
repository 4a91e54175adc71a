"""Kernel classifiers: ours compared with scikit-learn's, on HOG features of overlapping patches."""

import numpy as np
from sklearn.kernel_approximation import Nystroem
from sklearn.kernel_ridge import KernelRidge as Ridge
from sklearn.pipeline import make_pipeline
from sklearn.svm import SVC, LinearSVC

from pipeline.classical.kernel_ridge import KernelRidge
from pipeline.classical.nystroem_svm import NystroemSVM
from pipeline.classical.rbf_svm import RBFSVM
from tests.benchmarks.hog_patches import labeled_hog
from tests.benchmarks.measure import Row, race

SUBJECT = "Kernel classifiers"
RBF_IMAGES = 6_000
RIDGE_IMAGES, ALPHA = 10_000, 0.03
NYSTROEM_IMAGES, COMPONENTS = 10_000, 1_000
HELD_OUT = 2_000
C = 5.0


def rows() -> list[Row]:
    """Compare seconds to fit and predict, after checking that ours is as accurate."""
    x, y = labeled_hog(max(RBF_IMAGES, NYSTROEM_IMAGES) + HELD_OUT)
    gamma = 1.0 / x.shape[1]
    pair = _compared(
        "RBF SVM",
        RBF_IMAGES,
        (x, y),
        lambda: RBFSVM(C=C, gamma=gamma),
        ("sklearn.svm.SVC", lambda: SVC(C=C, gamma=gamma, cache_size=1000, break_ties=True)),
    )
    ridge = _compared(
        "kernel ridge",
        RIDGE_IMAGES,
        (x, y),
        lambda: KernelRidge(ALPHA, gamma),
        ("sklearn KernelRidge on +1 and -1", lambda: _TheirRidge(ALPHA, gamma)),
    )
    return (
        pair
        + ridge
        + _compared(
            f"Nyström SVM, {COMPONENTS:,} landmarks",
            NYSTROEM_IMAGES,
            (x, y),
            lambda: NystroemSVM(COMPONENTS, gamma, C=1.0),
            (
                "sklearn Nystroem + LinearSVC",
                lambda: make_pipeline(
                    Nystroem(gamma=gamma, n_components=COMPONENTS, random_state=0), LinearSVC(C=1.0)
                ),
            ),
        )
    )


class _TheirRidge(Ridge):
    """scikit-learn's kernel ridge regression, used as a classifier in the usual way."""

    def __init__(self, alpha: float, gamma: float) -> None:
        super().__init__(alpha=alpha, kernel="rbf", gamma=gamma)

    def fit(self, x, y):
        targets = np.where(y[:, None] == np.arange(y.max() + 1), 1.0, -1.0)
        self.mean_ = targets.mean(axis=0)
        return super().fit(x, targets - self.mean_)

    def predict(self, x):
        return (super().predict(x) + self.mean_).argmax(axis=1)


def _compared(name: str, n: int, problem, ours, theirs) -> list[Row]:
    x, y = problem
    new_x, new_y = x[-HELD_OUT:], y[-HELD_OUT:]

    def classes(make):
        return make().fit(x[:n], y[:n]).predict(new_x)

    other, make_theirs = theirs
    our, their = classes(ours), classes(make_theirs)
    right, their_right = np.mean(our == new_y), np.mean(their == new_y)
    if right < their_right - 0.02:
        raise SystemExit(f"{name}: accuracy {right:.1%}, not {their_right:.1%}; nothing was timed")
    agreement = (
        f"accuracy {right:.1%} and {their_right:.1%}; same class for {np.mean(our == their):.1%}"
    )
    return race(
        f"{name}, fit {n:,} images × {x.shape[1]} features and predict {len(new_x):,}",
        lambda: classes(ours),
        {other: (lambda: classes(make_theirs), agreement)},
        repetitions=1,
    )
