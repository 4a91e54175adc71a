"""What is wanted of the runs: options of the section `dataset`, which fit its classes."""

import pytest

from pipeline.checks import StudyError
from pipeline.config import registry
from pipeline.config.aims import Aims, check_aims
from pipeline.config.roster import load_roster
from pipeline.config.yaml_files import dump_yaml


def parsed(**options):
    return registry.parse("dataset", {"name": "image_folder", **options}, "dataset")


def test_every_dataset_has_them():
    spec = parsed(positive=3, miss_cost=10, least_recall=0.95)
    assert (spec.positive, spec.miss_cost, spec.least_recall) == ("3", 10, 0.95)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"miss_cost": 0}, r"dataset\.miss_cost: found 0"),
        ({"least_recall": 95}, r"dataset\.least_recall: found 95"),
        ({"positive": ""}, r"dataset\.positive"),
        ({"positive": "a", "classes": ["a", "b", "c"]}, "found positive with 3 classes"),
    ],
)
def test_wrong_ones_are_refused(options, message):
    with pytest.raises(StudyError, match=message):
        parsed(**options)


@pytest.mark.parametrize(
    ("options", "names", "message"),
    [
        ({"positive": "cow"}, ("cat", "dog"), "found 'cow'; expected one of the classes cat, dog"),
        ({"miss_cost": 2}, ("cat", "dog", "fox"), "miss_cost: found 3 classes; expected two"),
    ],
)
def test_they_fit_the_classes_that_were_found(options, names, message):
    with pytest.raises(StudyError, match=message):
        check_aims(Aims(**options), names)
    check_aims(Aims(), names)


def test_the_roster_takes_them_from_the_dataset(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    dataset = {"name": "image_folder", "path": "x", "size": 32, "positive": "cat", "miss_cost": 5}
    document = {"seed": 0, "dataset": dataset, "not_run": {}, "classical": {"svm": {}}}
    (tmp_path / "params.yaml").write_text(dump_yaml(document), encoding="utf-8")
    found = load_roster().aims
    assert (found.positive, found.miss_cost, found.least_recall) == ("cat", 5, None)
