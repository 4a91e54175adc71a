"""What an epoch is measured on, how fast it is, and which one is kept."""

import numpy as np
import pytest
from deep_cases import deep_spec

from pipeline.deep.training import epochs, pace
from pipeline.deep.training.fitting import train
from pipeline.deep.training.history import Epoch, TrainingHistory
from pipeline.deep.training.scoring import Measured


def test_what_is_measured_is_not_augmented(three_classes, monkeypatch):
    """Both curves are of the images as they are stored, whatever training makes of them."""
    shown = []
    scores = epochs.network_scores
    monkeypatch.setattr(
        epochs, "network_scores", lambda *given: (shown.append(given[1]), scores(*given))[1]
    )
    images, labels, _ = three_classes
    spec = deep_spec("mlp", epochs=1, batch_size=50, flip=True, shift=0.2)
    train(spec, images, labels, 3, seed=0)
    assert len(shown) == 2
    whole, part = sorted(shown, key=lambda each: each.tobytes() != images["validation"].tobytes())
    np.testing.assert_array_equal(whole, images["validation"])
    stored = {image.tobytes() for image in images["train"]}
    assert {image.tobytes() for image in part} <= stored
    assert len(part) == len(whole)


@pytest.mark.parametrize(
    ("monitor", "best"),
    [("loss", 2), ("accuracy", 1), ("balanced_loss", 2), ("balanced_accuracy", 1)],
)
def test_the_training_split_does_not_choose_the_epoch(monitor, best):
    """It improves to the end; on validation, the loss is best at 2 and the accuracy at 1."""
    history = TrainingHistory(monitor=monitor)
    validation = [
        Measured(loss, accuracy, accuracy, loss, accuracy)
        for loss, accuracy in ((0.9, 0.7), (0.7, 0.6), (0.8, 0.5))
    ]
    better = []
    for index, measured in enumerate(validation):
        loss, accuracy = 0.5 - index / 10, 0.8 + index / 20
        fitted = Measured(loss, accuracy, 0.8, loss, accuracy)
        better.append(history.add(Epoch(0, fitted, measured, 0.1, 1.0, 100.0)))
    assert history.best_epoch == best
    assert better == [True, best == 2, False]


@pytest.mark.parametrize(
    ("calls", "ends", "expected"),
    [
        pytest.param([0], [10.0], 2.0, id="one batch"),
        pytest.param([0, 1, 2], [10.0, 11.0, 12.0], 20.0, id="one batch per call"),
        pytest.param([15], [10.0], 20.0, id="one call of ten batches"),
        pytest.param([3, 7, 11], [10.0, 11.0, 12.0], 60.0, id="calls of four, ten batches"),
    ],
)
def test_the_call_that_compiles_is_left_out_of_the_speed(monkeypatch, calls, ends, expected):
    """Batches of 20 images; the first call ends after 10 s, each further one after 1 s."""
    clock = iter([0.0, ends[0], ends[-1]])
    monkeypatch.setattr(pace.time, "perf_counter", lambda: next(clock))
    steps = min(calls[-1] + 1, 10)
    measured = pace.Pace(batch_size=20, steps=steps)
    measured.on_train_begin()
    for last_step in calls:
        measured.on_train_batch_end(last_step)
    measured.on_epoch_end(0)
    assert measured.images_per_second == expected
