"""What `evaluate` and both stages that draw leave for `report` and people: ``reports/study/``.

They stand apart from `pipeline.storage` so that a new table reruns no training: stages depend on
the formats that they write or read.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import Image

from pipeline.checks import StudyError, listing
from pipeline.storage import file_sets, integrity
from pipeline.storage.files import atomic, load_json, load_table, save_json, save_table
from pipeline.storage.paths import STUDY
from pipeline.storage.runs import TUNING_COLUMNS

ACCURACY_COLUMNS = (
    "run", "family", "method", "features", "dataset", "seeds", "train_accuracy",
    "validation_accuracy", "test_accuracy", "test_ci_low", "test_ci_high", "test_seed_std",
    "majority_share", "test_top2_accuracy", "test_accuracy_unique", "n_test_unique", "macro_f1",
    "parameters", "n_test",
)  # fmt: skip
"""Of ``accuracy.csv``. Accuracies are means over `seeds`. `test_ci_low` and `test_ci_high` (Wilson)
tell of other test images; `test_seed_std`, the sample standard deviation of the test accuracy over
the seeds, of training again: empty with one seed. `majority_share` is the share of the most common
class among the test images, what always naming it would get. `test_top2_accuracy` is the share of
test images whose class is among the two of the highest scores: empty with two classes.
`test_accuracy_unique` is that on the `n_test_unique` test images without a near-duplicate among the
images to learn from: empty if there are none, and where the images do not tell which have one.
Nothing here is measured by a clock (that is in ``cost.csv``), so that a study that is run again on
the same machine leaves the same bytes."""
MEASURED_COLUMNS = ("train_seconds", "predict_ms_per_image", "device")
"""Of ``cost.csv``, which the accuracy table of the page shows as well."""
PER_CLASS_COLUMNS = ("run", "class", "precision", "recall", "f1", "support")
CONFUSION_COLUMNS = ("run", "actual", "predicted", "count")
LEARNING_CURVE_COLUMNS = ("run", "seed", "x", "x_kind", "split", "metric", "value")
TUNING_RESULT_COLUMNS = ("run", "seed", *TUNING_COLUMNS)
CERTAINTY_COLUMNS = (
    "run", "family", "kind", "rank", "id", "image", "actual", "predicted", "confidence",
)  # fmt: skip
ERROR_COLUMNS = (
    "kind", "rank", "id", "image", "actual", "classical_predicted", "deep_predicted", "runs_right",
    "runs", "label_probability",
)  # fmt: skip
"""Of ``errors.csv``. Kinds: ``hardest``, ``only_classical`` and ``only_deep`` (what the best run of
one of these families alone gets right), ``label_suspect`` (the best runs of all families agree on
another class). `runs_right` of `runs` get the image right; predictions are of the families' best
runs, empty where there is none; `label_probability` is the mean over the best runs of all families.
All of first seeds."""
CONFUSED_PAIR_COLUMNS = ("run", "family", "class_a", "class_b", "a_as_b", "b_as_a", "share")
"""Of ``confused_pairs.csv``, the families' best runs. `a_as_b` images of class a were said to be of
class b, summed over seeds; `share` of all errors of the run lie between the two."""
CONFUSION_IMAGE_COLUMNS = ("run", "actual", "predicted", "rank", "id", "image", "confidence")
"""Of ``confusion_images.csv``, the first seeds of the families' best runs: test images behind the
cells of the confusion matrices, the most confident first."""
PAIRWISE_COLUMNS = (
    "run_a", "run_b", "family_a", "family_b", "difference", "ci_low", "ci_high", "seed_std",
    "only_a_right", "only_b_right", "p_value", "p_holm", "holds",
)  # fmt: skip
"""Of ``pairwise.csv``, a row a pair; `run_a` has the higher validation accuracy. `difference` is
that of the mean test accuracies over seeds, a less b. `ci_low` and `ci_high` (paired bootstrap,
95 %) tell of other test images; `seed_std`, its standard error over seeds, of training again: empty
where both have one seed, a lower bound where one of them has. `only_a_right`, `only_b_right` and
`p_value` (exact McNemar) are of first seeds, `p_holm` is adjusted for the number of pairs (Holm).
`holds`: `p_holm` below 0.05, 0 outside of the interval, and test images independent."""
AGREEMENT_COLUMNS = (
    "run_a", "run_b", "agreement", "kappa", "both_right", "oracle", "error_overlap",
)  # fmt: skip
"""Of ``agreement.csv``, a row a pair in the order of ``pairwise.csv``, first seeds, shares of the
test images: same class named, Cohen's `kappa`, both right, at least one right (`oracle`), and, of
the images that at least one gets wrong, those that both do."""
CALIBRATION_COLUMNS = (
    "run", "family", "probabilities", "n", "temperature",
    "ece_before", "ece_before_low", "ece_before_high",
    "ece_after", "ece_after_low", "ece_after_high",
    "nll_before", "nll_after", "brier_before", "brier_after",
    "confidence_before", "confidence_after",
)  # fmt: skip
"""Of ``calibration.csv``, a row a run, its first seed, before and after temperature scaling on the
validation split. `probabilities`: ``softmax``, or ``sigmoid on validation`` where scores were
calibrated there already. `ece` is the expected calibration error of the likeliest class with a
bootstrap interval (95 %), `nll` the mean negative log-likelihood in nats, `brier` from 0 to 2,
`confidence` the mean probability of the likeliest class."""
RELIABILITY_COLUMNS = ("run", "stage", "bin", "low", "high", "n", "confidence", "accuracy")
"""Of ``reliability.csv``, a row a run, stage (``before``, ``after``) and bin from 1 on: `n` test
images of confidence above `low` and up to `high`. `confidence` and `accuracy` are their means:
empty where there is no image."""
COMBINATION_COLUMNS = (
    "kind", "families", "runs", "n", "accuracy", "ci_low", "ci_high", "best_single",
    "difference", "p_value",
)  # fmt: skip
"""Of ``combinations.csv``, a row a kind and set of families, each by its best run on validation:
``oracle`` (at least one is right: a bound that needs the label), ``mean`` (of probabilities) and
``stack`` (weights of log-probabilities, fitted on validation). `families` and `runs` are joined by
``+``; first seeds. `ci_low` and `ci_high` (Wilson) are of `accuracy`; `difference` and `p_value`
(exact McNemar, not adjusted; empty for an oracle) are against `best_single`, the best of them on
validation."""
CORRUPTION_COLUMNS = (
    "run", "family", "corruption", "severity", "accuracy", "ci_low", "ci_high", "n",
)  # fmt: skip
"""Of ``corruption.csv``. A run's first row, corruption ``none`` of severity 0, is of the same `n`
test images as they are. Intervals (Wilson) tell of other test images."""
COST_COLUMNS = (
    "run", "family", "test_accuracy", "train_seconds", "tuning_seconds", "stage_seconds",
    "predict_ms_per_image", "images_per_second", "parameters", "model_bytes", "multiply_adds",
    "peak_memory_mb", "device", "frontier_train", "frontier_predict", "frontier_multiply_adds",
    "frontier_parameters",
)  # fmt: skip
"""Of ``cost.csv``, a row a run. Means over seeds; but `tuning_seconds` and `stage_seconds` are sums
(a run is tuned once), and `peak_memory_mb` (10^6 bytes) is the largest. `images_per_second` are
classified, from pixels on. `model_bytes` is the file of the first seed's model, its extractors
included; `multiply_adds` (`pipeline.evaluation.cost`) are those of one image from pixels to scores:
empty where a card has none. On a frontier are the runs than which no other (for seconds: no other
on the same device) has at least the test accuracy for at most the cost, one of them strictly
better. They are described by test accuracy; nothing is chosen by them."""
NEAR_DUPLICATE_COLUMNS = (
    "test_id", "id", "split", "kind", "mirrored", "similarity", "actual", "partner_actual",
)  # fmt: skip
"""Of ``near_duplicates.csv``, a row for each test image that the image `id` of train or validation
equals to the last pixel (kind ``exact``) or looks alike (``alike``; `mirrored`: as in a mirror);
`similarity` is the correlation of their details. `actual` is the class of the test image,
`partner_actual` that of the other. Look-alikes are left out where the images of the study show that
likeness tells nothing; ``study.json`` says so under ``duplicates``."""
SAMPLE_COLUMNS = ("id", "image", "actual", "run", "family", "predicted", "correct")
FEATURE_PICTURE_COLUMNS = (
    "features", "method", "dimension", "kind", "id", "class", "image", "caption",
)  # fmt: skip
"""Of ``features.csv``. Kinds: ``original`` (an enlarged validation image, of no feature set),
``image`` (what a set keeps of it) and ``learnt`` (of no image: `id` -1, no class). `image` is the
picture's path inside ``reports/study/``, `caption` says what it shows. ``networks.csv`` has the
same columns: a run in `features`, its parameters in `dimension`; kinds ``learnt`` (kernels of the
first layer), ``maps`` (of the first convolution) and ``gradcam`` (where the last maps speak
for the class that the network predicts)."""
CELL_PICTURES = "samples/small"
"""Where the pictures behind the cells of confusion matrices lie inside ``reports/study/``."""
LARGE_PICTURE = 32_768
"""Bytes."""
LARGE_NETWORK_PICTURE = 8_192
"""Bytes. There are about ten pictures of each network."""

RESULT_TABLES = {
    "accuracy": ACCURACY_COLUMNS,
    "per_class": PER_CLASS_COLUMNS,
    "confusion": CONFUSION_COLUMNS,
    "learning_curves": LEARNING_CURVE_COLUMNS,
    "samples": SAMPLE_COLUMNS,
    "tuning": TUNING_RESULT_COLUMNS,
    "certainty": CERTAINTY_COLUMNS,
    "corruption": CORRUPTION_COLUMNS,
    "pairwise": PAIRWISE_COLUMNS,
    "agreement": AGREEMENT_COLUMNS,
    "calibration": CALIBRATION_COLUMNS,
    "reliability": RELIABILITY_COLUMNS,
    "combinations": COMBINATION_COLUMNS,
    "errors": ERROR_COLUMNS,
    "confused_pairs": CONFUSED_PAIR_COLUMNS,
    "confusion_images": CONFUSION_IMAGE_COLUMNS,
    "cost": COST_COLUMNS,
    "near_duplicates": NEAR_DUPLICATE_COLUMNS,
}
"""Tables that `evaluate` writes to ``reports/study/<name>.csv``, and their columns."""
TEXT_COLUMNS = (
    "run", "class", "actual", "predicted", "features", "image",
    "run_a", "run_b", "best_single", "class_a", "class_b", "classical_predicted", "deep_predicted",
    "partner_actual", "dataset",
)  # fmt: skip
"""Columns that stay text where their values look like numbers: classes may be called 3 and 8."""

_LATER = ("test_seed_std", "test_top2_accuracy", "test_accuracy_unique", "n_test_unique")
"""Columns of ``accuracy.csv`` that results of earlier versions, as committed, do not have."""
_COMPUTED = ("majority_share", "kind")
"""Columns that they do not have either, and that `load_results` computes for them."""
_OF_RESULTS = {"results": "study"}
_EVALUATE = "dvc repro evaluate"
_DRAWN_BY = {"features": "illustrate", "networks": "illustrate_networks"}
_REPORT = "report.json"
MANIFESTS = (integrity.MANIFEST, *(f"{name}.json" for name in _DRAWN_BY), _REPORT)
"""Files of ``reports/study/`` with the checksums of what each of the stages has left there."""


@dataclass(frozen=True)
class Results:
    """All that `evaluate` says, and all that `report` knows."""

    tables: Mapping[str, pd.DataFrame]
    """Name in `RESULT_TABLES` -> table."""
    metrics: dict[str, Any]
    """``metrics.json``: numbers by run, for ``dvc metrics show`` and ``dvc metrics diff``."""
    study: dict[str, Any]
    """``study.json``: the dataset card, the cards of all runs, comparisons, what was not run."""


def save_results(results: Results, folder: Path = STUDY) -> None:
    """Write the results, each file atomically, after all of them have been computed."""
    for name, columns in RESULT_TABLES.items():
        save_table(folder / f"{name}.csv", results.tables[name][list(columns)])
    save_json(folder / "metrics.json", results.metrics)
    save_json(folder / "study.json", results.study)


def replacing_results(folder: Path = STUDY) -> AbstractContextManager[Path]:
    """Give an empty folder for results and ``samples/``; in the end they replace the old ones."""
    return file_sets.replacing(folder, _OF_RESULTS, owned=("samples",))


def replacing_report(folder: Path = STUDY) -> AbstractContextManager[Path]:
    """Give an empty folder for the page, the summary and ``figures/``, which replace the old."""
    return file_sets.replacing(folder, {"report": "study"}, ("figures",), _REPORT)


def verify_results(folder: Path = STUDY) -> None:
    """Raise `StudyError` unless the files of each stage are all of one run of it, and unchanged.

    Those stages are `evaluate` and, where they have left anything, both that draw.
    """
    file_sets.verify(folder, _OF_RESULTS, _EVALUATE)
    for name, stage in _DRAWN_BY.items():
        if (folder / f"{name}.csv").exists():
            file_sets.verify(folder, {"pictures": name}, f"dvc repro {stage}", f"{name}.json")


def load_results(folder: Path = STUDY) -> Results:
    """Read the results of a study from its folder."""
    text = dict.fromkeys(TEXT_COLUMNS, str)
    tables = {
        name: load_table(folder / f"{name}.csv", _EVALUATE, dtype=text) for name in RESULT_TABLES
    }
    for name, columns in RESULT_TABLES.items():
        required = [each for each in columns if each not in (*_LATER, *_COMPUTED)]
        missing = [each for each in required if each not in tables[name]]
        if missing:
            raise StudyError(
                f"{folder / name}.csv has no column {listing(missing)}; expected "
                f"{listing(columns, 40)}. Make it anew with: {_EVALUATE}"
            )
    tables["accuracy"]["features"] = tables["accuracy"]["features"].fillna("")
    absent = {"classical_predicted": "", "deep_predicted": ""}
    tables["errors"] = tables["errors"].fillna(absent)
    for name in _LATER:
        if name not in tables["accuracy"]:
            tables["accuracy"][name] = np.nan
    if "majority_share" not in tables["accuracy"]:
        tables["accuracy"]["majority_share"] = _majority_share(tables["per_class"])
    if "kind" not in tables["near_duplicates"]:
        tables["near_duplicates"]["kind"] = "alike"
    return Results(
        tables=tables,
        metrics=load_json(folder / "metrics.json", _EVALUATE),
        study=load_json(folder / "study.json", _EVALUATE),
    )


def accuracy_with_costs(results: Results) -> pd.DataFrame:
    """Return the accuracy table with the `MEASURED_COLUMNS` of the cost table beside it."""
    accuracy, cost = results.tables["accuracy"], results.tables["cost"]
    measured = [name for name in MEASURED_COLUMNS if name not in accuracy]  # but in older results
    return accuracy.merge(cost[["run", *measured]], on="run", how="left")


def _majority_share(per_class: pd.DataFrame) -> float:
    """Return the share of the most common class, which older tables do not hold."""
    support = per_class.loc[per_class["run"] == per_class["run"].iloc[0], "support"]
    return float(support.max() / support.sum())


def learnt_elsewhere(notes: Mapping[str, Any]) -> str | None:
    """Say what other images a run has learnt from, by the notes of its card.

    Returns:
        ``"imagenet"``, ``"file"`` for a file of weights, or None where weights were drawn at random
        and where there are none. Of a hybrid, the weights of its feature sets count.
    """
    sets = notes.get("feature_sets", {}).values()
    for weights in (notes.get("weights"), *(each.get("weights") for each in sets)):
        if weights not in (None, "random"):
            return "imagenet" if weights == "imagenet" else "file"
    return None


@dataclass(frozen=True)
class FeaturePicture:
    """One row of ``features.csv`` or of ``networks.csv`` with its pixels."""

    features: str
    """The feature set, or the network's run."""
    method: str
    dimension: int
    """Numbers that the set turns an image into; of an original, its pixels times 3; of a network,
    its parameters."""
    kind: str
    id: int
    class_name: str
    image: str
    caption: str
    pixels: NDArray[np.uint8]
    """(height, width, 3) in RGB order."""


