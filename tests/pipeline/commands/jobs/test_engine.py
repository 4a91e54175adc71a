"""Which stages an engine starts, where, and when it waits."""

from __future__ import annotations

from concurrent.futures import Future
from types import SimpleNamespace
from typing import Any

import pytest

from pipeline.commands.jobs.durations import Durations
from pipeline.commands.jobs.dvc_calls import Node
from pipeline.commands.jobs.engine import Engine
from pipeline.commands.jobs.machines import Machine
from pipeline.commands.jobs.orders import Order


class Forecasts:
    """What is known of stages' memory, as a test says."""

    def __init__(self, known: dict[str, int | None], networks: set[str]) -> None:
        self.known, self.networks, self.counting = known, networks, False

    def needed(self, stage: str) -> int | None:
        return self.known[stage]

    def uses_network(self, stage: str) -> bool:
        return stage in self.networks

    def is_counting(self) -> bool:
        return self.counting


class Machines:
    """Stands for this machine, or for the others: notes what is started where."""

    def __init__(self, *machines: Machine) -> None:
        self.machine, self.machines = machines[0], {each.address: each for each in machines}
        self.jobs = self.machine.slots
        self.started: dict[str, tuple[str, bool]] = {}
        """Stage -> machine, and whether it gets a GPU."""
        self.at_work_there: dict[str, Machine] = {}

    def run(self, *given: Any) -> Future[Any]:
        *place, needed, gpu, _ = given
        stage, target = place[0], self.machine
        if isinstance(stage, Machine):
            stage, target = place[1].stage, stage
        target.place(stage, needed, gpu)
        self.started[stage] = target.name, gpu
        return Future()

    def at_work(self, order: Order) -> tuple[Machine, Future[Any]] | None:
        found = self.at_work_there.get(order.stage)
        return None if found is None else (found, Future())


def machine(name: str, memory: int, gpus: int = 0, slots: int = 2) -> Machine:
    return Machine(name, name, slots, memory, gpus, is_here=name == "here")


@pytest.fixture
def engine(tmp_path):
    def made(known, here, elsewhere=None, networks=()):
        nodes = [Node(name, frozenset(), True) for name in known]
        display = SimpleNamespace(started=lambda stage, where: None, say=print)
        durations = Durations(tmp_path / "seconds.json")
        forecasts = Forecasts(known, set(networks))
        found = Engine(tmp_path, nodes, here, elsewhere, forecasts, durations, display)
        found.orders = {name: Order("s", "", name, {}, "") for name in known}
        return found

    return made


def test_what_is_being_counted_waits_for_its_forecast_and_holds_up_nothing(engine):
    here = Machines(machine("here", 10))
    given = engine({"a@net": None, "b@net": None, "c": 3}, here, networks=["a@net", "b@net"])
    given.forecasts.counting = True
    given._start(given.nodes)
    assert set(here.started) == {"c"}
    given.forecasts.known |= {"a@net": 4}
    given._start(given.nodes)
    assert set(here.started) == {"c", "a@net"}, "side by side"


def test_of_equally_long_ways_the_one_with_more_memory_starts_first(engine):
    here = Machines(machine("here", 10, slots=1))
    given = engine({"train_classical@a": 1, "train_classical@b": 3, "train_classical@c": 2}, here)
    given._start(given.nodes)
    assert set(here.started) == {"train_classical@b"}


def test_what_nobody_counts_any_more_runs_by_itself(engine):
    here = Machines(machine("here", 10))
    given = engine({"a@net": None, "b@net": None}, here)
    given._start(given.nodes)
    assert len(here.started) == 1
    assert not here.machine.has_room(1, False)


def test_what_is_at_work_elsewhere_is_followed_whatever_is_known_of_it(engine):
    other = machine("other", 10)
    elsewhere = Machines(other)
    elsewhere.at_work_there = {"a@net": other}
    given = engine({"a@net": None}, Machines(machine("here", 10, slots=1)), elsewhere)
    given.forecasts.counting = True
    given._start(given.nodes)
    assert given.work["a@net"].machine is other


@pytest.mark.parametrize(
    ("needed", "place"),
    [(8, ("with GPU", True)), (20, ("large", False)), (99, ("with GPU", True))],
    ids=["fits beside the GPU", "fits elsewhere alone", "fits nowhere"],
)
def test_a_gpu_is_wanted_only_of_machines_that_hold_the_stage(engine, needed, place):
    elsewhere = Machines(machine("with GPU", 16, gpus=1), machine("large", 64))
    here = Machines(machine("here", 1, slots=1))
    given = engine({"a@net": needed}, here, elsewhere, networks=["a@net"])
    given._start(given.nodes)
    assert elsewhere.started == {"a@net": place}
