"""How a machine runs a stage: of a study of its own, or of one that another machine sends.

These functions run in threads of a Dask worker. What is sent names no path of the sender: it is the
text of params.yaml, the stage, and what dvc.lock says of the stages before it.
"""

from __future__ import annotations

import hashlib
import json
import threading
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.checks import StudyError
from pipeline.commands import workspace
from pipeline.commands.jobs import dvc_calls, dvc_process, resources
from pipeline.commands.jobs.identity import Identity, code_digest, identity

LOGS = Path(".dvc/tmp/jobs")
"""In a study's folder: the output of each stage."""
DEFAULT_STUDY = "default"
"""The workspace, on other machines, of the study in the checkout itself."""
_TAIL = 40
"""Lines of output that come back from a stage that failed."""


@dataclass(frozen=True)
class Result:
    """How a stage ended."""

    code: int
    seconds: float
    tail: str
    """The end of its output."""


@dataclass(frozen=True)
class Order:
    """A stage that is sent to another machine."""

    study: str
    """The name of the workspace."""
    params: str
    """The text of its params.yaml."""
    stage: str
    entries: Mapping[str, Any]
    """What dvc.lock says of the stages before it."""
    code: str
    """SHA-256 of the sender's code."""

    @property
    def token(self) -> str:
        """What tells apart two orders of the same stage: parameters, inputs or code differ."""
        parts = [self.study, self.params, self.stage, dict(self.entries), self.code]
        text = json.dumps(parts, sort_keys=True, default=str)
        return hashlib.sha256(text.encode()).hexdigest()[:16]


def log_file(folder: Path, stage: str) -> Path:
    """Return the file with the output of a stage."""
    return folder / LOGS / f"{stage.replace('/', '_')}.log"


def run_here(folder: Path, stage: str, threads: int, gpu: bool) -> Result:
    """Run a stage in a study's folder, as ``dvc --wait-for-lock repro -s`` does.

    Args:
        folder: of the study.
        stage: its name in DVC's graph.
        threads: of the numerical libraries.
        gpu: whether it gets a GPU of its own; otherwise it sees none.
    """
    log = log_file(folder, stage)
    log.parent.mkdir(parents=True, exist_ok=True)
    log.write_bytes(b"")
    started = time.perf_counter()
    with resources.gpu_environment(gpu) as devices:
        environment = {**resources.thread_environment(threads), **devices}
        try:
            code = dvc_process.call(
                dvc_calls.reproduce, folder, stage, log=log, environment=environment
            )
        except StudyError as error:
            return Result(1, time.perf_counter() - started, f"{_end_of(log)}\n{error}")
    return Result(code, time.perf_counter() - started, _end_of(log))


def run_sent(order: Order, alone: bool, gpu: bool) -> Result:
    """Run a stage that another machine has sent, in this clone's workspace of that name."""
    import distributed

    started = time.perf_counter()
    if code_digest() != order.code:
        return Result(1, 0.0, "the code of this clone was changed since it was accepted")
    jobs = distributed.get_worker().state.nthreads
    with _version(order.study, order.params):
        folder = _workspace(order.study, order.params)
        try:
            dvc_process.call(dvc_calls.check_out, folder, dict(order.entries))
        except StudyError as error:
            return Result(1, time.perf_counter() - started, str(error))
        result = run_here(folder, order.stage, resources.threads_of(jobs, alone), gpu)
    return Result(result.code, time.perf_counter() - started, result.tail)


def hello(study: str, params: str, probe: str) -> tuple[Identity, bool]:
    """Return the identity of a worker, and whether it shares the cache of the machine that asks.

    Args:
        study: the name of the workspace.
        params: the text of its params.yaml.
        probe: the name of a file that the other machine has put into DVC's cache.
    """
    folder = _folder(study)
    if not (folder / ".dvc" / "config").exists():
        folder = _workspace(study, params)
    cache = Path(dvc_process.call(dvc_calls.cache_folder, folder))
    return identity(), (cache / probe).exists()


def _folder(study: str) -> Path:
    return Path.cwd() / workspace.WORKSPACES / study


def _workspace(study: str, params: str) -> Path:
    workspace.populate(_folder(study), Path.cwd(), params)
    return _folder(study)


def _end_of(log: Path) -> str:
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    return "\n".join(lines[-_TAIL:]).strip()


class _Versions:
    """Which version of a study a worker is at; stages of another wait until it is free.

    A stage reads params.yaml when it starts, and DVC reads it again when the stage has ended.
    """

    def __init__(self) -> None:
        self._free = threading.Condition()
        self._params = ""
        self._running = 0

    @contextmanager
    def of(self, params: str) -> Iterator[None]:
        """Wait until no stage with other parameters runs."""
        with self._free:
            self._free.wait_for(lambda: not self._running or self._params == params)
            self._params = params
            self._running += 1
        try:
            yield
        finally:
            with self._free:
                self._running -= 1
                self._free.notify_all()


_versions: defaultdict[str, _Versions] = defaultdict(_Versions)


def _version(study: str, params: str) -> Any:
    return _versions[study].of(params)
