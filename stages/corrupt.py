"""Score corrupted test images with the stored model of a run: ``python -m stages.corrupt <run>``.

Images are corrupted batch by batch and never stored. No labels are read.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from pipeline.channels import GRAY
from pipeline.checks import StudyError, check_known
from pipeline.config import registry
from pipeline.config.corrupt import CorruptOptions
from pipeline.config.entries import PARAMS, read_params, stage_entry
from pipeline.progress import Tenths
from pipeline.robustness.scoring import Scorer, score_clean, score_corrupted
from pipeline.robustness.severities import COLOR_ONLY, MISSING, applicable_corruptions
from pipeline.storage.corrupted import CorruptedCard, CorruptedScores, save_corrupted
from pipeline.storage.runs import run_manifest
from pipeline.storage.splits import load_ids, load_images
from pipeline.storage.stored_models import first_seed
from pipeline.storage.stored_runs import Kind, open_model
from stages import run


def main(name: str) -> None:
    """Write runs/_corrupted/<run>/."""
    document, study_seed = read_params()
    options = _options(document, name)
    seed, score, trained = _scorer(document, name, study_seed)
    images, ids = _images(options.limit, study_seed)
    channels = images.shape[3]
    names = applicable_corruptions(channels) if options.corruptions is None else options.corruptions
    missing = MISSING | (COLOR_ONLY if channels == GRAY else {})
    total = len(ids) * (1 + len(names) * len(options.severities))
    progress, done = Tenths(f"{name}, corrupted", total), 0

    def on_images(count: int) -> None:
        nonlocal done
        done += count
        progress(done)

    clean = score_clean(score, images, on_images)
    corrupted = {
        each: score_corrupted(score, images, ids, each, options.severities, study_seed, on_images)
        for each in names
    }
    card = CorruptedCard(name, seed, study_seed, names, options.severities, missing)
    save_corrupted(CorruptedScores(card, ids, clean, corrupted), trained)


def _options(document: Mapping[str, Any], name: str) -> CorruptOptions:
    section = document["corrupt"]
    check_known(name, list(section), f"entry of {PARAMS}: corrupt,")
    try:
        return CorruptOptions.model_validate(dict(section[name]))
    except ValidationError as error:
        where = f"{PARAMS}: corrupt.{name}"
        raise StudyError(registry.explain(error, where, CorruptOptions)) from None


def _scorer(document: Mapping[str, Any], name: str, study_seed: int) -> tuple[int, Scorer, str]:
    """Return the run's first seed, the scoring function of its model, and its seal."""
    kind: Kind
    for kind in ("classical", "deep"):
        entry = document[kind].get(name)
        if entry:
            break
    else:
        raise StudyError(f"{PARAMS}: corrupt.{name}: unknown run; expected the name of a run")
    seed = first_seed(entry, study_seed)
    trained = run_manifest(name, seed, f"dvc repro train_{kind}@{name}").seal
    return seed, open_model(name, seed, kind).scores, trained


def _images(limit: int, seed: int) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Return the first `limit` test images of a random order, sorted by position, and their ids.

    A larger limit includes the images of a smaller one.
    """
    ids = load_ids("test")
    chosen = np.sort(np.random.default_rng(seed).permutation(len(ids))[:limit])
    return load_images("test")[chosen], ids[chosen]


if __name__ == "__main__":
    run(lambda: main(stage_entry("corrupt", sys.argv[1:])))
