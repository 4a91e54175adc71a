"""The stages of a study in this process, in the order of the graph and without DVC."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from small_study import NO_SIZES, write_params

from stages import (
    ablations,
    check,
    corrupt,
    duplicates,
    evaluate,
    featurize,
    fetch,
    health,
    illustrate,
    illustrate_networks,
    index,
    prepare,
    report,
    sample_size,
    train_classical,
)


def learn(params: dict[str, Any]) -> None:
    """Run what trains all runs of a study, in the working directory."""
    write_params(Path(), params)
    fetch.main()
    prepare.main()
    for name in params["features"]:
        featurize.main(name)
    index.main()
    for name in params["classical"]:
        train_classical.main(name)
    for name in params["deep"]:
        from stages import train_deep  # imports Keras

        train_deep.main(name)


def run_study(params: dict[str, Any]) -> None:
    """Run all stages of a study, in the working directory."""
    write_params(Path(), params)
    check.main()
    learn(params)
    duplicates.main()
    health.main()
    for name in params["corrupt"]:
        corrupt.main(name)
    for name in params.get("ablations", {}):
        ablations.main(name)
    for name in params.get("sample_size", NO_SIZES)["runs"]:
        sample_size.main(name)
    for main in (evaluate.main, illustrate.main, illustrate_networks.main, report.main):
        main()
