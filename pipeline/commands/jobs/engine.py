"""Runs the stages of DVC's graph, as many at once as the machines hold.

A stage starts when all stages that it needs are done, those with the longest way to the end of the
study first. On this machine it is run as DVC runs it alone. For another machine it takes three
steps: look whether DVC's cache has its results; if not, send it; then collect the results, which
the other machine has put into the shared cache. Only this machine writes the study's dvc.lock.
"""

from __future__ import annotations

import queue
import time
from asyncio import CancelledError
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pipeline.checks import StudyError
from pipeline.commands.jobs import dvc_calls, dvc_process
from pipeline.commands.jobs.display import Display, Running, Snapshot
from pipeline.commands.jobs.durations import Durations
from pipeline.commands.jobs.dvc_calls import Node
from pipeline.commands.jobs.forecasts import Forecasts
from pipeline.commands.jobs.machines import Elsewhere, Here, Machine
from pipeline.commands.jobs.orders import Order, Result

ONLY_HERE = ("fetch", "prepare")
"""Stages that read the images themselves, which other machines need not have."""
MOST_LOSSES = 3
"""A stage whose worker is lost so often is given up: perhaps it is what ends them."""
_TICK, _LOOK = 0.25, 2.0
"""Seconds between two looks at Ctrl-C and the terminal, and at the workers."""
Step = Literal["look", "run", "send", "collect"]


@dataclass
class Work:
    """A step of a stage that is going on."""

    step: Step
    machine: Machine
    future: Any
    since: float
    missing: int = 0
    """How often the scheduler did not know of it."""


