"""All that a study finds: the predictions of all runs in, tables and comparisons out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pipeline.analyses.ablated import AblationRecord, score_ablations
from pipeline.analyses.corrupted_runs import CorruptedRecord, score_corrupted
from pipeline.analyses.duplicates import check_duplicates, no_duplicates
from pipeline.analyses.enlarged import enlarged_sentences
from pipeline.analyses.families import families_compared, further_comparisons
from pipeline.analyses.labels import Labels
from pipeline.analyses.records import RunRecord
from pipeline.analyses.scored import score
from pipeline.analyses.sized_runs import SizedRecord, score_sized
from pipeline.analyses.study import Study
from pipeline.analyses.tables import questions, tables
from pipeline.checks import StudyError
from pipeline.config.aims import Aims, check_aims
from pipeline.storage.health import Health
from pipeline.storage.near_duplicates import Duplicates
from pipeline.storage.results import Results
from pipeline.storage.splits import DatasetCard


def evaluate(
    dataset: DatasetCard,
    labels: Mapping[str, NDArray[np.integer]],
    ids: Mapping[str, NDArray[np.integer]],
    runs: Iterable[RunRecord],
    not_run: Mapping[str, str] | None = None,
    seed: int = 0,
    n_samples: int = 12,
    corrupted: Iterable[CorruptedRecord] = (),
    ablations: Iterable[AblationRecord] = (),
    duplicates: Duplicates | None = None,
    health: Health | None = None,
    image_names: Mapping[int, str] | None = None,
    folds: NDArray[np.integer] | None = None,
    aims: Aims | None = None,
    sized: Iterable[SizedRecord] = (),
) -> Results:
    """Score every run of the roster against the labels, and ask every question.

    All runs are checked before a number is returned, so that a broken one leaves the last results
    as they were. Which run stands for its family is decided on the validation split. With several
    seeds a run's accuracies are means over them and its counts are summed; the paired tests, the
    samples, calibration, agreement, combinations and the images of highest and lowest confidence
    use its first seed, because all of them need one prediction per image.

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
        ablations: what `ablations` has left.
        duplicates: what `duplicates` has left; without it, no test image has a near-duplicate.
        health: what `health` has left; None leaves its question out.
        image_names: id -> name of an image, for those that the results name.
        folds: (n,) the fold of each image of a cross-validation; None without one.
        aims: which differences matter, and which of two classes is to be found.
        sized: what `sample_size` has left of some of the runs.

    Raises:
        StudyError: if there is no run, a name stands twice, or a run's predictions are not what
            they should be; the message names the run and the command that repairs it.
    """
    known = Labels(dataset.class_names, labels, ids, folds)
    known.check()
    found = no_duplicates() if duplicates is None else duplicates
    check_duplicates(found, known)
    scored = [score(run, known) for run in runs]
    _check_names([run.name for run in scored])
    # Python's sort is stable: equal runs keep the order of params.yaml, never that of the test.
    scored.sort(key=lambda run: -run.merit(known))
    study = Study(
        dataset=dataset,
        labels=known,
        runs=scored,
        seed=seed,
        not_run=dict(not_run or {}),
        corrupted=score_corrupted(corrupted, scored, known, seed),
        ablations=score_ablations(ablations, known),
        sized=score_sized(sized, scored, known),
        duplicates=found,
        health=health,
        image_names=image_names or {},
        n_samples=n_samples,
        aims=aims or Aims(),
    )
    check_aims(study.aims, known.class_names)
    return compute_results(study)


def compute_results(study: Study) -> Results:
    """Compute the tables and records of all questions."""
    contents: dict[str, pd.DataFrame] = {}
    record = common_record(study)
    for question in questions():
        contents |= question.compute(study)
        if says := getattr(question, "record", None):
            _merge(record, says(study))
    return Results(tables=contents, metrics=_metrics(contents), study=record)


def common_record(study: Study) -> dict[str, Any]:
    """Return what ``study.json`` says of the study as a whole."""
    labels, independent = study.labels, study.independent
    return {
        "dataset": asdict(study.dataset),
        "enlarged": enlarged_sentences(study.dataset, [run.cards[0] for run in study.runs]),
        "chosen_by": labels.chosen_by,
        "majority": _majority(labels),
        "families_best": {family: run.name for family, run in study.best.items()},
        "comparison": families_compared(study.best, ("deep", "classical"), labels, independent),
        "comparisons": further_comparisons(study.runs, study.best, labels, independent),
        "cards": {run.name: {str(c.seed): asdict(c) for c in run.cards} for run in study.runs},
        "environment": _environment(study),
        "not_run": dict(study.not_run),
    }


def _majority(labels: Labels) -> dict[str, Any]:
    """Return the baseline that needs no image, and how unequal the classes are."""
    names, share = labels.majority
    interval = share.interval()
    return {
        "classes": list(names),
        "of": "training images",
        "test_accuracy": share.value,
        "test_ci_low": interval.low,
        "test_ci_high": interval.high,
        "largest_to_smallest": labels.largest_to_smallest,
    }


def _merge(record: dict[str, Any], more: Mapping[str, Any]) -> None:
    """Add what a question says; two questions may say something under the same key."""
    for key, value in more.items():
        record[key] = {**record[key], **value} if key in record else value


def _metrics(contents: Mapping[str, pd.DataFrame]) -> dict[str, dict[str, float]]:
    """Return what ``dvc metrics show`` prints of each run: the columns that ask for it."""
    found: dict[str, dict[str, float]] = {}
    for table in tables():
        for name in (column.name for column in table.columns if column.metric):
            values = contents[table.name].set_index("run")[name].dropna()
            for run, value in values.items():
                found.setdefault(str(run), {})[name] = float(value)
    return found


def _check_names(names: list[str]) -> None:
    if not names:
        raise StudyError("found no run; define at least one under classical or deep in params.yaml")
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise StudyError(f"found two runs named {twice[0]!r}; expected each name once")


def _environment(study: Study) -> dict[str, Any]:
    """Collect what the runs were computed on: each device, engine and version that occurs."""
    cards = [card for run in study.runs for card in run.cards]
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
