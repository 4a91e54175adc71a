"""The supervisor of a stage: it reports how the stage ended, and ends it if DVC is killed.

``python -m stages.<stage>`` forks before any heavy import. The child does the work. The parent,
which takes a few megabytes, waits and does what no process can do for itself:

* if the stage is killed, for example because the system ran out of memory, it says so and what to
  do;
* if DVC is killed, it ends the stage, which would otherwise keep training beside the next one;
* if a person presses Ctrl-C, it prints in one line how to continue.

If the parent is killed, the child ends too, because a pipe between the two closes.
"""

from __future__ import annotations

import os
import re
import signal
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType, TracebackType

AFFECTS_OUTPUTS = False
"""It supervises the process of a stage; see `pipeline.fingerprints`."""
INTERRUPTED = 128 + signal.SIGINT
POLL = 0.5
"""Seconds between two checks of whether DVC is still running."""
PATIENCE = 0.5
"""Seconds after which another signal is a second Ctrl-C rather than the same one."""
SHELLS = ("sh", "ash", "bash", "dash", "fish", "ksh", "zsh", "busybox")
INTERRUPTED_MESSAGE = (
    "interrupted. Nothing is lost: run the same command to continue after the last finished stage "
    "(a training continues after its last finished epoch)"
)
FORWARDED = (signal.SIGTERM, signal.SIGHUP)
CRASHES = (signal.SIGSEGV, signal.SIGABRT, signal.SIGBUS, signal.SIGILL, signal.SIGFPE)

_supervised = False


def begin() -> None:
    """Fork, if Python was started as ``python -m stages.<stage>``; only the child returns.

    ``sys.argv[0]`` is ``-m`` while Python looks for that module and imports this package; in all
    other cases, as in tests, nothing happens.
    """
    global _supervised
    if sys.argv[:1] != ["-m"] or not hasattr(os, "fork"):
        return
    stage = sys.orig_argv[sys.orig_argv.index("-m") + 1].removeprefix("stages.")
    task = task_name(stage, sys.argv[1:])
    reading, writing = os.pipe()
    supervisor = _Supervisor(task)
    child = os.fork()
    if child:
        os.close(reading)
        os._exit(supervisor.wait(child))
    _supervised = True
    os.close(writing)
    # During imports there is nothing to clean up, and Python would print a traceback.
    for each in (signal.SIGINT, *FORWARDED):
        if not _ignored(each):  # nohup ignores signals
            signal.signal(each, signal.SIG_DFL)
    sys.excepthook = _report
    threading.Thread(target=_end_with, args=(reading,), daemon=True).start()


def task_name(stage: str, arguments: Sequence[str]) -> str:
    """Return a stage's name, followed by that of its run or feature set if it has one."""
    found = re.fullmatch(rf"(?:.*:)?{stage}@([\w-]+)", os.environ.get("DVC_STAGE", ""))
    return " ".join([stage, *(arguments or (found.groups() if found else ()))])


@contextmanager
def interruptible() -> Iterator[None]:
    """Let Ctrl-C end the block with exit code 130 after its temporary files are removed.

    Raises:
        SystemExit: instead of KeyboardInterrupt, if there is no supervisor to report it.
    """
    interrupted = False

    def interrupt(signum: int, frame: FrameType | None) -> None:
        nonlocal interrupted
        interrupted = True
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # a second one would interrupt the cleanup
        raise KeyboardInterrupt

    handled = _supervised and not _ignored(signal.SIGINT)
    if handled:
        signal.signal(signal.SIGINT, interrupt)
    try:
        yield
        if handled:
            signal.signal(signal.SIGINT, signal.SIG_DFL)  # nothing is left to clean up
    except BaseException as error:
        # A library may have caught the interruption and raised an error of its own.
        if not interrupted and not isinstance(error, KeyboardInterrupt):
            raise
        if _supervised:
            sys.stdout.flush()
            os._exit(INTERRUPTED)  # skips what libraries print at exit
        print(f"\n{INTERRUPTED_MESSAGE}\n", file=sys.stderr, flush=True)
        sys.exit(INTERRUPTED)


def _ignored(signum: int) -> bool:
    return signal.getsignal(signum) is signal.SIG_IGN


def _end_with(lifeline: int) -> None:
    """Kill this process when the other end of a pipe is closed."""
    with suppress(OSError):
        os.read(lifeline, 1)
    os.kill(os.getpid(), signal.SIGKILL)


