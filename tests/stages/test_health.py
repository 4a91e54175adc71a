"""The stage as a whole, with splits and with folds: a planted shortcut is found, noise is not."""

import numpy as np
import pandas as pd
import pytest
from small_study import write_params

from pipeline.storage.health import load_health
from pipeline.storage.splits import load_ids, load_labels
from stages import fetch, health, prepare

pytestmark = pytest.mark.usefixtures("study_folder")


def write_images(folder, rng, darker):
    from PIL import Image

    for name, most in (("ant", 256), ("bee", 256 - darker)):
        (folder / name).mkdir(parents=True)
        for index in range(60):
            pixels = (rng.integers(0, most, (24, 24, 3))).astype(np.uint8)
            Image.fromarray(pixels).save(folder / name / f"{index}.png")


def shares(found):
    labels = dict(zip(load_ids("test"), load_labels("test"), strict=True))
    right = found.control["predicted"] == found.control["id"].map(labels)
    return right.groupby(found.control["facts"]).mean()


@pytest.mark.parametrize("folds", [None, 4])
@pytest.mark.parametrize("darker", [0, 150])
def test_a_darker_class_is_found_and_noise_is_not(study_folder, rng, folds, darker):
    write_images(study_folder / "photos", rng, darker)
    dataset = {"name": "image_folder", "path": "photos", "test": 0.4}
    write_params(study_folder, {"dataset": dataset | ({"folds": folds} if folds else {})})
    fetch.main()
    prepare.main()
    health.main()
    found = load_health()
    assert isinstance(found.facts, pd.DataFrame)
    assert len(found.facts) == 120
    assert set(found.facts["format"]) == {"PNG"}
    assert (found.facts[["width", "height"]] == 24).all().all()
    share = shares(found)["mean brightness"]
    assert share > 0.95 if darker else share < 0.75
