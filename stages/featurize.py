"""Extract one feature set from all splits: ``python -m stages.featurize <name>``."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, cast

from pipeline.checks import check_finite
from pipeline.config.entries import load_entry, stage_entry
from pipeline.features.resized import build_extractor
from pipeline.machine import peak_memory_mb
from pipeline.storage.features import FeatureCard, save_extractor, save_features
from pipeline.storage.paths import BASE_FEATURES
from pipeline.storage.splits import SPLITS, images_seal, load_folds, load_images
from stages import run

if TYPE_CHECKING:
    from pipeline.features.spec import FeatureSpec


def main(name: str) -> None:
    """Write data/features/<name>/."""
    entry, seed = load_entry("features", name)
    spec = cast("FeatureSpec", entry)
    seconds, seal = {}, images_seal()
    started = time.perf_counter()
    images = load_images("train")
    extractor = build_extractor(spec, seed, images.shape[1:3]).fit(images)
    fitting = time.perf_counter() - started
    dimension = 0
    for split in SPLITS if load_folds() is None else ("train",):  # with folds, that is all images
        images = load_images(split)
        features, seconds[split] = extractor.transform_split(images, split, BASE_FEATURES)
        check_finite(features, f"feature set {name!r}, {split} split")
        save_features(name, split, features, seal)
        dimension = features.shape[1]
    card = FeatureCard(
        name=name,
        method=spec.method,
        options=spec.model_dump(mode="json", exclude={"method"}) | extractor.record(),
        dimension=dimension,
        parameters=extractor.n_parameters,
        fit_seconds=fitting + seconds["train"],
        seconds_per_image=seconds[split] / len(images),
        peak_memory_mb=peak_memory_mb(),
        family=spec.family,
    )
    save_extractor(name, extractor, card, seal)
    print(f"{name}: {dimension:,} features per image; {card.fit_seconds:.1f} s for the train split")


if __name__ == "__main__":
    run(lambda: main(stage_entry("featurize", sys.argv[1:])))
