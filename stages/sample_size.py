"""Train one run on nested parts of the training images: ``python -m stages.sample_size <run>``.

Each training is kept in ``.resume/`` when it ends, so that an edit to one size repeats only that.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from pipeline.checks import StudyError, check_known
from pipeline.classical.spec import ClassicalSpec
from pipeline.config.entries import PARAMS, load_entry, read_params, stage_entry
from pipeline.config.sample_size import OWN_KEYS, SECTION, has_search, parse_sample_size, sized_run
from pipeline.storage.sample_size import (
    SampleSizeCard,
    SizedPredictions,
    SizedTraining,
    save_sized,
)
from pipeline.storage.splits import learning_seal, load_ids, load_labels, load_task
from pipeline.trainings.draws import nested_draw
from pipeline.trainings.kept import KeptTrainings
from pipeline.trainings.training import SCORED, Outcome, Training
from stages import run

if TYPE_CHECKING:
    from pipeline.deep.spec import DeepSpec
    from pipeline.features.spec import FeatureSpec


def main(name: str) -> None:
    """Write runs/_sample_size/<run>/."""
    document, seed = read_params()
    where = f"{PARAMS}: {SECTION}"
    options = parse_sample_size(document.get(SECTION), where)
    check_known(name, list(options.runs), f"entry of {where}.runs,")
    spec = cast("ClassicalSpec | DeepSpec", sized_run(document, options, name, where))
    sizes = options.numbers(load_task().sizes["train"])
    steps = options.steps_of(name)
    trainings = _trainings(spec, sizes, options.draws, steps, seed)
    with KeptTrainings(SECTION, name, options.runs) as kept:
        outcomes = [
            kept.outcome(each, f"{name}, {size:,} images, draw {draw + 1} of {options.draws}")
            for size, draw, each in trainings
        ]
    card = SampleSizeCard(
        run=name,
        study_seed=seed,
        sizes=sizes,
        draws=options.draws,
        steps=steps,
        tuned=has_search(spec),
        changes={key: each for key, each in options.runs[name].items() if key not in OWN_KEYS},
        refitted=_refitted(spec),
        trainings=tuple(
            _record(size, draw, each.seed, outcome)
            for (size, draw, each), outcome in zip(trainings, outcomes, strict=True)
        ),
    )
    ids = {split: load_ids(split) for split in SCORED}
    shape = (len(sizes), options.draws)
    predicted = {
        split: np.stack([each.predicted(split, len(ids[split])) for each in outcomes]).reshape(
            *shape, -1
        )
        for split in SCORED
    }
    save_sized(SizedPredictions(card, ids, predicted), learning_seal())


def _trainings(
    spec: ClassicalSpec | DeepSpec,
    sizes: Sequence[int],
    draws: int,
    steps: int | None,
    seed: int,
) -> list[tuple[int, int, Training]]:
    """Return the size, draw and training of all that is to be trained, by size and draw.

    A draw has a seed of its own, so that the spread over draws includes that of trainings. All
    images are the same in every draw, so a deterministic classifier is trained on them only once.
    """
    labels, found = load_labels("train"), []
    classical = isinstance(spec, ClassicalSpec)
    for size in sizes:
        for draw in range(draws):
            rows = nested_draw(labels, seed, draw, size)
            if rows is not None:
                _check_classes(labels, rows)
            once = rows is None and isinstance(spec, ClassicalSpec) and spec.deterministic
            own = seed if once else (seed + draw) % 2**32
            found.append((size, draw, Training(spec, own, rows, None if classical else steps)))
    return found


def _check_classes(labels: NDArray[np.int64], rows: NDArray[np.int64]) -> None:
    missing = np.setdiff1d(labels, labels[rows])
    if missing.size:
        raise StudyError(
            f"{PARAMS}: {SECTION}.sizes: found {len(rows):,}, and no image of class "
            f"{load_task().class_names[missing[0]]!r} among so few; expected at least one of each "
            "class. Choose a larger size"
        )


def _record(size: int, draw: int, seed: int, outcome: Outcome) -> SizedTraining:
    facts: dict[str, Any] = outcome.facts
    return SizedTraining(
        images=size,
        draw=draw,
        seed=seed,
        seconds=outcome.seconds,
        tuning_seconds=facts.get("tuning_seconds", 0.0),
        passes=facts.get("passes", 1),
        steps=facts.get("steps", 0),
        diverged=outcome.diverged is not None,
    )


def _refitted(spec: ClassicalSpec | DeepSpec) -> tuple[str, ...]:
    if not isinstance(spec, ClassicalSpec):
        return ()
    sets = {name: cast("FeatureSpec", load_entry("features", name)[0]) for name in spec.features}
    return tuple(name for name, each in sets.items() if each.learns)


if __name__ == "__main__":
    run(lambda: main(stage_entry("sample_size", sys.argv[1:])))
