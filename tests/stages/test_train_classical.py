"""The stage as a whole, on feature sets of its own: a tuned, mirrored run and what it leaves."""

import json

import numpy as np
import pytest

from pipeline.features.spec import Extractor
from pipeline.storage.features import FeatureCard, load_features, save_extractor, save_features
from pipeline.storage.runs import load_card, load_predictions, load_tuning, run_folder
from pipeline.storage.splits import PREPARED, Task, images_seal, load_images, save_split, save_task
from pipeline.storage.stored_models import load_stored_model
from stages import train_classical

SIZES = {"train": 120, "validation": 60, "test": 40}


class LeftHalf(Extractor):
    """Sees the left half of an image alone, so that mirror images are news to it."""

    def transform(self, images):
        left = images[:, :, : images.shape[2] // 2]
        return left.reshape(len(images), -1).astype(np.float32)

    def multiply_adds(self, image_shape):
        return 1000 * image_shape[0]


@pytest.fixture
def study(storable, tmp_path, monkeypatch, rng):
    monkeypatch.chdir(tmp_path)
    for split, n in SIZES.items():
        labels = np.arange(n) % 3
        images = rng.integers(0, 90, (n, 4, 4, 3)).astype(np.uint8)
        images[np.arange(n), :, :, labels] += 60
        save_split(split, images, labels, 1000 + np.arange(n))
    for split in SIZES:
        features = LeftHalf().transform(load_images(split))
        save_features("left", split, features, images_seal())
    save_task(Task(("r", "g", "b"), (4, 4, 3), SIZES))
    (PREPARED / "labels" / "test.npy").unlink()  # for evaluate alone


def run_stage(options, family="classical"):
    card = FeatureCard("left", "left", {}, 24, 7, 0.5, 1e-3, 1.0, family)
    save_extractor("left", LeftHalf(), card, images_seal())
    entry = {"method": "linear_svm", "features": ["left"], **options}
    study = {"seed": 3, "classical": {"svm": entry}}
    with open("params.yaml", "w") as stream:  # JSON is YAML
        json.dump(study, stream)
    train_classical.main("svm")
    return load_card("svm", 3, "train it")


def test_a_tuned_and_mirrored_run_on_deep_features(study):
    ranges = {"C": {"low": 1e-6, "high": 1, "log": True}}
    card = run_stage(
        {
            "mirrored": True,
            "tta": "mirror",
            "C": 1e-9,
            "tune": {"trials": 4, "images": 60, "ranges": ranges},
        },
        family="hybrid",
    )
    assert card.family == "hybrid"
    assert card.options["C"] == card.notes["tuning"]["chosen"]["C"] != 1e-9
    assert card.options["tune"] == {"trials": 4, "images": 60, "ranges": ranges}
    assert 0 < card.tuning_seconds < card.stage_seconds
    # 0.5 s are those of the feature set.
    assert 0.5 + card.notes["mirroring_seconds"] < card.train_seconds
    assert card.train_seconds < 0.5 + card.stage_seconds - card.tuning_seconds
    assert "optuna" in card.versions
    assert len(load_tuning("svm", 3, "train it")) == 4

    found = load_predictions("svm", 3, "train it")
    stored = load_stored_model("svm", 3, "classical")
    for split, n in SIZES.items():
        images = load_images(split)
        assert found.scores[split].shape == found.probabilities[split].shape == (n, 3)
        np.testing.assert_allclose(stored.scores(images), found.scores[split], rtol=0, atol=1e-5)
        np.testing.assert_allclose(
            stored.probabilities(images), found.probabilities[split], rtol=0, atol=1e-5
        )
        np.testing.assert_allclose(found.probabilities[split].sum(axis=1), 1, rtol=1e-5)
    assert card.options["tta"] == "mirror"
    assert card.notes["tta_ms_per_image"] > 0
    assert set(found.tta_scores) == {"validation", "test"}
    for split, scores in found.tta_scores.items():
        images = load_images(split)
        both = [stored.scores(seen) for seen in (images, images[:, :, ::-1])]
        np.testing.assert_allclose(scores, np.mean(both, axis=0), rtol=0, atol=1e-5)


def test_a_plain_run(study):
    card = run_stage({})
    assert card.family == "classical"
    assert card.tuning_seconds == 0
    assert not {"tuning", "mirroring_seconds", "tta_ms_per_image"} & set(card.notes)
    assert load_predictions("svm", 3, "train it").tta_scores == {}
    # The extractor's, the scaling of 24 features, and 24 weights for each of 3 classes.
    assert card.notes["multiply_adds"] == 4000 + 24 + 72
    assert "optuna" not in card.versions
    assert not (run_folder("svm", 3) / "tuning.csv").exists()


def test_a_count_that_an_author_has_left_out_is_left_out(study, monkeypatch):
    monkeypatch.setattr(LeftHalf, "multiply_adds", lambda self, image_shape: None)
    assert "multiply_adds" not in run_stage({}).notes


def test_mirror_images_are_flipped_left_to_right(study):
    run_stage({"mirrored": True})
    images = load_images("train")
    half = images.shape[2] // 2
    both = np.concatenate([images[:, :, :half], images[:, :, ::-1][:, :, :half]])
    stored = load_stored_model("svm", 3, "classical")
    expected = both.reshape(len(both), -1).mean(axis=0)
    np.testing.assert_allclose(stored.classifier["scale"].mean_, expected, rtol=1e-6)


def test_an_extractor_that_knows_its_mirror_images_is_not_run_again(study, monkeypatch):
    known = np.random.default_rng(0).random((SIZES["train"], 24), dtype=np.float32)
    monkeypatch.setattr(LeftHalf, "mirrored", lambda self, features: known + 0 * features)
    monkeypatch.setattr(LeftHalf, "transform", lambda self, images: pytest.fail("it was run"))
    run_stage({"mirrored": True})
    stored = load_stored_model("svm", 3, "classical")
    both = np.concatenate([load_features("left", "train"), known])
    np.testing.assert_allclose(stored.classifier["scale"].mean_, both.mean(axis=0), rtol=1e-5)