class Engine:
    """The stages of one study, and where each stands."""

    def __init__(
        self,
        folder: Path,
        nodes: Sequence[Node],
        here: Here,
        elsewhere: Elsewhere | None,
        forecasts: Forecasts,
        durations: Durations,
        display: Display,
    ) -> None:
        self.folder, self.here, self.elsewhere = folder, here, elsewhere
        self.forecasts, self.durations, self.display = forecasts, durations, display
        self.nodes = {node.name: node for node in nodes}
        self.done: set[str] = set()
        self.failed: dict[str, str] = {}
        """Stage -> why, or the end of its output."""
        self.left_out: dict[str, str] = {}
        """Stage -> the failed stage that it needs."""
        self.planned = False
        """Whether it is known which stages have changed."""
        self.stopped = False
        """Whether nothing more shall start."""
        self.work: dict[str, Work] = {}
        self.orders: dict[str, Order] = {}
        """Stages that the cache does not have, ready to be sent."""
        self._losses: Counter[str] = Counter()
        self._events: queue.Queue[tuple[str, Any]] = queue.Queue()
        self._helpers = ThreadPoolExecutor(4)
        self._looked = 0.0
        self._ranks = durations.ranks(nodes, forecasts.uses_network)

    def run(self) -> None:
        """Run all stages that have changed; `failed` and `left_out` say what did not end well."""
        first = [node.name for node in self.nodes.values() if not node.needs]
        self._go(first)
        if not (self.failed or self.stopped):
            call = dvc_process.call
            self.done |= set(call(dvc_calls.unchanged, self.folder, sorted(self.done)))
            self.forecasts.begin([name for name in self.nodes if name not in self.done])
            self.planned = True
        self._go(self.nodes)
        self._helpers.shutdown(wait=False, cancel_futures=True)

    def stop(self) -> None:
        """Start nothing more; what runs on this machine ends first."""
        self.stopped = True

    @property
    def unfinished(self) -> list[str]:
        """Stages that neither are done nor run nor cannot run, in the order of the graph."""
        over = {*self.done, *self.work, *self.failed, *self.left_out}
        return [name for name in self.nodes if name not in over]

    # --- the loop ---------------------------------------------------------------------------------

    def _go(self, names: Collection[str]) -> None:
        while True:
            self._look_elsewhere()
            if not self.stopped:
                self._start([name for name in self.unfinished if name in names])
            if not self._has_to_wait(names):
                return
            self.display.update(self.snapshot())
            try:
                stage, future = self._events.get(timeout=_TICK)
            except queue.Empty:
                continue
            if stage in self.work and self.work[stage].future is future:
                self._ended(stage, self.work.pop(stage))

    def _has_to_wait(self, names: Collection[str]) -> bool:
        """Return whether anything runs, or could run if a worker came."""
        if self.stopped:
            return any(work.step != "send" for work in self.work.values())
        return bool(self.work) or bool(self._ready(names))

    def _ready(self, names: Collection[str]) -> list[str]:
        """Return the stages that can start, those with the longest way to the end first.

        Until some have run, all stages of a kind are assumed to take equally long. Those that need
        more memory usually take longer.
        """
        ready = [n for n in self.unfinished if n in names and self.nodes[n].needs <= self.done]
        needed = {name: self.forecasts.needed(name) or 0 for name in ready}
        return sorted(ready, key=lambda name: (-self._ranks[name], -needed[name]))

    def _start(self, names: Collection[str]) -> None:
        ready = self._ready(names)
        alone = len(ready) + len(self.work) == 1
        unknown = []
        for stage in ready:
            if self._is_sent(stage) and stage not in self.orders:
                future = self._helpers.submit(self._look_in_cache, stage)
                self._begin(stage, "look", self.here.machine, future)
            elif self._take_up(stage):
                continue
            elif self.forecasts.needed(stage) is None:
                unknown.append(stage)
            else:
                self._start_on_a_machine(stage, alone)
        if self.forecasts.is_counting():
            return  # alone on a machine, it would hold up all others long after it is known
        for stage in unknown:  # by itself, if nothing else could start
            self._start_on_a_machine(stage, alone)

    def _take_up(self, stage: str) -> bool:
        """Follow a stage that a process which has ended has sent; return whether there is one."""
        order = self.orders.get(stage)
        found = self.elsewhere.at_work(order) if self.elsewhere and order else None
        if found is not None:
            self._begin(stage, "send", *found)
        return found is not None

    def _start_on_a_machine(self, stage: str, alone: bool) -> None:
        order = self.orders.get(stage)
        needed, machines = self.forecasts.needed(stage), self._machines(stage)
        fitting = [each for each in machines if needed is None or needed <= each.memory] or machines
        # Networks are trained on a GPU if any machine that holds them has one.
        gpu = self.forecasts.uses_network(stage) and any(each.gpus for each in fitting)
        free = [each for each in fitting if each.has_room(needed, gpu)]
        if not free:
            return
        target = min(free, key=lambda each: len(each.running) / each.slots)
        if target.is_here:
            future = self.here.run(stage, needed, gpu, alone)
            self._begin(stage, "run", target, future)
        elif order is not None and self.elsewhere is not None:
            future = self.elsewhere.run(target, order, needed, gpu, alone)
            self._begin(stage, "send", target, future)

    def _machines(self, stage: str) -> list[Machine]:
        if self.elsewhere is None or not self._is_sent(stage):
            return [self.here.machine]
        others = list(self.elsewhere.machines.values())
        return [*others, self.here.machine] if self.here.jobs > 1 else others

    def _is_sent(self, stage: str) -> bool:
        """Return whether another machine may run a stage."""
        kind = stage.partition("@")[0]
        return (
            self.elsewhere is not None and self.nodes[stage].in_run_cache and kind not in ONLY_HERE
        )

    def _begin(self, stage: str, step: Step, target: Machine, future: Any) -> None:
        self.work[stage] = Work(step, target, future, time.perf_counter())
        future.add_done_callback(lambda ended: self._events.put((stage, ended)))
        if step in ("run", "send"):
            self.display.started(stage, target.name)

    # --- what has ended ---------------------------------------------------------------------------

    def _ended(self, stage: str, work: Work) -> None:
        work.machine.running.pop(stage, None)
        try:
            result = work.future.result()
        except (Exception, CancelledError) as error:  # of Dask, or of a process that was killed
            self._fail(stage, f"{type(error).__name__}: {error}")
            return
        if work.step == "look":
            self._looked_in_cache(stage, result, work)
        elif work.step == "collect":
            if result:
                self._finish(stage, work)
            else:
                self._fail(stage, "its results are not in DVC's cache, although it has ended well")
        elif result.code != 0:
            self._fail(stage, result.tail)
        elif work.step == "send":
            self.durations.add(stage, result.seconds)
            future = self._helpers.submit(dvc_process.call, dvc_calls.restore, self.folder, stage)
            self._begin(stage, "collect", self.here.machine, future)
            self.work[stage].since = work.since
        else:
            self._finish(stage, work, result)

    def _look_in_cache(self, stage: str) -> Order | None:
        """Restore a stage from the cache, or return what to send for it."""
        if self.elsewhere is None or dvc_process.call(dvc_calls.restore, self.folder, stage):
            return None
        before = self._before(stage)
        entries = dvc_process.call(dvc_calls.locked_entries, self.folder, before)
        return self.elsewhere.order(stage, entries)

    def _looked_in_cache(self, stage: str, order: Order | None, work: Work) -> None:
        if order is None:
            self._finish(stage, work)
        else:
            self.orders[stage] = order

    def _before(self, stage: str) -> list[str]:
        """Return all stages that a stage needs, also indirectly, in the order of the graph."""
        found: set[str] = set()
        waiting = [stage]
        while waiting:
            more = self.nodes[waiting.pop()].needs - found
            found |= more
            waiting += more
        return [name for name in self.nodes if name in found]

    def _finish(self, stage: str, work: Work, result: Result | None = None) -> None:
        self.done.add(stage)
        seconds = time.perf_counter() - work.since
        if result is not None:
            self.durations.add(stage, result.seconds)
        self.display.finished(stage, seconds, self.snapshot())

    def _fail(self, stage: str, reason: str) -> None:
        if self.stopped:
            return
        self.failed[stage] = reason
        behind = [name for name in self.nodes if stage in self._before(name)]
        for name in behind:
            self.left_out.setdefault(name, stage)
        without = f"; {len(behind)} stages that need it are left out" if behind else ""
        self.display.say(f"error: {stage} failed{without}")

    # --- other machines ---------------------------------------------------------------------------

    def _look_elsewhere(self) -> None:
        """Notice workers that have come or gone, and send elsewhere what was lost."""
        if self.elsewhere is None or self.stopped or time.monotonic() < self._looked + _LOOK:
            return
        had = bool(self.elsewhere.machines)
        try:
            lost = self.elsewhere.look()
        except OSError as error:
            raise StudyError(
                f"the scheduler does not answer any more ({error}). Start it and the workers, "
                "then run the same command again: finished work is kept"
            ) from None
        if not self.elsewhere.machines and (had or not self._looked):
            self.display.say("waiting for workers: make worker SCHEDULER=... on other machines")
        self._looked = time.monotonic()
        for stage in {*lost, *self._vanished()}:
            work = self.work.pop(stage, None)
            if work is None:
                continue
            work.machine.running.pop(stage, None)
            work.future.cancel()
            self._losses[stage] += 1
            if self._losses[stage] >= MOST_LOSSES:
                self._fail(stage, f"{MOST_LOSSES} workers were lost while they ran it")
            else:
                self.orders.pop(stage, None)  # look first: it may have ended well
                self.display.say(f"{stage} is sent elsewhere")

    def _vanished(self) -> Iterable[str]:
        """Yield stages that no worker has any more, although they have not ended."""
        for stage, work in self.work.items():
            if work.step != "send" or self.elsewhere is None:
                continue
            known = work.future.status != "pending" or self.elsewhere.is_at_work(work.future)
            work.missing = 0 if known else work.missing + 1
            if work.missing > 1:
                yield stage

    def snapshot(self) -> Snapshot:
        """Return where the study stands."""
        now = time.perf_counter()
        at_work = {name: now - work.since for name, work in self.work.items()}
        waiting = self.unfinished
        slots = [*(self.elsewhere.machines.values() if self.elsewhere else ()), self.here.machine]
        return Snapshot(
            done=len(self.done),
            waiting=len(waiting),
            failed=len(self.failed) + len(self.left_out),
            running=[
                Running(name, work.machine.name, at_work[name], self.durations.expected(name))
                for name, work in self.work.items()
            ],
            left=self.durations.left(at_work, waiting, sum(each.slots for each in slots))
            if self.planned
            else None,
        )
