"""The search for options: what it finds, what it prints, and what it rejects."""

import ast
import json
from pathlib import Path

import numpy as np
import pytest

from pipeline.checks import StudyError
from pipeline.classical.run.training import train
from pipeline.classical.tuning import search
from pipeline.classical.tuning.study import tune
from pipeline.config import registry
from pipeline.storage.runs import TUNING_COLUMNS

C = {"low": 1e-8, "high": 1, "log": True}


def parsed(tune=None, method="rbf_svm", **options):
    entry = {"method": method, "features": ["rings"], "tune": tune, **options}
    return registry.parse("classical", entry, "classical.x")


def ring_data(n, rng):
    """Return two concentric rings, which a wide kernel with a small C cannot separate."""
    labels = np.arange(n) % 2
    angle = rng.uniform(0, 2 * np.pi, n)
    radius = 1 + labels + rng.normal(0, 0.25, n)
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)], 1).astype(np.float32), labels


@pytest.fixture(scope="module")
def rings():
    rng = np.random.default_rng(0)
    parts = {s: ring_data(n, rng) for s, n in (("train", 400), ("validation", 200), ("test", 100))}
    features = {split: [x] for split, (x, _) in parts.items()}
    return features, {split: parts[split][1] for split in ("train", "validation")}, parts["test"][1]


RANGES = {
    "C": {"low": 1e-5, "high": 100, "log": True},
    "gamma": {"low": 1e-4, "high": 10, "log": True},
}


def test_finds_far_better_options_than_the_given_ones(rings, capsys):
    features, labels, answers = rings
    spec = parsed({"trials": 16, "images": 200, "ranges": RANGES}, C=2e-5, gamma=1e-4)
    found = tune(spec, features, labels, 2, seed=0)
    table = found.trials
    assert list(table.columns) == list(TUNING_COLUMNS)
    assert table.trial.tolist() == list(range(16))
    assert set(table.state) == {"complete", "pruned"}
    assert set(table.images[table.state == "complete"]) == {200}
    assert set(table.images[table.state == "pruned"]) <= {50, 100}
    assert json.loads(table.options[0]) == {"C": 2e-5, "gamma": 1e-4}
    assert table.seconds.gt(0).all()
    assert found.seconds >= table.seconds.sum()

    best = table[table.state == "complete"].validation_accuracy.max()
    first = table.index[(table.state == "complete") & (table.validation_accuracy == best)][0]
    chosen = json.loads(table.options[first])
    assert (found.spec.C, found.spec.gamma) == (chosen["C"], chosen["gamma"])
    assert found.spec.tune == spec.tune
    assert found.notes == {
        "trials": 16,
        "images": 200,
        "pruned": int((table.state == "pruned").sum()),
        "best_validation_accuracy": best,
        "chosen": chosen,
        "ranges": RANGES,
    }
    json.dumps(found.notes)
    assert found.spec.model_dump(mode="json")["tune"] == {
        "trials": 16,
        "images": 200,
        "ranges": RANGES,
    }

    def right(options):
        return np.mean(train(options, features, labels, 2, 0).scores["test"].argmax(1) == answers)

    assert right(found.spec) > right(spec) + 0.2
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("trial 1 of 16 (as given): C 2e-05, gamma 0.0001: validation ")
    assert any("pruned" in line for line in lines)
    assert "left" in lines[3]


def test_same_seed_same_trials(rings):
    features, labels, _ = rings
    spec = parsed({"trials": 8, "images": 100, "ranges": RANGES}, C=1.0, gamma=0.1)
    first, second = (tune(spec, features, labels, 2, seed=3).trials for _ in range(2))
    other = tune(spec, features, labels, 2, seed=4).trials
    columns = ["state", "images", "validation_accuracy", "options"]
    assert first[columns].equals(second[columns])
    assert not first.options.equals(other.options)


def test_test_features_are_not_used(rings):
    features, labels, _ = rings
    spec = parsed({"trials": 3, "images": None, "ranges": RANGES}, C=1.0, gamma=0.1)
    found = tune(spec, features, labels, 2, seed=0)
    assert found.notes["images"] == 400
    noise = dict(features, test=[np.zeros((5, 2), np.float32)])
    assert tune(spec, noise, labels, 2, seed=0).trials.options.equals(found.trials.options)


