"""The machines that run stages, as workers of Dask: this one, and those of a scheduler."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pipeline import host_memory, machine
from pipeline.checks import StudyError
from pipeline.commands.jobs import dvc_calls, dvc_process, resources
from pipeline.commands.jobs.identity import Identity, differences, identity
from pipeline.commands.jobs.orders import DEFAULT_STUDY, Order, hello, run_here, run_sent

MEMORY, GPU = "memory", "gpu"
"""Names of Dask's resources."""
_CONNECT = "5s"
_QUIET = {"distributed.logging.distributed": "critical"}


@dataclass
class Machine:
    """One Dask worker, and what runs on it."""

    name: str
    address: str
    slots: int
    """Stages at once."""
    memory: int
    """Bytes that its stages may use together."""
    gpus: int
    is_here: bool
    running: dict[str, tuple[int, bool]] = field(default_factory=dict)
    """Stage or key -> bytes that are set aside for it, and whether it has a GPU."""

    def has_room(self, needed: int | None, gpu: bool) -> bool:
        """Return whether a stage fits beside those that run.

        One whose need is unknown, or more than there is, runs by itself.
        """
        if len(self.running) >= self.slots:
            return False
        if gpu and sum(has for _, has in self.running.values()) >= self.gpus:
            return False
        free = self.memory - sum(reserved for reserved, _ in self.running.values())
        return not self.running or (needed is not None and needed <= free)

    def place(self, stage: str, needed: int | None, gpu: bool) -> dict[str, float]:
        """Set memory aside for a stage; return the resources to ask Dask for."""
        reserved = self.memory if needed is None else min(needed, self.memory)
        self.running[stage] = reserved, gpu
        return {MEMORY: float(reserved), **({GPU: 1.0} if gpu else {})}


class Here:
    """This machine: a Dask cluster inside this process."""

    def __init__(self, folder: Path, jobs: int) -> None:
        import dask
        from distributed import Client, LocalCluster

        dask.config.set(_QUIET)
        self.folder, self.jobs = folder, jobs
        gpus = len(resources.gpus())
        self.machine = Machine("this machine", "", jobs, resources.memory(), gpus, True)
        self._cluster = LocalCluster(
            n_workers=1,
            threads_per_worker=jobs,
            processes=False,
            memory_limit=0,  # stages are processes of their own, which Dask does not measure
            dashboard_address="127.0.0.1:0",
            resources=offered(self.machine.memory),
            silence_logs=50,
        )
        self._client = Client(self._cluster)

    def run(self, stage: str, needed: int | None, gpu: bool, alone: bool) -> Any:
        """Start a stage; return Dask's future of its `Result`."""
        wanted = self.machine.place(stage, needed, gpu)
        threads = resources.threads_of(self.jobs, alone)
        key = f"{stage}-{uuid.uuid4().hex}"
        return self._client.submit(
            run_here, self.folder, stage, threads, gpu, key=key, pure=False, resources=wanted
        )

    def close(self) -> None:
        """End the cluster."""
        self._client.close(timeout=2)
        self._cluster.close(timeout=2)


