"""Stages side by side: DVC and Dask on a small graph, on the cores of one machine and on two.

The stages are shell scripts, so that a test sees the engine and not what it runs. They keep a log:
what ran at once, where, how often, and with how many threads.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from small_study import Study, checkout

from pipeline.config.yaml_files import read_yaml

pytestmark = pytest.mark.slow
PATIENCE = 120
PARAMS = """\
seed: 0
dataset: {name: photos, path: data/incoming}
features: {raw: {method: raw}}
classical:
  a: {method: linear_svm, features: [raw]}
  b: {method: linear_svm, features: [raw]}
  c: {method: linear_svm, features: [raw]}
deep: {}
corrupt: {}
not_run: {}
"""
GRAPH = """\
stages:
  check:
    cmd: sh {script} data/code
    always_changed: true
    deps: [params.yaml]
    outs: [data/code]
  prepare:
    cmd: sh {script} data/prepared
    deps: [data/code]
    outs: [data/prepared]
  fit:
    foreach: ${{classical}}
    do:
      cmd: sh {script} runs/${{key}}
      params: ["classical.${{key}}"]
      deps: [data/prepared]
      outs: ["runs/${{key}}"]
  score:
    foreach: ${{classical}}
    do:
      cmd: sh {script} scores/${{key}}
      deps: ["runs/${{key}}"]
      outs: ["scores/${{key}}"]
  evaluate:
    cmd: sh {script} reports/study/index.html
    deps: [scores/a, scores/b, scores/c]
    outs: [reports/study/index.html: {{persist: true}}]
"""
SCRIPT = """\
echo "start $DVC_STAGE ${OMP_NUM_THREADS:--} $PWD" >> "$LAB_LOG"
case " $LAB_WAITS " in *" $DVC_STAGE "*) while [ ! -e "$LAB_GO" ]; do sleep 0.05; done;; esac
case " $LAB_MEET " in *" $DVC_STAGE "*)
  for other in $LAB_MEET; do
    for i in $(seq 600); do grep -q "^start $other " "$LAB_LOG" && break; sleep 0.05; done
  done;;