def save_feature_pictures(pictures: Sequence[FeaturePicture], folder: Path = STUDY) -> None:
    """Write ``features.csv`` and its PNG pictures; pictures of an earlier study are removed."""
    limits = {"image": LARGE_PICTURE}
    _save_pictures(pictures, folder, "features", lambda picture: limits.get(picture.kind))


def save_network_pictures(pictures: Sequence[FeaturePicture], folder: Path = STUDY) -> None:
    """Write ``networks.csv`` and its PNG pictures; pictures of an earlier study are removed."""
    _save_pictures(pictures, folder, "networks", lambda _: LARGE_NETWORK_PICTURE)


def _save_pictures(
    pictures: Sequence[FeaturePicture],
    folder: Path,
    name: str,
    limit: Callable[[FeaturePicture], int | None],
) -> None:
    rows = [
        (p.features, p.method, p.dimension, p.kind, p.id, p.class_name, p.image, p.caption)
        for p in pictures
    ]
    table = pd.DataFrame(rows, columns=list(FEATURE_PICTURE_COLUMNS))
    of = {"pictures": name}
    with file_sets.replacing(folder, of, owned=(name,), manifest=f"{name}.json") as incoming:
        for picture in pictures:
            with atomic(incoming / picture.image) as temporary:
                temporary.write_bytes(_png(picture, limit(picture)))
        save_table(incoming / f"{name}.csv", table)


