"""All files of the report."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from pipeline import artefacts
from pipeline.reporting import bars, curves, depth, depth_figure, gaps, matrices
from pipeline.reporting.figures import render
from pipeline.reporting.page import page
from pipeline.reporting.summary import summary
from pipeline.results import Results


def write_report(
    results: Results,
    params: Mapping[str, Any],
    folder: Path = artefacts.STUDY,
    feature_pictures: pd.DataFrame | None = None,
) -> None:
    """Write ``index.html``, ``summary.md`` and ``figures/<name>.svg`` and ``.png`` into `folder`.

    Everything is computed before the first file is written, and each file is replaced at once: a
    report that cannot be made leaves the last one whole. The same results give the same bytes.

    Args:
        results: what evaluation found.
        params: the study's parameters, as in params.yaml; the page shows them as they are.
        folder: the report's folder; evaluation has written the sample pictures there.
        feature_pictures: ``features.csv``, whose pictures lie in `folder` too.
    """
    texts = {
        "index.html": page(results, params, folder, feature_pictures),
        "summary.md": summary(results),
    }
    figures = {name: render(draw, name) for name, draw in _figures(results).items()}
    for name, figure in figures.items():
        artefacts.save_text(folder / "figures" / f"{name}.svg", figure.svg)
        with artefacts.atomic(folder / "figures" / f"{name}.png") as temporary:
            temporary.write_bytes(figure.png)
    for name, text in texts.items():
        artefacts.save_text(folder / name, text)
    for stale in (folder / "figures").glob("*.*"):  # a figure that this study does not have
        if stale.stem not in figures:
            stale.unlink()


def _figures(results: Results) -> dict[str, Callable[[], Figure]]:
    shown_bars = bars.accuracy_bars(results.tables["accuracy"])
    shown_gaps = gaps.gaps(results)
    shown_curves = curves.learning_curves(results)
    shown_matrices = matrices.confusion_matrices(results)
    shown_depth = depth.depth_study(results)
    figures = {
        "accuracy": lambda: bars.draw_accuracy(shown_bars),
        "train_test": lambda: gaps.draw_gaps(shown_gaps),
        "learning_curves": lambda: curves.draw_learning_curves(shown_curves),
        "confusion": lambda: matrices.draw_confusion(shown_matrices),
    }
    if shown_depth is not None:
        figures["depth"] = lambda: depth_figure.draw_depth(shown_depth)
    return figures
