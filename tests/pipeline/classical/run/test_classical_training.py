import numpy as np
import pytest
from sklearn.datasets import make_classification

from pipeline.checks import StudyError
from pipeline.classical.run.calibration import SigmoidCalibrator
from pipeline.classical.run.training import PixelClassifier, train
from pipeline.config import registry
from pipeline.storage.object_files import load_object, save_object


@pytest.fixture(scope="module")
def problem():
    x, y = make_classification(900, 20, n_informative=12, n_classes=4, flip_y=0.05, random_state=1)
    x = x.astype(np.float32)
    features = {"train": [x[:600]], "validation": [x[600:750]], "test": [x[750:]]}
    labels = {"train": y[:600], "validation": y[600:750]}
    return features, labels


def linear():
    return registry.parse("classical", {"method": "linear_svm", "features": ["a"]}, "x")


def test_scores_history_and_costs(problem):
    features, labels = problem
    trained = train(linear(), features, labels, n_classes=4, seed=0)
    assert {split: s.shape for split, s in trained.scores.items()} == {
        "train": (600, 4),
        "validation": (150, 4),
        "test": (150, 4),
    }
    history = trained.history
    assert sorted(history.x.unique()) == [75, 150, 300, 600]
    assert set(history.x_kind) == {"images"}
    last = history[history.x == 600].set_index("split").value
    for split in ("train", "validation"):
        assert last[split] == np.mean(trained.scores[split].argmax(1) == labels[split])
    assert trained.fit_seconds > 0
    assert trained.predict_seconds_per_image > 0


def test_test_labels_are_not_needed_and_change_nothing(problem):
    features, labels = problem
    trained = train(linear(), features, labels, 4, seed=0)
    shuffled = dict(features, test=[features["test"][0][::-1]])
    again = train(linear(), shuffled, labels, 4, seed=0)
    assert np.array_equal(again.scores["test"], trained.scores["test"][::-1])


def test_same_seed_same_result(problem):
    first, second = (train(linear(), *problem, 4, seed=5) for _ in range(2))
    assert first.history.equals(second.history)
    assert np.array_equal(first.scores["test"], second.scores["test"])


def test_bad_features_and_labels(problem):
    features, labels = problem
    broken = dict(features, validation=[np.full((150, 20), np.nan, np.float32)])
    with pytest.raises(StudyError, match="validation split: found nan in row 0"):
        train(linear(), broken, labels, 4, seed=0)
    with pytest.raises(StudyError, match=r"classes \[4\] have no training image"):
        train(linear(), features, labels, 5, seed=0)


class MeanColor:
    """The smallest possible extractor."""

    def transform(self, images):
        return images.mean(axis=(1, 2), dtype=np.float32)


def test_a_stored_run_classifies_new_pixels(storable, tmp_path, rng):
    labels = rng.integers(0, 3, 300)
    images = rng.integers(0, 60, (300, 8, 8, 3)).astype(np.uint8)
    images[np.arange(300), :, :, labels] += 60
    features = MeanColor().transform(images)
    cut = {"train": features[:200], "validation": features[200:250], "test": features[250:]}
    parts = {split: [part] for split, part in cut.items()}
    trained = train(linear(), parts, {"train": labels[:200], "validation": labels[200:250]}, 3, 0)
    stored = PixelClassifier((MeanColor(),), trained.model, ("r", "g", "b"), trained.calibrator)
    save_object(tmp_path / "model.npz", stored)
    stored = load_object(tmp_path / "model.npz", "scores", "train it")
    scores = stored.scores(images[250:])
    assert np.array_equal(scores, trained.scores["test"])
    assert np.mean(scores.argmax(1) == labels[250:]) > 0.95
    assert np.array_equal(stored.probabilities(images[250:]), trained.probabilities["test"])


@pytest.mark.parametrize("scaling", ["standard", "unit", "none"])
def test_scaling_in_place_is_that_of_the_pipeline(problem, monkeypatch, scaling):
    """Scaling blocks of one array gives the same model as scikit-learn's pipeline."""
    monkeypatch.setattr("pipeline.classical.run.scaling._BLOCK_ROWS", 64)
    monkeypatch.setattr("pipeline.classical.run.training_set._BLOCK_ROWS", 50)
    features, labels = problem
    sets = {split: [5 * x[:, :8] + 3, x[:, 8:]] for split, (x,) in features.items()}
    for parts in sets.values():
        parts[1].setflags(write=False)  # like a memory map
    entry = {"method": "linear_svm", "features": ["a", "b"], "scaling": scaling}
    spec = registry.parse("classical", entry, "x")
    trained = train(spec, sets, labels, 4, seed=0)
    usual = spec.build(0, [8, 12]).fit(np.hstack(sets["train"]), labels["train"])
    for split in ("train", "test"):
        expected = usual.decision_function(np.hstack(sets[split]))
        np.testing.assert_allclose(trained.scores[split], expected, rtol=0, atol=2e-3)
    again = trained.model.decision_function(np.hstack(sets["train"]))
    np.testing.assert_allclose(trained.scores["train"], again, rtol=0, atol=1e-5)


