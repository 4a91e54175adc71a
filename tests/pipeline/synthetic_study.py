"""Studies made of seeded noise, through the real evaluation, for the tests of the report.

Run as a script, it writes the report of such a study into a folder, to be looked at:
``python -m tests.pipeline.synthetic_study folder [normal|tiny|large|many|roster]``.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from made_up_ablation import ablation_record

from pipeline.analyses import tables
from pipeline.analyses.evaluate import evaluate
from pipeline.analyses.pictures import save_pictures
from pipeline.analyses.records import RunRecord, SeedRecord
from pipeline.analyses.sized_runs import SizedRecord
from pipeline.page.report import write_report
from pipeline.page.sections import sections
from pipeline.page.study import StudyResults
from pipeline.page.verdict import Verdict, verdict
from pipeline.storage.network_layers import NetworkLayer, load_network_layers
from pipeline.storage.pictures import (
    FEATURES,
    FeaturePicture,
    load_feature_pictures,
    load_network_pictures,
    save_feature_pictures,
    save_network_pictures,
)
from pipeline.storage.results import Results
from pipeline.storage.runs import HISTORY_COLUMNS, TUNING_COLUMNS, Card, Predictions
from pipeline.storage.sample_size import SampleSizeCard, SizedPredictions, SizedTraining
from pipeline.storage.splits import DatasetCard
from pipeline.tta import TTA_SPLITS

CIFAR = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
SIZES = {"train": 800, "validation": 200, "test": 400}
SAMPLE_SIZES = (50, 100, 200, 400, 800)
CORRUPTIONS = ("gaussian_noise", "fog", "pixelate")
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
    method: str = ""
    """Where it is neither lenet5 nor rbf_svm."""
    options: Mapping[str, Any] = field(default_factory=dict)
    """Besides those that every made-up network has."""
    notes: Mapping[str, Any] = field(default_factory=dict)
    """Besides those that every made-up network has."""
    epochs: int = 15
    tta: str = "none"


SETS = {
    "hog": {"method": "hog", "cell": 8},
    "color": {"method": "color_histogram", "grid": 4},
    "patches": {"method": "patches", "count": 64},
    "vgg": {"method": "pretrained", "image_size": 64},
}
NORMAL = (
    Wanted("color_linear", "classical", 0.38, sets=("color",), overfit=0.04),
    Wanted("hog_linear", "classical", 0.46, sets=("hog",), overfit=0.04),
    Wanted("hog_color_rbf", "classical", 0.70, overfit=0.3, tuned=True),
    Wanted("lenet5", "deep", 0.60, (0, 1, 2)),
    Wanted("vgg16_transfer", "deep", 0.80, tta="mirror_shift"),
    Wanted("vgg16_svm", "hybrid", 0.82, sets=("vgg",)),
)
RANGES = {"C": {"low": 0.1, "high": 100, "log": True}, "gamma": {"choices": [0.05, 0.25]}}
NOT_RUN = {"resnet20": "needs a GPU: about nine hours on two cores"}


def made_up(
    wanted: Sequence[Wanted] = NORMAL,
    class_names: tuple[str, ...] = CIFAR,
    not_run: dict[str, str] | None = None,
    sizes: dict[str, int] = SIZES,
    corrupted: Sequence[str] = (),
    sized: Mapping[str, Sequence[float]] | None = None,
    ablated: Mapping[str, Mapping[str, Any]] | None = None,
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
    by_size = [sized_record(run, skills, labels, ids) for run, skills in (sized or {}).items()]
    factors = [
        ablation_record(labels["test"], ids["test"], name=name, **each)
        for name, each in (ablated or {}).items()
    ]
    results = evaluate(
        dataset,
        labels,
        ids,
        records,
        not_run=not_run,
        seed=0,
        sized=by_size,
        ablations=factors,
    )
    if corrupted:
        add_measurements(results, corrupted)
    return results, _images(labels["test"], rng), ids["test"]


def add_measurements(results: Results, runs: Sequence[str]) -> None:
    """Make up what other stages measure: runs on corrupted images, and two near-duplicates."""
    accuracy = results.tables["accuracy"].set_index("run")
    rows = []
    for number, run in enumerate(runs):
        family, clean = accuracy.loc[run, "family"], accuracy.loc[run, "test_accuracy"]
        cells = [("none", 0, 0.0)]
        cells += [(c, s, 0.01 * s * (i + 1 + number)) for i, c in enumerate(CORRUPTIONS)
                  for s in range(1, 6)]  # fmt: skip
        for corruption, severity, lost in cells:
            share = max(0.05, clean - lost)
            rows.append((run, family, corruption, severity, share, share - 0.03, share + 0.03, 200))
    found = results.tables
    assert isinstance(found, dict)
    found["corruption"] = pd.DataFrame(rows, columns=columns("corruption"))
    twins = [
        (3, 7, "train", "exact", False, 1.0, "cat", "cat"),
        (4, 9, "train", "alike", True, 0.98, "cat", "dog"),
    ]
    found["near_duplicates"] = pd.DataFrame(twins, columns=columns("near_duplicates"))


def columns(name: str) -> list[str]:
    """The headers of a table of results."""
    return next(list(table.names) for table in tables.tables() if table.name == name)


def save_samples(results: Results, images: np.ndarray, ids: np.ndarray, folder: Path) -> None:
    """Write the pictures of test images that the tables name."""
    save_pictures(images, ids, results, folder)


def verdict_of(results: Results) -> Verdict:
    """The verdict of the page."""
    study = StudyResults(results)
    return verdict(study, sections(study))


def written(folder: Path, drawn: bool = True, **options) -> Results:
    """Make up a study and write its pictures and its report."""
    results, images, ids = made_up(**options)
    save_samples(results, images, ids, folder)
    params = {"seed": 0, "deep": {"lenet5": {"epochs": 15}}}
    features = drawn_features(folder, images, results, drawn)
    networks = drawn_networks(folder, images, results) if drawn else None
    layers = load_network_layers(folder)
    write_report(StudyResults(results, params, folder, features, networks, layers))
    return results


def drawn_features(
    folder: Path, images: np.ndarray, results: Results, drawn: bool = True
) -> pd.DataFrame:
    """Write pictures of three feature sets, one of which has learned something."""
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
        pictures.append(_picture("patches", "learned", -1, "", pixels))
    save_feature_pictures(pictures, folder)
    table = load_feature_pictures(folder)
    assert tuple(table) == FEATURES.names
    return table


def drawn_networks(folder: Path, images: np.ndarray, results: Results) -> pd.DataFrame:
    """Write pictures of what each network sees, and its layers."""
    names = results.study["dataset"]["class_names"]
    runs = results.tables["accuracy"]
    pictures = []
    for run in runs[runs["family"] == "deep"]["run"]:
        of_images = [(kind, id_) for kind in ("maps", "gradcam") for id_ in range(5)]
        for kind, id_ in (("learned", -1), *of_images):
            name, pixels = "" if id_ < 0 else names[id_ % len(names)], images[max(id_, 0)]
            path = f"networks/{run}/{kind}-{id_}.png"
            pictures.append(
                FeaturePicture(run, "lenet5", 61706, kind, id_, name, path, f"{run} {kind}", pixels)
            )
    deep = dict.fromkeys(picture.features for picture in pictures)
    save_network_pictures(pictures, folder, dict.fromkeys(deep, made_up_layers()))
    return load_network_pictures(folder)


def made_up_layers() -> list[NetworkLayer]:
    """A small network with a shortcut."""
    rows = (
        ("c1", "Conv2D", "3×3, same", (0,), (32, 32, 8), 224, 221_184, 3),
        ("c1_relu", "Activation", "relu", (1,), (32, 32, 8), 0, 0, 3),
        ("c2", "Conv2D", "3×3, same", (2,), (32, 32, 8), 584, 589_824, 5),
        ("add", "Add", "", (2, 3), (32, 32, 8), 0, 0, 5),
        ("pool", "GlobalAveragePooling2D", "", (4,), (8,), 0, 0, None),
        ("output", "Dense", "softmax", (5,), (10,), 90, 80, None),
    )
    return [
        NetworkLayer(number, name, kind, settings, inputs, output, trainable, 0, adds, field)
        for number, (name, kind, settings, inputs, output, trainable, adds, field) in enumerate(
            rows, start=1
        )
    ]


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
        for split, actual in labels.items():
            skill = min(1.0, run.skill + (run.overfit if split == "train" else 0))
            known = difficulty[split] + 0.15 * rng.standard_normal(len(actual)) < skill
            said = np.where(known, actual, rng.integers(0, n_classes, len(actual)))
            noise = rng.random((len(actual), n_classes), dtype=np.float32)
            scores[split] = (noise + 2 * np.eye(n_classes)[said]).astype(np.float32)
            shares = np.exp(scores[split] * (1 + 2 * rng.random((len(actual), 1))))
            probabilities[split] = (shares / shares.sum(axis=1, keepdims=True)).astype(np.float32)
        history = _history(run, rng)
        card = _card(run, seed)
        predictions = Predictions(dict(ids), scores, probabilities, _augmented(run, scores))
        seeds.append(SeedRecord(card, predictions, history, _trials() if run.tuned else None))
    return RunRecord(run.name, f"dvc repro train_{run.family}@{run.name}", tuple(seeds))


def sized_record(
    run: str,
    skills: Sequence[float],
    labels: Mapping[str, np.ndarray],
    ids: Mapping[str, np.ndarray],
    draws: int = 3,
    deep: bool = False,
) -> SizedRecord:
    """Make up trainings at `SAMPLE_SIZES`, with an accuracy for each."""
    rng = np.random.default_rng(3)
    sizes, n_classes = SAMPLE_SIZES[-len(skills) :], int(labels["train"].max()) + 1
    predicted = {}
    for split in ("validation", "test"):
        shape = (len(skills), draws, len(labels[split]))
        luck = np.array(skills)[:, None, None] + 0.01 * rng.standard_normal((*shape[:2], 1))
        other = (labels[split] + rng.integers(1, n_classes, shape)) % n_classes
        known = rng.random(shape) < luck
        predicted[split] = np.where(known, labels[split], other).astype(np.int16)
    trainings = tuple(
        SizedTraining(size, draw, draw, 2.0 + size / 100, 0.0, 1, 500 if deep else 0, False)
        for size in sizes
        for draw in range(draws)
    )
    card = SampleSizeCard(run, 0, sizes, draws, 500, False, {}, (), trainings)
    there = {split: ids[split] for split in predicted}
    return SizedRecord(SizedPredictions(card, there, predicted), "again", sizes, draws)


def _augmented(run: Wanted, scores: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Scores that differ from the plain ones, where the run has any."""
    rng = np.random.default_rng(5)
    splits = TTA_SPLITS if run.tta != "none" else ()
    return {s: scores[s] + rng.normal(size=scores[s].shape).astype(np.float32) for s in splits}


