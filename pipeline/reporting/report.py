"""All files of the report."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from pipeline.reporting.charts.rendering import files
from pipeline.reporting.drawings import Study, file_drawings, page_drawings
from pipeline.reporting.page import page
from pipeline.reporting.summary import summary
from pipeline.storage.files import atomic, save_text
from pipeline.storage.paths import STUDY
from pipeline.storage.results import Results, replacing_report


def write_report(
    results: Results,
    params: Mapping[str, Any],
    folder: Path = STUDY,
    feature_pictures: pd.DataFrame | None = None,
    network_pictures: pd.DataFrame | None = None,
) -> None:
    """Write ``index.html``, ``summary.md`` and ``figures/<name>.svg`` and ``.png`` into `folder`.

    Everything is computed before the first file is written, and the files change together, with
    their checksums (``report.json``): a report that cannot be made leaves the last one whole. The
    same results give the same bytes.

    Args:
        results: what evaluation found.
        params: the study's parameters, as in params.yaml; the page shows them as they are.
        folder: the report's folder; evaluation has written the sample pictures there.
        feature_pictures: ``features.csv``, whose pictures lie in `folder` too.
        network_pictures: ``networks.csv``, likewise.
    """
    study = Study(results)
    drawn = page_drawings(study)
    texts = {
        "index.html": page(study, params, folder, drawn, feature_pictures, network_pictures),
        "summary.md": summary(study.results),
    }
    figures = {name: files(each) for name, each in file_drawings(study, drawn).items()}
    with replacing_report(folder) as incoming:
        for name, figure in figures.items():
            save_text(incoming / "figures" / f"{name}.svg", figure.svg)
            with atomic(incoming / "figures" / f"{name}.png") as temporary:
                temporary.write_bytes(figure.png)
        for name, text in texts.items():
            save_text(incoming / name, text)
