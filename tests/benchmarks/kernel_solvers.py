"""Kernel machines: ours beside scikit-learn's, on HOG features of overlapping patches."""

import numpy as np
from sklearn.kernel_approximation import Nystroem
from sklearn.pipeline import make_pipeline
from sklearn.svm import SVC, LinearSVC

from pipeline.classical.nystroem_svm import NystroemSVM
from pipeline.classical.rbf_svm import RBFSVM
from tests.benchmarks.hog_patches import labelled_hog
from tests.benchmarks.measure import Row, race

SUBJECT = "Kernel classifiers"
RBF_IMAGES = 6_000
NYSTROEM_IMAGES, COMPONENTS = 10_000, 1_000
HELD_OUT = 2_000
C = 5.0


def rows() -> list[Row]:
    """Compare seconds to fit and predict, after checking that as many classes are right."""
    x, y = labelled_hog(max(RBF_IMAGES, NYSTROEM_IMAGES) + HELD_OUT)
    gamma = 1.0 / x.shape[1]
    pair = _compared(
        "RBF SVM",
        RBF_IMAGES,
        (x, y),
        lambda: RBFSVM(C=C, gamma=gamma),
        ("sklearn.svm.SVC", lambda: SVC(C=C, gamma=gamma, cache_size=1000, break_ties=True)),
    )
    return pair + _compared(
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


def _compared(name: str, n: int, problem, ours, theirs) -> list[Row]:
    x, y = problem
    new_x, new_y = x[-HELD_OUT:], y[-HELD_OUT:]

    def classes(make):
        return make().fit(x[:n], y[:n]).predict(new_x)

    other, make_theirs = theirs
    our, their = classes(ours), classes(make_theirs)
    right, their_right = np.mean(our == new_y), np.mean(their == new_y)
    if right < their_right - 0.02:
        raise SystemExit(f"{name}: {right:.1%} right beside {their_right:.1%}; nothing was timed")
    agreement = (
        f"{right:.1%} right, the other {their_right:.1%}; "
        f"the same class for {np.mean(our == their):.1%}"
    )
    return race(
        f"{name}, fit {n:,} images × {x.shape[1]} features and predict {len(new_x):,}",
        lambda: classes(ours),
        {other: (lambda: classes(make_theirs), agreement)},
        repetitions=1,
    )
