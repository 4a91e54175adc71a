import joblib
import numpy as np
import pytest
from sklearn.datasets import make_classification

from pipeline import registry
from pipeline.checks import StudyError
from pipeline.classical.training import PixelClassifier, train


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


class MeanColour:
    """The smallest extractor there can be."""

    def transform(self, images):
        return images.mean(axis=(1, 2), dtype=np.float32)


def test_a_stored_run_classifies_new_pixels(tmp_path, rng):
    labels = rng.integers(0, 3, 300)
    images = rng.integers(0, 60, (300, 8, 8, 3)).astype(np.uint8)
    images[np.arange(300), :, :, labels] += 60
    features = MeanColour().transform(images)
    cut = {"train": features[:200], "validation": features[200:250], "test": features[250:]}
    parts = {split: [part] for split, part in cut.items()}
    trained = train(linear(), parts, {"train": labels[:200], "validation": labels[200:250]}, 3, 0)
    stored = PixelClassifier((MeanColour(),), trained.model, ("r", "g", "b"))
    joblib.dump(stored, tmp_path / "model.joblib")
    scores = joblib.load(tmp_path / "model.joblib").scores(images[250:])
    assert np.array_equal(scores, trained.scores["test"])
    assert np.mean(scores.argmax(1) == labels[250:]) > 0.95


def test_sizes_that_lack_a_rare_class_are_left_out_of_the_curve(rng):
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
