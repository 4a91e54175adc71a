"""Train one run with several values of an option: ``python -m stages.ablations <name>``.

Each training is kept in ``.resume/`` when it ends, so that an edit to one value repeats only that.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, cast

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pipeline.checks import StudyError, check_known, listing
from pipeline.class_balance import are_unequal
from pipeline.config.entries import PARAMS, load_entry, read_params, stage_entry
from pipeline.config.variants import Ablation, Variant, ablation
from pipeline.statistics.per_class import balanced_accuracy
from pipeline.storage.ablations import (
    CURVE_COLUMNS,
    AblatedTraining,
    AblatedValue,
    AblationCard,
    AblationResults,
    save_ablation,
)
from pipeline.storage.splits import learning_seal, load_ids, load_labels, load_task
from pipeline.trainings.draws import nested_draw
from pipeline.trainings.kept import KeptTrainings
from pipeline.trainings.lessons import lesson
from pipeline.trainings.training import Outcome, Training
from stages import run

if TYPE_CHECKING:
    from pipeline.classical.spec import ClassicalSpec
    from pipeline.features.spec import FeatureSpec

SECTION = "ablations"


@dataclass(frozen=True)
class _Trained:
    """A value with the outcomes of its trainings, by repeat."""

    variant: Variant
    chosen: Mapping[str, Any]
    """Of `tune`."""
    trainings: tuple[Training, ...]
    outcomes: tuple[Outcome, ...]
    classes: tuple[int, ...]


def main(name: str) -> None:
    """Write runs/_ablations/<name>/."""
    document, seed = read_params()
    check_known(name, list(document[SECTION]), f"entry of {PARAMS}: {SECTION},")
    try:
        found = ablation(name, document[SECTION][name], document)
    except StudyError as error:
        raise StudyError(f"{PARAMS}: {error}") from None
    with KeptTrainings(SECTION, name, document[SECTION]) as kept:
        trained = [_train(each, found, name, seed, kept) for each in found.variants]
    save_ablation(_results(name, found, trained, seed), learning_seal())


def _train(
    variant: Variant, found: Ablation, name: str, seed: int, kept: KeptTrainings
) -> _Trained:
    """Choose what `tune` leaves open by the first repeat, and train all repeats with it."""
    classes, repeats = _classes(variant, name), found.options.repeats
    rows = [_rows(variant, classes, name, seed, repeat) for repeat in range(repeats)]

    def training(spec: Any, repeat: int) -> Training:
        return Training(
            spec=spec,
            seed=(seed + repeat) % 2**32,
            rows=rows[repeat],
            steps=variant.steps if variant.kind == "deep" else None,
            classes=None if variant.classes is None else classes,
            features=cast("Mapping[str, FeatureSpec]", variant.features),
        )

    def outcome(spec: Any, repeat: int, chosen: Mapping[str, Any]) -> Outcome:
        tried = f" ({', '.join(f'{k}: {v}' for k, v in chosen.items())})" if chosen else ""
        told = f"{name}: {variant.label}{tried}, training {repeat + 1} of {repeats}"
        return kept.outcome(training(spec, repeat), told)

    scored = [
        (_merit(training(spec, 0), outcome(spec, 0, chosen)), chosen, spec)
        for chosen, spec in variant.candidates
        if len(variant.candidates) > 1
    ]
    # The first of the best, as everywhere.
    _, chosen, spec = max(scored, key=lambda each: each[0]) if scored else (0, {}, variant.spec)
    return _Trained(
        variant,
        chosen,
        tuple(training(spec, repeat) for repeat in range(repeats)),
        tuple(outcome(spec, repeat, chosen) for repeat in range(repeats)),
        classes,
    )


def _classes(variant: Variant, name: str) -> tuple[int, ...]:
    """Return the labels of the classes that a value tells apart."""
    names, wanted = load_task().class_names, variant.classes
    where = f"{PARAMS}: {SECTION}.{name}.classes"
    if isinstance(wanted, tuple):
        for each in wanted:
            check_known(each, names, f"class of {where},")
        return tuple(sorted({names.index(each) for each in wanted}))
    count = len(names) if wanted is None else wanted
    if count > len(names):
        raise StudyError(f"{where}: found {count}; expected at most the {len(names)} of the study")
    return tuple(range(count))


def _rows(
    variant: Variant, classes: tuple[int, ...], name: str, seed: int, repeat: int
) -> NDArray[np.int64] | None:
    """Return the training images of a repeat; None for all."""
    labels = load_labels("train")
    there = np.flatnonzero(np.isin(labels, classes))
    size = len(there) if variant.limit is None else variant.limit
    where = f"{PARAMS}: {SECTION}.{name}, {variant.label}: limit"
    if size > len(there):
        expected = f"expected at most the {len(there):,} training images of these classes"
        raise StudyError(f"{where}: found {size:,}; {expected} (null for all)")
    drawn = nested_draw(labels[there], seed, repeat, size)
    rows = there if drawn is None else there[drawn]
    missing = np.setdiff1d(classes, labels[rows])
    if missing.size:
        names = load_task().class_names
        raise StudyError(
            f"{where}: found {size:,}, and no image of {listing(names[each] for each in missing)} "
            "among so few; expected at least one of each class. Choose a larger limit"
        )
    return None if len(rows) == len(labels) else rows


def _merit(training: Training, outcome: Outcome) -> float:
    """Return what choices go by, on validation images; -1 of a training that diverged.

    That is the accuracy, or of classes of unequal size the balanced one, as in all other searches.
    """
    if outcome.diverged is not None:
        return -1.0
    labels = lesson(training).labels
    right = labels["validation"]
    predicted = outcome.predicted("validation", len(right))
    if are_unequal(labels["train"]):
        return balanced_accuracy(predicted, right)
    return float(np.mean(predicted == right))


def _results(name: str, found: Ablation, trained: list[_Trained], seed: int) -> AblationResults:
    ids = load_ids("test")
    predicted = [[_predicted(each, o, len(ids)) for o in each.outcomes] for each in trained]
    card = AblationCard(
        name=name,
        study_seed=seed,
        repeats=found.options.repeats,
        reference=found.reference,
        values=tuple(_value(each, found) for each in trained),
        trainings=tuple(record for each in trained for record in _records(each)),
    )
    curves = [
        outcome.history.assign(label=each.variant.label, repeat=repeat)
        for each in trained
        for repeat, outcome in enumerate(each.outcomes)
    ]
    table = pd.concat(curves, ignore_index=True)[list(CURVE_COLUMNS)]
    return AblationResults(card, ids, np.array(predicted, dtype=np.int16), table)


def _predicted(trained: _Trained, outcome: Outcome, n: int) -> NDArray[np.int16]:
    found = outcome.predicted("test", n)
    if outcome.diverged is not None:
        return found
    return np.array(trained.classes, dtype=np.int16)[found]


def _value(trained: _Trained, found: Ablation) -> AblatedValue:
    variant = trained.variant
    tried = len(variant.candidates)
    return AblatedValue(
        label=variant.label,
        run=variant.base,
        family=_family(variant),
        options=dict(found.options.values[variant.label]),
        tuned=dict(trained.chosen),
        tried=tried if tried > 1 else 0,
        classes=trained.classes,
        limit=variant.limit,
    )


def _family(variant: Variant) -> Literal["classical", "deep", "hybrid"]:
    if variant.kind == "deep":
        return "deep"
    spec = cast("ClassicalSpec", variant.spec)
    sets = [variant.features.get(each) or load_entry("features", each)[0] for each in spec.features]
    hybrid = any(cast("FeatureSpec", each).family == "hybrid" for each in sets)
    return "hybrid" if hybrid else "classical"


def _records(trained: _Trained) -> Iterator[AblatedTraining]:
    for repeat, (each, outcome) in enumerate(zip(trained.trainings, trained.outcomes, strict=True)):
        facts = outcome.facts
        yield AblatedTraining(
            label=trained.variant.label,
            repeat=repeat,
            seed=each.seed,
            images=facts["images"],
            seconds=outcome.seconds,
            best_epoch=facts.get("best_epoch", 0),
            epochs_run=facts.get("epochs_run", 0),
            diverged=outcome.diverged or "",
        )


if __name__ == "__main__":
    run(lambda: main(stage_entry(SECTION, sys.argv[1:])))
