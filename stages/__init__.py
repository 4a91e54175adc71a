"""The stages of dvc.yaml: each loads, calls the library, and saves; nothing else."""

from __future__ import annotations

import sys
from collections.abc import Callable

from pipeline.checks import StudyError


def run(main: Callable[..., None], *arguments: str) -> None:
    """Run a stage; a problem that a person can mend is told without a traceback, with exit code 1."""
    try:
        main(*arguments)
    except StudyError as error:
        print(f"\nerror: {error}\n", file=sys.stderr, flush=True)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
