"""Confusion matrices: which class each run takes for which."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from pipeline.reporting.figures import HAIRLINE, INK, MUTED, SHADE
from pipeline.reporting.formats import shorten, text_width
from pipeline.results import Results

MOST_RUNS = 12
"""Matrices on the page; those of further runs are in ``confusion.csv``."""
COUNTED_CLASSES = 12
"""Up to so many classes, a cell holds its count."""
NAMED_CLASSES = 24
"""Up to so many classes, rows and columns are named."""
_DARKEST = 0.75
"""Opacity of a cell with all of its row: ink stays readable on it, on white and on black."""
_SIDE = 3.0
"""Inches of a matrix without its labels."""


@dataclass(frozen=True)
class ConfusionMatrix:
    """One run: (classes, classes) counts, rows the actual class, columns the predicted one."""

    run: str
    family: str
    class_names: tuple[str, ...]
    counts: NDArray[np.int64]

    @property
    def shares(self) -> NDArray[np.float64]:
        """Counts as shares of their row; a row without images is 0."""
        totals = self.counts.sum(axis=1, keepdims=True)
        return self.counts / np.maximum(totals, 1)

    @property
    def words(self) -> str:
        """The matrix in a sentence, for those who do not see it."""
        share = np.trace(self.counts) / max(1, self.counts.sum())
        wrong = self.counts - np.diag(np.diag(self.counts))
        text = f"Confusion matrix of {self.run}: {share:.1%} on the diagonal"
        if not wrong.any():
            return f"{text}."
        actual, predicted = np.unravel_index(wrong.argmax(), wrong.shape)
        names = self.class_names
        return (
            f"{text}; most often, {names[actual]} is taken for {names[predicted]}: "
            f"{wrong.max():,} of {self.counts[actual].sum():,}."
        )


def confusion_matrices(results: Results) -> list[ConfusionMatrix]:
    """Read the matrices of the first `MOST_RUNS` runs, in the order of the accuracy table."""
    names = tuple(results.study["dataset"]["class_names"])
    index = {name: position for position, name in enumerate(names)}
    groups = results.tables["confusion"].groupby("run", sort=False)
    parts = {str(run): part for run, part in groups}
    matrices = []
    for row in results.tables["accuracy"].head(MOST_RUNS).itertuples():
        part = parts[str(row.run)]
        counts = np.zeros((len(names), len(names)), dtype=np.int64)
        counts[part["actual"].map(index), part["predicted"].map(index)] = part["count"]
        matrices.append(ConfusionMatrix(str(row.run), str(row.family), names, counts))
    return matrices


def draw_matrix(axes: Axes, matrix: ConfusionMatrix) -> None:
    """Draw one run: a cell's shade is its share of the row."""
    n = len(matrix.class_names)
    if n <= NAMED_CLASSES:
        _draw_cells(axes, matrix)
        labels = [shorten(name, 16) for name in matrix.class_names]
        axes.set_xticks(range(n), labels, rotation=45, ha="right", rotation_mode="anchor")
        axes.set_yticks(range(n), labels)
    else:
        rgba = np.zeros((n, n, 4))
        rgba[..., :3] = to_rgb(SHADE)
        rgba[..., 3] = matrix.shares
        axes.imshow(rgba, interpolation="none", aspect="auto")
        axes.set_xticks([0, n - 1], ["1", str(n)])
        axes.set_yticks([0, n - 1], ["1", str(n)])
    axes.set_xlim(-0.5, n - 0.5)
    axes.set_ylim(n - 0.5, -0.5)
    axes.set_xlabel("predicted class")
    axes.set_ylabel("actual class")
    axes.set_title(shorten(matrix.run, 40), loc="left", fontsize=9, color=INK, pad=6)
    axes.tick_params(length=0, colors=MUTED, labelsize=8)
    for spine in axes.spines.values():
        spine.set_color(HAIRLINE)


def _draw_cells(axes: Axes, matrix: ConfusionMatrix) -> None:
    n = len(matrix.class_names)
    for (row, column), share in np.ndenumerate(matrix.shares):
        if share > 0:
            corner = (column - 0.5, row - 0.5)
            axes.add_patch(
                Rectangle(corner, 1, 1, facecolor=SHADE, alpha=share * _DARKEST, linewidth=0)
            )
        if n <= COUNTED_CLASSES and matrix.counts[row, column]:
            text = f"{matrix.counts[row, column]}"
            size = 9 if n <= 4 else 7.5 if len(text) < 4 else 6.5
            axes.text(column, row, text, ha="center", va="center", fontsize=size, color=INK)


def _margins(matrices: list[ConfusionMatrix]) -> tuple[float, float]:
    """Inches that the class names take at the left, and slanted at the bottom."""
    names = matrices[0].class_names
    if len(names) > NAMED_CLASSES:
        return 0.4, 0.4
    letters = min(16, max(text_width(name) for name in names))
    return 0.28 + 0.067 * letters, 0.32 + 0.05 * letters


def panel(matrix: ConfusionMatrix) -> Callable[[], Figure]:
    """Return what draws one run's matrix by itself."""
    return lambda: draw_confusion([matrix])


def draw_confusion(matrices: list[ConfusionMatrix]) -> Figure:
    """Draw all matrices, up to three a row."""
    columns = min(3, len(matrices))
    rows = math.ceil(len(matrices) / columns)
    left_margin, bottom_margin = _margins(matrices)
    cell_width, cell_height = left_margin + _SIDE + 0.1, bottom_margin + _SIDE + 0.3
    width, height = columns * cell_width, rows * cell_height
    figure = Figure(figsize=(width, height))
    for index, matrix in enumerate(matrices):
        left = (index % columns) * cell_width + left_margin
        bottom = height - (index // columns + 1) * cell_height + bottom_margin
        box = (left / width, bottom / height, _SIDE / width, _SIDE / height)
        draw_matrix(figure.add_axes(box), matrix)
    return figure
