import cv2
import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.svm import SVC

from pipeline.classical.opencv_svm import OpenCVSVM
from pipeline.classical.solvers.one_vs_one import class_pairs, class_scores


def digits(n_classes):
    x, y = load_digits(n_class=n_classes, return_X_y=True)
    rng = np.random.default_rng(0)
    return (x / 16 + rng.normal(0, 0.4, x.shape)).astype(np.float32), y + 3


@pytest.mark.parametrize("kernel", ["linear", "rbf"])
@pytest.mark.parametrize("n_classes", [2, 3, 6])
def test_classes_are_those_that_opencv_predicts(kernel, n_classes):
    x, y = digits(n_classes)
    ours = OpenCVSVM(kernel, C=1.0, gamma=0.05).fit(x[::2], y[::2])
    ours.gamma_ = 0.05
    machine = ours._machine()
    machine.train(x[::2], cv2.ml.ROW_SAMPLE, y[::2].astype(np.int32))
    expected = machine.predict(x[1::2])[1].ravel().astype(int)
    pairs = ours.pair_decisions(x[1::2])
    votes = np.round(class_scores(pairs, n_classes))
    tied = (votes == votes.max(axis=1, keepdims=True)).sum(axis=1) > 1
    undecided = (np.abs(pairs) < 1e-4).any(axis=1)
    clear = ~(tied | undecided)
    assert clear.mean() > 0.9
    assert np.array_equal(ours.predict(x[1::2])[clear], expected[clear])
    # OpenCV breaks ties by taking the first class with the most votes.
    first = ours.classes_[votes.argmax(axis=1)]
    assert np.array_equal(first[~undecided], expected[~undecided])


@pytest.mark.parametrize("kernel", ["linear", "rbf"])
def test_decisions_are_those_of_libsvm(kernel):
    x, y = digits(4)
    ours = OpenCVSVM(kernel, C=1.0, gamma=0.05, tol=1e-5).fit(x, y)
    reference = SVC(kernel=kernel, C=1.0, gamma=0.05, tol=1e-5).fit(x, y)
    expected = reference.set_params(decision_function_shape="ovo").decision_function(x)
    assert ours.pair_decisions(x) == pytest.approx(expected, abs=5e-3)


def test_options_reach_the_solver():
    x, y = digits(3)
    few = OpenCVSVM(max_iter=5).fit(x, y).pair_decisions(x)
    assert not np.allclose(few, OpenCVSVM().fit(x, y).pair_decisions(x), atol=1e-2)


def test_pairs_and_votes():
    assert class_pairs(3) == [(0, 1), (0, 2), (1, 2)]
    scores = class_scores(np.array([[1.0, 2.0, -1.0], [1.0, -3.0, 0.5]]), 3)
    assert scores.argmax(axis=1).tolist() == [0, 2]
    assert np.round(scores).tolist() == [[2, 0, 1], [1, 1, 1]]
