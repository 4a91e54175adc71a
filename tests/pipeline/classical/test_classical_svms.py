"""Both SVMs compared with scikit-learn's: the same optimum, the same scores."""

import numpy as np
import pytest
from sklearn.datasets import make_classification
from sklearn.svm import SVC, LinearSVC

from pipeline.checks import StudyError
from pipeline.class_scores import of_decisions
from pipeline.classical.linear_svm import LinearSVM
from pipeline.classical.rbf_svm import RBFSVM
from pipeline.classical.spec import UnitScaler, stored_numbers
from pipeline.config import registry
from pipeline.storage.object_files import load_object, save_object


def problem(n_classes, n=600, d=30, seed=0):
    x, y = make_classification(
        n, d, n_informative=15, n_classes=n_classes, flip_y=0.1, random_state=seed
    )
    return x.astype(np.float32), y


def liblinear_objective(coef, intercept, x, y, C):
    """Return the objective of LIBLINEAR's L2-loss SVM in float64, summed over classes."""
    classes = np.unique(y)
    signs = np.where(y[:, None] == (classes[None, 1:] if len(classes) == 2 else classes), 1, -1)
    margins = signs * (x.astype(np.float64) @ coef.T + intercept)
    penalty = 0.5 * (np.square(coef).sum() + np.square(intercept).sum())
    return penalty + C * np.square(np.maximum(0, 1 - margins)).sum()


@pytest.mark.parametrize("n_classes", [2, 3, 10])
@pytest.mark.parametrize("C", [0.001, 0.1, 10.0])
def test_linear_reaches_the_optimum_of_liblinear(n_classes, C):
    x, y = problem(n_classes)
    ours = LinearSVM(C=C).fit(x, y)
    reference = LinearSVC(C=C, dual=False, tol=1e-8, max_iter=20_000).fit(x, y)
    best = liblinear_objective(reference.coef_, reference.intercept_, x, y, C)
    reached = liblinear_objective(ours.coef_, ours.intercept_, x, y, C)
    assert reached == pytest.approx(best, rel=1e-3)
    assert np.mean(ours.predict(x) == reference.predict(x)) > 0.99
    assert ours.objective_ == pytest.approx(reached, rel=1e-4)


@pytest.mark.parametrize("n_classes", [2, 3, 7])
def test_rbf_scores_equal_libsvm(n_classes):
    x, y = problem(n_classes)
    ours = RBFSVM(C=2.0, gamma=0.02, tol=1e-6).fit(x[:400], y[:400])
    reference = SVC(C=2.0, gamma=0.02, tol=1e-6, decision_function_shape="ovr")
    reference.fit(x[:400], y[:400])
    expected = reference.decision_function(x[400:])
    # A vote can flip if a pair is undecided in float32; none does here.
    assert ours.decision_function(x[400:]) == pytest.approx(expected, abs=5e-3)
    assert np.array_equal(ours.predict(x[400:]), reference.predict(x[400:]))


def test_rbf_gamma_scale_is_that_of_scikit_learn():
    x, y = problem(3)
    assert RBFSVM().fit(x, y).gamma_ == pytest.approx(SVC().fit(x, y)._gamma, rel=1e-5)


def test_rbf_batches_do_not_matter(monkeypatch):
    x, y = problem(4)
    machine = RBFSVM().fit(x, y)
    whole = machine.pair_decisions(x)
    monkeypatch.setattr("pipeline.classical.solvers.rbf_kernel._BATCH_BYTES", 7 * 4 * len(x))
    assert machine.pair_decisions(x) == pytest.approx(whole, abs=1e-4)


def test_rbf_without_intelex(monkeypatch):
    """Platforms without scikit-learn-intelex get the same machine from scikit-learn."""
    import sys

    from pipeline.classical.rbf_svm import Spec

    x, y = problem(3)
    expected = RBFSVM(C=2.0, tol=1e-5).fit(x, y).decision_function(x)
    monkeypatch.setitem(sys.modules, "sklearnex.svm", None)
    assert Spec(method="rbf_svm", features=("a",)).engine().startswith("scikit-learn ")
    plain = RBFSVM(C=2.0, tol=1e-5).fit(x, y).decision_function(x)
    assert np.mean(plain.argmax(1) == expected.argmax(1)) > 0.99


