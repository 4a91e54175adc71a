"""The stages of dvc.yaml: each loads, calls the library, and saves; nothing else."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable
from pathlib import Path

from stages import supervision

# Before anything heavy is imported: this forks where Python was started as a stage.
supervision.begin()

# TensorFlow reports at length that a machine has no GPU; a run's first line and its card say what
# it was computed on. Set TF_CPP_MIN_LOG_LEVEL=0 to see all of it.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
logging.getLogger("tensorflow").setLevel(logging.ERROR)


def run(main: Callable[..., None], *arguments: str) -> None:
    """Run a stage; what a person can mend is told without a traceback, with exit code 1.

    That is a `StudyError`, and whatever the machine lacks or refuses (`pipeline.system_errors`).
    An interruption, as by Ctrl-C, ends with exit code 130.
    """
    from pipeline import system_errors
    from pipeline.checks import ShortageError, StudyError

    module = main.__module__.rpartition(".")[2]
    by_command = module == "__main__"
    stage = Path(sys.argv[0]).stem if by_command else module
    task = supervision.task_name(stage, arguments or (sys.argv[1:] if by_command else ()))
    try:
        with supervision.interruptible():
            if by_command and "DVC_STAGE" in os.environ:
                from pipeline.fingerprints import guard  # DVC alone records what was run

                guard.check_recorded(task)
            main(*arguments)
    except Exception as error:
        told = isinstance(error, StudyError)
        message = None
        if not isinstance(error, ShortageError):
            message = system_errors.explain(error, task)
        if message is None and not told:
            raise
        if message is not None and told:
            # A reader takes any error for that of a damaged file; it may have met a full memory,
            # or a damaged file that asked for too much.
            message = f"{message}. Otherwise: {error}"
        print(f"\nerror: {message or error}\n", file=sys.stderr, flush=True)
        sys.exit(1)
