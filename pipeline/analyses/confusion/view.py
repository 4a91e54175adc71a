"""Which classes are confused with which."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pipeline.analyses.confusion.cells import CellImages, cell_images
from pipeline.analyses.confusion.classes import (
    ClassScores,
    ConfusedPair,
    class_scores,
    confused_pairs,
)
from pipeline.analyses.confusion.matrices import (
    NAMED_CLASSES,
    ConfusionMatrix,
    confusion_matrices,
)
from pipeline.page.study import StudyResults
from pipeline.page.view import View

TITLE = "Confusion"
ABSENT = ""


@dataclass(frozen=True)
class Confusion(View):
    """The matrices, the images behind their cells, and the scores of each class."""

    matrices: tuple[ConfusionMatrix, ...]
    """Of the first runs of the accuracy table."""
    best: frozenset[str]
    """The best runs of the families."""
    many_classes: bool
    """Whether a matrix has too many classes for a table."""
    cells: CellImages
    pairs: tuple[tuple[str, str, list[ConfusedPair]], ...]
    """(run, family, its most confused pairs) of the families' best runs."""
    classes: ClassScores

    @property
    def shown(self) -> list[ConfusionMatrix]:
        """The matrices of the best runs."""
        return [matrix for matrix in self.matrices if matrix.run in self.best]

    @property
    def others(self) -> list[ConfusionMatrix]:
        """The matrices of the other runs."""
        return [matrix for matrix in self.matrices if matrix.run not in self.best]

    @property
    def absent(self) -> Mapping[str, str]:
        """The images behind the cells, where evaluation left none."""
        if self.cells.paths:
            return {}
        return {"Images behind the cells of confusion matrices": "run dvc repro evaluate again"}


def view(study: StudyResults) -> Confusion:
    """Collect what is known of the classes."""
    matrices = confusion_matrices(study)
    return Confusion(
        matrices=tuple(matrices),
        best=frozenset(study.best),
        many_classes=len(study.dataset["class_names"]) > NAMED_CLASSES,
        cells=cell_images(study, matrices),
        pairs=tuple(confused_pairs(study)),
        classes=class_scores(study),
    )
