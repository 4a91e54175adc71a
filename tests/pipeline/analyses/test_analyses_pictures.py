"""The pictures of test images that tables name."""

from __future__ import annotations

import numpy as np
import pandas as pd
from PIL import Image

from pipeline.analyses.pictures import enlarged, save_pictures, thumbnail
from pipeline.storage.results import Results


def test_enlarging_keeps_every_pixel(rng):
    image = rng.integers(0, 256, (32, 32, 3), dtype=np.uint8)
    large = np.asarray(enlarged(image))
    assert large.shape == (96, 96, 3)
    assert (large == image.repeat(3, axis=0).repeat(3, axis=1)).all()
    assert np.asarray(enlarged(large.repeat(2, axis=0))).shape == (96, 48, 3)  # a photograph


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
    contents = {"samples": table, "certainty": sure, "errors": wrong, "confusion_images": cells}
    save_pictures(images, ids, Results(contents, {}, {}), tmp_path)
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
