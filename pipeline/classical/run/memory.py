"""How much memory a classical run needs, estimated before anything is read.

The estimate counts the arrays that grow with images and features: joined features, and the arrays
of the projection and the classifier. Feature files are memory-mapped and not counted.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from pipeline import host_memory
from pipeline.checks import StudyError
from pipeline.host_memory import byte_size

if TYPE_CHECKING:
    from pipeline.classical.spec import ClassicalSpec

_COMPONENTS = (2000, 1000, 500, 200)
"""Values of `pca` to suggest if the features themselves do not fit."""
_EIGENVECTORS = 3
"""Square float64 matrices at the peak of an eigendecomposition: its input and workspace."""


def needed_bytes(spec: ClassicalSpec, sizes: Mapping[str, int], width: int, n_classes: int) -> int:
    """Return the approximate bytes of fitting and predicting.

    Args:
        spec: the run's options.
        sizes: split -> number of images.
        width: features per image in all joined sets.
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
    memory: int | None = None,
) -> None:
    """Raise `StudyError` if a run needs more than is available.

    Args:
        name: the run's name.
        spec: its options.
        sizes: split -> number of images.
        widths: feature set -> features per image.
        n_classes: number of classes.
        memory: bytes that there are; by default those that are available now.
    """
    width, available = sum(widths.values()), memory or host_memory.available()
    needed = needed_bytes(spec, sizes, width, n_classes)
    if available is None or needed <= available:
        return
    widest = max(widths, key=widths.__getitem__)
    smaller_set = f"features.{widest}: a smaller image_size, or a larger cell"
    ways = [f"smaller feature vectors ({smaller_set})", "dataset.limit"]
    for components in _COMPONENTS:
        smaller = spec.model_copy(update={"pca": components})
        if needed_bytes(smaller, sizes, width, n_classes) <= available:
            ways.insert(0, f"pca: {components}")
            break
    sets = ", ".join(f"{each} {count:,}" for each, count in widths.items())
    raise StudyError(
        f"{name}: {spec.method} on {sizes['train']:,} images with {width:,} features ({sets}) "
        f"needs about {byte_size(needed)} of memory; expected at most the "
        f"{byte_size(available)} available. Try {', or '.join(ways)}"
    )
