"""Kernel ridge regression, exact on all training images."""

import warnings

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning
from sklearn.kernel_ridge import KernelRidge as TheirRidge

from pipeline.classical.kernel_ridge import KernelRidge, Spec
from pipeline.classical.solvers import kernel_matrix


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def blobs(rng, n=400, classes=4, d=6):
    labels = rng.integers(0, classes, n)
    centers = rng.normal(size=(classes, d))
    return (centers[labels] + rng.normal(size=(n, d))).astype(np.float32), labels


@pytest.mark.parametrize("classes", [2, 4])
@pytest.mark.parametrize("block", [64, 2048])
def test_equals_scikit_learn(rng, monkeypatch, classes, block):
    """This includes a matrix of many blocks, of which the last ones are smaller."""
    monkeypatch.setattr(kernel_matrix, "BLOCK", block)
    x, y = blobs(rng, classes=classes)
    fitted = KernelRidge(alpha=0.1, gamma=0.2, tol=1e-6).fit(x, y)
    targets = np.where(y[:, None] == np.arange(classes), 1.0, -1.0)
    targets = targets[:, 1:] if classes == 2 else targets
    mean = targets.mean(axis=0)
    theirs = TheirRidge(alpha=0.1, kernel="rbf", gamma=0.2).fit(x.astype(float), targets - mean)
    new = rng.normal(size=(50, x.shape[1]))
    expected = theirs.predict(new) + mean
    found = fitted.decision_function(new)
    assert found.shape == ((50,) if classes == 2 else (50, 4))
    # 16 bits represent the kernel to 8e-6, and the small alpha amplifies the error.
    np.testing.assert_allclose(found.reshape(50, -1), expected, atol=5e-3)
    assert fitted.residual_ <= 1e-6


def test_a_kernel_matrix_in_blocks_is_the_kernel(rng, monkeypatch):
    from concurrent.futures import ThreadPoolExecutor

    from sklearn.metrics.pairwise import rbf_kernel

    monkeypatch.setattr(kernel_matrix, "BLOCK", 30)
    x, mirrors = (rng.normal(size=(100, 5)).astype(np.float32) for _ in range(2))
    expected = sum(rbf_kernel(a, b, 0.3) for a in (x, mirrors) for b in (x, mirrors)) / 4
    weights = rng.normal(size=(100, 3)).astype(np.float32)
    with ThreadPoolExecutor(2) as threads:
        kernel = kernel_matrix.KernelMatrix((x, mirrors), 0.3, threads)
        np.testing.assert_allclose(kernel.times(weights), expected @ weights, atol=5e-4)
        chosen = np.array([3, 50, 99])
        np.testing.assert_allclose(kernel.columns(chosen), expected[:, chosen], atol=1e-6)
        again = kernel.times(weights)
    np.testing.assert_array_equal(again, kernel_matrix_times(x, mirrors, weights))


def kernel_matrix_times(x, mirrors, weights):
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(1) as threads:  # the number of threads does not change the result
        return kernel_matrix.KernelMatrix((x, mirrors), 0.3, threads).times(weights)


def test_mirror_images_make_it_invariant_to_mirroring(rng):
    """In two dimensions, flipping the sign of the first one keeps all distances."""
    x = rng.normal(size=(300, 2)).astype(np.float32)
    y = (np.abs(x[:, 0]) + 0.5 * x[:, 1] > 0.8).astype(int)
    mirrors = x * np.float32([-1, 1])
    fitted = KernelRidge(alpha=0.05, gamma=1.0, tol=1e-6, mirrored=True)
    fitted.fit(np.concatenate([x, mirrors]), np.concatenate([y, y]))
    new = rng.normal(size=(80, 2))
    straight, turned = (fitted.decision_function(new * [sign, 1]) for sign in (1, -1))
    np.testing.assert_allclose(straight, turned, atol=1e-3)
    # The same as learning from all rows, at twice the penalty for twice the rows.
    both = KernelRidge(alpha=0.1, gamma=1.0, tol=1e-6)
    both.fit(np.concatenate([x, mirrors]), np.concatenate([y, y]))
    np.testing.assert_allclose(straight, both.decision_function(new), atol=5e-3)
    alone = KernelRidge(alpha=0.05, gamma=1.0, tol=1e-6).fit(x, y)
    differ = alone.decision_function(new) - alone.decision_function(new * [-1, 1])
    assert np.abs(differ).max() > 0.05


