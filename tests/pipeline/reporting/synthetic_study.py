"""Studies made of seeded noise, through the real evaluation, for the tests of the report.

Run as a script, it writes the report of such a study into a folder, to be looked at:
``python tests/pipeline/reporting/synthetic_study.py folder [normal|tiny|large|many]``.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from pipeline.artefacts import HISTORY_COLUMNS, TUNING_COLUMNS, Card, DatasetCard, Predictions
from pipeline.evaluation.runs import RunRecord, SeedRecord
from pipeline.evaluation.samples import save_pictures
from pipeline.evaluation.study import evaluate
from pipeline.reporting.report import write_report
from pipeline.results import (
    FEATURE_PICTURE_COLUMNS,
    FeaturePicture,
    Results,
    load_feature_pictures,
    save_feature_pictures,
)

CIFAR = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
SIZES = {"train": 800, "validation": 200, "test": 400}
STRANGE = 'a <b>&"x"</b> $y$ `z` |'


@dataclass(frozen=True)
class Wanted:
    """A run to be made up."""

    name: str
    family: str
    skill: float
    """Share of test images that it knows; it guesses the others."""
    seeds: tuple[int, ...] = (0,)
    sets: tuple[str, ...] = ("hog", "color")
    overfit: float = 0.15
    """Share by which it knows more of the training images."""
    tuned: bool = False


SETS = {
    "hog": {"method": "hog", "cell": 8},
    "color": {"method": "color_histogram", "grid": 4},
    "patches": {"method": "patches", "count": 64},
    "vgg": {"method": "vgg16_features", "image_size": 64},
}
NORMAL = (
    Wanted("color_linear", "classical", 0.38, sets=("color",), overfit=0.04),
    Wanted("hog_linear", "classical", 0.46, sets=("hog",), overfit=0.04),
    Wanted("hog_color_rbf", "classical", 0.70, overfit=0.3, tuned=True),
    Wanted("lenet5", "deep", 0.60, (0, 1, 2)),
    Wanted("vgg16_transfer", "deep", 0.80),
    Wanted("vgg16_svm", "hybrid", 0.82, sets=("vgg",)),
)
RANGES = {"C": {"low": 0.1, "high": 100, "log": True}, "gamma": {"choices": [0.05, 0.25]}}
NOT_RUN = {"resnet20": "needs a GPU: about nine hours on two cores"}


def made_up(
    wanted: Sequence[Wanted] = NORMAL,
    class_names: tuple[str, ...] = CIFAR,
    not_run: dict[str, str] | None = None,
    sizes: dict[str, int] = SIZES,
) -> tuple[Results, np.ndarray, np.ndarray]:
    """Return results, the test images (n, 32, 32, 3) uint8, and their ids."""
    rng = np.random.default_rng(7)
    n_classes = len(class_names)
    labels = {s: rng.permutation(np.arange(n) % n_classes) for s, n in sizes.items()}
    ids = {split: rng.permutation(100_000)[:n] for split, n in sizes.items()}
    dataset = DatasetCard(
        name="made_up",
        description="seeded noise in the shape of a study",
        sha256="5f" * 32,
        class_names=class_names,
        image_shape=(32, 32, 3),
        sizes=sizes,
        seed=0,
    )
    difficulty = {split: rng.random(n) for split, n in sizes.items()}
    records = [_record(run, labels, ids, difficulty, n_classes, rng) for run in wanted]
    results = evaluate(dataset, labels, ids, records, not_run=not_run, seed=0)
    return results, _images(labels["test"], rng), ids["test"]


def written(folder: Path, drawn: bool = True, **options) -> Results:
    """Make up a study and write its pictures and its report."""
    results, images, ids = made_up(**options)
    save_pictures(images, ids, results, folder)
    params = {"seed": 0, "deep": {"lenet5": {"epochs": 15}}}
    write_report(results, params, folder, drawn_features(folder, images, results, drawn))
    return results


def drawn_features(
    folder: Path, images: np.ndarray, results: Results, drawn: bool = True
) -> pd.DataFrame:
    """Write pictures of three feature sets, one of which has learnt something."""
    names = results.study["dataset"]["class_names"]
    rng = np.random.default_rng(3)
    pictures = []
    for index in range(5):
        name = names[index % len(names)]
        pictures.append(
            _picture("", "original", index, name, images[index].repeat(4, 0).repeat(4, 1))
        )
        for each in ("hog", "color", "patches") if drawn else ():
            pixels = np.repeat(np.repeat(rng.integers(0, 255, (32, 32, 3), np.uint8), 8, 0), 8, 1)
            pictures.append(_picture(each, "image", index, name, pixels))
    if drawn:
        pixels = rng.integers(0, 255, (240, 600, 3), np.uint8)
        pictures.append(_picture("patches", "learnt", -1, "", pixels))
    save_feature_pictures(pictures, folder)
    table = load_feature_pictures(folder)
    assert tuple(table) == FEATURE_PICTURE_COLUMNS
    return table


def _picture(features: str, kind: str, id_: int, name: str, pixels: np.ndarray) -> FeaturePicture:
    method = SETS[features]["method"] if features else ""
    path = f"features/{features or 'images'}/{id_}.png"
    return FeaturePicture(
        features, method, 324, kind, id_, name, path, f"{kind} {features} {name}", pixels
    )


def _record(run, labels, ids, difficulty, n_classes, rng) -> RunRecord:
    seeds = []
    for seed in run.seeds:
        scores, probabilities = {}, {}
        for split, answer in labels.items():
            skill = min(1.0, run.skill + (run.overfit if split == "train" else 0))
            known = difficulty[split] + 0.15 * rng.standard_normal(len(answer)) < skill
            said = np.where(known, answer, rng.integers(0, n_classes, len(answer)))
            noise = rng.random((len(answer), n_classes), dtype=np.float32)
            scores[split] = (noise + 2 * np.eye(n_classes)[said]).astype(np.float32)
            shares = np.exp(scores[split] * (1 + 2 * rng.random((len(answer), 1))))
            probabilities[split] = (shares / shares.sum(axis=1, keepdims=True)).astype(np.float32)
        history = _history(run, rng)
        card = _card(run, seed)
        predictions = Predictions(dict(ids), scores, probabilities)
        seeds.append(SeedRecord(card, predictions, history, _trials() if run.tuned else None))
    return RunRecord(run.name, f"dvc repro train_{run.family}@{run.name}", tuple(seeds))


def _card(run: Wanted, seed: int) -> Card:
    deep = run.family == "deep"
    return Card(
        run=run.name,
        family=run.family,
        method="lenet5" if deep else "rbf_svm",
        features=() if deep else run.sets,
        options={"epochs": 15, "activation": "relu"} if deep else {"C": 5.0, "gamma": 0.3},
        seed=seed,
        score_kind="probability" if deep else "decision",
        sizes=SIZES,
        parameters=61_706 if deep else 16_200_000,
        train_seconds=312.4 if deep else 94.06,
        predict_ms_per_image=0.1234 if deep else 2.345,
        stage_seconds=345.6,
        device="Some Processor 2.50GHz (2 cores)",
        engine="keras 3.11 on tensorflow 2.20" if deep else "scikit-learn-intelex 2026.2",
        peak_memory_mb=1234.5,
        versions={"python": "3.11.7", "numpy": "2.4.6"},
        tuning_seconds=754.3 if run.tuned else 0.0,
        notes=_notes(run),
    )


def _notes(run: Wanted) -> dict:
    if run.family == "deep":
        return {"best_epoch": 9, "stopped_early": True}
    notes = {"feature_sets": {name: SETS[name] for name in run.sets}}
    if run.tuned:
        notes["tuning"] = {
            "trials": 8,
            "images": 400,
            "pruned": 2,
            "best_validation_accuracy": 0.7,
            "chosen": {"C": 2.5, "gamma": 0.25},
            "ranges": RANGES,
        }
    return notes


def _trials() -> pd.DataFrame:
    """Eight trials, the fourth and the eighth stopped early; the sixth is the best."""
    accuracies = (0.61, 0.55, 0.66, 0.3, 0.64, 0.7, 0.66, 0.9)
    rows = []
    for trial, accuracy in enumerate(accuracies):
        stopped = trial % 4 == 3
        options = json.dumps({"C": 0.5 * trial, "gamma": 0.05 * trial})
        state = "pruned" if stopped else "complete"
        rows.append((trial, state, 100 if stopped else 400, accuracy, 12.5, options))
    return pd.DataFrame(rows, columns=list(TUNING_COLUMNS))


def _history(run: Wanted, rng: np.random.Generator) -> pd.DataFrame:
    deep = run.family == "deep"
    xs = np.arange(1, 16) if deep else 50 * 2 ** np.arange(5)
    rows = []
    for x, progress in zip(xs, np.linspace(0.1, 1, len(xs)), strict=True):
        validation = run.skill * (1 - np.exp(-5 * progress)) + 0.01 * rng.standard_normal()
        train = min(1.0, run.skill + 0.15 * progress) if deep else 1 - 0.15 * progress
        kind = "epoch" if deep else "images"
        rows += [(x, kind, "train", "accuracy", train)]
        rows += [(x, kind, "validation", "accuracy", validation)]
        if deep:
            rows += [(x, kind, "validation", "loss", 2.3 * (1 - validation))]
    return pd.DataFrame(rows, columns=list(HISTORY_COLUMNS))


def _images(labels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Coloured stripes, one direction and colour a class, with noise."""
    y, x = np.mgrid[:32, :32] / 32
    images = []
    for label in labels:
        wave = np.sin(6 * (x * np.cos(label) + y * np.sin(label)) + rng.random() * 6)
        colour = 128 + 100 * np.cos(label + np.array([0, 2, 4]))
        images.append(wave[..., None] * 40 + colour + rng.normal(0, 12, (32, 32, 3)))
    return np.clip(images, 0, 255).astype(np.uint8)


CASES = {
    "normal": {"not_run": NOT_RUN},
    "tiny": {"wanted": NORMAL[:1], "class_names": ("cat", "dog")},
    "large": {"class_names": tuple(f"class {i:02d}" for i in range(100)), "not_run": NOT_RUN},
    "many": {
        "wanted": tuple(
            Wanted(f"run_{i:02d}_" + "x" * 53, ("classical", "deep", "hybrid")[i % 3], 0.3 + i / 80)
            for i in range(40)
        )
    },
    "strange": {
        "wanted": (Wanted(STRANGE, "classical", 0.5), Wanted("сеть_神経網", "deep", 0.6)),
        "class_names": ("猫", "собака", "<i>&amp;\"'", "$a_b$", "كلب"),
        "not_run": {"<script>": 'because & of "quotes"'},
    },
}

if __name__ == "__main__":
    written(Path(sys.argv[1]), **CASES[sys.argv[2] if len(sys.argv) > 2 else "normal"])