def _png(picture: FeaturePicture, limit: int | None) -> bytes:
    """Encode a picture; it gets 256 colours where it would have more bytes than `limit` otherwise.

    The page embeds a dozen of these. HOG's then differ by about one level of 255 on average; a
    learnt dictionary has too many colours for that, and comes but once.
    """
    exact, content = Image.fromarray(picture.pixels), io.BytesIO()
    exact.save(content, format="PNG", optimize=True)
    if limit is not None and content.tell() > limit:
        content = io.BytesIO()
        fewer = exact.quantize(256, kmeans=3, dither=Image.Dither.NONE)
        fewer.save(content, format="PNG", optimize=True)
    return content.getvalue()


def load_feature_pictures(folder: Path = STUDY) -> pd.DataFrame:
    """Read ``features.csv``, columns `FEATURE_PICTURE_COLUMNS`; words that are empty stay so."""
    return _load_pictures(folder / "features.csv", "dvc repro illustrate")


def load_network_pictures(folder: Path = STUDY) -> pd.DataFrame:
    """Read ``networks.csv``, columns `FEATURE_PICTURE_COLUMNS`; without the file, no row."""
    path = folder / "networks.csv"
    if not path.exists():
        none = pd.DataFrame(columns=list(FEATURE_PICTURE_COLUMNS), dtype=str)
        return none.astype({"dimension": int, "id": int})
    return _load_pictures(path, "dvc repro illustrate_networks")


def _load_pictures(path: Path, remedy: str) -> pd.DataFrame:
    words = ["features", "method", "kind", "class", "image", "caption"]
    kinds = {"dimension": int, "id": int} | dict.fromkeys(words, str)
    table = load_table(path, remedy, dtype=kinds)
    return table.fillna(dict.fromkeys(words, ""))
