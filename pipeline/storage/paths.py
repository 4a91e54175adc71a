"""Folders shared by several subjects.

All are relative to the study's folder, which is the working directory of every stage.
"""

from __future__ import annotations

from pathlib import Path

INCOMING = Path("data/incoming")
"""Where people place data; a dependency, never an output."""
DOWNLOADS = Path("data/downloads")
"""Finished downloads; neither a dependency nor an output, so that no stage deletes them."""
RESUME = Path(".resume")
"""Partial downloads and intermediate results, named by the hash of all that determines them."""
BASE_FEATURES = RESUME / "base-features"
"""Features of frozen, pretrained bases, which feature sets and networks share."""
CODE = Path("data/code")
"""The fingerprint of each stage's code; see `pipeline.fingerprints`."""
STUDY = Path("reports/study")
"""The results and the report."""
