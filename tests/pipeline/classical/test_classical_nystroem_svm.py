import numpy as np
import pytest
from sklearn.datasets import make_classification
from sklearn.kernel_approximation import Nystroem
from sklearn.metrics.pairwise import rbf_kernel
from sklearn.svm import LinearSVC

from pipeline.classical.nystroem_svm import NystroemSVM


@pytest.fixture(scope="module")
def problem():
    x, y = make_classification(700, 20, n_informative=15, n_classes=4, random_state=0)
    return x.astype(np.float32), y


def reference_map(machine, x):
    """Return scikit-learn's map with the same landmarks."""
    nystroem = Nystroem(gamma=machine.gamma_, n_components=len(machine.landmarks_))
    return nystroem.fit(machine.landmarks_.astype(np.float64)).transform(x.astype(np.float64))


def test_map_and_classes_are_those_of_scikit_learn(problem):
    x, y = problem
    machine = NystroemSVM(components=120, gamma=0.02, C=1.0).fit(x[:500], y[:500])
    ours, theirs = machine.transform(x), reference_map(machine, x)
    assert ours @ ours.T == pytest.approx(theirs @ theirs.T, abs=2e-3)
    reference = LinearSVC(C=1.0, dual=False, tol=1e-8).fit(theirs[:500], y[:500])
    expected = reference.decision_function(theirs[500:])
    assert machine.decision_function(x[500:]) == pytest.approx(expected, abs=0.05)
    assert np.mean(machine.predict(x[500:]) == reference.predict(theirs[500:])) >= 0.98


def test_all_images_as_landmarks_give_the_kernel_itself(problem):
    x, y = problem
    machine = NystroemSVM(components=5_000, gamma=0.02).fit(x[:200], y[:200])
    assert len(machine.landmarks_) == 200
    mapped = machine.transform(x[:200])
    assert mapped @ mapped.T == pytest.approx(rbf_kernel(x[:200], gamma=0.02), abs=2e-3)


def test_repeated_images_are_no_trouble(problem):
    x, y = problem
    machine = NystroemSVM(components=200).fit(np.repeat(x[:100], 2, axis=0), np.repeat(y[:100], 2))
    assert machine.map_.shape[1] <= 100
    assert np.isfinite(machine.decision_function(x)).all()


def test_the_seed_draws_the_landmarks(problem):
    x, y = problem
    first, again, other = (NystroemSVM(50, seed=seed).fit(x, y) for seed in (1, 1, 2))
    assert np.array_equal(first.decision_function(x), again.decision_function(x))
    assert not np.array_equal(first.landmarks_, other.landmarks_)
