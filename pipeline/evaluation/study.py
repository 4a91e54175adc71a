"""All that a study says: the predictions of all runs in, tables and comparisons out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.checks import StudyError
from pipeline.evaluation import result_tables
from pipeline.evaluation.certainty import certainty_table
from pipeline.evaluation.comparison import families_compared, further_comparisons
from pipeline.evaluation.confusion_images import confusion_images_table
from pipeline.evaluation.corrupted_runs import CorruptedRecord, score_corrupted
from pipeline.evaluation.corruption import corruption_summary, corruption_table
from pipeline.evaluation.cost import cost_table
from pipeline.evaluation.duplicates import (
    check_duplicates,
    claimed_pairs,
    duplicates_record,
    near_duplicates_table,
    no_duplicates,
    unique_images,
)
from pipeline.evaluation.enlarged import enlarged_sentences
from pipeline.evaluation.errors import (
    confused_pairs_table,
    error_counts,
    error_images,
    errors_table,
    image_votes,
)
from pipeline.evaluation.runs import Answers, RunRecord, ScoredRun, score
from pipeline.evaluation.samples import Samples, choose_samples
from pipeline.evaluation.statistics import statistics_record, statistics_tables
from pipeline.results import Results
from pipeline.storage.measurements import Duplicates
from pipeline.storage.runs import Card
from pipeline.storage.splits import SPLITS, DatasetCard


def evaluate(
    dataset: DatasetCard,
    labels: Mapping[str, NDArray[np.integer]],
    ids: Mapping[str, NDArray[np.integer]],
    runs: Iterable[RunRecord],
    not_run: Mapping[str, str] | None = None,
    seed: int = 0,
    n_samples: int = 12,
    corrupted: Iterable[CorruptedRecord] = (),
    duplicates: Duplicates | None = None,
    image_names: Mapping[int, str] | None = None,
) -> Results:
    """Hold every run of the roster against the labels.

    All runs are checked before a number is returned, so that a broken one leaves the last results
    as they were. Which run stands for its family is decided on the validation split. With several
    seeds a run's accuracies are means over them and its counts are summed; the paired tests, the
    samples, calibration, agreement, combinations and the images of most and least certainty take
    its first seed, because all need one prediction an image.

    Args:
        dataset: what `prepare` made.
        labels: split -> (n,) labels, of train, validation and test.
        ids: split -> (n,) image ids, in the order of the labels.
        runs: the roster, in the order of params.yaml. A generator that loads them one by one keeps
            the scores of the training images of only one run in memory.
        not_run: what the study leaves out, and why.
        seed: of the choice of sample images, and of the resamples of the bootstrap.
        n_samples: sample images in all.
        corrupted: what `corrupt` has left of some of the runs.
        duplicates: what `duplicates` has left; without it, no test image has a near-duplicate.
        image_names: id -> name of an image, for those that the results name.

    Raises:
        StudyError: if there is no run, a name stands twice, or a run's predictions are not what
            they should be; the message names the run and the command that repairs it.
    """
    answers = Answers(dataset.class_names, labels, ids)
    answers.check()
    duplicates = no_duplicates() if duplicates is None else duplicates
    check_duplicates(duplicates, answers)
    pairs = claimed_pairs(duplicates, answers)
    scored = [score(run, answers) for run in runs]
    _check_names([run.name for run in scored])
    # Python's sort is stable: equal runs keep the order of params.yaml, never that of the test.
    scored.sort(key=lambda run: -run.accuracy("validation").value)
    fallen = score_corrupted(corrupted, scored, answers, seed)
    best = families_best(scored)
    samples = choose_samples(
        np.asarray(labels["test"]),
        [run.predicted[0]["test"] for run in best.values()],
        seed,
        n_samples,
    )
    votes = image_votes(scored, best, np.asarray(labels["test"]))
    wrong = error_images(votes)
    return Results(
        tables={
            "accuracy": result_tables.accuracy_table(
                scored, answers, dataset.name, unique_images(duplicates, answers)
            ),
            "per_class": result_tables.per_class_table(scored, answers),
            "confusion": result_tables.confusion_table(scored, answers),
            "learning_curves": result_tables.learning_curves_table(scored),
            "samples": result_tables.samples_table(scored, answers, samples),
            "tuning": result_tables.tuning_table(scored),
            "certainty": certainty_table(best, answers),
            "corruption": corruption_table(fallen),
            **statistics_tables(scored, best, answers, dataset.independent, seed),
            "errors": errors_table(votes, wrong, answers),
            "confused_pairs": confused_pairs_table(best, answers),
            "confusion_images": confusion_images_table(best, answers),
            "cost": cost_table(scored),
            "near_duplicates": near_duplicates_table(pairs, answers),
        },
        metrics={run.name: result_tables.run_metrics(run, answers) for run in scored},
        study=_study(dataset, scored, best, answers, samples, dict(not_run or {}))
        | {
            "duplicates": duplicates_record(duplicates, answers, image_names),
            "errors": error_counts(votes, wrong),
            "corruption": corruption_summary(fallen, seed, dataset.independent),
            "statistics": statistics_record(len(scored), dataset.independent, seed),
        },
    )


def families_best(runs: Sequence[ScoredRun]) -> dict[str, ScoredRun]:
    """Return the first run of each family; `runs` are sorted by validation accuracy."""
    best: dict[str, ScoredRun] = {}
    for family in ("classical", "deep", "hybrid"):
        for run in runs:
            if run.family == family:
                best.setdefault(family, run)
    return best


def _check_names(names: list[str]) -> None:
    if not names:
        raise StudyError("found no run; define at least one under classical or deep in params.yaml")
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise StudyError(f"found two runs named {twice[0]!r}; expected each name once")


def _study(
    dataset: DatasetCard,
    runs: Sequence[ScoredRun],
    best: Mapping[str, ScoredRun],
    answers: Answers,
    samples: Samples,
    not_run: dict[str, str],
) -> dict[str, Any]:
    ids, labels = np.asarray(answers.ids["test"]), np.asarray(answers.labels["test"])
    independent = dataset.independent
    return {
        "dataset": asdict(dataset),
        "enlarged": enlarged_sentences(dataset, [run.cards[0] for run in runs]),
        "families_best": {family: run.name for family, run in best.items()},
        "comparison": families_compared(best, ("deep", "classical"), labels, independent),
        "comparisons": further_comparisons(runs, best, labels, independent),
        "accuracy_by_seed": {run.name: _by_seed(run) for run in runs},
        "samples": {
            "drawn": ids[samples.drawn].tolist(),
            "disagreeing": ids[samples.disagreeing].tolist(),
        },
        "cards": {run.name: {str(c.seed): asdict(c) for c in run.cards} for run in runs},
        "environment": _environment(runs),
        "not_run": not_run,
    }


def _by_seed(run: ScoredRun) -> dict[str, dict[str, float]]:
    return {
        str(card.seed): {split: each[split].value for split in SPLITS}
        for card, each in zip(run.cards, run.accuracies, strict=True)
    }


def _environment(runs: Sequence[ScoredRun]) -> dict[str, Any]:
    """Collect what the runs were computed on: each device, engine and version that occurs."""
    cards: list[Card] = [card for run in runs for card in run.cards]
    versions: dict[str, list[str]] = {}
    for card in cards:
        for package, version in card.versions.items():
            known = versions.setdefault(package, [])
            if version not in known:
                known.append(version)
    return {
        "devices": list(dict.fromkeys(card.device for card in cards)),
        "engines": list(dict.fromkeys(card.engine for card in cards)),
        "versions": dict(sorted(versions.items())),
    }
