"""Extract one feature set from all splits: ``python -m stages.featurize <name>``."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, cast

from pipeline import artefacts
from pipeline.checks import check_finite
from pipeline.entries import load_entry, stage_entry
from pipeline.machine import peak_memory_mb
from stages import run

if TYPE_CHECKING:
    from pipeline.features.spec import FeatureSpec


def main(name: str) -> None:
    """Write data/features/<name>/."""
    entry, seed = load_entry("features", name)
    spec = cast("FeatureSpec", entry)
    seconds, seal = {}, artefacts.images_seal()
    started = time.perf_counter()
    extractor = spec.build(seed).fit(artefacts.load_images("train"))
    dimension = 0
    for split in artefacts.SPLITS:
        images = artefacts.load_images(split)
        features = extractor.transform(images)
        seconds[split] = time.perf_counter() - started
        check_finite(features, f"feature set {name!r}, {split} split")
        artefacts.save_features(name, split, features, seal)
        dimension = features.shape[1]
        started = time.perf_counter()
    card = artefacts.FeatureCard(
        name=name,
        method=spec.method,
        options=spec.model_dump(mode="json", exclude={"method"}),
        dimension=dimension,
        parameters=extractor.n_parameters,
        fit_seconds=seconds["train"],
        seconds_per_image=seconds["test"] / len(images),
        peak_memory_mb=peak_memory_mb(),
        family=spec.family,
    )
    artefacts.save_extractor(name, extractor, card, seal)
    print(f"{name}: {dimension} features an image; training split in {seconds['train']:.1f} s")


if __name__ == "__main__":
    run(lambda: main(stage_entry("featurize", sys.argv[1:])))