def test_ties_go_to_the_first_trial(rings):
    """With repeated images, all options are equally good, and the given ones win."""
    features = {s: [np.repeat(np.eye(2, dtype=np.float32), 40, axis=0)] for s in rings[0]}
    labels = {s: np.repeat([0, 1], 40) for s in rings[1]}
    spec = parsed({"trials": 4, "ranges": {"C": {"low": 1.0, "high": 9}}}, C=3.3)
    assert tune(spec, features, labels, 2, seed=0).spec.C == 3.3


def test_given_options_outside_the_ranges_are_tried_too(rings):
    features, labels, _ = rings
    ranges = {"gamma": {"low": 0.1, "high": 1.0}, "C": {"low": 1.0, "high": 9}}
    spec = parsed({"trials": 3, "images": 100, "ranges": ranges}, gamma="scale", C=0.5)
    options = [json.loads(each) for each in tune(spec, features, labels, 2, seed=0).trials.options]
    assert options[0] == {"gamma": "scale", "C": 0.5}
    assert all(0.1 <= each["gamma"] <= 1 <= each["C"] <= 9 for each in options[1:])


def test_integers_stay_integers_and_whole_ends_do_not_make_numbers_integers(rings):
    features, labels, _ = rings
    ranges = {"cache_mb": {"low": 100, "high": 200}, "C": {"low": 1, "high": 50, "log": True}}
    spec = parsed({"trials": 6, "images": 80, "ranges": ranges})
    table = tune(spec, features, labels, 2, seed=0).trials
    drawn = [json.loads(each) for each in table.options[1:]]
    assert all(isinstance(each["cache_mb"], int) for each in drawn)
    assert any(each["C"] != int(each["C"]) for each in drawn)


def test_weights_are_sampled_only_with_scaling_unit(rings):
    features, labels, _ = rings
    twice = {split: [x, 1000 * x] for split, (x,) in features.items()}
    ranges = {
        "weights.1": {"low": 0.2, "high": 1.2},
        "scaling": {"choices": ["standard", "unit"]},
    }
    spec = parsed({"trials": 8, "images": 80, "ranges": ranges}, features=["rings", "more"])
    found = tune(spec, twice, labels, 2, seed=0)
    drawn = [json.loads(each) for each in found.trials.options]
    assert {each["scaling"] for each in drawn} == {"standard", "unit"}
    assert all(("weights.1" in each) == (each["scaling"] == "unit") for each in drawn)
    unit = spec.with_options({"scaling": "unit", "weights.1": 0.5})
    assert unit.weights == (1.0, 0.5)
    assert unit.with_options({"scaling": "standard"}).weights is None


def test_a_search_with_mirrors_learns_from_them(rings):
    """Validation images are where mirror images are; without these, no options would help."""
    features, labels, _ = rings
    shifted = {split: [x + np.float32(9)] for split, (x,) in features.items()}
    shifted["train"] = features["train"]
    spec = parsed(
        {"trials": 3, "images": 100, "ranges": RANGES}, mirrored=True, C=5.0, gamma=1.0,
        scaling="none",
    )  # fmt: skip
    mirrors = [features["train"][0] + np.float32(9)]
    found = tune(spec, shifted, labels, 2, seed=0, mirrors=mirrors)
    assert found.trials.validation_accuracy[0] > 0.9


def test_rare_classes_are_in_every_subset(rng):
    labels = np.array([0] * 394 + [1] * 6)
    x = rng.normal(size=(400, 5)).astype(np.float32) + labels[:, None]
    features = {"train": [x], "validation": [x], "test": [x]}
    spec = parsed({"trials": 2, "images": 40, "ranges": {"C": C}}, method="linear_svm")
    found = tune(spec, features, {"train": labels, "validation": labels}, 2, seed=0)
    assert found.notes["images"] >= 40


def test_sampled_options_that_are_incompatible():
    with pytest.raises(StudyError, match=r"tune, trial with .*\.C: found -1"):
        search.with_chosen(parsed(), {"C": -1})


def message(tune, **options):
    with pytest.raises(StudyError) as error:
        parsed(tune, **options)
    return str(error.value)


