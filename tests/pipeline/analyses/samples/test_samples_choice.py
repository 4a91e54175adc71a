"""Which test images the report shows."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.analyses.samples.choice import choose_samples


@pytest.fixture
def labels(rng):
    return rng.permutation(np.repeat(np.arange(10), 30))


@pytest.fixture
def predictions(labels, rng):
    return [np.where(rng.random(300) < 0.6, labels, rng.integers(0, 10, 300)) for _ in range(2)]


def test_half_are_drawn_and_half_disagree(labels, predictions):
    samples = choose_samples(labels, predictions, seed=0)
    assert len(samples.drawn) == len(samples.disagreeing) == 6
    differ = predictions[0] != predictions[1]
    assert differ[samples.disagreeing].all()
    assert not set(samples.drawn) & set(samples.disagreeing)


def test_classes_are_balanced(labels, predictions):
    samples = choose_samples(labels, predictions, seed=0, count=20)
    assert len(set(labels[samples.drawn])) == 10
    together = np.concatenate([samples.drawn, samples.disagreeing])
    assert np.bincount(labels[together], minlength=10).tolist() == [2] * 10


def test_the_draw_does_not_look_at_predictions(labels, predictions):
    one = choose_samples(labels, predictions, seed=0)
    other = choose_samples(labels, [labels, labels], seed=0)
    assert one.drawn.tolist() == other.drawn.tolist()
    assert other.disagreeing.size == 0


def test_seeded(labels, predictions):
    first, again = (choose_samples(labels, predictions, seed=1) for _ in range(2))
    assert first.drawn.tolist() == again.drawn.tolist()
    assert first.disagreeing.tolist() == again.disagreeing.tolist()
    assert first.drawn.tolist() != choose_samples(labels, predictions, seed=2).drawn.tolist()


def test_one_run_alone_shows_its_errors(labels, predictions):
    samples = choose_samples(labels, predictions[:1], seed=0)
    assert (predictions[0] != labels)[samples.disagreeing].all()
    assert samples.disagreeing.size == 6


def test_fewer_images_than_asked_for():
    labels = np.array([0, 1, 0])
    samples = choose_samples(labels, [labels, np.array([0, 1, 1])], seed=0)
    assert sorted([*samples.drawn, *samples.disagreeing]) == [0, 1, 2]
