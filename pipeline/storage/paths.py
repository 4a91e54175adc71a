"""Folders that more than one subject shares; all relative to the study's folder.

That is the working directory of every stage.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    pass

INCOMING = Path("data/incoming")
"""Where a person places data; a dependency, never an output."""
DOWNLOADS = Path("data/downloads")
"""Where downloads end; neither a dependency nor an output, so that no stage deletes them."""
RESUME = Path(".resume")
"""Partial downloads and intermediate results, under the hash of all that determines them."""
CODE = Path("data/code")
"""What the code of each stage does, as `pipeline.fingerprints` tells it."""
STUDY = Path("reports/study")