@pytest.mark.parametrize(
    ("ranges", "expected"),
    [
        ({"Gamma": C}, "tune.ranges.Gamma: unknown option; did you mean 'gamma'? known: "),
        ({"features": {"choices": ["a", "b"]}}, "tune.ranges.features: cannot be searched"),
        ({"tta": {"choices": ["none", "mirror"]}}, "tune.ranges.tta: cannot be searched"),
        ({"mirrored": {"choices": [True, False]}}, "tune.ranges.mirrored: cannot be searched"),
        ({"C": {"low": 5, "high": 2}}, "tune.ranges.C: expected low < high, found low 5"),
        ({"C": {"low": 0, "high": 2, "log": True}}, "tune.ranges.C: expected low > 0 with log"),
        (
            {"C": {"low": 0, "high": 2}},
            "tune.ranges.C: found 0; expected at least 0",
        ),
        ({"C": {"low": 1}}, r"tune.ranges.C: expected low and high, or choices; found [1]"),
        ({"C": {}}, "tune.ranges.C: expected low and high, or choices; found neither"),
        ({"C": {"low": 1, "high": 2, "choices": [1, 2]}}, "or choices; found both"),
        ({"C": {"lo": 1, "high": 2}}, "tune.ranges.C.lo: unknown option; did you mean 'low'?"),
        ({"C": {"low": "a", "high": 2}}, "tune.ranges.C.low: found 'a'; "),
        ({"C": 3}, "tune.ranges.C: found 3; expected low and high, or choices"),
        ({"C": {"choices": [1]}}, "tune.ranges.C.choices: "),
        (
            {"C": {"choices": [1, -1]}},
            "tune.ranges.C: found -1; expected at least 0",
        ),
        ({"cache_mb": {"low": 60.5, "high": 99}}, "tune.ranges.cache_mb: found 60.5; "),
        ({"scaling": {"low": 1, "high": 2}}, "tune.ranges.scaling: found low and high; expected c"),
        ({"scaling": {"choices": ["unit", "unti"]}}, "tune.ranges.scaling: found 'unti'; "),
        ({"weights.0": {"low": 1, "high": 2}}, "expected weights only with scaling: unit"),
        (
            {"C.1": {"low": 1, "high": 2}},
            "tune.ranges.C.1: found 5.0; expected an option that takes",
        ),
        ({}, "tune.ranges: found {}; "),
        (None, "tune.ranges: found nothing; expected: A range for each"),
    ],
)
def test_a_wrong_range_stops_the_study_early(ranges, expected):
    entry = {"trials": 3} if ranges is None else {"trials": 3, "ranges": ranges}
    found = message(entry, C=5.0)
    assert found.startswith("classical.x: tune") or found.startswith("classical.x.tune")
    assert expected in found


def test_elements_of_a_list_that_do_not_exist_or_do_not_fit():
    for index, high, expected in (
        ("2", 2, "tune.ranges.weights.2: expected an element from 0 to 1, found '2'"),
        ("x", 2, "tune.ranges.weights.x: expected an element from 0 to 1, found 'x'"),
        ("1", 0, "tune.ranges.weights.1: found -1; expected at least 0"),
    ):
        ranges = {f"weights.{index}": {"low": -1 if high == 0 else 1, "high": high}}
        found = message({"ranges": ranges}, scaling="unit", features=["a", "b"])
        assert expected in found


def test_other_wrong_entries_and_several_at_once():
    found = message({"trials": 0, "image": 9, "ranges": {"C": {"low": 2, "high": 1}}})
    assert "tune.trials: found 0; " in found
    assert "tune.image: unknown option; did you mean 'images'?" in found
    assert "tune.ranges.C: expected low < high" in found
    assert message(3) == "classical.x: tune: found 3; expected a mapping with the key 'ranges'"
    assert "tune.ranges: found [1]; expected at least one option" in message({"ranges": [1]})


def test_only_a_search_imports_optuna():
    """The import is slow, and most runs do not search."""
    assert parsed().tune is None
    for file in Path(search.__file__).parent.glob("*.py"):
        for node in ast.parse(file.read_text(encoding="utf-8")).body:
            assert "optuna" not in ast.unparse(node) or not isinstance(
                node, ast.Import | ast.ImportFrom
            )


def test_of_unequal_classes_options_are_chosen_by_balanced_accuracy(rings, capsys):
    """With 200 images of one class and 20 of the other, the given options find none of the 20."""
    features, labels, _ = rings
    kept = {
        split: np.flatnonzero((each == 0) | (np.arange(len(each)) % 20 == 1))
        for split, each in labels.items()
    }
    rare = {split: [features[split][0][rows]] for split, rows in kept.items()}
    rare["test"] = features["test"]
    names = {split: labels[split][rows] for split, rows in kept.items()}
    spec = parsed({"trials": 8, "ranges": RANGES}, C=2e-5, gamma=1e-4, balance=False)
    found = tune(spec, rare, names, 2, seed=0)
    assert found.trials.validation_accuracy[0] == 0.5
    assert found.notes["best_validation_accuracy"] > 0.6
    assert found.notes["chosen_by"] == "balanced accuracy"
