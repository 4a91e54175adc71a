"""A final check of a finished study against its checksums.

Each stage verifies what it reads. But if nothing is stale no stage runs, and DVC restores missing
files from its cache without checking them. So ``make study`` runs this check before it ends.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from pipeline.config.params import Params
from pipeline.storage import file_sets, integrity
from pipeline.storage.ablations import ABLATIONS
from pipeline.storage.corrupted import CORRUPTED
from pipeline.storage.health import HEALTH
from pipeline.storage.near_duplicates import DUPLICATES_MANIFEST
from pipeline.storage.paths import STUDY
from pipeline.storage.results import MANIFESTS
from pipeline.storage.runs import run_folder
from pipeline.storage.sample_size import SAMPLE_SIZE
from pipeline.storage.splits import PREPARED, SPLITS, check_prepared

_LARGE = ("images.npy", "model.npz", "model.keras")
"""Files of which only the size is compared: whatever reads them verifies their content."""
_REMEDY = "dvc repro"


def verify_study(params: Params) -> None:
    """Compare labels, ids, runs and results in the working directory with their manifests.

    Raises:
        StudyError: for the first file that differs from what its stage wrote.
    """
    check_prepared()
    for path in _manifests(params):
        manifest = integrity.load_manifest(path, {}, _REMEDY)
        for name in manifest.files:
            check = manifest.verify_size if Path(name).name in _LARGE else manifest.verify
            check(name)
    for name in MANIFESTS:
        file_sets.verify(STUDY, {}, _REMEDY, name)


def _manifests(params: Params) -> Iterator[Path]:
    for split in SPLITS:
        yield PREPARED / split / integrity.MANIFEST
        yield PREPARED / "labels" / f"{split}.json"
    for run in params.roster:
        for seed in run.seeds:
            yield run_folder(run.name, seed) / integrity.MANIFEST
    for name in params.corrupt:
        yield CORRUPTED / name / integrity.MANIFEST
    for name in params.sample_size.runs:
        yield SAMPLE_SIZE / name / integrity.MANIFEST
    for name in params.ablations:
        yield ABLATIONS / name / integrity.MANIFEST
    yield DUPLICATES_MANIFEST
    yield HEALTH / integrity.MANIFEST