def _report(
    kind: type[BaseException], error: BaseException, traceback: TracebackType | None
) -> None:
    """Report an error that `run` has not caught, such as one during imports."""
    from pipeline import system_errors

    message = system_errors.explain(error, "imports")
    if message is None:
        sys.__excepthook__(kind, error, traceback)
    else:
        print(f"\nerror: {message}\n", file=sys.stderr, flush=True)


class _Supervisor:
    """Waits for a stage, forwards signals to it, and reports how it ended."""

    def __init__(self, task: str) -> None:
        self.task = task
        self.child = 0
        self.interrupted: float | None = None
        """The time of the first Ctrl-C."""
        self.orphaned = False
        self.started_by = os.getppid()
        self.kills = _killed_for_memory()
        # Installed before the fork, so that no signal is missed.
        if not _ignored(signal.SIGINT):
            signal.signal(signal.SIGINT, self._interrupt)
        for each in FORWARDED:
            if not _ignored(each):
                signal.signal(each, self._forward)

    def wait(self, child: int) -> int:
        """Wait for the stage, and return the exit code."""
        self.child = child
        if self.interrupted:
            os.kill(child, signal.SIGINT)
        if "DVC_STAGE" in os.environ:  # a stage started by hand may outlive its shell
            threading.Thread(target=self._watch, daemon=True).start()
        _, status, usage = os.wait4(child, 0)
        code = os.waitstatus_to_exitcode(status)
        if self.interrupted or code in (INTERRUPTED, -signal.SIGINT):
            self._say(INTERRUPTED_MESSAGE)
            return INTERRUPTED
        if self.orphaned:
            return 128 + signal.SIGKILL
        if code < 0:
            self._say(self._ended_by(signal.Signals(-code), usage.ru_maxrss))
            return 128 - code
        return code

    def _interrupt(self, signum: int, frame: FrameType | None) -> None:
        now = time.monotonic()
        again = self.interrupted is not None and now > self.interrupted + PATIENCE
        self.interrupted = self.interrupted or now
        self._send(signal.SIGKILL if again else signal.SIGINT)

    def _forward(self, signum: int, frame: FrameType | None) -> None:
        self._send(signum)

    def _send(self, signum: int) -> None:
        if self.child:
            with suppress(ProcessLookupError):
                os.kill(self.child, signum)

    def _watch(self) -> None:
        """End the stage when the process that started it, or that shell's parent, is gone."""
        behind = _behind_shell(self.started_by)
        while os.getppid() == self.started_by and (
            behind is None or _parent(self.started_by) == behind
        ):
            time.sleep(POLL)
        self.orphaned = True
        self._say(f"{self.task}: ended, because the DVC process that started it is gone")
        self._send(signal.SIGKILL)

    def _ended_by(self, signum: signal.Signals, peak: int) -> str:
        from pipeline.host_memory import byte_size
        from pipeline.system_errors import memory, memory_advice

        _, total = memory()
        peak *= 1 if sys.platform == "darwin" else 1024  # in bytes
        used = f"it used {byte_size(peak)} of the machine's {byte_size(total)} of memory"
        if signum == signal.SIGKILL:
            if self.kills is not None and (_killed_for_memory() or 0) > self.kills:
                why = "because the system ran out of memory"
            elif peak > total / 4:
                why = "most likely for lack of memory"
            else:
                why = "by a person or a program, or for lack of memory"
            less = memory_advice(self.task)
            return f"error: {self.task} was killed (signal 9), {why}: {used}. {less}"
        if signum in CRASHES:
            return (
                f"error: {self.task} crashed in a library ({signum.name}); {used}. A lack of "
                "memory or disk space can cause this. Otherwise, to find the place, run: "
                f"python -X faulthandler -m stages.{self.task}"
            )
        return f"error: {self.task} was ended by another program ({signum.name})"

    @staticmethod
    def _say(text: str) -> None:
        with suppress(OSError, ValueError):  # the terminal may be gone too
            print(f"\n{text}\n", file=sys.stderr, flush=True)


def _killed_for_memory() -> int | None:
    """Return how many processes Linux has killed for lack of memory since it booted."""
    with suppress(OSError, ValueError, StopIteration):
        lines = Path("/proc/vmstat").read_text(encoding="ascii").splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("oom_kill "))
    return None


def _behind_shell(pid: int) -> int | None:
    """Return the parent of a process that is a shell, or None; DVC runs stages in a shell."""
    import psutil

    with suppress(psutil.Error):
        process = psutil.Process(pid)
        return process.ppid() if process.name() in SHELLS else None
    return None


def _parent(pid: int) -> int | None:
    import psutil

    with suppress(psutil.Error):
        return psutil.Process(pid).ppid()
    return None
