"""The order in which stages start, and the time that is left."""

import json

import pytest

from pipeline.commands.jobs.durations import Durations
from pipeline.commands.jobs.dvc_calls import Node


@pytest.fixture
def durations(tmp_path):
    def known(**seconds):
        file = tmp_path / "seconds.json"
        file.write_text(json.dumps(seconds), encoding="utf-8")
        return Durations(file)

    return known


def graph(**needs):
    return [Node(name, frozenset(needed.split()), True) for name, needed in needs.items()]


def test_the_longest_way_starts_first(durations):
    nodes = graph(a="", long="a", short="a", behind="short", end="long behind")
    ranks = durations(a=1, long=20, short=2, behind=30, end=5).ranks(nodes, lambda stage: False)
    assert ranks == {"end": 5, "behind": 35, "short": 37, "long": 25, "a": 38}


def test_stages_of_many_trainings_start_first_and_networks_before_the_rest(tmp_path):
    names = (
        *("train_classical@svm", "train_deep@lenet5", "ablations@C", "ablations@width"),
        *("sample_size@svm", "sample_size@lenet5"),
    )
    nodes = [Node(name, frozenset(), True) for name in names]
    networks = {"train_deep@lenet5", "ablations@width", "sample_size@lenet5"}
    ranks = Durations(tmp_path / "seconds.json").ranks(nodes, networks.__contains__)
    assert sorted(names, key=ranks.__getitem__, reverse=True) == [
        *("sample_size@lenet5", "sample_size@svm", "ablations@width", "ablations@C"),
        *("train_deep@lenet5", "train_classical@svm"),
    ]


def test_seconds_are_kept(durations, tmp_path):
    before = durations(a=1.0)
    before.add("b", 2.0)
    assert Durations(tmp_path / "seconds.json").before == {"a": 1.0, "b": 2.0}


@pytest.mark.parametrize("text", ["", "[1]", '{"a": "x"}', "{"])
def test_a_damaged_file_is_ignored(tmp_path, text):
    (tmp_path / "seconds.json").write_text(text, encoding="utf-8")
    assert Durations(tmp_path / "seconds.json").before == {}


def test_a_new_stage_takes_as_long_as_others_of_its_kind(tmp_path):
    durations = Durations(tmp_path / "seconds.json")
    assert durations.expected("train_deep@c") is None
    durations.add("train_deep@a", 10.0)
    durations.add("train_deep@b", 30.0)
    assert durations.expected("train_deep@c") == 20.0


@pytest.mark.parametrize(
    ("running", "waiting", "slots", "left"),
    [
        ({}, [], 2, 0.0),
        ({"a": 4.0}, [], 2, 6.0),
        ({"a": 4.0}, ["b", "b", "b"], 2, 33.0),
        ({"a": 40.0}, [], 2, 1.0),  # later than expected: about to end
        ({"a": 4.0}, ["unknown"], 2, None),
        ({}, ["a", "b", "b"], 9, 20.0),  # as long as the longest
    ],
)
def test_time_left(durations, running, waiting, slots, left):
    assert durations(a=10, b=20).left(running, waiting, slots) == left
