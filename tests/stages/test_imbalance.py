"""One image in 51 is of the rare class: accuracy alone would praise a run that never finds it."""

import numpy as np
import pytest
from in_process import run_study
from PIL import Image
from small_study import NO_SIZES, PARAMS

from pipeline.analyses.tables import load_results
from pipeline.storage.paths import STUDY

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("study_folder")]


def write_images(folder, rng):
    for name, n, mean in (("common", 1000, 110), ("rare", 20, 135)):
        (folder / name).mkdir(parents=True)
        for index in range(n):
            pixels = rng.normal(mean + rng.normal(0, 12), 20, (8, 8, 3)).clip(0, 255)
            Image.fromarray(pixels.astype(np.uint8)).save(folder / name / f"{index}.png")


def test_a_run_that_never_finds_the_rare_class_is_found_and_said(study_folder, rng):
    write_images(study_folder / "photos", rng)
    plain = {"method": "linear_svm", "features": ["color"], "C": 0.001}
    run_study(
        PARAMS
        | {
            "dataset": {"name": "image_folder", "path": "photos", "test": 0.4, "validation": 0.3},
            "features": {"color": {"method": "color_histogram", "bins": 8, "grid": 1}},
            "classical": {"plain": plain, "balanced": plain | {"balance": True}},
            "deep": {},
            "corrupt": {},
            "sample_size": NO_SIZES,
            "ablations": {},
            "not_run": {},
        }
    )
    found = load_results()
    table = found.tables["accuracy"].set_index("run")
    assert table.loc["plain", "test_accuracy"] > 0.97  # 50 of 51 are common
    assert table.loc["plain", "test_balanced_accuracy"] == 0.5
    assert table.loc["balanced", "test_balanced_accuracy"] > 0.65
    assert found.study["chosen_by"] == "balanced accuracy"
    assert found.study["families_best"] == {"classical": "balanced"}
    text = (STUDY / "summary.md").read_text(encoding="utf-8")
    assert "plain" in text.split("not shown to be better than always predicting common")[0]
    assert "times as many training images as the smallest" in text
    assert "rare by plain" in text  # never recognized
