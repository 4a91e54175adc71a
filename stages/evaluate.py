"""Evaluate all runs of the roster; no other stage reads the labels of the test split.

The roster comes from params.yaml: files of removed runs are ignored.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pipeline.analyses.ablated import AblationRecord
from pipeline.analyses.corrupted_runs import CorruptedRecord
from pipeline.analyses.evaluate import evaluate
from pipeline.analyses.pictures import save_pictures
from pipeline.analyses.records import RunRecord, SeedRecord
from pipeline.analyses.sized_runs import SizedRecord
from pipeline.analyses.tables import save_results
from pipeline.checks import StudyError
from pipeline.commands.provenance import code_version
from pipeline.config.roster import Roster, Run, load_roster
from pipeline.robustness.severities import applicable_corruptions
from pipeline.storage import corrupted, near_duplicates
from pipeline.storage.ablations import load_ablation
from pipeline.storage.health import load_health
from pipeline.storage.object_files import missing
from pipeline.storage.results import replacing_results
from pipeline.storage.runs import (
    Card,
    load_card,
    load_history,
    load_predictions,
    load_tuning,
    model_file,
    run_manifest,
)
from pipeline.storage.sample_size import load_sized
from pipeline.storage.splits import (
    SPLITS,
    check_prepared,
    images_seal,
    learning_seal,
    load_dataset_card,
    load_folds,
    load_ids,
    load_image_index,
    load_images,
    load_labels,
    load_task,
)
from stages import run


def main() -> None:
    """Write the tables, metrics.json and study.json of reports/study/tables/, and the pictures."""
    results = evaluate(**load_inputs(load_roster()))
    results.study["provenance"] = {"commit": code_version()}
    images, ids = load_images("test"), load_ids("test")
    with replacing_results() as folder:
        save_pictures(images, ids, results, folder)
        save_results(results, folder)
    for row in results.tables["accuracy"].itertuples():
        print(
            f"{row.run}: test {row.test_accuracy:.1%} "
            f"[{row.test_ci_low:.1%}, {row.test_ci_high:.1%}], train {row.train_accuracy:.1%}"
        )
    for sentence in results.study["enlarged"]:
        print(f"note: {sentence}")


def load_inputs(roster: Roster) -> dict[str, Any]:
    """Return the arguments of `evaluate`, after verifying all files that they come from."""
    check_prepared()
    dataset = load_dataset_card()
    return {
        "dataset": dataset,
        "labels": {split: load_labels(split) for split in SPLITS},
        "ids": {split: load_ids(split) for split in SPLITS},
        "runs": _records(roster),
        "not_run": roster.not_run,
        "aims": roster.aims,
        "seed": roster.seed,
        "corrupted": _corrupted(roster, dataset.image_shape[2]),
        "ablations": _ablations(roster),
        "duplicates": near_duplicates.load_duplicates(images_seal()),
        "health": load_health(learning_seal()),
        "image_names": _names(),
        "folds": load_folds(),
        "sized": _sized(roster),
    }


def _names() -> dict[int, str]:
    index = load_image_index()
    return dict(zip(index["id"].tolist(), index["name"].astype(str), strict=True))


def _records(roster: Roster) -> Iterator[RunRecord]:
    """Load runs one by one, so that only one run's scores are in memory at a time."""
    learning = learning_seal()
    for each in roster.runs:
        seeds = tuple(_record(each, seed, learning) for seed in each.seeds)
        yield RunRecord(each.name, each.remedy, seeds)


def _corrupted(roster: Roster, channels: int) -> Iterator[CorruptedRecord]:
    """Load the outputs of `corrupt` one by one, for the runs in params.yaml.

    Args:
        roster: the runs.
        channels: of the images; by default, all corruptions that make sense for them.
    """
    runs = {each.name: each for each in roster.runs}
    for name, options in roster.corrupt.items():
        remedy, run = f"dvc repro corrupt@{name}", runs[name]
        trained = run_manifest(name, run.seeds[0], run.remedy).seal
        yield CorruptedRecord(
            scores=corrupted.load_corrupted(name, remedy, trained),
            remedy=remedy,
            limit=options.limit,
            corruptions=options.corruptions or applicable_corruptions(channels),
            severities=options.severities,
        )


def _ablations(roster: Roster) -> Iterator[AblationRecord]:
    """Load the outputs of `ablations` one by one, for those in params.yaml."""
    learning = learning_seal()
    for name, options in roster.ablations.items():
        remedy = f"dvc repro ablations@{name}"
        yield AblationRecord(load_ablation(name, remedy, learning), options, remedy)


def _sized(roster: Roster) -> Iterator[SizedRecord]:
    """Load the outputs of `sample_size` one by one, for the runs in params.yaml."""
    options, learning = roster.sample_size, learning_seal()
    for name in options.runs:
        remedy = f"dvc repro sample_size@{name}"
        sizes = options.numbers(load_task().sizes["train"])
        yield SizedRecord(load_sized(name, remedy, learning), remedy, sizes, options.draws)


def _record(each: Run, seed: int, learning: str) -> SeedRecord:
    run_manifest(each.name, seed, each.remedy, learning)
    card = load_card(each.name, seed, each.remedy)
    tuned = card.tuning_seconds > 0  # only the seed that ran the search, which serves all seeds
    return SeedRecord(
        card=card,
        predictions=load_predictions(each.name, seed, each.remedy),
        history=load_history(each.name, seed, each.remedy),
        tuning=load_tuning(each.name, seed, each.remedy) if tuned else None,
        model_bytes=_model_bytes(each, card),
    )


def _model_bytes(each: Run, card: Card) -> int:
    """Return the size of the stored model, without opening it."""
    path = model_file(each.name, card.seed, card.family)
    if not path.exists():
        raise StudyError(missing(path, each.remedy))
    manifest = run_manifest(each.name, card.seed, each.remedy)
    return manifest.verify_size(path.name).stat().st_size


if __name__ == "__main__":
    run(main)
