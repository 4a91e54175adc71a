"""Probabilities equal those of scikit-learn's CalibratedClassifierCV for a frozen machine."""

import numpy as np
import pytest
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import make_classification
from sklearn.frozen import FrozenEstimator

from pipeline.class_scores import of_decisions
from pipeline.classical.run.calibration import SigmoidCalibrator
from pipeline.config import registry


def fitted(n_classes, method="linear_svm"):
    x, y = make_classification(
        900, 20, n_informative=10, n_classes=n_classes, flip_y=0.2, random_state=n_classes
    )
    x = x.astype(np.float32)
    spec = registry.parse("classical", {"method": method, "features": ["a"]}, "x")
    machine = spec.build(0, [20]).fit(x[:300], y[:300])
    return machine, (x[300:600], y[300:600]), (x[600:], y[600:])


@pytest.mark.parametrize("method", ["linear_svm", "rbf_svm"])
@pytest.mark.parametrize("n_classes", [2, 3, 7])
def test_equal_to_scikit_learn(n_classes, method):
    machine, (x, y), (new, _) = fitted(n_classes, method)
    reference = CalibratedClassifierCV(FrozenEstimator(machine), method="sigmoid").fit(x, y)
    ours = SigmoidCalibrator().fit(of_decisions(machine.decision_function(x)), y)
    found = ours.predict_proba(of_decisions(machine.decision_function(new)))
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, reference.predict_proba(new), rtol=0, atol=1e-5)
    np.testing.assert_allclose(found.sum(axis=1), 1, rtol=1e-6)


def test_probabilities_match_accuracy():
    machine, (x, y), (new, answers) = fitted(2)
    ours = SigmoidCalibrator().fit(of_decisions(machine.decision_function(x)), y)
    found = ours.predict_proba(of_decisions(machine.decision_function(new)))[:, 1]
    sure = found > 0.8
    assert sure.sum() > 50
    assert np.mean(answers[sure] == 1) == pytest.approx(found[sure].mean(), abs=0.08)


def test_units_of_the_scores_do_not_matter(rng):
    labels = rng.integers(0, 3, 200)
    scores = rng.normal(size=(200, 3)) + np.eye(3)[labels]
    expected = SigmoidCalibrator().fit(scores, labels).predict_proba(scores)
    other = scores * [1e-6, 1, 1e5] + [0, 7, -1e6]
    found = SigmoidCalibrator().fit(other, labels).predict_proba(other)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5)


def test_perfect_scores_do_not_give_probability_one(rng):
    labels = np.arange(40) % 2
    scores = of_decisions(np.where(labels == 1, 3.0, -3.0))
    found = SigmoidCalibrator().fit(scores, labels).predict_proba(scores)
    # 20 of 20 are positive: (20 + 1) / (20 + 2).
    np.testing.assert_allclose(found[labels == 1, 1], 21 / 22, rtol=1e-4)


def test_a_class_without_validation_images_and_scores_without_spread(rng):
    labels = rng.integers(0, 2, 100)
    scores = np.stack([-1.0 * labels, 1.0 * labels, np.full(100, 0.3)], axis=1)
    found = SigmoidCalibrator().fit(scores, labels).predict_proba(scores)
    assert np.isfinite(found).all()
    np.testing.assert_allclose(found.sum(axis=1), 1, rtol=1e-6)
    assert (found[:, 2] < 0.02).all()
    assert (found[:, 2] > 0).all()


def test_far_scores_at_which_all_sigmoids_underflow(rng):
    labels = rng.integers(0, 3, 100)
    scores = rng.normal(size=(100, 3)) + 3 * np.eye(3)[labels]
    far = SigmoidCalibrator().fit(scores, labels).predict_proba(np.full((2, 3), -1e5))
    np.testing.assert_allclose(far, 1 / 3, rtol=1e-6)