def _card(run: Wanted, seed: int) -> Card:
    deep = run.family == "deep"
    return Card(
        run=run.name,
        family=run.family,
        method=run.method or ("lenet5" if deep else "rbf_svm"),
        features=() if deep else run.sets,
        options=_options(run),
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


def _options(run: Wanted) -> dict[str, Any]:
    if run.family == "deep":
        return {"epochs": run.epochs, "activation": "relu", "tta": run.tta} | dict(run.options)
    return {"C": 5.0, "gamma": 0.3}


def _notes(run: Wanted) -> dict[str, Any]:
    notes: dict[str, Any]
    if run.family == "deep":
        augmented = {"tta_ms_per_image": 0.7404} if run.tta != "none" else {}
        kept = {"best_epoch": 9, "monitor": "loss", "stopped_early": True}
        notes = kept | augmented | dict(run.notes)
    else:
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
        rows.append((trial, state, 100 if stopped else 400, 0, accuracy, 12.5, options))
    return pd.DataFrame(rows, columns=list(TUNING_COLUMNS))


def _history(run: Wanted, rng: np.random.Generator) -> pd.DataFrame:
    deep = run.family == "deep"
    xs = np.arange(1, run.epochs + 1) if deep else 50 * 2 ** np.arange(5)
    rows = []
    for x, progress in zip(xs, np.linspace(0.1, 1, len(xs)), strict=True):
        validation = run.skill * (1 - np.exp(-5 * progress)) + 0.01 * rng.standard_normal()
        train = min(1.0, run.skill + run.overfit * progress) if deep else 1 - 0.15 * progress
        kind = "epoch" if deep else "images"
        rows += [(x, kind, "train", "accuracy", train)]
        rows += [(x, kind, "validation", "accuracy", validation)]
        if deep:
            rows += [(x, kind, "train", "loss", 2.3 * (1 - train))]
            rows += [(x, kind, "validation", "loss", 2.3 * (1 - validation))]
            rows += [(x, kind, "validation", "macro_f1", validation - 0.01)]
            rows += [(x, kind, "train", "learning_rate", 0.1 * (1.01 - progress))]
            rows += [(x, kind, "train", "seconds", 90.0 if x == 1 else 20.0 + 0.1 * x)]
            rows += [(x, kind, "train", "images_per_second", 500.0 if x == 1 else 2250.0)]
    return pd.DataFrame(rows, columns=list(HISTORY_COLUMNS))


def _images(labels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Colored stripes, one direction and color per class, with noise."""
    y, x = np.mgrid[:32, :32] / 32
    images = []
    for label in labels:
        wave = np.sin(6 * (x * np.cos(label) + y * np.sin(label)) + rng.random() * 6)
        color = 128 + 100 * np.cos(label + np.array([0, 2, 4]))
        images.append(wave[..., None] * 40 + color + rng.normal(0, 12, (32, 32, 3)))
    return np.clip(images, 0, 255).astype(np.uint8)


SHARED = {
    "batch_size": 128, "optimizer": "nesterov", "learning_rate": 0.1, "momentum": 0.9,
    "weight_decay": 0.0005, "schedule": "cosine", "warmup": 1.0, "decay": 0.1,
    "milestones": [0.5, 0.75], "factor": 0.1, "plateau_patience": 5, "ema": None, "loss":
    "cross_entropy", "label_smoothing": 0.0, "monitor": "loss", "patience": None, "flip": True,
    "crop": 4, "shift": 0.0, "cutout": 0, "precision": "auto", "xla": "auto", "data_on_device":
    "auto", "steps_per_call": "auto", "deterministic": False, "l1": 0.0, "l2": 0.0,
}  # fmt: skip
PREFLIGHT = {
    "device": "Some Processor 2.50GHz (2 cores), float32, without XLA",
    "inputs": "32 × 32 × 3 in -1.98 to 2.13; channels with mean 0.00 and deviation 1.00",
    "labels": "10 classes of 4,500 images each",
    "model": "269,722 parameters, 41 million multiply-adds an image, in 71 layers",
    "first loss": "2.41, near ln(10) = 2.30",
    "one batch": "fitted to a loss of 0.012 in 60 steps",
    "estimate": "about 61 minutes and 1.1 GB",
}


def network(name: str, skill: float, method: str, **options: Any) -> Wanted:
    """A network as the training engine leaves it."""
    given = {each: options.pop(each) for each in ("seeds", "epochs", "overfit") if each in options}
    notes = {
        "best_epoch": 14,
        "epochs_run": 15,
        "stopped_early": False,
        "monitor": "loss",
        "preflight": PREFLIGHT,
        "multiply_adds": 40_551_424,
        "weights": options.pop("pretrained", None),
    }
    return Wanted(
        name, "deep", skill, method=method, notes=notes | options.pop("notes", {}),
        options={**SHARED, **options}, **given,
    )  # fmt: skip


def resnet(depth: int, residual: bool, skill: float, overfit: float, **options: Any) -> Wanted:
    """A narrow network of the comparison of depths."""
    name = f"{'residual' if residual else 'plain'}{depth}_narrow"
    options = {"depth": depth, "residual": residual, "width": 0.5, "epochs": 40} | options
    return network(name, skill, "resnet", overfit=overfit, **options)


DEPTHS = (
    resnet(20, False, 0.70, 0.05),
    resnet(56, False, 0.62, 0.01),
    resnet(20, True, 0.72, 0.07),
    resnet(56, True, 0.75, 0.12),
)
PHASES = [
    {"epochs": 5, "learning_rate": 1e-3},
    {"epochs": 10, "learning_rate": 1e-4},
]
ROSTER = (
    network("mlp_wider_and_deeper", 0.45, "mlp", seeds=(0, 1, 2), overfit=0.4),
    network("lenet5_1998", 0.50, "lenet5", width=1.0),
    network("lenet5_modern_augmented", 0.56, "lenet5", seeds=(0, 1, 2)),
    network("alexnet_small_images", 0.65, "alexnet"),
    network("googlenet_batch_normalised", 0.71, "googlenet"),
    network("resnet20", 0.73, "resnet", depth=20, residual=True, width=1.0),
    *DEPTHS,
    network("vgg16_batch_normalised_narrow", 0.70, "vgg16"),
    network("vgg16_transfer_frozen", 0.74, "transfer", pretrained="file"),
    network("vgg16_transfer_fine_tuned", 0.80, "transfer", pretrained="imagenet",
            notes={"phases": PHASES, "preflight_2": PREFLIGHT}),
    network("fast_net", 0.72, "fast"),
    *(
        Wanted(name, "classical", skill, sets=sets, overfit=overfit, tuned=tuned)
        for name, skill, sets, overfit, tuned in (
            ("raw_svm", 0.3, ("hog",), 0.04, False),
            ("color_svm", 0.35, ("color",), 0.04, True),
            ("hog_svm", 0.4, ("hog",), 0.04, True),
            ("hog_rbf_svm", 0.55, ("hog",), 0.4, True),
            ("hog_color_rbf_svm", 0.6, ("hog", "color"), 0.4, False),
            ("hog_color_patches", 0.65, ("hog", "color", "patches"), 0.3, False),
            ("hog_color_patches_mirrored", 0.67, ("hog", "color", "patches"), 0.3, False),
            ("hog_color_patches_mirrored_and_more_of_them", 0.66, ("hog", "color"), 0.3, False),
        )
    ),
    Wanted("vgg16_ridge", "hybrid", 0.78, sets=("vgg",)),
    Wanted("vgg16_rbf_svm", "hybrid", 0.76, sets=("vgg",)),
)  # fmt: skip
GPU_RECIPES = {
    f"{name}_full": f"needs a GPU: {hours} on two cores. {why}"
    for name, hours, why in (
        ("resnet20", "about nine hours", "200 epochs at full width, three seeds."),
        ("resnet110", "about six days", "Its plain counterpart would take as long again."),
        ("vgg16", "about five days", "The recipe was tested for three steps."),
        ("googlenet", "about eight days", "The recipe was tested for three steps."),
        ("alexnet_227_pixels", "about eleven days", "Images are enlarged to 227 pixels in it."),
        ("vgg16_transfer_224_pixels", "about two weeks", "All layers are trained at 224 pixels."),
        ("fast_net", "about an hour", "Its point is to reach 93% within 30 seconds of training."),
    )
}
ABLATED = {
    "optimizer": {
        "truth": {"momentum": 0.6, "sgd": 0.45, "adam": 0.62, "too_much": 0.5},
        "diverged": [("too_much", 0), ("too_much", 2)],
        "target": 0.5,
        "claims": [
            {"claim": "Momentum helps.", "better": "momentum", "than": "sgd"},
            {"claim": "Adam is slower.", "better": "sgd", "than": "adam", "in": "epochs_to_target"},
            {"claim": "Adam takes less time.", "better": "adam", "than": "sgd", "in": "seconds"},
        ],
    },
    "kernel": {"truth": {"linear": 0.4, "kernel": 0.7}, "family": "classical"},
}
CASES = {
    "roster": {"wanted": ROSTER, "not_run": GPU_RECIPES},
    "normal": {
        "not_run": NOT_RUN,
        "corrupted": ("vgg16_transfer", "hog_color_rbf"),
        "sized": {
            "hog_color_rbf": (0.36, 0.45, 0.53, 0.60, 0.66),
            "lenet5": (0.20, 0.36, 0.52, 0.64, 0.74),
            "vgg16_transfer": (0.62, 0.70, 0.76, 0.80, 0.83),
        },
        "ablated": ABLATED,
    },
    "tiny": {"wanted": NORMAL[:1], "class_names": ("cat", "dog")},
    "large": {"class_names": tuple(f"class {i:02d}" for i in range(100)), "not_run": NOT_RUN},
    "many": {
        "wanted": tuple(
            Wanted(f"run_{i:02d}_" + "x" * 53, ("classical", "deep", "hybrid")[i % 3], 0.3 + i / 40)
            for i in range(20)
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
