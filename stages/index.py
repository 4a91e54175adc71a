"""Write, for each classical run, the checksums of the feature sets that it joins.

A run depends on its own small file here instead of on all of data/features, so that an edit to a
feature set only affects the runs that use it. Stages that train runs with other options than theirs
have files with these options as well: which section has a run is nothing that dvc.yaml can ask.
"""

from __future__ import annotations

import shutil
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from pipeline.checks import StudyError, listing, shown
from pipeline.config.base_runs import kind_of_run
from pipeline.config.entries import PARAMS, read_params
from pipeline.fingerprints.stage_code import BASES
from pipeline.storage.features import INDEX, feature_files
from pipeline.storage.files import save_json
from pipeline.storage.integrity import file_digest
from pipeline.storage.object_files import missing
from stages import run


def main() -> None:
    """Write data/index/<run>.json, and data/index/<stage>/<entry>.json."""
    document, _ = read_params()
    runs, sets = document["classical"], document["features"]
    shutil.rmtree(INDEX, ignore_errors=True)
    INDEX.mkdir(parents=True)
    digests: dict[str, dict[str, str]] = {}

    def listed(joined: Iterable[str]) -> dict[str, dict[str, str]]:
        for features in joined:
            if features not in digests:
                digests[features] = _digests(features)
        return {features: digests[features] for features in joined}

    for name, entry in runs.items():
        save_json(INDEX / f"{name}.json", listed(_joined(name, entry, sets)))
    for stage, bases in BASES.items():
        for name, based in bases(document).items():
            kind_of_run(document, based.run, f"{PARAMS}: {stage}.{name}")
            options = [each for _, each in based.variants(document)]
            joined = based.feature_sets(document)
            record = {"run": based.run, "options": options, "features": listed(joined)}
            record |= {"entry": dict(based.entry)} if based.entry else {}
            save_json(INDEX / stage / f"{name}.json", record)
    print(f"{len(digests)} feature sets in {len(runs)} runs")


def _joined(run: str, entry: Mapping[str, Any], sets: Collection[str]) -> list[str]:
    """Return the names of a run's feature sets; files are named after them."""
    joined = entry.get("features")
    where = f"{PARAMS}: classical.{run}.features"
    if not isinstance(joined, list):
        raise StudyError(f"{where}: found {shown(joined)}; expected a list of feature sets")
    for features in joined:
        if features not in sets:
            raise StudyError(
                f"{where}: unknown feature set {shown(features)}; defined: {listing(sets)}"
            )
    return joined


def _digests(features: str) -> dict[str, str]:
    found = {}
    for path in feature_files(features):
        if not path.exists():
            raise StudyError(missing(path, f"dvc repro featurize@{features}"))
        found[path.name] = file_digest(path)
    return found


if __name__ == "__main__":
    run(main)
