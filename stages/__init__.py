"""The stages of dvc.yaml: each loads, calls the library, and saves."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

from stages import packages, supervision

packages.check()
# This forks if Python was started as a stage, so it comes before any heavy import.
supervision.begin()


def run(main: Callable[..., None], *arguments: str) -> None:
    """Run a stage; print errors that a person can fix without a traceback, with exit code 1.

    These are `StudyError` and the system errors of `pipeline.system_errors`. Ctrl-C ends with exit
    code 130.
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
                from pipeline.fingerprints import guard  # only DVC records the code

                guard.check_recorded(task)
            main(*arguments)
    except Exception as error:
        expected = isinstance(error, StudyError)
        message = None
        if not isinstance(error, ShortageError):
            message = system_errors.explain(error, task)
        if message is None and not expected:
            raise
        if message is not None and expected:
            # A reader reports any error as a damaged file, but it may have run out of memory,
            # perhaps because a damaged file asked for too much.
            message = f"{message}. If that is not the cause: {error}"
        print(f"\nerror: {message or error}\n", file=sys.stderr, flush=True)
        sys.exit(1)
