"""``balance: true``: all classes weigh the same in every classifier."""

import warnings

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning
from sklearn.kernel_ridge import KernelRidge as TheirRidge
from sklearn.linear_model import LogisticRegression as TheirRegression
from sklearn.svm import SVC, LinearSVC

from pipeline.checks import StudyError
from pipeline.class_balance import balanced_weights
from pipeline.classical.kernel_ridge import KernelRidge
from pipeline.classical.linear_svm import LinearSVM
from pipeline.classical.logistic_regression import LogisticRegression
from pipeline.classical.opencv_svm import OpenCVSVM
from pipeline.classical.rbf_svm import RBFSVM
from pipeline.classical.spec import ClassicalSpec
from pipeline.config.registry import load_spec, method_names, parse

METHODS = method_names("classical")
SMOOTH = {
    "kernel_ridge": {"alpha": 1.0, "gamma": 0.05},
    "nystroem_svm": {"C": 0.1, "gamma": 0.05},
    "opencv_svm": {"C": 1.0, "gamma": 0.05},
    "rbf_svm": {"C": 1.0, "gamma": 0.05},
}
"""Options with which a kernel machine does not learn single images by heart."""


def unequal(counts, d=8, distance=1.2, seed=0):
    """Return overlapping classes of these sizes, shuffled, and their balanced weights."""
    rng = np.random.default_rng(seed)
    centers = distance * rng.normal(size=(len(counts), d)) / np.sqrt(d)
    labels = rng.permutation(np.repeat(np.arange(len(counts)), counts))
    x = centers[labels] + rng.normal(size=(len(labels), d)) / np.sqrt(d) * 1.5
    return x.astype(np.float32), labels, balanced_weights(labels)


def spec_of(method, **options):
    return load_spec("classical", method).model_validate(
        {"method": method, "features": ["a"], **options}
    )


def fitted(method, x, y, **options):
    spec = spec_of(method, **options)
    model = spec.build(0, (x.shape[1],))
    scaled = model[:-1].fit_transform(x)
    with warnings.catch_warnings():
        warnings.simplefilter("error", ConvergenceWarning)
        spec.fit_classifier(model, scaled, y)
    return model


@pytest.mark.parametrize("method", METHODS)
def test_a_rare_class_is_found_with_balance_and_missed_without(method):
    x, y, _ = unequal([500, 10], distance=1.0)
    new, true, _ = unequal([300, 300], distance=1.0)  # the same centers, from the same seed
    recalls = {}
    for balance in (False, True):
        options = {"scaling": "none", **SMOOTH.get(method, {})}
        predicted = fitted(method, x, y, balance=balance, **options).predict(new)
        recalls[balance] = [np.mean(predicted[true == each] == each) for each in (0, 1)]
    assert recalls[False][1] < 0.05
    assert min(recalls[True]) > 0.7


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("counts", [[40, 40], [20, 20, 20]])
def test_equal_classes_give_the_same_classifier_with_and_without(method, counts):
    x, y, weights = unequal(counts)
    assert set(weights) == {1.0}
    without, with_ = (
        fitted(method, x, y, balance=balance).decision_function(x) for balance in (False, True)
    )
    np.testing.assert_allclose(with_, without, atol=2e-3)


@pytest.mark.parametrize("counts", [[300, 6], [200, 40, 8]])
@pytest.mark.parametrize("C", [0.01, 1.0])
def test_linear_svm_equals_liblinear_with_weights(counts, C):
    x, y, weights = unequal(counts)
    ours = LinearSVM(C=C, tol=1e-7).fit(x, y, weights)
    theirs = LinearSVC(C=C, dual=False, tol=1e-8, max_iter=20_000)
    theirs.fit(x, y, sample_weight=weights[y])
    np.testing.assert_allclose(ours.coef_, theirs.coef_, atol=2e-3)
    np.testing.assert_allclose(ours.intercept_, theirs.intercept_, atol=2e-3)


@pytest.mark.parametrize("counts", [[300, 6], [200, 40, 8]])
@pytest.mark.parametrize("C", [0.01, 1.0])
def test_logistic_regression_equals_scikit_learn_with_weights(counts, C):
    x, y, weights = unequal(counts)
    ours = LogisticRegression(C=C, tol=1e-8).fit(x, y, weights)
    theirs = TheirRegression(C=C, solver="newton-cg", tol=1e-8, class_weight="balanced")
    theirs.fit(x, y)
    np.testing.assert_allclose(ours.predict_proba(x), theirs.predict_proba(x), atol=2e-3)


@pytest.mark.parametrize("counts", [[300, 6], [200, 40, 8]])
def test_one_vs_one_svms_equal_libsvm_with_weights(counts):
    x, y, weights = unequal(counts)
    theirs = SVC(C=2.0, gamma=0.3, tol=1e-6, class_weight="balanced").fit(x, y)
    expected = theirs.decision_function(x)
    for ours in (RBFSVM(C=2.0, gamma=0.3, tol=1e-6), OpenCVSVM(C=2.0, gamma=0.3, tol=1e-6)):
        found = ours.fit(x, y, weights).decision_function(x)
        assert np.mean(np.isclose(found, expected, atol=2e-2)) > 0.97, type(ours)


@pytest.mark.parametrize("counts", [[300, 6], [200, 40, 8]])
def test_kernel_ridge_equals_scikit_learn_with_weights(counts):
    x, y, weights = unequal(counts)
    ours = KernelRidge(alpha=0.1, gamma=0.3, tol=1e-6).fit(x, y, weights)
    targets = np.where(y[:, None] == np.arange(len(counts)), 1.0, -1.0)[
        :, -ours.weights_.shape[1] :
    ]
    mean = np.average(targets, axis=0, weights=weights[y])
    theirs = TheirRidge(alpha=0.1, kernel="rbf", gamma=0.3)
    theirs.fit(x.astype(float), targets - mean, sample_weight=weights[y])
    expected = theirs.predict(x.astype(float)) + mean
    np.testing.assert_allclose(ours.decision_function(x).reshape(len(x), -1), expected, atol=5e-3)
    # What the solver leaves over is the same as a prediction.
    scores = ours.training_scores().reshape(len(x), -1)
    np.testing.assert_allclose(scores, expected, atol=5e-3)


def test_a_classifier_without_weights_is_refused():
    class Unweighted(ClassicalSpec):
        def classifier(self, seed):
            return TheirRidge()

        def engine(self):
            return "none"

    entry = {"method": "plain_ridge", "features": ["a"]}
    assert not Unweighted.model_validate(entry).balance
    with pytest.raises(ValueError, match="balance: true, but plain_ridge cannot weight classes"):
        Unweighted.model_validate({**entry, "balance": True})


def test_balance_is_an_option_of_every_method_and_not_a_number():
    for method in METHODS:
        entry = {"method": method, "features": ["a"], "balance": 0.5}
        with pytest.raises(StudyError, match=r"classical\.x\.balance: found 0\.5"):
            parse("classical", entry, "classical.x")
