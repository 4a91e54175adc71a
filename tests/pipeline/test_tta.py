"""Test-time augmentation, against the same in plain NumPy."""

import numpy as np
import pytest

from pipeline import tta as module
from pipeline.checks import StudyError
from pipeline.tta import VIEWS, augmented_scores, augmented_splits

KINDS = ("mirror", "mirror_shift")


def softmax_scorer(shape, classes=3, seed=0):
    """A scorer that is neither linear nor symmetric, and that does not keep what it was given."""
    weights = np.random.default_rng(seed).normal(size=(int(np.prod(shape)), classes)) / 100

    def score(images):
        shares = np.exp(images.reshape(len(images), -1) @ weights)
        return (shares / shares.sum(axis=1, keepdims=True)).astype(np.float32)

    return score


def reference(score, images, kind):
    """The sums of the paper's description, with a padded copy of all images."""

    def both(seen):
        return 0.5 * score(seen) + 0.5 * score(seen[:, :, ::-1])

    if kind == "mirror":
        return both(images)
    height, width = images.shape[1:3]
    padded = np.pad(images, ((0, 0), (1, 1), (1, 1), (0, 0)), mode="reflect")
    down_right, up_left = padded[:, :height, :width], padded[:, 2:, 2:]
    return 0.5 * both(images) + 0.25 * both(down_right) + 0.25 * both(up_left)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("shape", [(5, 4, 3), (4, 1, 3), (1, 4, 3), (1, 1, 3), (2, 2, 3)])
def test_scores_are_the_weighted_means_of_the_views(kind, shape, rng):
    images, score = rng.integers(0, 256, (7, *shape), dtype=np.uint8), softmax_scorer(shape)
    images.flags.writeable = False
    found = augmented_scores(score, images, kind)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, reference(score, images, kind), atol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_only_a_block_of_images_is_augmented_at_a_time(kind, rng, monkeypatch):
    images, score = rng.integers(0, 256, (23, 6, 6, 3), dtype=np.uint8), softmax_scorer((6, 6, 3))
    monkeypatch.setattr(module, "BLOCK_VALUES", 5 * 6 * 6 * 3)
    sizes, done = [], []

    def counted(seen):
        sizes.append(len(seen))
        return score(seen)

    found = augmented_scores(counted, images, kind, done.append)
    np.testing.assert_allclose(found, reference(score, images, kind), atol=1e-6)
    assert {*sizes} == {4, 5}
    assert len(sizes) == 5 * len(VIEWS[kind])
    assert done[-1] == 23


def test_the_weights_of_each_kind_sum_to_one():
    for kind, views in VIEWS.items():
        assert sum(view.weight for view in views) == 1, kind
        assert len(set(views)) == len(views), kind
    assert [view.weight for view in VIEWS["mirror_shift"]] == [0.25] * 2 + [0.125] * 4


def test_without_it_scores_are_passed_on_untouched(rng):
    images, scores = rng.integers(0, 256, (3, 2, 2, 3), dtype=np.uint8), np.ones((3, 2))
    assert augmented_scores(lambda seen: scores, images, "none") is scores
    nothing = augmented_splits(None, {}, "none")
    assert (nothing.scores, nothing.notes) == ({}, {})


def test_an_unknown_kind_is_refused():
    with pytest.raises(StudyError, match="'mirrors'; did you mean 'mirror'"):
        augmented_scores(lambda seen: seen, np.zeros((1, 2, 2, 3), np.uint8), "mirrors")


def test_validation_and_test_images_are_scored_and_the_time_is_told(rng, capsys):
    images = {"validation": rng.integers(0, 256, (4, 2, 2, 3), dtype=np.uint8)}
    images["test"] = images["validation"][:3]
    found = augmented_splits(softmax_scorer((2, 2, 3)), images, "mirror")
    assert {split: each.shape for split, each in found.scores.items()} == {
        "validation": (4, 3),
        "test": (3, 3),
    }
    assert found.notes["tta_ms_per_image"] > 0
    assert "mirror, test: 3 of 3 images" in capsys.readouterr().out
