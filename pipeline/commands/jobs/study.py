"""A study with stages side by side: what ``make study JOBS=2`` does, in place of ``dvc repro``."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from types import FrameType

from pipeline.checks import StudyError
from pipeline.commands import dvc_command
from pipeline.commands.jobs import dvc_calls, dvc_process
from pipeline.commands.jobs.display import Display
from pipeline.commands.jobs.durations import Durations
from pipeline.commands.jobs.engine import Engine
from pipeline.commands.jobs.forecasts import Forecasts
from pipeline.commands.jobs.options import Options
from pipeline.commands.jobs.orders import LOGS, log_file
from pipeline.config.params import Params
from pipeline.progress import duration


def run_side_by_side(folder: Path, root: Path, params: Params, options: Options) -> int:
    """Run a study's changed stages, several at once; return the exit code, 130 after Ctrl-C.

    Args:
        folder: of the study.
        root: the checkout.
        params: the study's params.yaml.
        options: how many stages at once, and where.
    """
    started = time.perf_counter()
    folder, root = folder.absolute(), root.absolute()
    dvc_process.begin()
    with ExitStack() as stack:
        from pipeline.commands.jobs.machines import Elsewhere, Here  # imports Dask

        display = stack.enter_context(Display(machines=options.scheduler is not None))
        nodes = dvc_process.call(dvc_calls.load_graph, folder)
        here = stack.enter_context(closing(Here(folder, options.jobs)))
        elsewhere = None
        if options.scheduler:
            elsewhere = Elsewhere(options.scheduler, folder, root, display.say)
            stack.enter_context(closing(elsewhere))
        forecasts = stack.enter_context(closing(Forecasts(folder, params)))
        durations = Durations(folder / LOGS / "seconds.json")
        engine = Engine(folder, nodes, here, elsewhere, forecasts, durations, display)
        with _interruptible(engine):
            try:
                engine.run()
            except StudyError:
                if not engine.stopped:  # otherwise it is what Ctrl-C ended
                    raise
    return _outcome(engine, folder, time.perf_counter() - started)


@contextmanager
def _interruptible(engine: Engine) -> Iterator[None]:
    """Let Ctrl-C stop the engine, and a second one everything at once."""

    def interrupt(signum: int, frame: FrameType | None) -> None:
        if engine.stopped:
            dvc_process.signal_all(signal.SIGKILL)
            os._exit(dvc_command.INTERRUPTED)
        engine.stop()
        dvc_process.signal_all(signal.SIGINT)

    before = signal.signal(signal.SIGINT, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _outcome(engine: Engine, folder: Path, seconds: float) -> int:
    """Print how a study ended; return the exit code."""
    if engine.stopped:
        print(f"\n{dvc_command.INTERRUPTED_MESSAGE}", file=sys.stderr)
        if going := [name for name, work in engine.work.items() if work.step == "send"]:
            print(f"Other machines go on with: {', '.join(going)}", file=sys.stderr)
        return dvc_command.INTERRUPTED
    for stage, reason in engine.failed.items():
        where = os.path.relpath(log_file(folder, stage))
        print(f"\n--- {stage} failed; its output is in {where} ---\n{reason}", file=sys.stderr)
    if engine.failed:
        ways = dvc_command.lock_in_the_way(folder), dvc_command.full_disk(folder)
        for line in filter(None, ways):
            print(f"\nerror: {line}", file=sys.stderr)
        behind = [f"{name} (needs {failed})" for name, failed in engine.left_out.items()]
        left_out = f"; left out: {', '.join(behind)}" if behind else ""
        print(f"\nerror: failed: {', '.join(engine.failed)}{left_out}", file=sys.stderr)
        return 1
    print(f"{len(engine.done)} stages are up to date, after {duration(seconds)}")
    return 0
