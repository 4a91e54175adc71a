"""Whether this Python has the project's packages: the first thing that a stage asks.

DVC starts stages with the ``python`` of the shell, which is another one if `.venv` is not active.
"""

from __future__ import annotations

import sys
from importlib.util import find_spec

AFFECTS_OUTPUTS = False
"""It ends a stage that cannot start; see `pipeline.fingerprints`."""
ASKED = ("keras", "psutil", "pydantic")
"""Packages from the lock file that no Python has by itself."""


def check() -> None:
    """End with what to do if packages are missing; nothing has been imported or started yet."""
    missing = [name for name in ASKED if find_spec(name) is None]
    if missing:
        sys.exit(
            f"\nerror: found {sys.executable}, which lacks {', '.join(missing)}; expected the "
            "Python of .venv. Run `. .venv/bin/activate` first, or use `make study`\n"
        )
