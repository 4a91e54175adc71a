"""What a finished study leaves for `evaluate`, made up of noise: small, and quick to write."""

from __future__ import annotations

import numpy as np
import pandas as pd
from made_up_ablation import ablation_record

from pipeline.config.ablations import parse_options
from pipeline.config.corrupt import CorruptOptions
from pipeline.config.roster import Roster, Run
from pipeline.config.sample_size import SampleSizeOptions
from pipeline.storage.ablations import save_ablation
from pipeline.storage.corrupted import CorruptedCard, CorruptedScores, save_corrupted
from pipeline.storage.health import CONTROL_COLUMNS, FACT_COLUMNS, Health, save_health
from pipeline.storage.near_duplicates import (
    COPY_COLUMNS,
    DUPLICATE_COLUMNS,
    Duplicates,
    SimilarityCheck,
    save_duplicates,
)
from pipeline.storage.runs import (
    HISTORY_COLUMNS,
    TUNING_COLUMNS,
    Card,
    Predictions,
    model_file,
    run_manifest,
    save_run,
)
from pipeline.storage.sample_size import (
    SampleSizeCard,
    SizedPredictions,
    SizedTraining,
    save_sized,
)
from pipeline.storage.splits import (
    SPLITS,
    DatasetCard,
    images_seal,
    learning_seal,
    load_ids,
    save_dataset_card,
    save_split,
)

CLASSES = ("cat", "dog", "frog")
SIZES = {"train": 24, "validation": 18, "test": 30}
RUNS = {"svm": ("classical", (0,)), "pca_svm": ("classical", (0,)), "net": ("deep", (0, 1))}

FACTOR = {
    "base": "net",
    "vary": "optimizer",
    "values": ["adam", "sgd"],
    "repeats": 2,
    "claims": [{"claim": "Adam is better.", "better": "adam", "than": "sgd"}],
}


def roster() -> Roster:
    """The parts of params.yaml that `evaluate` looks at."""
    runs = tuple(Run(name, family, seeds) for name, (family, seeds) in RUNS.items())
    corrupt = {"svm": CorruptOptions(limit=20, corruptions=("fog",), severities=(1, 5))}
    sizes = SampleSizeOptions(sizes=(12, None), draws=2, runs={"svm": {}})
    factors = {"optimizer": parse_options("optimizer", FACTOR)}
    missing = {"vgg": "slow"}
    return Roster(runs, corrupt, missing, seed=0, sample_size=sizes, ablations=factors)


def write_study(seed: int = 0) -> None:
    """Write data/, runs/ of a study into the working directory."""
    rng = np.random.default_rng(seed)
    labels = write_prepared(rng)
    for name, (family, seeds) in RUNS.items():
        for each in seeds:
            write_run(rng, name, family, each, labels)
    ids = np.sort(load_ids("test")[:20])
    card = CorruptedCard("svm", 0, 0, ("fog",), (1, 5), {"frost": "no photographs"})
    clean, fog = (rng.normal(size=size).astype(np.float32) for size in ((20, 3), (2, 20, 3)))
    trained = run_manifest("svm", 0, "").seal
    save_corrupted(CorruptedScores(card, ids, clean, {"fog": fog}), trained)
    write_sized(rng)
    pair = load_ids("test")[3], load_ids("train")[5]
    near = pd.DataFrame([(*pair, "train", "alike", False, 0.97)], columns=list(DUPLICATE_COLUMNS))
    copies = pd.DataFrame([(pair[1], "train", 0, "train")], columns=list(COPY_COLUMNS))
    check = SimilarityCheck(0.85, 20, 1, 1, 1)
    save_duplicates(Duplicates(near, copies, check), images_seal())
    write_health(rng)
    options = {key: FACTOR[key] for key in ("repeats", "claims")}
    truth = {"adam": 0.6, "sgd": 0.4}
    found = ablation_record(labels["test"], load_ids("test"), truth, seed=seed, **options)
    save_ablation(found.results, learning_seal())