class Elsewhere:
    """The workers of a scheduler that have the same code and libraries, and share the cache."""

    def __init__(self, address: str, folder: Path, root: Path, say: Callable[[str], None]) -> None:
        import dask
        from distributed import Client

        dask.config.set(_QUIET)
        self.folder, self.say = folder, say
        self.study = DEFAULT_STUDY if folder == root else folder.name
        self.params = (folder / "params.yaml").read_text(encoding="utf-8")
        self.identity = identity(root)
        self.machines: dict[str, Machine] = {}
        self._refused: set[str] = set()
        try:
            self._client = Client(address, timeout=_CONNECT, set_as_default=False)
        except OSError as error:
            raise StudyError(
                f"SCHEDULER: {address} answers, but not as a Dask scheduler of the same version: "
                f"{error}"
            ) from None

    def look(self) -> list[str]:
        """Update the workers; return the stages whose worker is lost."""
        there = self._client.scheduler_info(n_workers=-1)["workers"]
        at_work = self._client.processing()
        for address, info in there.items():
            if address not in self.machines and address not in self._refused:
                self._greet(address, info)
        lost = []
        for address in set(self.machines) - set(there):
            gone = self.machines.pop(address)
            lost += [stage for stage in gone.running if not stage.startswith(_FOREIGN)]
            self.say(f"{gone.name} is lost")
        for address, each in self.machines.items():
            self._note_foreign(each, set(at_work.get(address, ())))
        return lost

    def order(self, stage: str, entries: Mapping[str, Any]) -> Order:
        """Return what to send for a stage."""
        return Order(self.study, self.params, stage, entries, self.identity["code"])

    def run(self, target: Machine, order: Order, needed: int | None, gpu: bool, alone: bool) -> Any:
        """Send a stage to a worker; return Dask's future of its `Result`.

        It goes on if this process ends: whoever runs the study next finds it (`at_work`).
        """
        from distributed import fire_and_forget

        wanted = target.place(order.stage, needed, gpu)
        future = self._client.submit(
            run_sent,
            *(order, alone, gpu),
            key=f"{order.stage}-{order.token}-{uuid.uuid4().hex[:8]}",
            pure=False,
            workers=[target.address],
            resources=wanted,
        )
        fire_and_forget(future)
        return future

    def at_work(self, order: Order) -> tuple[Machine, Any] | None:
        """Find an order that is already at work, sent by a process that has ended."""
        from distributed import Future

        for target in self.machines.values():
            for key in target.running:
                if key.startswith(f"{_FOREIGN}{order.stage}-{order.token}-"):
                    target.running[order.stage] = target.running.pop(key)
                    return target, Future(key.removeprefix(_FOREIGN), self._client)
        return None

    def is_at_work(self, future: Any) -> bool:
        """Return whether the scheduler still knows that a worker has the task of a future."""
        return any(future.key in keys for keys in self._client.processing().values())

    def close(self) -> None:
        """Leave the scheduler; what its workers have begun goes on."""
        self._client.close(timeout=2)

    def _greet(self, address: str, info: Mapping[str, Any]) -> None:
        """Accept a worker, or refuse it and say why."""
        name = f"{info['name']}" if info["name"] != address else address
        with probe(self.folder) as file:
            try:
                found = self._client.run(hello, self.study, self.params, file, workers=[address])[
                    address
                ]
                reason = self._reason(*found)
            except Exception as error:  # whatever is wrong over there, it is not ours to raise
                reason = f"it does not answer as expected ({type(error).__name__}: {error})"
        if reason:
            self._refused.add(address)
            self.say(f"worker {name} is refused: {reason}")
            return
        offers = info["resources"]
        memory, gpus = int(offers.get(MEMORY, host_memory.NO_LIMIT)), int(offers.get(GPU, 0))
        self.machines[address] = Machine(name, address, info["nthreads"], memory, gpus, False)
        self.say(f"worker {name} runs up to {info['nthreads']} stages at once")

    def _reason(self, there: Identity, shares_cache: bool) -> str:
        """Return why a worker with this identity cannot be used; empty if it can."""
        if different := differences(self.identity, there):
            return f"found {different}; expected the same as here"
        if not shares_cache:
            return "DVC's cache is another one there. Set the same with: dvc cache dir --global ..."
        return ""

    @staticmethod
    def _note_foreign(target: Machine, keys: set[str]) -> None:
        """Keep room for what another process has sent to a worker."""
        ours = {stage for stage in target.running if not stage.startswith(_FOREIGN)}
        for known in [stage for stage in target.running if stage.startswith(_FOREIGN)]:
            if known.removeprefix(_FOREIGN) not in keys:
                del target.running[known]
        for key in keys:
            if not any(key.startswith(f"{stage}-") for stage in ours):
                target.running[f"{_FOREIGN}{key}"] = 0, False


_FOREIGN = "another: "


def offered(memory: int) -> dict[str, float]:
    """Return the resources that a worker on this machine offers, with this many bytes."""
    return {MEMORY: float(memory), GPU: float(len(resources.gpus()))}


def described() -> str:
    """Return what a worker on this machine offers, for a line on the terminal."""
    gpus = len(resources.gpus())
    parts = [f"{machine.core_count()} cores", host_memory.byte_size(resources.memory())]
    return ", ".join([*parts, *([f"{gpus} GPUs"] if gpus else [])])


@contextmanager
def probe(folder: Path) -> Iterator[str]:
    """Put a file into DVC's cache for the block; yield its name."""
    cache = Path(dvc_process.call(dvc_calls.cache_folder, folder))
    cache.mkdir(parents=True, exist_ok=True)
    file = cache / f"probe-{uuid.uuid4().hex}"
    file.touch()
    try:
        yield file.name
    finally:
        file.unlink(missing_ok=True)
