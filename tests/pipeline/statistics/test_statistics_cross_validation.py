"""The corrected resampled t-test: by hand, on null data, and where folds do not differ."""

import numpy as np
import pytest
from scipy.stats import t

from pipeline.checks import StudyError
from pipeline.statistics.cross_validation import fold_mean, wider
from pipeline.statistics.proportions import Interval, Proportion


def test_by_hand():
    """Five folds of ten images, differences 0.1, 0.2, 0.0, 0.1, 0.3: variance 0.013, mean 0.14."""
    folds = np.repeat(np.arange(5), 10)
    values = np.concatenate([np.r_[np.ones(k), np.zeros(10 - k)] for k in (1, 2, 0, 1, 3)])
    found = fold_mean(values, folds)
    error = np.sqrt((1 / 5 + 10 / 30) * 0.013)  # tested on 10, trained on 3 folds of 10
    assert (found.mean, found.degrees) == (pytest.approx(0.14), 4)
    assert found.error == pytest.approx(error)
    assert found.p_value == pytest.approx(2 * t.sf(0.14 / error, 4))
    interval = found.interval()
    assert interval.low == pytest.approx(0.14 - 2.7764451 * error)
    assert interval.high == pytest.approx(0.14 + 2.7764451 * error)


def test_folds_count_by_their_size():
    folds = np.repeat([0, 1, 2], [10, 20, 10])
    found = fold_mean(np.repeat([0.0, 1.0, 0.0], [10, 20, 10]), folds)
    assert found.mean == 0.5
    assert found.error == pytest.approx(np.sqrt(0.25 * 3 / 2 * (1 / 3 + 1)))


def test_where_all_folds_are_equal():
    folds = np.tile(np.arange(4), 10)
    assert fold_mean(np.zeros(40), folds).p_value == 1
    same = fold_mean(np.full(40, 0.1), folds)
    assert (same.error, same.p_value) == (0, 0)
    assert same.effective_images(40) == 40


@pytest.mark.parametrize("folds", [[0, 0, 1, 1], [0, 0, 2, 2], [0, 1, 2]])
def test_folds_that_cannot_be(folds):
    with pytest.raises(StudyError, match="at least three folds"):
        fold_mean(np.ones(4), np.array(folds))


def test_effective_images_leave_as_wide_an_interval():
    folds = np.repeat(np.arange(5), 40)
    right = np.concatenate([np.arange(40) < k for k in (38, 30, 36, 33, 28)])
    found = fold_mean(right, folds)
    n = found.effective_images(200)
    assert 10 < n < 200
    normal = 1.959964 * np.sqrt(found.mean * (1 - found.mean) / n)
    assert normal == pytest.approx(2.7764451 * found.error, rel=1e-5)
    narrow, wide = Proportion(165, 200).interval(), Proportion(165, 200, n).interval()
    assert wide.low < narrow.low < 0.825 < narrow.high < wide.high


def test_wider_contains_both():
    assert wider(Interval(0.1, 0.4), Interval(0.2, 0.5)) == Interval(0.1, 0.5)


def nearest_mean(x, y, folds):
    """(n,) whether each image is classified correctly by the model that is tested on it."""
    right = np.zeros(len(y), dtype=bool)
    for fold in range(5):
        learn, test = (folds != fold) & (folds != (fold + 1) % 5), folds == fold
        means = np.stack([x[learn & (y == label)].mean(axis=0) for label in (0, 1)])
        distances = ((x[test][:, None] - means[None]) ** 2).sum(axis=2)
        right[test] = distances.argmin(axis=1) == y[test]
    return right


def test_on_null_data_few_differences_are_significant_and_intervals_cover():
    """Two classifiers on different, equally good features: none is better."""
    rng = np.random.default_rng(0)
    n, d, studies = 100, 10, 200
    y, folds = np.arange(n) % 2, np.arange(n) // 2 % 5
    significant, accuracies, intervals = 0, [], []
    for _ in range(studies):
        x = rng.normal(size=(n, 2 * d)) + 0.4 * y[:, None]
        one, other = (nearest_mean(part, y, folds) for part in (x[:, :d], x[:, d:]))
        significant += fold_mean(one * 1.0 - other, folds).p_value < 0.05
        accuracies += [one.mean(), other.mean()]
        effective = fold_mean(one, folds).effective_images(n)
        intervals.append(Proportion(int(one.sum()), n, effective).interval())
    covered = np.mean([np.mean(accuracies) in each for each in intervals])
    assert significant <= 0.06 * studies
    assert covered >= 0.93