def write_sized(rng: np.random.Generator) -> None:
    """Write runs/_sample_size/svm/: guesses."""
    sizes, splits = (12, SIZES["train"]), ("validation", "test")
    trainings = tuple(
        SizedTraining(size, draw, draw, rng.random(), 0.0, 1, 0, False)
        for size in sizes
        for draw in range(2)
    )
    card = SampleSizeCard("svm", 0, sizes, 2, None, False, {"C": 2.0}, (), trainings)
    predicted = {s: rng.integers(0, 3, (2, 2, SIZES[s])).astype(np.int16) for s in splits}
    ids = {split: load_ids(split) for split in splits}
    save_sized(SizedPredictions(card, ids, predicted), learning_seal())


def write_health(rng: np.random.Generator) -> None:
    """Write data/health/: facts of JPEG files, and a control that guesses."""
    rows = [
        (i, split, 60, 40, 900, "JPEG", *rng.uniform(30, 200, 3))
        for split in SPLITS
        for i in load_ids(split)
    ]
    guesses = [(i, "format", int(rng.integers(3))) for i in load_ids("test")]
    facts = pd.DataFrame(rows, columns=list(FACT_COLUMNS))
    control = pd.DataFrame(guesses, columns=list(CONTROL_COLUMNS))
    save_health(Health(facts, control), learning_seal())


def write_prepared(rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Write data/prepared/ and return the labels."""
    ids = np.split(rng.permutation(sum(SIZES.values())), np.cumsum(list(SIZES.values()))[:-1])
    labels = {split: rng.integers(0, 3, size) for split, size in SIZES.items()}
    rows = []
    for split, which in zip(SPLITS, ids, strict=True):
        images = rng.integers(0, 256, (len(which), 6, 6, 3), dtype=np.uint8)
        save_split(split, images, labels[split], which)
        rows += [(i, split, CLASSES[k], f"{i}.png") for i, k in zip(which, labels[split], strict=1)]
    card = DatasetCard("pets", "noise", "0" * 64, CLASSES, (6, 6, 3), SIZES, seed=0)
    index = pd.DataFrame(rows, columns=["id", "split", "class", "name"])
    save_dataset_card(card, index)
    return labels


def write_run(rng, name: str, family: str, seed: int, labels: dict[str, np.ndarray]) -> None:
    """Write one seed of a run that is right on about half of the images."""
    shares = {}
    for split, size in SIZES.items():
        logits = rng.normal(size=(size, 3))
        logits[np.arange(size), labels[split]] += 1
        shares[split] = (np.exp(logits) / np.exp(logits).sum(1, keepdims=True)).astype(np.float32)
    scores = shares if family == "deep" else {s: np.log(each) for s, each in shares.items()}
    curve = [(x, "epoch" if family == "deep" else "images") for x in (8, 16, 24)]
    history = pd.DataFrame(
        [(*x, s, "accuracy", rng.random()) for x in curve for s in ("train", "validation")],
        columns=list(HISTORY_COLUMNS),
    )
    sets = {"hog": {"method": "hog", "cell": 8}}
    classical = {"dimension": 36, "multiply_adds": 1200, "feature_sets": sets}
    network = {"best_epoch": 2, "epochs_run": 3, "weights": None, "stopped_early": False}
    card = Card(
        run=name, family=family, method="method", features=() if family == "deep" else ("hog",),
        options={"C": 0.5, "rates": [1, 2]}, seed=seed,
        score_kind="probability" if family == "deep" else "decision", sizes=SIZES,
        parameters=int(rng.integers(10, 999)), train_seconds=rng.random(),
        predict_ms_per_image=rng.random(), stage_seconds=rng.random(), device="a processor",
        engine="a library 1.0", peak_memory_mb=rng.random(), versions={"numpy": "2.0"},
        tuning_seconds=2.5 if name == "svm" else 0.0,
        notes=network if family == "deep" else classical,
    )  # fmt: skip
    trials = [(k, "complete", 24, 0, rng.random(), 0.5, '{"C": 0.5}') for k in range(3)]
    tuning = pd.DataFrame(trials, columns=list(TUNING_COLUMNS))
    model = model_file(name, seed, family)
    model.parent.mkdir(parents=True, exist_ok=True)
    model.write_bytes(rng.bytes(50 + 10 * seed))
    predictions = Predictions({s: load_ids(s) for s in SPLITS}, scores, shares)
    tuned = tuning if name == "svm" else None
    save_run(name, seed, predictions, history, card, tuned, learning_seal())
