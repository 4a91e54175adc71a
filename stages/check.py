"""Check all of params.yaml before anything is computed, and record the code of all stages.

It writes a fingerprint of the code of each stage, so that an edit only reruns the stages that it
affects. It always runs, because DVC would not notice edited code or a new link among the images.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, cast

from pipeline.checks import StudyError, check_known
from pipeline.config.entries import read_params
from pipeline.config.params import Params, load_params
from pipeline.fingerprints.stage_code import save_fingerprints
from pipeline.keras_backend import check_backend
from pipeline.robustness.severities import CONSTANTS
from pipeline.storage.integrity import file_digest
from stages import run

if TYPE_CHECKING:
    from pipeline.data.spec import DatasetSpec
    from pipeline.deep.spec import DeepSpec
    from pipeline.features.spec import FeatureSpec


def main() -> None:
    """Parse params.yaml, check the files that it names, and write data/code/."""
    params = load_params()
    features = cast("Iterable[FeatureSpec]", params.features.values())
    if params.deep or any(spec.family == "hybrid" for spec in features):
        check_backend()
    check_files(params)
    read = cast("DatasetSpec", params.dataset).files_read()
    save_fingerprints(read_params()[0], {path.as_posix(): file_digest(path) for path in read})
    sets, runs = len(params.features), len(params.roster)
    print(f"params.yaml is valid: feature sets: {sets}, runs: {runs}")


def check_files(params: Params) -> None:
    """Raise `StudyError` if params.yaml names an unusable file or an unknown corruption."""
    cast("DatasetSpec", params.dataset).check_files()
    reading = [(f"features.{name}", spec) for name, spec in params.features.items()]
    reading += [(f"deep.{name}", spec) for name, spec in params.deep.items()]
    for name, spec in reading:
        try:
            cast("FeatureSpec | DeepSpec", spec).check_files()
        except StudyError as error:
            raise StudyError(f"params.yaml: {name}: {error}") from None
    for name, options in params.corrupt.items():
        for corruption in options.corruptions or ():
            check_known(corruption, list(CONSTANTS), f"corruption of params.yaml: corrupt.{name},")


if __name__ == "__main__":
    run(main)
