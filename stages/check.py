"""Check all of params.yaml before anything is computed, and look at the code of all stages.

The output tells what the code does, so that an edit reruns this stage, and behind it only those
that it concerns. It runs each time: DVC notices neither that, nor a new link among the images, and
must not open every file.
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
from stages import run

if TYPE_CHECKING:
    from pipeline.data.spec import DatasetSpec
    from pipeline.deep.spec import DeepSpec
    from pipeline.features.spec import FeatureSpec


def main() -> None:
    """Parse the file, and look at the files that it names."""
    params = load_params()
    features = cast("Iterable[FeatureSpec]", params.features.values())
    if params.deep or any(spec.family == "hybrid" for spec in features):
        check_backend()
    check_files(params)
    save_fingerprints(read_params()[0])
    sets, runs = len(params.features), len(params.roster)
    print(f"params.yaml is right: feature sets: {sets}, runs: {runs}")


def check_files(params: Params) -> None:
    """Raise `StudyError` where a path in params.yaml leads nowhere or to another network.

    So does the name of a corruption that there is not.
    """
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
