"""Which stages run beside each other, and which machines are accepted."""

from importlib import metadata

import pytest

from pipeline.commands.jobs.identity import code_digest, differences, identity
from pipeline.commands.jobs.machines import GPU, MEMORY, Machine


@pytest.fixture
def machine():
    return Machine("one", "tcp://one", slots=3, memory=10, gpus=1, is_here=True)


def test_two_large_stages_never_meet(machine):
    assert machine.place("large", 6, False) == {MEMORY: 6.0}
    assert not machine.has_room(5, False)
    assert machine.has_room(4, False)
    machine.place("small", 4, False)
    assert not machine.has_room(1, False)
    del machine.running["large"]
    assert machine.has_room(6, False)


@pytest.mark.parametrize("needed", [None, 11], ids=["unknown", "more than there is"])
def test_a_stage_that_may_need_everything_runs_by_itself(machine, needed):
    machine.place("small", 1, False)
    assert not machine.has_room(needed, False)
    machine.running.clear()
    assert machine.has_room(needed, False)
    assert machine.place("large", needed, False) == {MEMORY: 10.0}
    assert not machine.has_room(1, False)


def test_slots_and_gpus_are_counted(machine):
    assert machine.place("network", 1, True) == {MEMORY: 1.0, GPU: 1.0}
    assert not machine.has_room(1, True)
    assert machine.has_room(1, False)
    for name in ("a", "b"):
        machine.place(name, 1, False)
    assert not machine.has_room(1, False)


HERE = {"numpy": "2.1.0", "dvc": "3.60", "python": "3.11", "code": "abc"}


@pytest.mark.tried(
    "Machines",
    "a worker with other code, or another version of Python or a library",
    "it is refused, with what differs; more packages, as for a GPU, are fine",
)
@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({}, ""),
        ({"nvidia-cudnn-cu12": "9.1"}, ""),
        ({"numpy": "2.2.0"}, "numpy 2.2.0 instead of 2.1.0"),
        ({"dvc": None}, "dvc is missing instead of 3.60"),
        ({"python": "3.12"}, "python 3.12 instead of 3.11"),
        ({"code": "other"}, "other code"),
    ],
)
def test_what_differs_between_machines(change, message):
    there = {name: version for name, version in (HERE | change).items() if version}
    found = differences(HERE, there)
    assert found == "" if not message else message in found


def test_what_only_installs_packages_may_differ(tmp_path):
    (tmp_path / "dvc.yaml").write_text("stages: {}", encoding="utf-8")
    found = identity(tmp_path)
    assert found["numpy"] == metadata.version("numpy")
    assert not {"pip", "setuptools", "wheel"} & found.keys()


def test_an_edit_of_any_file_is_other_code(tmp_path):
    (tmp_path / "pipeline" / "page").mkdir(parents=True)
    (tmp_path / "stages").mkdir()
    style = tmp_path / "pipeline" / "page" / "style.css"
    digests = set()
    for name, text in (
        ("dvc.yaml", "stages: {}"),
        ("dvc.yaml", "x"),
        ("style", "a"),
        ("style", ""),
    ):
        (tmp_path / name if name == "dvc.yaml" else style).write_text(text, encoding="utf-8")
        digests.add(code_digest(tmp_path))
    assert len(digests) == 4
