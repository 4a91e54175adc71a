"""Options of datasets: what is rejected, and with which message."""

from __future__ import annotations

import pytest

from pipeline.checks import StudyError
from pipeline.config import registry


def parse(**options):
    return registry.parse("dataset", {"name": "image_folder", **options}, "dataset")


@pytest.mark.parametrize("part", [1, 5000, 10**9, 1e-6, 0.1, 0.999])
def test_parts_are_counts_or_fractions(part):
    spec = parse(validation=part, test=part)
    assert spec.validation == part
    assert type(spec.validation) is type(part)
    assert spec.test_part == part


@pytest.mark.parametrize(
    "part", [0, -1, 10**10, 1e-300, 1 - 1e-12, 1.0, 0.0, 1.5, -0.1, True, "0.1", None]
)
@pytest.mark.parametrize("option", ["validation", "test"])
def test_other_parts_are_rejected(option, part):
    with pytest.raises(StudyError, match=rf"{option}: found .*; expected a count of at least"):
        parse(**{option: part})


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"classes": ["cat"]}, "dataset.classes"),
        ({"classes": ["cat", "dog", "cat"]}, "found cat more than once"),
        ({"classes": ["cat", ""]}, "dataset.classes"),
        ({"limit": 1}, "dataset.limit"),
        ({"limit": 10.0}, "dataset.limit"),
        ({"path": ""}, "dataset.path"),
        ({"path": "."}, "dataset.path: found '.'; expected .* not overlap the study's own folder"),
        ({"path": "../.."}, "not overlap the study's own folder"),
        ({"path": "data"}, "not overlap the study's own folder"),
        ({"path": "runs/x"}, "not overlap the study's own folder"),
        ({"title": "be\all"}, "dataset.title: found .*; expected no control characters"),
        ({"size": 7}, "dataset.size"),
        ({"size": 513}, "dataset.size"),
        ({"unreadable": -1}, "dataset.unreadable"),
        ({"unreadabel": 1}, "did you mean 'unreadable'"),
    ],
)
def test_wrong_options_are_rejected(options, message):
    with pytest.raises(StudyError, match=message):
        parse(**options)


def test_digits_are_class_names():
    assert parse(classes=[3, 8]).classes == ("3", "8")


@pytest.mark.parametrize(
    "options",
    [{"stride": 0}, {"stride": 65}, {"per_class": [1, 2]}, {"per_class": [1, 0, 2]}, {"size": 32}],
)
def test_wrong_options_of_photos_are_rejected(options):
    with pytest.raises(StudyError, match=r"dataset\.(stride|per_class|size)"):
        registry.parse("dataset", {"name": "photos", **options}, "dataset")


@pytest.mark.parametrize("option", ["yes", 1, None])
def test_labels_are_shuffled_only_for_true(option):
    assert not parse().shuffle_labels
    assert parse(shuffle_labels=True).shuffle_labels
    with pytest.raises(StudyError, match=r"dataset\.shuffle_labels"):
        parse(shuffle_labels=option)


@pytest.mark.parametrize("name", registry.method_names("dataset"))
def test_every_option_has_a_default_and_a_description(name):
    spec = registry.parse("dataset", {"name": name}, "dataset")
    assert spec.name == name
    for option, field in type(spec).model_fields.items():
        assert field.description, option
