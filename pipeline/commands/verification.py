"""What a finished study is made of, compared with its checksums once more.

A stage compares what it reads. But where nothing is stale no stage runs, and DVC takes what is
missing from its cache as it is, damaged or not. ``make study`` looks here before it ends.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from pipeline.config.params import Params
from pipeline.storage import file_sets, integrity
from pipeline.storage.measurements import CORRUPTED, DUPLICATES_MANIFEST
from pipeline.storage.paths import STUDY
from pipeline.storage.results import MANIFESTS
from pipeline.storage.runs import run_folder
from pipeline.storage.splits import PREPARED, SPLITS, check_prepared

_LARGE = ("images.npy", "model.npz", "model.keras")
"""Files of which the size alone is compared: whatever reads them compares their content."""
_REMEDY = "dvc repro"


def verify_study(params: Params) -> None:
    """Compare labels, ids, runs and results in the working directory with their manifests.

    Raises:
        StudyError: at the first file that is not what its stage has written.
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
    yield DUPLICATES_MANIFEST