esac
case " $LAB_FAILS " in *" $DVC_STAGE "*) echo "$DVC_STAGE is meant to fail"; exit 3;; esac
mkdir -p "$(dirname "$1")"
echo "what $DVC_STAGE writes" > "$1"
echo "end $DVC_STAGE ${OMP_NUM_THREADS:--} $PWD" >> "$LAB_LOG"
"""
STUDY = """\
import sys
from pipeline.commands import workspace
workspace.verify_study = lambda params: None  # there are no real results
sys.exit(workspace.main(["run", "tiny", *sys.argv[1:]]))
"""


class Network:
    """A network namespace for each machine, joined by a bridge; loopback addresses are their own.

    Making them takes rights that not every user has.
    """

    def __init__(self) -> None:
        self.id = f"lab{os.getpid()}"
        self.prefix = f"10.{os.getpid() % 200 + 20}.{os.getpid() // 200 % 250}"
        self.spaces: dict[str, str] = {}
        """Machine -> address."""

    @classmethod
    def made(cls) -> Network | None:
        """Return a network, or None where this user may not make one."""
        found = cls()
        try:
            found._ip("link", "add", found.id, "type", "bridge")
            found._ip("address", "add", f"{found.prefix}.1/24", "dev", found.id)
            found._ip("link", "set", found.id, "up")
            found.join("trial")
        except (OSError, subprocess.CalledProcessError):
            with suppress(OSError):
                found.close()
            return None
        return found

    def join(self, machine: str) -> str:
        """Give a machine its namespace, and return its address."""
        if machine not in self.spaces:
            number = len(self.spaces) + 2
            space, outside = f"{self.id}-{machine}", f"v{number}-{os.getpid()}"
            self.spaces[machine] = f"{self.prefix}.{number}"
            self._ip("netns", "add", space)
            self._ip("link", "add", outside, "type", "veth", "peer", "eth0", "netns", space)
            self._ip("link", "set", outside, "master", self.id, "up")
            self._ip("-n", space, "address", "add", f"{self.prefix}.{number}/24", "dev", "eth0")
            for each in ("lo", "eth0"):
                self._ip("-n", space, "link", "set", each, "up")
        return self.spaces[machine]

    def inside(self, machine: str) -> list[str]:
        """Return what to put in front of a command that a machine runs."""
        self.join(machine)
        return ["ip", "netns", "exec", f"{self.id}-{machine}"]

    def close(self) -> None:
        for machine in self.spaces:
            self._ip("netns", "delete", f"{self.id}-{machine}", check=False)
        self._ip("link", "delete", self.id, check=False)

    @staticmethod
    def _ip(*arguments: str, check: bool = True) -> None:
        subprocess.run(["ip", *arguments], check=check, capture_output=True)


class Lab:
    """Machines, each with a checkout and a home of its own; they share DVC's cache."""

    def __init__(self, root: Path, folder: Path, network: Network | None = None) -> None:
        self.root, self.folder, self.network = root, folder, network
        self.log, self.go = folder / "log", folder / "go"
        self.log.touch()
        (folder / "stage.sh").write_text(SCRIPT, encoding="utf-8")
        self.started: list[subprocess.Popen[str]] = []

    def machine(self, name: str, cache: str = "cache") -> Study:
        home = self.folder / name
        study = Study(checkout(self.root, home / "checkout"))
        (study.root / "params.yaml").write_text(PARAMS, encoding="utf-8")
        graph = GRAPH.format(script=self.folder / "stage.sh")
        (study.root / "dvc.yaml").write_text(graph, encoding="utf-8")
        (home / "dvc_global_config_dir").mkdir()
        (home / "dvc_global_config_dir" / "config").write_text(
            f"[cache]\n    dir = {self.folder / cache}\n", encoding="utf-8"
        )
        places = {"HOME": home, "LAB_LOG": self.log, "LAB_GO": self.go}
        study.environment |= {name: str(place) for name, place in places.items()}
        return study

    def start(self, study: Study, *arguments: str, **variables: str) -> subprocess.Popen[str]:
        """Start a command of the project on a machine."""
        inside = self.network.inside(study.root.parent.name) if self.network else []
        process = subprocess.Popen(
            [*inside, sys.executable, *arguments],
            cwd=study.root,
            env=study.environment | variables,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self.started.append(process)
        return process

    def run(self, study: Study, *options: str, **variables: str) -> tuple[int, str]:
        """Do what ``make study STUDY=tiny`` does with these options."""
        process = self.start(study, "-c", STUDY, *options, **variables)
        output, _ = process.communicate(timeout=PATIENCE)
        return process.returncode, output

    def scheduler(self, head: Study) -> str:
        """Start a scheduler; return its address."""
        port = free_port()
        host = self.network.join(head.root.parent.name) if self.network else "127.0.0.1"
        place = ("--host", host, "--port", str(port), "--no-dashboard")
        self.start(head, "-m", "distributed.cli.dask_scheduler", *place)
        wait_for(lambda: answers(host, port), "the scheduler")
        return f"tcp://{host}:{port}"

    def lines(self, machine: str = "") -> list[list[str]]:
        """The log, of one machine or of all: start or end, stage, threads, folder."""
        lines = [line.split() for line in self.log.read_text(encoding="utf-8").splitlines()]
        return [line for line in lines if not machine or f"/{machine}/checkout/" in line[-1]]

    def starts(self, machine: str = "") -> Counter[str]:
        return Counter(stage for what, stage, *_ in self.lines(machine) if what == "start")

    def close(self) -> None:
        for process in self.started:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
        if self.network is not None:
            self.network.close()


def wait_for(condition: Callable[[], object], what: str) -> None:
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, f"waited too long for {what}"
        time.sleep(0.1)


@pytest.fixture(scope="module")
def lab(root, tmp_path_factory) -> Iterator[Lab]:
    made = Lab(root, tmp_path_factory.mktemp("lab"))
    yield made
    made.close()


@dataclass
class Alone:
    """The study on one machine, two stages at once: first with a stage that fails."""

    study: Study
    failure: tuple[int, str]
    lines: list[list[str]]
    """The log of the failure."""
    success: tuple[int, str]


@pytest.fixture(scope="module")
def alone(lab) -> Alone:
    study = lab.machine("alone", cache="own")
    failure = lab.run(study, "--jobs", "2", LAB_FAILS="fit@b", LAB_MEET="fit@a fit@c")
    lines = lab.lines("alone")
    return Alone(study, failure, lines, lab.run(study, "--jobs", "2"))


def test_a_stage_that_fails_stops_only_what_needs_it(alone):
    code, output = alone.failure
    assert code == 1
    assert "fit@b is meant to fail" in output
    last = output.rstrip().splitlines()[-1]
    assert last == ("error: failed: fit@b; left out: score@b (needs fit@b), evaluate (needs fit@b)")
    ended = [stage for what, stage, *_ in alone.lines if what == "end"]
    assert sorted(ended) == ["check", "fit@a", "fit@c", "prepare", "score@a", "score@c"]


def test_the_next_time_only_what_is_missing_runs(lab, alone):
    code, output = alone.success
    assert code == 0, output
    again = Counter(stage for _, stage, *_ in lab.lines("alone")[len(alone.lines) :])
    assert set(again) == {"check", "fit@b", "score@b", "evaluate"}
    assert output.rstrip().endswith("workspaces/tiny/reports/study/index.html")
    assert "9 of 9 stages done, 0 running, 0 waiting" in output


def test_two_stages_run_at_once_and_share_the_threads(alone):
    events = [(what, stage) for what, stage, *_ in alone.lines]
    ends = [events.index(("end", stage)) for stage in ("fit@a", "fit@c")]
    starts = [events.index(("start", stage)) for stage in ("fit@a", "fit@c")]
    assert max(starts) < min(ends)
    at_once = [sum(what == "start" for what, _ in events[:n]) - sum(
        what == "end" for what, _ in events[:n]) for n in range(len(events))]  # fmt: skip
    assert max(at_once) <= 3, "two, and the one that failed and so has no end"
    threads = {stage: count for what, stage, count, _ in alone.lines if what == "start"}
    cores, given = len(os.sched_getaffinity(0)), os.environ.get("OMP_NUM_THREADS", "-")
    assert threads["prepare"] == given, "it is alone and gets all cores"
    if cores > 1:
        assert threads["fit@a"] == given.replace("-", str(cores // 2))


def test_nothing_is_left_for_plain_dvc(alone):
    plain = alone.study.call(sys.executable, "-m", "dvc", "repro", cwd=alone.study.folder)
    assert plain.code == 0, plain.output
    assert (plain.ran, plain.restored) == ({"check"}, set())


# --- two machines ---------------------------------------------------------------------------------

WORKER = ("-m", "pipeline.commands.jobs.worker")
HELD = ("fit@a", "fit@b")
"""Two stages that wait until the machines have been dealt with."""


@dataclass
class Story:
    """What the machines have done."""

    code: int
    head: Study
    output: str
    killed: str
    """The stage of the worker that was killed."""
    starts: Counter[str]
    ran: dict[str, set[str]]
    """Machine -> its stages."""
    went_on: bool
    """Whether the killed stage went on without its worker."""


@pytest.fixture(scope="module")
def story(root, tmp_path_factory) -> Iterator[Story]:
    """Two workers: one is killed in a training. The head is killed too, and started again.

    Each machine has a network of its own where this user may make networks.
    """
    lab = Lab(root, tmp_path_factory.mktemp("story"), Network.made())
    try:
        yield told(lab)
    finally:
        lab.close()


def told(lab: Lab) -> Story:
    head = lab.machine("head")
    address = lab.scheduler(head)
    workers = {}
    for name in ("one", "two", "edited"):
        machine = lab.machine(name)
        if name == "edited":
            with (machine.root / "pipeline" / "sampling.py").open("a", encoding="utf-8") as file:
                file.write("\nEDITED = True\n")
        command = (*WORKER, address, "--jobs", "1", "--name", name)
        workers[name] = lab.start(machine, *command, LAB_WAITS=" ".join(HELD))
    first = lab.start(head, "-c", STUDY, "--scheduler", address)

    def held() -> dict[str, str]:
        """Machine -> the stage that waits there."""
        each = {name: set(HELD) & lab.starts(name).keys() for name in ("one", "two")}
        return {name: stage for name, stages in each.items() for stage in stages}

    wait_for(lambda: len(held()) == 2 or first.poll() is not None, "both stages")
    assert first.poll() is None, first.stdout and first.stdout.read()
    first.kill()
    workers["one"].kill()
    again = lab.start(head, "-c", STUDY, "--scheduler", address)
    wait_for(lambda: lab.starts("head")["check"] == 2 or again.poll() is not None, "the head")
    lab.go.touch()
    output, _ = again.communicate(timeout=PATIENCE)
    ran = {name: set(lab.starts(name)) for name in ("head", "one", "two", "edited")}
    killed = held()["one"]
    went_on = any(line[:2] == ["end", killed] for line in lab.lines("one"))
    return Story(again.returncode, head, output, killed, lab.starts(), ran, went_on)


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def answers(host: str, port: int) -> bool:
    try:
        socket.create_connection((host, port), 1).close()
    except OSError:
        return False
    return True


def outputs(study: Study) -> dict[str, Any]:
    """The checksums of all that stages wrote."""
    stages = read_yaml(study.folder / "dvc.lock")["stages"]
    return {name: entry["outs"] for name, entry in stages.items()}


@pytest.mark.tried(
    "Machines",
    "a worker killed in a training, and the head killed and started again",
    "the study ends; only the killed stage runs twice; the results are those of one machine",
)
def test_a_lost_worker_and_a_lost_head_cost_one_stage(story, alone):
    assert story.code == 0, story.output
    again = {stage: count for stage, count in story.starts.items() if count > 1}
    assert again == {"check": 2, story.killed: 2}
    assert not story.went_on, "a stage ends with its worker"
    assert outputs(story.head) == outputs(alone.study)
    assert (story.head.folder / "reports/study/index.html").exists()


def test_workers_get_what_the_cache_can_bring_back(story):
    workers = story.ran["one"] | story.ran["two"]
    assert story.ran["head"] == {"check", "prepare", "evaluate"}
    assert workers == {f"{kind}@{run}" for kind in ("fit", "score") for run in "abc"}


def test_a_worker_with_other_code_is_refused(story):
    assert story.ran["edited"] == set()
    assert "worker edited is refused: found other code" in story.output


def test_a_worker_with_two_slots_runs_stages_of_different_inputs_at_once(root, tmp_path):
    """A score needs what a fit does not, and neither takes away the other's inputs."""
    lab = Lab(root, tmp_path)
    try:
        head, worker = lab.machine("head"), lab.machine("two")
        address = lab.scheduler(head)
        lab.start(worker, *WORKER, address, "--jobs", "2", LAB_MEET="fit@c score@a")
        code, output = lab.run(head, "--scheduler", address)
    finally:
        lab.close()
    assert code == 0, output
    assert set(lab.starts("two")) == {f"{kind}@{run}" for kind in ("fit", "score") for run in "abc"}
    assert max(lab.starts().values()) == 1
