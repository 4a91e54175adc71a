"""Calls of DVC, each in a process of its own that starts at once.

DVC's locks name processes, so each stage needs a process; importing DVC takes longer than many a
stage. A server process imports it once, and forks for each call (multiprocessing's "forkserver").
Each call is a process group of its own, with the stage that it runs: if the process that called
ends, however it ends, the group is killed.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from pipeline.checks import StudyError

_PRELOAD = [
    *("dvc.cli", "dvc.cli.parser", "dvc.commands.repro", "dvc.repo", "dvc.repo.reproduce"),
    *("dvc.stage.cache", "dvc.stage.serialize", "dvc.dvcfile", "dvc.output", "dvc.rwlock"),
    *("dvc.cachemgr", "dvc.data_cloud", "dvc.parsing", "dvc.scm", "dvc.utils.strictyaml"),
    *("dvc.repo.artifacts", "dvc.repo.datasets", "dvc.repo.metrics", "dvc.repo.open_repo"),
    *("dvc.repo.params", "dvc.repo.plots", "dvc.repo.stage", "dvc_data.hashfile.db.local"),
    *("dvc_data.index.checkout", "configobj", "networkx", "ruamel.yaml", "scmrepo.git"),
    "pipeline.commands.jobs.dvc_calls",
    # The module that was run as the command is imported again in each call; this is what it needs.
    *("pipeline.config.params", "pipeline.commands.overlays", "pipeline.commands.verification"),
    "pipeline.commands.dvc_command",
]
"""What a call imports; a name that is gone in another version of DVC is skipped. Names with "dvc"
also tell `pipeline.commands.dvc_command` that a lock is held by DVC."""
_INTERRUPTED = "interrupted"
_CONTEXT = multiprocessing.get_context("forkserver")
_running: set[_Call] = set()
_ended = False
"""Whether calls were ended by a signal; none begins any more."""


class _Call:
    """A call that goes on, and the signals for it.

    Its process first has to become a group; a signal that comes before is kept until then.
    """

    def __init__(self) -> None:
        self._signals: deque[int] = deque()
        self._group: int | None = None

    def began(self, group: int) -> None:
        """Note that the process is a group now."""
        self._group = group
        self._deliver()

    def signal(self, signum: int) -> None:
        """Send a signal to the process and the stage that it runs, as soon as this is possible."""
        self._signals.append(signum)
        self._deliver()

    def _deliver(self) -> None:
        # A signal handler may interrupt this at any place: `popleft` gives each signal once.
        while self._group is not None and self._signals:
            with suppress(IndexError, ProcessLookupError):
                os.killpg(self._group, self._signals.popleft())


def begin() -> None:
    """Start the server, which imports DVC while other work goes on."""
    from multiprocessing import forkserver

    _CONTEXT.set_forkserver_preload(_PRELOAD)
    forkserver.ensure_running()


def call(
    function: Callable[..., Any],
    folder: Path,
    *arguments: Any,
    log: Path | None = None,
    environment: Mapping[str, str] | None = None,
) -> Any:
    """Call a function of `dvc_calls` in a study's folder, and return what it returns.

    Args:
        function: gets `arguments`; the folder is its working directory.
        folder: of the study.
        arguments: what can be pickled.
        log: the file that gets all output; by default it is dropped.
        environment: variables to set.

    Raises:
        StudyError: if the call fails; its message is the last line of the error. Also after
            `signal_all`.
    """
    current = _Call()
    _running.add(current)
    try:
        if _ended:
            raise StudyError(_INTERRUPTED)
        output = os.devnull if log is None else str(log)
        variables = {"PATH": _path(), **(environment or {})}
        succeeded, answer = _ask(current, str(folder), output, variables, function, arguments)
    finally:
        _running.discard(current)
    if not succeeded:
        raise StudyError(answer)
    return answer


def _ask(current: _Call, *given: Any) -> tuple[bool, Any]:
    """Let a process of its own do what `_answer` says; return whether it succeeded, and with what.

    Args:
        current: gets the process's group.
        given: the arguments of `_answer` after the first.
    """
    reading, writing = _CONTEXT.Pipe(duplex=False)
    process = _CONTEXT.Process(target=_answer, args=(writing, *given), daemon=True)
    process.start()
    writing.close()
    try:
        current.began(reading.recv())
        succeeded, answer = reading.recv()
    except EOFError:
        process.join()
        succeeded, answer = False, f"DVC's process ended with exit code {process.exitcode}"
    finally:
        process.join()
        reading.close()
    return succeeded, answer


def signal_all(signum: int) -> None:
    """Send a signal to all calls, and to the stages that they run; no other call begins."""
    global _ended
    _ended = True
    for each in list(_running):
        each.signal(signum)


def _path() -> str:
    """Return the PATH on which stages find this Python, as `dvc_command.run_dvc` sets it."""
    return f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"


def _answer(
    writing: Connection,
    folder: str,
    output: str,
    variables: Mapping[str, str],
    function: Callable[..., Any],
    arguments: tuple[Any, ...],
) -> None:
    """Call the function; send first the number of this process's group, then what it returns."""
    os.setpgrp()
    # A shell ignores Ctrl-C for what it runs in the background, and that is inherited.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    threading.Thread(target=_end_with_caller, daemon=True).start()
    os.chdir(folder)
    os.environ.update(variables)
    _redirect(output)
    try:
        writing.send(os.getpgrp())  # from here on signals come
        answer = True, function(*arguments)
    except KeyboardInterrupt:
        answer = False, _INTERRUPTED
    except Exception as error:
        answer = False, str(error) or type(error).__name__
    writing.send(answer)


def _end_with_caller() -> None:
    caller = multiprocessing.parent_process()
    if caller is not None:
        caller.join()
        os.killpg(os.getpgrp(), signal.SIGKILL)


def _redirect(output: str) -> None:
    """Send standard output and error to a file; standard input is empty."""
    sys.stdout.flush()
    sys.stderr.flush()
    file = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for target, source in ((0, nothing), (1, file), (2, file)):
        os.dup2(source, target)
    os.close(file)
    os.close(nothing)
