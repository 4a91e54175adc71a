"""Multiply-adds of fitted runs, compared with counts by hand."""

import numpy as np
import pytest

from pipeline.classical.run.cost import multiply_adds
from pipeline.classical.spec import DecisionClassifier
from pipeline.config import registry

N, D, CLASSES = 40, 6, 3
PAIRS = 3


def fitted(method, n_classes=CLASSES, **options):
    rng = np.random.default_rng(0)
    labels = np.arange(N) % n_classes
    features = rng.normal(size=(N, D)) + 0.5 * labels[:, None]
    entry = {"method": method, "features": ["a"], **options}
    spec = registry.parse("classical", entry, "classical.x")
    return spec.build(seed=0, widths=[D]).fit(features.astype(np.float32), labels)


@pytest.mark.parametrize("method", registry.method_names("classical"))
@pytest.mark.parametrize("n_classes", [2, 3])
def test_every_classifier_counts(method, n_classes):
    found = multiply_adds(fitted(method, n_classes))
    assert type(found) is int
    assert found >= D + D  # scaling, and at least one weight per feature


@pytest.mark.parametrize("method", ["linear_svm", "logistic_regression"])
def test_linear(method):
    assert multiply_adds(fitted(method)) == D + D * CLASSES
    assert multiply_adds(fitted(method, n_classes=2)) == D + D
    assert multiply_adds(fitted(method, scaling="none")) == D * CLASSES
    assert multiply_adds(fitted(method, scaling="unit")) == D + D * CLASSES
    assert multiply_adds(fitted(method, pca=2)) == D + 2 * D + 2 * CLASSES


def test_rbf_svm():
    model = fitted("rbf_svm", gamma=0.1)
    vectors = len(model["classify"].support_vectors_)
    # One-vs-one keeps up to classes - 1 weights of each support vector.
    weights = np.count_nonzero(model["classify"].pair_weights_)
    assert vectors < weights <= (CLASSES - 1) * vectors
    assert multiply_adds(model) == D + vectors * (D + 1) + weights


def test_kernel_ridge():
    assert multiply_adds(fitted("kernel_ridge")) == D + N * (D + 1) + N * CLASSES
    assert multiply_adds(fitted("kernel_ridge", n_classes=2)) == D + N * (D + 1) + N


def test_nystroem():
    found = multiply_adds(fitted("nystroem_svm", components=5, gamma=0.2))
    assert found == D + 5 * (D + 1) + 5 * 5 + 5 * CLASSES


def test_opencv():
    assert multiply_adds(fitted("opencv_svm", kernel="linear")) == D + D * PAIRS
    model = fitted("opencv_svm", kernel="rbf")["classify"]
    weights = np.count_nonzero(model.pair_weights_)
    expected = D + len(model.support_vectors_) * (D + 1) + weights
    assert multiply_adds(fitted("opencv_svm", kernel="rbf")) == expected


def test_a_classifier_without_a_count_has_none():
    class Uncounted(DecisionClassifier):
        def decision_function(self, features):
            return features

    model = fitted("linear_svm")
    model.steps[-1] = ("classify", Uncounted())
    assert multiply_adds(model) is None
