"""Turn the results into a page, a summary and figures."""

from __future__ import annotations

from pathlib import Path

from pipeline.analyses.tables import load_results
from pipeline.commands.provenance import lock_digest
from pipeline.config.entries import PARAMS
from pipeline.config.yaml_files import read_yaml
from pipeline.page.report import write_report
from pipeline.page.study import StudyResults
from pipeline.storage.network_layers import load_network_layers
from pipeline.storage.paths import STUDY
from pipeline.storage.pictures import load_feature_pictures, load_network_pictures
from pipeline.storage.results import verify_results
from stages import run


def main() -> None:
    """Write index.html, summary.md and figures/ of reports/study/."""
    verify_results()
    results = load_results()
    results.study.setdefault("provenance", {})["lock"] = lock_digest(Path())
    write_report(
        StudyResults(
            results,
            params=read_yaml(PARAMS),
            folder=STUDY,
            feature_pictures=load_feature_pictures(),
            network_pictures=load_network_pictures(),
            network_layers=load_network_layers(),
        )
    )
    print(f"report: {STUDY / 'index.html'}")


if __name__ == "__main__":
    run(main)
