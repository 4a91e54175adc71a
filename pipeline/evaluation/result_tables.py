"""The tables of ``reports/study/``, a row at a time, from checked runs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pipeline.evaluation.confusion import confusion_counts
from pipeline.evaluation.duplicates import unique_columns
from pipeline.evaluation.per_class import ClassScores, class_scores
from pipeline.evaluation.runs import Answers, ScoredRun
from pipeline.evaluation.samples import Samples
from pipeline.results import (
    ACCURACY_COLUMNS,
    CONFUSION_COLUMNS,
    LEARNING_CURVE_COLUMNS,
    PER_CLASS_COLUMNS,
    SAMPLE_COLUMNS,
    TUNING_RESULT_COLUMNS,
)


def accuracy_table(
    runs: Sequence[ScoredRun], answers: Answers, dataset: str, unique: NDArray[np.bool_] | None
) -> pd.DataFrame:
    """One row a run, columns `ACCURACY_COLUMNS`; `seeds` is their list, ``0+1+2``.

    `unique` are the (n,) test images without a near-duplicate; None where that cannot be told.
    """
    rows = []
    for run in runs:
        test = run.accuracy("test")
        interval = test.interval()
        card = run.cards[0]
        rows.append(
            {
                "run": run.name,
                "family": run.family,
                "method": card.method,
                "features": "+".join(card.features),
                "dataset": dataset,
                "seeds": "+".join(str(card.seed) for card in run.cards),
                "train_accuracy": run.accuracy("train").value,
                "validation_accuracy": run.accuracy("validation").value,
                "test_accuracy": test.value,
                "test_ci_low": interval.low,
                "test_ci_high": interval.high,
                "test_seed_std": run.test_seed_std,
                "majority_share": _majority_share(answers),
                "test_top2_accuracy": run.test_top2_accuracy,
                "macro_f1": _mean_scores(run, answers).macro_f1,
                "parameters": round(run.mean("parameters")),
                "n_test": test.n,
            }
        )
    table = pd.concat([pd.DataFrame(rows), unique_columns(runs, unique, answers)], axis=1)
    return table[list(ACCURACY_COLUMNS)]


def run_metrics(run: ScoredRun, answers: Answers) -> dict[str, float]:
    """Return what ``dvc metrics show`` prints of a run: numbers alone.

    The spread over seeds is there where there are several.
    """
    spread = {"test_seed_std": run.test_seed_std} if len(run.cards) > 1 else {}
    return {
        "test_accuracy": run.accuracy("test").value,
        **spread,
        "validation_accuracy": run.accuracy("validation").value,
        "train_accuracy": run.accuracy("train").value,
        "macro_f1": _mean_scores(run, answers).macro_f1,
        "train_seconds": run.mean("train_seconds"),
        "predict_ms_per_image": run.mean("predict_ms_per_image"),
    }


def per_class_table(runs: Sequence[ScoredRun], answers: Answers) -> pd.DataFrame:
    """One row a run and class, columns `PER_CLASS_COLUMNS`; means over seeds."""
    rows = []
    for run in runs:
        scores = _mean_scores(run, answers)
        for index, name in enumerate(answers.class_names):
            rows.append(
                (
                    run.name,
                    name,
                    scores.precision[index],
                    scores.recall[index],
                    scores.f1[index],
                    scores.support[index],
                )
            )
    return pd.DataFrame(rows, columns=list(PER_CLASS_COLUMNS))


def confusion_table(runs: Sequence[ScoredRun], answers: Answers) -> pd.DataFrame:
    """One row a run, actual and predicted class, zeros included, summed over seeds."""
    names = np.array(answers.class_names, dtype=object)
    parts = []
    for run in runs:
        counts = confusion_counts(*_pooled(run, answers), len(names)).ravel()
        actual, predicted = np.repeat(names, len(names)), np.tile(names, len(names))
        parts.append(
            pd.DataFrame(
                {"run": run.name, "actual": actual, "predicted": predicted, "count": counts}
            )
        )
    return pd.concat(parts, ignore_index=True)[list(CONFUSION_COLUMNS)]


def learning_curves_table(runs: Sequence[ScoredRun]) -> pd.DataFrame:
    """All histories below each other, columns `LEARNING_CURVE_COLUMNS`."""
    histories = pd.concat([run.history for run in runs], ignore_index=True)
    return histories[list(LEARNING_CURVE_COLUMNS)]


def tuning_table(runs: Sequence[ScoredRun]) -> pd.DataFrame:
    """The trials of all tuned runs below each other, columns `TUNING_RESULT_COLUMNS`."""
    tuned = [run.tuning for run in runs if len(run.tuning)]
    empty = pd.DataFrame(columns=list(TUNING_RESULT_COLUMNS))
    return pd.concat(tuned, ignore_index=True)[list(empty)] if tuned else empty


def samples_table(runs: Sequence[ScoredRun], answers: Answers, samples: Samples) -> pd.DataFrame:
    """One row a sample image and run, columns `SAMPLE_COLUMNS`, of each run's first seed."""
    labels, ids = answers.labels["test"], answers.ids["test"]
    rows = []
    for position in (*samples.drawn, *samples.disagreeing):
        image, actual = int(ids[position]), int(labels[position])
        for run in runs:
            predicted = int(run.predicted[0]["test"][position])
            rows.append(
                (
                    image,
                    f"samples/{image}.png",
                    answers.class_names[actual],
                    run.name,
                    run.family,
                    answers.class_names[predicted],
                    predicted == actual,
                )
            )
    return pd.DataFrame(rows, columns=list(SAMPLE_COLUMNS))


def _majority_share(answers: Answers) -> float:
    """Return the share of the most common class among the test images."""
    counts = np.bincount(np.asarray(answers.labels["test"]))
    return float(counts.max() / counts.sum())


def _pooled(run: ScoredRun, answers: Answers) -> tuple[NDArray[np.int64], NDArray[np.integer]]:
    """Return predicted classes and labels of the test split, the seeds one after the other."""
    predicted = np.concatenate([each["test"] for each in run.predicted])
    return predicted, np.tile(np.asarray(answers.labels["test"]), len(run.predicted))


def _mean_scores(run: ScoredRun, answers: Answers) -> ClassScores:
    """Return the scores of each class, means over seeds; the support is that of one seed."""
    labels = np.asarray(answers.labels["test"])
    seeds = [class_scores(each["test"], labels, len(answers.class_names)) for each in run.predicted]
    return ClassScores(
        precision=np.mean([each.precision for each in seeds], axis=0),
        recall=np.mean([each.recall for each in seeds], axis=0),
        f1=np.mean([each.f1 for each in seeds], axis=0),
        support=seeds[0].support,
    )
