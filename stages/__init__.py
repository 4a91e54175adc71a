"""The stages of dvc.yaml: each loads, calls the library, and saves; nothing else."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable

from pipeline.checks import StudyError

# TensorFlow reports at length that a machine has no GPU; a run's first line and its card say what
# it was computed on. Set TF_CPP_MIN_LOG_LEVEL=0 to see all of it.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
logging.getLogger("tensorflow").setLevel(logging.ERROR)


def run(main: Callable[..., None], *arguments: str) -> None:
    """Run a stage; what a person can mend is told without a traceback, with exit code 1."""
    try:
        main(*arguments)
    except StudyError as error:
        print(f"\nerror: {error}\n", file=sys.stderr, flush=True)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
