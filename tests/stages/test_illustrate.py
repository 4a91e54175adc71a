"""The pictures of feature sets: which images, which files, and nothing that cannot be drawn."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from pipeline.checks import StudyError
from pipeline.config import registry
from pipeline.config.yaml_files import dump_yaml
from pipeline.features import drawing
from pipeline.features.spec import Extractor
from pipeline.storage.features import FeatureCard, save_extractor
from pipeline.storage.paths import STUDY
from pipeline.storage.pictures import FEATURES, load_feature_pictures
from pipeline.storage.splits import (
    DatasetCard,
    load_ids,
    load_images,
    load_labels,
    save_dataset_card,
    save_split,
)
from stages import illustrate

CLASSES = ("cat", "dog", "frog")


class Undrawable(Extractor):
    """An extractor without pictures."""

    def transform(self, images):
        raise NotImplementedError


class Learner(Undrawable):
    """An extractor whose drawing shows what it has learned, and no image."""


LEARNED = SimpleNamespace(learned_picture=lambda _: np.full((130, 300, 3), 7, dtype=np.uint8))


@pytest.fixture
def study(study_folder, storable, monkeypatch, rng):
    """A prepared dataset of 30 validation images, and three feature sets."""
    found = drawing._drawing

    def drawing_of(extractor):
        return LEARNED if isinstance(extractor, Learner) else found(extractor)

    monkeypatch.setattr(drawing, "_drawing", drawing_of)
    n = {"train": 30, "validation": 30, "test": 30}
    labels = np.arange(30) % 3
    for split in n:
        images = rng.integers(0, 256, (30, 32, 32, 3), dtype=np.uint8)
        save_split(split, images, labels, np.arange(30) + 100)
    card = DatasetCard("d", "d", "0", CLASSES, (32, 32, 3), n, seed=0)
    save_dataset_card(card, pd.DataFrame({"id": []}))
    (study_folder / "data/prepared/labels/test.npy").unlink()
    extractors = {
        "colors": registry.parse("features", {"method": "color_histogram"}, "").build(0),
        "nothing": Undrawable(),
        "words": Learner(),
    }
    for name, extractor in extractors.items():
        made = FeatureCard(name, "color_histogram", {}, 12, 0, 1.0, 1.0, 1.0)
        save_extractor(name, extractor, made)
    write(features={name: {"method": "color_histogram"} for name in extractors})
    return study_folder


def write(**document):
    Path("params.yaml").write_text(dump_yaml({"seed": 0, **document}), encoding="utf-8")


def test_tables_and_pictures(study):
    illustrate.main()
    table = load_feature_pictures()
    assert tuple(table) == FEATURES.names
    kinds = table.groupby("features", sort=False)["kind"].agg(list).to_dict()
    assert kinds == {"": ["original"] * 5, "colors": ["image"] * 5, "words": ["learned"]}
    ids = load_ids("validation")
    images, labels = load_images("validation"), load_labels("validation")
    for row in table[table["kind"] == "original"].to_dict("records"):
        (position,) = np.flatnonzero(ids == row["id"])
        assert row["class"] == CLASSES[labels[position]]
        with Image.open(STUDY / row["image"]) as picture:
            assert (np.asarray(picture)[::4, ::4] == images[position]).all()
    for path in table["image"]:
        assert (STUDY / path).exists()


def test_sets_that_were_removed_lose_their_pictures(study):
    illustrate.main()
    write(features={"words": {"method": "color_histogram"}})
    illustrate.main()
    assert set(load_feature_pictures()["features"]) == {"", "words"}
    folder = STUDY / "features"
    assert sorted(path.name for path in folder.iterdir() if path.is_dir()) == ["words"]
    write()
    illustrate.main()
    assert len(list(folder.rglob("*.png"))) == 5


def test_the_same_study_gives_the_same_bytes(study):
    contents = []
    for _ in range(2):
        illustrate.main()
        files = sorted(path for path in STUDY.rglob("*") if path.is_file())
        contents.append({str(path): path.read_bytes() for path in files})
    assert contents[0] == contents[1]


def test_a_set_that_was_not_extracted_names_its_stage(study):
    write(features={"hog": {"method": "hog"}})
    with pytest.raises(StudyError, match="dvc repro featurize@hog"):
        illustrate.main()
