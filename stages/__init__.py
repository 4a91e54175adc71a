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
    stage = Path(sys.argv[0]).stem if module == "__main__" else module
    try:
        with supervision.interruptible():
            main(*arguments)
    except Exception as error:
        # A reader that takes any exception for a damaged file has met a full memory, perhaps.
        task = " ".join([stage, *arguments])
        told = isinstance(error, ShortageError)
        message = None if told else system_errors.explain(error, task)
        if message is None and not isinstance(error, StudyError):
            raise
        print(f"\nerror: {message or error}\n", file=sys.stderr, flush=True)
        sys.exit(1)
