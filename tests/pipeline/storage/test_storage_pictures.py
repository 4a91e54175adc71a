"""Pictures of feature sets and networks, and the tables that name them."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from pipeline.checks import StudyError
from pipeline.storage.pictures import (
    FEATURES,
    NETWORKS,
    FeaturePicture,
    load_feature_pictures,
    load_network_pictures,
    save_feature_pictures,
    save_network_pictures,
)

pytestmark = pytest.mark.usefixtures("study_folder")


def picture(name, kind, id_, pixels, class_name="NA") -> FeaturePicture:
    path = f"features/{name}/{id_}.png" if name else f"features/{id_}.png"
    return FeaturePicture(name, "m", 7, kind, id_, class_name, path, "words", pixels)


def test_feature_pictures_come_back_and_stale_ones_go(rng):
    pixels = rng.integers(0, 256, (16, 24, 3), dtype=np.uint8)
    first = [picture("", "original", 5, pixels), picture("01", "image", 5, pixels)]
    save_feature_pictures([*first, picture("old", "learned", -1, pixels, "")])
    assert load_feature_pictures()["class"].tolist() == ["NA", "NA", ""]
    save_feature_pictures(first)
    table = load_feature_pictures()
    assert table["features"].tolist() == ["", "01"]
    folder = Path("reports/study")
    found = {str(path.relative_to(folder)) for path in (folder / "features").rglob("*")}
    assert found == {"features/5.png", "features/01", "features/01/5.png"}
    for path in table["image"]:
        with Image.open(folder / path) as read:
            assert (np.asarray(read) == pixels).all()


def test_a_large_picture_is_written_small_and_nearly_the_same(rng):
    y, x = np.mgrid[:256, :256]
    smooth = np.stack([x, y, (x + y) // 2], axis=-1)
    noisy = np.clip(smooth + rng.integers(-9, 9, smooth.shape), 0, 255).astype(np.uint8)
    save_feature_pictures([picture("hog", "image", 1, noisy)])
    path = Path("reports/study/features/hog/1.png")
    with Image.open(path) as read:
        found = np.asarray(read.convert("RGB")).astype(int)
    assert path.stat().st_size < 80_000  # 24 bits a pixel: 150 kB and more
    assert np.abs(found - noisy).mean() < 12
    save_feature_pictures([picture("hog", "learned", 1, noisy)])
    with Image.open(path) as read:
        assert (np.asarray(read) == noisy).all()


def test_missing_feature_pictures_name_their_command():
    with pytest.raises(StudyError, match="dvc repro illustrate"):
        load_feature_pictures()


def network_picture(name, kind, id_, pixels) -> FeaturePicture:
    path = f"networks/{name}/{kind}-{id_}.png"
    return FeaturePicture(name, "m", 7, kind, id_, "NA", path, "words, more", pixels)


def test_network_pictures_stand_beside_those_of_features(rng):
    pixels = rng.integers(0, 256, (16, 24, 3), dtype=np.uint8)
    save_feature_pictures([picture("01", "image", 5, pixels)])
    save_network_pictures([network_picture(name, "maps", 5, pixels) for name in ("1", "2")])
    save_network_pictures([network_picture("1", kind, 5, pixels) for kind in ("maps", "gradcam")])
    table = load_network_pictures()
    assert tuple(table) == tuple(load_feature_pictures()) == NETWORKS.names
    assert table["features"].tolist() == ["1", "1"]
    folder = Path("reports/study")
    found = {str(path.relative_to(folder)) for path in folder.rglob("*.png")}
    assert found == {
        "features/01/5.png", "networks/1/maps-5.png", "networks/1/gradcam-5.png",
    }  # fmt: skip


def test_a_study_without_networks_has_a_table_without_rows(rng):
    pixels = rng.integers(0, 256, (16, 24, 3), dtype=np.uint8)
    save_feature_pictures([picture("01", "image", 5, pixels)])
    before = load_network_pictures()
    save_network_pictures([])
    assert Path("reports/study/networks").is_dir()
    for empty in (before, load_network_pictures()):
        assert tuple(empty) == FEATURES.names
        assert empty.empty
        together = pd.concat([load_feature_pictures(), empty], ignore_index=True)
        assert together["id"].dtype == np.int64


def test_any_network_picture_is_written_small(rng):
    noise = rng.integers(0, 256, (128, 128, 3), dtype=np.uint8)
    save_network_pictures([network_picture("1", "learned", -1, noise)])
    with Image.open("reports/study/networks/1/learned--1.png") as read:
        assert read.mode == "P"
