"""What the study reads of a frozen base: the entries of params.yaml that share a pass over it.

This only saves time: what is computed along with what is needed changes no stage's outputs.
"""

from __future__ import annotations

from collections.abc import Iterator

from pipeline.checks import StudyError
from pipeline.config import registry
from pipeline.config.entries import read_params, run_seeds
from pipeline.pretrained.frozen import FrozenBase, Part

AFFECTS_OUTPUTS = False


def parts_in_study(frozen: FrozenBase, mirrored: bool) -> frozenset[Part]:
    """Return all parts that the study reads of a base with these weights, size and precision.

    Args:
        frozen: the base.
        mirrored: whether of mirrored images.
    """
    wanted = frozen.without_parts()
    return frozenset(
        part
        for each, flips in _frozen_bases()
        if each.without_parts() == wanted and (flips or not mirrored)
        for part in each.parts
    )


def _frozen_bases() -> Iterator[tuple[FrozenBase, bool]]:
    """Yield what each entry of params.yaml reads, and whether of mirrored training images too."""
    try:
        document, seed = read_params()
    except StudyError:
        return  # without a study, there is nothing to share
    mirrored = {
        name
        for entry in document["classical"].values()
        if entry.get("mirrored")
        for name in entry.get("features", ())
    }
    for kind in ("features", "deep"):
        for name, entry in document[kind].items():
            try:
                spec = registry.parse(kind, entry, f"{kind}.{name}")
            except StudyError:
                continue  # its own stage says what is wrong
            if not hasattr(spec, "frozen_bases"):
                continue
            for each in run_seeds(spec, seed):
                for frozen, flips in spec.frozen_bases(each):
                    yield frozen, flips or (kind == "features" and name in mirrored)
