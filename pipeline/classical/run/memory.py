"""How much memory a classical run takes, estimated before anything is read.

Counted are the arrays that grow with images and features: joined features, what the projection
needs, what the classifier keeps. Feature files are memory-mapped and not counted.
"""

from __future__ import annotations

from collections.abc import Mapping

from pipeline import host_memory
from pipeline.checks import StudyError
from pipeline.classical.spec import ClassicalSpec
from pipeline.host_memory import byte_size

_COMPONENTS = (2000, 1000, 500, 200)
"""What is proposed where the features themselves do not fit."""
_EIGENVECTORS = 3
"""Square matrices of float64 at the height of an eigendecomposition: its input, and workspace."""


def needed_bytes(spec: ClassicalSpec, sizes: Mapping[str, int], width: int, n_classes: int) -> int:
    """Return the bytes of a fit and of its predictions, roughly.

    Args:
        spec: the run's options.
        sizes: images of each split.
        width: features of an image, all joined sets.
        n_classes: number of classes.
    """
    rows = sizes["train"] * (2 if spec.mirrored else 1)
    held = 4 * width * (rows + sizes["validation"] + sizes["test"])
    kept, project = width, 0
    if spec.pca is not None:
        smaller = min(rows, width)
        kept = min(spec.pca, smaller)
        project = 8 * _EIGENVECTORS * smaller**2 + 12 * kept * width
        held += 4 * kept * rows
    return held + max(project, spec.classifier_bytes(sizes["train"], kept, n_classes))


def check_memory(
    name: str,
    spec: ClassicalSpec,
    sizes: Mapping[str, int],
    widths: Mapping[str, int],
    n_classes: int,
) -> None:
    """Raise `StudyError` if a run needs more than is available.

    Args:
        name: of the run.
        spec: its options.
        sizes: images of each split.
        widths: feature set -> features of an image.
        n_classes: number of classes.
    """
    width, available = sum(widths.values()), host_memory.available()
    needed = needed_bytes(spec, sizes, width, n_classes)
    if available is None or needed <= available:
        return
    ways = ["features with fewer numbers, such as larger cells", "dataset.limit"]
    for components in _COMPONENTS:
        smaller = spec.model_copy(update={"pca": components})
        if needed_bytes(smaller, sizes, width, n_classes) <= available:
            ways.insert(0, f"pca: {components}")
            break
    sets = ", ".join(f"{each} {count:,}" for each, count in widths.items())
    raise StudyError(
        f"{name}: {spec.method} on {sizes['train']:,} images of {width:,} features ({sets}) needs "
        f"about {byte_size(needed)} of memory; expected at most the {byte_size(available)} that "
        f"are available. Try {', or '.join(ways)}"
    )
