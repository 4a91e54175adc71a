"""Principal components."""

import tracemalloc

import numpy as np
import pytest
from sklearn.decomposition import PCA

from pipeline.classical import projection
from pipeline.classical.linear_svm import Spec
from pipeline.classical.projection import PrincipalComponents
from pipeline.classical.run.scaling import prepare_in_place


@pytest.fixture
def features():
    rng = np.random.default_rng(0)
    return (rng.normal(size=(300, 12)) @ rng.normal(size=(12, 12)) + 5).astype(np.float32)


def test_equals_scikit_learn_up_to_signs(features, monkeypatch):
    monkeypatch.setattr(projection, "_BLOCK_ROWS", 70)
    ours = PrincipalComponents(4).fit(features)
    theirs = PCA(4).fit(features)
    expected = theirs.transform(features)
    found = ours.transform(features)
    signs = np.sign((found * expected).sum(axis=0))
    np.testing.assert_allclose(found * signs, expected, atol=2e-3)
    assert found.dtype == np.float32
    strongest = np.abs(ours.components_).argmax(axis=1)
    assert (ours.components_[np.arange(4), strongest] > 0).all()


def test_all_components_keep_distances(features):
    found = PrincipalComponents(12).fit_transform(features)
    distances = np.linalg.norm(features[:50, None] - features[None, :50], axis=2)
    kept = np.linalg.norm(found[:50, None] - found[None, :50], axis=2)
    np.testing.assert_allclose(kept, distances, atol=2e-3)


def test_a_run_projects_its_scaled_features(features):
    spec = Spec(method="linear_svm", features=("a", "b"), scaling="unit", pca=5)
    model = spec.build(0, (4, 8))
    labels = (features[:, 0] > np.median(features[:, 0])).astype(int)
    ready = prepare_in_place(model, features.copy())
    assert ready.shape == (300, 5)
    model["classify"].fit(ready, labels)
    whole = spec.build(0, (4, 8)).fit(features, labels)
    np.testing.assert_allclose(
        model.decision_function(features), whole.decision_function(features), atol=1e-2
    )


def test_there_are_no_more_components_than_features_or_images(features):
    assert PrincipalComponents(13).fit_transform(features).shape == (300, 12)
    few = PrincipalComponents(13).fit_transform(features[:7])
    assert few.shape == (7, 6)  # seven points span six directions
    assert np.isfinite(few).all()


@pytest.mark.tried(
    "Memory",
    "principal components of 30 images with 20,000 features each",
    "those of scikit-learn, without the matrix of features by features (3 GB)",
)
def test_more_features_than_images(monkeypatch):
    monkeypatch.setattr(projection, "_BLOCK_ROWS", 999)
    features = np.random.default_rng(1).normal(size=(30, 20_000), loc=3).astype(np.float32)
    tracemalloc.start()
    found = PrincipalComponents(5).fit(features)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 4 * features.nbytes
    expected = PCA(5, svd_solver="full").fit(features)
    np.testing.assert_allclose(
        np.abs(found.components_ @ expected.components_.T), np.eye(5), atol=1e-3
    )
    np.testing.assert_allclose(
        np.abs(found.transform(features)), np.abs(expected.transform(features)), atol=0.05
    )


@pytest.mark.parametrize("n", [200, 6])
def test_components_of_mirrored_images_are_even_or_odd(monkeypatch, n):
    """Mirroring swaps the halves of the features, so that single features are neither."""
    monkeypatch.setattr(projection, "_BLOCK_ROWS", 70)
    rng = np.random.default_rng(0)
    image = (rng.normal(size=(n, 12)) @ rng.normal(size=(12, 12)) + 5).astype(np.float32)
    rows = np.concatenate([image, np.roll(image, 6, axis=1)])
    fitted = PrincipalComponents(7, mirrored=True).fit(rows)
    theirs = PCA(7, svd_solver="full").fit(rows)
    found = fitted.transform(rows)
    assert found.shape == (2 * n, 7)
    turned = np.roll(fitted.components_, 6, axis=1)
    np.testing.assert_allclose(np.abs((turned * fitted.components_).sum(axis=1)), 1, atol=1e-4)
    variances = np.sort(found.var(axis=0))[::-1]
    np.testing.assert_allclose(variances, theirs.explained_variance_ * (1 - 0.5 / n), rtol=1e-3)


def test_an_even_and_an_odd_component_of_the_same_variance_are_separated():
    corners = np.array([[1, 2], [-1, -2], [1, -2], [-1, 2]], dtype=np.float32)  # all directions
    rows = np.concatenate([corners * [2, 1], (corners * [2, 1])[:, ::-1]])
    found = np.abs(PrincipalComponents(2, mirrored=True).fit(rows).components_)
    np.testing.assert_allclose(found, np.sqrt(0.5), atol=1e-4)


def test_other_mirror_images_leave_the_parity_open():
    rows = np.random.default_rng(0).normal(size=(400, 12)).astype(np.float32)
    found = PrincipalComponents(7, mirrored=True).fit_transform(rows)
    np.testing.assert_allclose(found, PrincipalComponents(7).fit_transform(rows), atol=1e-4)