def test_unit_scaling_lets_joined_sets_count_equally(rng):
    features = np.hstack([rng.normal(size=(500, 3)), 70 + 1000 * rng.normal(size=(500, 200))])
    scaled = UnitScaler((3, 200), (1.0, 0.5)).fit(features).transform(features.astype(np.float32))
    lengths = [np.sqrt(np.square(part).sum(1).mean()) for part in np.split(scaled, [3], axis=1)]
    assert lengths == pytest.approx([1.0, 0.5], rel=1e-4)
    np.testing.assert_allclose(scaled.mean(axis=0), 0, atol=1e-5)
    proportion = scaled.std(axis=0) / features.std(axis=0)
    assert proportion[3:] == pytest.approx(np.full(200, proportion[3]), rel=1e-4)


def test_the_mean_of_a_set_does_not_count_as_length(rng):
    features = rng.normal(size=(300, 4))
    plain, shifted = (UnitScaler((4,), (1.0,)).fit_transform(features + c) for c in (0, 9))
    np.testing.assert_allclose(shifted, plain, atol=1e-5)


@pytest.mark.parametrize("constant", [0.0, 0.1, 1e6])
def test_unit_scaling_of_a_set_that_is_always_the_same(constant):
    features = np.array([[3, 4, constant], [4, 3, constant], [3, 3, constant]], dtype=np.float32)
    scaled = UnitScaler((2, 1), (1.0, 1.0)).fit_transform(features)
    assert (scaled[:, 2] == 0).all()
    assert np.square(scaled[:, :2]).sum(axis=1).mean() == pytest.approx(1)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"weights": [1, 2]}, "weights only with scaling: unit"),
        ({"weights": [1], "scaling": "unit"}, r"one weight per feature set \(2\), found 1"),
        ({"weights": [1, 0], "scaling": "unit"}, "at least 0"),
    ],
)
def test_weights_that_do_not_fit(options, message):
    entry = {"method": "rbf_svm", "features": ["a", "b"], **options}
    with pytest.raises(StudyError, match=message):
        registry.parse("classical", entry, "classical.x")


@pytest.mark.parametrize("method", registry.method_names("classical"))
class TestContract:
    """This applies to every file in pipeline/classical/, including future ones."""

    def spec(self, method):
        return registry.parse("classical", {"method": method, "features": ["a"]}, "classical.x")

    @pytest.mark.parametrize("n_classes", [2, 5])
    def test_fits_scores_and_is_stored(self, method, n_classes, tmp_path):
        x, y = problem(n_classes, n=400)
        x.setflags(write=False)  # features are memory-mapped and read-only
        fitted = self.spec(method).build(seed=0, widths=[30]).fit(x[:300], y[:300])
        scores = of_decisions(fitted.decision_function(x[300:]))
        assert scores.shape == (100, n_classes)
        assert np.isfinite(scores).all()
        assert np.mean(scores.argmax(1) == y[300:]) > 1.3 / n_classes
        assert np.array_equal(scores.argmax(1), fitted.predict(x[300:]))
        save_object(tmp_path / "model.npz", fitted)
        again = load_object(tmp_path / "model.npz", "predict", "train it")
        assert np.array_equal(of_decisions(again.decision_function(x[300:])), scores)
        assert stored_numbers(fitted) > 0

    def test_scaling_makes_units_irrelevant(self, method):
        x, y = problem(3)
        other = x * np.logspace(-2, 3, x.shape[1], dtype=np.float32) + 7
        spec = self.spec(method)
        first = spec.build(0, [30]).fit(x, y).predict(x)
        second = spec.build(0, [30]).fit(other, y).predict(other)
        assert np.mean(first == second) > 0.97

    def test_engine_is_named_with_its_version(self, method):
        assert any(character.isdigit() for character in self.spec(method).engine())
