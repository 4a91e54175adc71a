"""What a network's `tune` section may say."""

from __future__ import annotations

import pytest
from deep_cases import deep_spec

from pipeline.checks import StudyError
from pipeline.deep.tuning.ranges import applies

RATE = {"low": 1e-4, "high": 0.1, "log": True}


def tuned(ranges, method="lenet5", **options):
    return deep_spec(method, tune={"trials": 3, "ranges": ranges}, **options)


@pytest.mark.parametrize(
    ("ranges", "expected"),
    [
        ({"learning_rat": RATE}, r"learning_rat: unknown option; did you mean 'learning_rate'"),
        ({"depth": {"choices": [20, 32]}}, r"depth: unknown option"),
        ({"learning_rate": {"low": 0.1, "high": 1e11}}, r"found 10+\.0; expected at most 10+"),
        ({"dropout": {"low": 0.1, "high": 1.5}}, r"dropout.*0\.99"),
        ({"activation": {"choices": ["relu", "sine"]}}, r"activation.*'relu'"),
        ({"activation": {"low": 0, "high": 1}}, r"activation: found low and high; expected ch"),
        ({"batch_size": {"low": 64, "high": 32}}, r"batch_size: expected low < high"),
        ({"epochs": {"low": 1, "high": 3}}, r"epochs: cannot be searched"),
        ({"precision": {"choices": ["float32", "bfloat16"]}}, r"precision: cannot be searched"),
        ({"momentum": {"low": 0.5, "high": 0.99}}, r"momentum: found optimizer: adam in all"),
        ({}, r"tune\.ranges: found \{\}; expected at least one option"),
    ],
)  # fmt: skip
def test_wrong_ranges(ranges, expected):
    with pytest.raises(StudyError, match=expected):
        tuned(ranges)


def test_wrong_sections():
    with pytest.raises(StudyError, match=r"tune\.images: unknown option"):
        deep_spec("mlp", tune={"images": 100, "ranges": {"learning_rate": RATE}})
    with pytest.raises(StudyError, match=r"tune\.trials: found 1"):
        deep_spec("mlp", tune={"trials": 1, "ranges": {"learning_rate": RATE}})


def test_each_network_searches_its_own_options():
    spec = tuned({"shortcut": {"choices": ["identity", "projection"]}}, "resnet")
    assert spec.with_options({"shortcut": "projection"}).shortcut == "projection"


def test_options_of_another_choice_are_dropped():
    ranges = {
        "optimizer": {"choices": ["adam", "nesterov"]},
        "momentum": {"low": 0.5, "high": 0.99},
    }
    spec = tuned(ranges, optimizer="nesterov", momentum=0.95, learning_rate=0.01)
    assert applies(spec, "momentum", {"optimizer": "nesterov"})
    assert not applies(spec, "momentum", {"optimizer": "adam"})
    other = spec.with_options({"optimizer": "adam"})
    assert (other.optimizer, other.learning_rate, other.tune) == ("adam", 0.01, None)
    assert spec.with_options({"momentum": 0.6}).momentum == 0.6
    # Its bounds are checked although the network itself has no momentum.
    with pytest.raises(StudyError, match=r"momentum"):
        tuned({**ranges, "momentum": {"low": 0.5, "high": 1.5}})


def test_trials_have_their_own_epochs():
    spec = deep_spec("mlp", epochs=9, tune={"epochs": 2, "ranges": {"learning_rate": RATE}})
    assert spec.for_trial({"learning_rate": 0.01}).epochs == 2
    assert spec.with_options({"learning_rate": 0.01}).epochs == 9


def test_phases_stay_as_they_are():
    then = [{"unfreeze": 1, "epochs": 2}]
    spec = tuned({"learning_rate": RATE}, "transfer", weights="random", image_size=32, then=then)
    changed = spec.with_options({"learning_rate": 0.02})
    assert (changed.then, changed.learning_rate) == (spec.then, 0.02)