def sided(rng, n):
    """Return images with one bright side; the split decides which class is bright on the left."""
    labels = np.arange(n) % 2
    images = rng.integers(0, 30, (n, 6, 6, 3)).astype(np.uint8)
    images[:, 2:4, :2] += (60 + 60 * labels).astype(np.uint8)[:, None, None, None]
    return images, labels


def pixels(images):
    return images.reshape(len(images), -1).astype(np.float32)


@pytest.fixture(scope="module")
def mirrored_problem():
    rng = np.random.default_rng(3)
    images, labels = sided(rng, 400)
    # The classes differ on the left in training images, and on the right later.
    splits = {"train": images[:200], "validation": images[200:300], "test": images[300:]}
    features = {"train": [pixels(splits["train"])]}
    features |= {s: [pixels(splits[s][:, :, ::-1])] for s in ("validation", "test")}
    return (
        features,
        {"train": labels[:200], "validation": labels[200:300]},
        [pixels(splits["train"][:, :, ::-1])],
        labels[300:],
    )


def test_mirrored_images_are_trained_on(mirrored_problem):
    features, labels, mirrors, answers = mirrored_problem
    entry = {"method": "linear_svm", "features": ["pixels"]}
    plain = train(registry.parse("classical", entry, "x"), features, labels, 2, 0)
    spec = registry.parse("classical", entry | {"mirrored": True}, "x")
    trained = train(spec, features, labels, 2, 0, mirrors)

    def right(found):
        return np.mean(found.scores["test"].argmax(1) == answers)

    assert right(trained) > 0.95 > 0.7 > right(plain)
    both = np.vstack([features["train"][0], mirrors[0]])
    by_hand = spec.build(0, [108]).fit(both, np.tile(labels["train"], 2))
    for split in ("train", "test"):
        expected = by_hand.decision_function(features[split][0])
        np.testing.assert_allclose(trained.scores[split][:, 1], expected, rtol=0, atol=2e-3)
    assert len(trained.scores["train"]) == 200
    history = trained.history.set_index(["x", "split"]).value
    assert sorted({x for x, _ in history.index}) == [25, 50, 100, 200]
    assert history[200, "train"] == np.mean(trained.scores["train"].argmax(1) == labels["train"])
    assert history[100, "validation"] > 0.9  # impossible without mirror images


def test_mirrors_that_do_not_belong(mirrored_problem):
    features, labels, mirrors, _ = mirrored_problem
    entry = {"method": "linear_svm", "features": ["pixels"]}
    with pytest.raises(ValueError, match="mirrors if, and only if"):
        train(registry.parse("classical", entry, "x"), features, labels, 2, 0, mirrors)
    spec = registry.parse("classical", entry | {"mirrored": True}, "x")
    with pytest.raises(ValueError, match="mirrors if, and only if"):
        train(spec, features, labels, 2, 0)
    with pytest.raises(StudyError, match="found 199 rows for the mirrored training images"):
        train(spec, features, labels, 2, 0, [mirrors[0][:199]])
    broken = mirrors[0].copy()
    broken[7, 2] = np.inf
    with pytest.raises(StudyError, match="mirrored training images: found inf in row 7"):
        train(spec, features, labels, 2, 0, [broken])


@pytest.mark.parametrize("kind", ["mirror", "mirror_shift"])
def test_test_time_augmentation_needs_a_run_that_knows_mirror_images(kind):
    entry = {"method": "linear_svm", "features": ["pixels"], "tta": kind}
    with pytest.raises(StudyError, match=f"x: found tta: {kind} without mirrored: true; expected"):
        registry.parse("classical", entry, "x")
    assert registry.parse("classical", entry | {"mirrored": True}, "x").tta == kind


def test_probabilities_are_calibrated_on_validation(problem):
    features, labels = problem
    trained = train(linear(), features, labels, 4, seed=0)
    again = SigmoidCalibrator().fit(trained.scores["validation"], labels["validation"])
    for split, scores in trained.scores.items():
        found = trained.probabilities[split]
        assert found.shape == scores.shape
        np.testing.assert_allclose(found.sum(axis=1), 1, rtol=1e-5)
        np.testing.assert_array_equal(found, again.predict_proba(scores))


def test_subsets_without_a_rare_class_are_left_out_of_the_curve(rng):
    labels = np.array([0] * 394 + [1] * 6)
    features = rng.normal(size=(400, 5)).astype(np.float32) + labels[:, None]
    parts = {"train": [features], "validation": [features[::7]], "test": [features[::5]]}
    spec = registry.parse("classical", {"method": "rbf_svm", "features": ["a"]}, "x")
    trained = train(spec, parts, {"train": labels, "validation": labels[::7]}, 2, seed=0)
    sizes = trained.history.x.unique()
    assert sizes[-1] == 400
    assert sizes.min() > 20


def test_features_that_are_the_same_for_all_images(problem):
    _, labels = problem
    same = {
        s: [np.ones((n, 3), np.float32)]
        for s, n in zip(("train", "validation", "test"), (600, 150, 150), strict=True)
    }
    spec = registry.parse(
        "classical", {"method": "rbf_svm", "features": ["a"], "scaling": "none"}, "x"
    )
    with pytest.raises(StudyError, match="the same features for every image"):
        train(spec, same, labels, 4, seed=0)
