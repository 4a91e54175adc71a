"""The images behind the cells of the confusion matrices."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pipeline.analyses.confusion.matrices import ConfusionMatrix
from pipeline.page.pictures import Pictures
from pipeline.page.study import StudyResults

MOST_BYTES = 2_500_000
"""Of all these images: the page stays small enough to be mailed."""


@dataclass(frozen=True)
class CellImages:
    """The images behind the cells of the confusion matrices."""

    paths: tuple[str, ...]
    """Relative to the report."""
    cells: Mapping[str, Mapping[str, list[int]]]
    """Run -> ``row-column`` -> numbers of `paths`."""

    def images(self, pictures: Pictures) -> list[str]:
        """Return the pictures as data URIs, in the order of `paths`."""
        return [pictures[path] for path in self.paths]

    def of(self, run: str, row: int, column: int) -> bool:
        """Whether a cell has images."""
        return f"{row}-{column}" in self.cells.get(run, {})


def cell_images(study: StudyResults, shown: Sequence[ConfusionMatrix]) -> CellImages:
    """Lay out ``confusion_images.csv``, the first images of every cell first.

    Args:
        study: its table may be missing; `MOST_BYTES` of its images are kept.
        shown: the matrices on the page.
    """
    table = study.tables.get("confusion_images")
    if table is None or table.empty:
        return CellImages((), {})
    index = {name: number for number, name in enumerate(shown[0].class_names)}
    runs = {matrix.run for matrix in shown}
    rows = table[table["run"].isin(runs)].sort_values("rank", kind="stable")
    numbers: dict[str, int] = {}
    cells: dict[str, dict[str, list[int]]] = {}
    left = MOST_BYTES
    for row in rows.to_dict("records"):
        path = str(row["image"])
        if path not in numbers:
            size = study.pictures.size(path)
            if size > left:
                continue
            left -= size
            numbers[path] = len(numbers)
        key = f"{index[row['actual']]}-{index[row['predicted']]}"
        cells.setdefault(str(row["run"]), {}).setdefault(key, []).append(numbers[path])
    return CellImages(tuple(numbers), cells)