def test_it_warns_if_it_does_not_converge(rng, monkeypatch):
    from pipeline.classical.solvers import kernel_solver

    monkeypatch.setattr(kernel_solver, "_MOST_STEPS", 2)
    x, y = blobs(rng)
    with pytest.warns(ConvergenceWarning, match="after 2 steps"):
        KernelRidge(alpha=1e-4, gamma=3.0, tol=1e-8).fit(x, y)


def test_duplicate_or_few_images_do_no_harm(rng):
    x, y = blobs(rng, n=9, classes=3)
    x, y = np.concatenate([x, x]), np.concatenate([y, y])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fitted = KernelRidge(alpha=0.03, gamma=0.3).fit(x, y)
    assert np.mean(fitted.predict(x) == y) > 0.6


def test_the_run_passes_on_that_it_is_mirrored():
    spec = Spec(method="kernel_ridge", features=("a",), mirrored=True)
    assert spec.classifier(0).mirrored
    assert not Spec(method="kernel_ridge", features=("a",)).classifier(0).mirrored


def test_the_residual_is_that_of_the_weights(rng):
    """On a problem that takes many steps: alpha is small, and so is the tolerance."""
    from sklearn.metrics.pairwise import rbf_kernel

    from pipeline.classical.solvers.kernel_solver import solve

    x = rng.normal(size=(300, 6)).astype(np.float32)
    targets = rng.normal(size=(300, 2))
    found = solve((x,), gamma=0.5, alpha=0.01, targets=targets, tol=1e-4, seed=0)
    matrix = rbf_kernel(x.astype(float), gamma=0.5) + 0.01 * np.eye(300)
    left = np.linalg.norm(targets - matrix @ found.weights, axis=0)
    assert (left / np.linalg.norm(targets, axis=0)).max() <= 1e-3
    assert found.residual <= 1e-4
    assert found.n_iter > 3


@pytest.mark.parametrize("signs", [[1, 1, 1, -1, -1], [-1, 1, -1, 1, 1], [1] * 5])
def test_mirror_images_that_change_signs_are_not_multiplied_again(rng, monkeypatch, signs):
    """The same as with all four kernels of two images and their mirror images."""
    x, y = blobs(rng, classes=3, d=5)
    mirrors = x * np.float32(signs)
    rows = np.concatenate([x, mirrors]), np.concatenate([y, y])
    new = rng.normal(size=(30, 5)).astype(np.float32)
    options = {"alpha": 0.1, "gamma": 0.3, "tol": 1e-6, "mirrored": True}
    found = KernelRidge(**options).fit(*rows)
    assert found.n_even_ == signs.count(1)
    assert found.vectors_.shape == x.shape
    monkeypatch.setattr("pipeline.classical.kernel_ridge.mirror_signs", lambda *sets: None)
    slow = KernelRidge(**options).fit(*rows)
    assert slow.vectors_.shape == (800, 5)
    for some in (new, x):
        np.testing.assert_allclose(
            found.decision_function(some), slow.decision_function(some), atol=2e-3
        )
    assert found.multiply_adds == slow.multiply_adds


def test_other_mirror_images_are(rng):
    x, y = blobs(rng, d=5)
    mirrors = x[:, ::-1].copy()
    both = KernelRidge(mirrored=True).fit(np.concatenate([x, mirrors]), np.concatenate([y, y]))
    assert both.n_even_ is None
    assert len(both.vectors_) == 2 * len(x)


@pytest.mark.parametrize("classes", [2, 4])
@pytest.mark.parametrize("mirrored", [False, True])
def test_training_scores_are_those_of_the_training_images(rng, classes, mirrored):
    x, y = blobs(rng, classes=classes)
    rows = (np.concatenate([x, -x]), np.concatenate([y, y])) if mirrored else (x, y)
    fitted = KernelRidge(alpha=0.1, gamma=0.2, tol=1e-5, mirrored=mirrored).fit(*rows)
    scores = fitted.training_scores()
    np.testing.assert_allclose(scores, fitted.decision_function(x), atol=2e-3)
