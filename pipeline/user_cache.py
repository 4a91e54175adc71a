"""The folder of what is kept for this user from one study to another; it can be deleted."""

from __future__ import annotations

import os
from pathlib import Path


def user_cache() -> Path:
    """Return its path, which need not exist: ``~/.cache/classical-versus-deep``."""
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(home) / "classical-versus-deep"
