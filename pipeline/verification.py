"""What a finished study is made of, compared with its checksums once more.

A stage compares what it reads. But where nothing is stale no stage runs, and DVC takes what is
missing from its cache as it is, damaged or not. ``make study`` looks here before it ends.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from pipeline import artefacts, file_sets, integrity
from pipeline.measurements import CORRUPTED, DUPLICATES_MANIFEST
from pipeline.params import Params
from pipeline.results import MANIFESTS

_LARGE = ("images.npy", "model.npz", "model.keras")
"""Files of which the size alone is compared: whatever reads them compares their content."""
_REMEDY = "dvc repro"


def verify_study(params: Params) -> None:
    """Compare labels, ids, runs and results in the working directory with their manifests.

    Raises:
        StudyError: at the first file that is not what its stage has written.
    """
    artefacts.check_prepared()
    for path in _manifests(params):
        manifest = integrity.load_manifest(path, {}, _REMEDY)
        for name in manifest.files:
            check = manifest.verify_size if Path(name).name in _LARGE else manifest.verify
            check(name)
    for name in MANIFESTS:
        file_sets.verify(artefacts.STUDY, {}, _REMEDY, name)


def _manifests(params: Params) -> Iterator[Path]:
    for split in artefacts.SPLITS:
        yield artefacts.PREPARED / split / integrity.MANIFEST
        yield artefacts.PREPARED / "labels" / f"{split}.json"
    for run in params.roster:
        for seed in run.seeds:
            yield artefacts.run_folder(run.name, seed) / integrity.MANIFEST
    for name in params.corrupt:
        yield CORRUPTED / name / integrity.MANIFEST
    yield DUPLICATES_MANIFEST
