"""What `check` says of the surroundings, before anything is computed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from pipeline.checks import StudyError
from pipeline.config.yaml_files import dump_yaml
from pipeline.fingerprints.stage_code import fingerprint_file
from stages import check

HYBRID = {"vgg": {"method": "pretrained", "weights": "random"}}


@pytest.mark.parametrize(
    ("section", "entries"), [("features", HYBRID), ("deep", {"lenet5": {"method": "lenet5"}})]
)
def test_a_backend_that_is_not_installed_is_reported_where_keras_is_needed(
    study_folder, monkeypatch, section, entries
):
    params: dict[str, Any] = {
        "seed": 0,
        "dataset": {"name": "photos", "path": "data/incoming"},
        "features": {"raw": {"method": "raw"}},
        "classical": {"svm": {"method": "linear_svm", "features": ["raw"]}},
        "deep": {},
        "corrupt": {},
        "not_run": {},
    }
    monkeypatch.setenv("KERAS_BACKEND", "no_such_backend")
    Path("data/incoming").mkdir(parents=True)
    Path("params.yaml").write_text(dump_yaml(params), encoding="utf-8")
    check.main()  # needs no Keras
    assert fingerprint_file("prepare", "photos").exists()
    params[section] = {**params[section], **entries}
    Path("params.yaml").write_text(dump_yaml(params), encoding="utf-8")
    with pytest.raises(StudyError, match="found the backend 'no_such_backend'"):
        check.main()


@pytest.mark.parametrize(
    ("dataset", "most"),
    [
        ({"name": "cifar10", "validation": 5000}, 45_000),
        ({"name": "cifar10", "limit": 300}, 300),
        ({"name": "image_folder", "path": "data/incoming/mine", "size": 8}, 40),
    ],
)
def test_more_training_images_than_there_are(study_folder, dataset, most):
    """Known before a download, and of one's own images from their names, about."""
    for number in range(40):
        path = Path("data/incoming/mine") / f"{number % 2}" / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (9, 9)).save(path)
    params: dict[str, Any] = {
        "seed": 0,
        "dataset": {"path": "data/incoming", **dataset},
        "features": {"raw": {"method": "raw"}},
        "classical": {"svm": {"method": "linear_svm", "features": ["raw"]}},
        "deep": {},
        "corrupt": {},
        "sample_size": {"sizes": [20, most + 1], "runs": {"svm": {}}},
        "not_run": {},
    }
    Path("params.yaml").write_text(dump_yaml(params), encoding="utf-8")
    with pytest.raises(StudyError, match=f"sample_size.sizes: found {most + 1:,}; expected at"):
        check.main()
    params["sample_size"]["sizes"] = [20, None]
    Path("params.yaml").write_text(dump_yaml(params), encoding="utf-8")
    check.main()
    assert fingerprint_file("sample_size", "svm").exists()


@pytest.mark.parametrize(
    ("sections", "message"),
    [
        ({"sample_size": {"sizes": [2, None], "runs": {"svm": {}}}}, r"sizes: found 2; .* least 3"),
        ({"classes": 4}, "it, 1: classes: found 4; expected at most the 3"),
        ({"classes": ["frog", "cta"]}, "it, 1: unknown class 'cta'; did you mean"),
        ({"classes": 2, "limit": 1}, "it, 1: limit: found 1; expected at least 2, an image of"),
        ({"limit": 2}, "it, 1: limit: found 2; expected at least 3, an image of each class"),
    ],
    ids=["sizes", "number of classes", "names of classes", "limit of some", "limit of all"],
)
def test_classes_that_do_not_exist_or_get_no_image(study_folder, sections, message):
    """Known before a download where the dataset names its classes."""
    Path("data/incoming").mkdir(parents=True)
    entry = {"base": "svm", "vary": "C", "values": [1, 2], "repeats": 1}
    params: dict[str, Any] = {
        "seed": 0,
        "dataset": {
            "name": "cifar10",
            "path": "data/incoming",
            "classes": ["cat", "dog", "frog"],
        },
        "features": {"raw": {"method": "raw"}},
        "classical": {"svm": {"method": "linear_svm", "features": ["raw"]}},
        "deep": {},
        "corrupt": {},
        "ablations": {"it": entry},
        "not_run": {},
    }
    Path("params.yaml").write_text(dump_yaml(params), encoding="utf-8")
    check.main()
    if "sample_size" in sections:
        params |= sections
    else:
        params["ablations"]["it"] = entry | sections
    Path("params.yaml").write_text(dump_yaml(params), encoding="utf-8")
    with pytest.raises(StudyError, match=message):
        check.main()


def test_features_that_cannot_fit_are_refused_before_the_first_stage(study_folder, monkeypatch):
    folder = Path("data/incoming/mine")
    for number in range(40):
        path = folder / f"{number % 2}" / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (300, 260)).save(path)
    params: dict[str, Any] = {
        "seed": 0,
        "dataset": {"name": "image_folder", "path": folder.as_posix()},
        "features": {"raw": {"method": "raw"}, "small": {"method": "raw", "image_size": 8}},
        "classical": {
            "wide_svm": {"method": "linear_svm", "features": ["raw", "small"]},
            "small_svm": {"method": "linear_svm", "features": ["small"]},
        },
        "deep": {},
        "corrupt": {},
        "not_run": {},
    }
    Path("params.yaml").write_text(dump_yaml(params), encoding="utf-8")
    monkeypatch.setattr(check.host_memory, "total", lambda: 15_000_000)
    with pytest.raises(StudyError) as caught:
        check.main()
    said, *problems = str(caught.value).splitlines()
    assert "for about 40 images of 256 pixels" in said
    assert [problem.split(": ")[0].strip() for problem in problems] == [
        "features.raw",
        "classical.wide_svm",
    ]
    assert "smaller features.raw.image_size" in problems[0]
    assert not Path("data/code").exists()
    params["features"]["raw"]["image_size"] = 8
    Path("params.yaml").write_text(dump_yaml(params), encoding="utf-8")
    check.main()
