"""Scores of corrupted images, in batches of any size, with progress."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.checks import StudyError
from pipeline.robustness import scoring
from pipeline.robustness.corruptions import corrupt

IDS = np.arange(50, 61)


def means(images):
    """Score images by the mean of each channel."""
    return images.mean(axis=(1, 2), dtype=np.float32)


@pytest.fixture
def images(rng):
    return rng.integers(0, 256, (11, 16, 16, 3), dtype=np.uint8)


@pytest.mark.parametrize("at_once", [1, 4, 100])
def test_scores_do_not_depend_on_the_batch(images, monkeypatch, at_once):
    monkeypatch.setattr(scoring, "BATCH_VALUES", at_once * 16 * 16 * 3)
    done = []
    found = scoring.score_corrupted(means, images, IDS, "fog", (5, 2), 9, done.append)
    for row, severity in enumerate((5, 2)):
        expected = means(corrupt("fog", images, severity, IDS, 9))
        np.testing.assert_array_equal(found[row], expected)
    assert (found.shape, found.dtype) == ((2, 11, 3), np.float32)
    assert sum(done) == 22
    assert len(done) == -(-11 // at_once)
    done.clear()
    np.testing.assert_array_equal(scoring.score_clean(means, images, done.append), means(images))
    assert sum(done) == 11


def test_scores_that_are_not_finite(images):
    def broken(batch):
        return np.where(np.arange(len(batch))[:, None] == 13, np.nan, means(batch))

    with pytest.raises(StudyError, match="under contrast, severity 4: found nan in row 2"):
        scoring.score_corrupted(broken, images, IDS, "contrast", (3, 4), 0, lambda n: None)
