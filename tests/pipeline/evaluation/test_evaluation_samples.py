"""Which test images the report shows, and their pictures."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from pipeline.evaluation.samples import choose_samples, enlarged, save_pictures, thumbnail
from pipeline.results import Results


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


def test_enlarging_keeps_every_pixel(rng):
    image = rng.integers(0, 256, (32, 32, 3), dtype=np.uint8)
    large = np.asarray(enlarged(image))
    assert large.shape == (96, 96, 3)
    assert (large == image.repeat(3, axis=0).repeat(3, axis=1)).all()
    assert np.asarray(enlarged(large.repeat(2, axis=0))).shape == (192, 96, 3)


def test_pictures_are_those_of_the_ids(tmp_path, rng):
    images = rng.integers(0, 256, (5, 8, 8, 3), dtype=np.uint8)
    ids = np.array([70, 10, 30, 50, 20])
    table = pd.DataFrame(
        {"id": [30, 30, 20], "image": ["samples/30.png", "samples/30.png", "samples/20.png"]}
    )
    sure = pd.DataFrame({"id": [20, 70], "image": ["samples/20.png", "samples/70.png"]})
    wrong = pd.DataFrame({"id": [10, 70], "image": ["samples/10.png", "samples/70.png"]})
    cells = pd.DataFrame(
        {"id": [50, 50, 30], "image": [f"samples/small/{i}.jpg" for i in (50, 50, 30)]}
    )
    tables = {"samples": table, "certainty": sure, "errors": wrong, "confusion_images": cells}
    save_pictures(images, ids, Results(tables, {}, {}), tmp_path)
    names = sorted(path.name for path in (tmp_path / "samples").rglob("*.*"))
    assert names == ["10.png", "20.png", "30.jpg", "30.png", "50.jpg", "70.png"]
    with Image.open(tmp_path / "samples" / "30.png") as picture:
        assert (np.asarray(picture)[::12, ::12] == images[2]).all()
    with Image.open(tmp_path / "samples" / "small" / "50.jpg") as picture:
        assert np.abs(np.asarray(picture).astype(int) - images[3]).mean() < 8


def test_thumbnails_are_never_enlarged(rng):
    image = rng.integers(0, 256, (32, 20, 3), dtype=np.uint8)
    assert (np.asarray(thumbnail(image)) == image).all()
    flat = np.full((300, 200, 3), 77, dtype=np.uint8)
    assert np.asarray(thumbnail(flat)).shape == (48, 32, 3)
    assert (np.asarray(thumbnail(flat)) == 77).all()
