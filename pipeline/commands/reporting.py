"""How a command ends that a person has typed: its exit status, and an error without a traceback."""

from __future__ import annotations

import sys
from collections.abc import Callable

from pipeline import system_errors
from pipeline.checks import StudyError

AFFECTS_OUTPUTS = False
"""It only prints; see `pipeline.fingerprints`."""


def exit_status(command: Callable[[], int], task: str) -> int:
    """Run a command; return its exit status, or 1 after printing an error that a person can fix.

    These are `StudyError` and the system errors of `pipeline.system_errors`; others are raised.

    Args:
        command: does the work.
        task: what it does, for system errors.
    """
    try:
        return command()
    except Exception as error:
        message = system_errors.explain(error, task)
        if message is None and not isinstance(error, StudyError):
            raise
        print(f"error: {message or error}", file=sys.stderr)
        return 1
