"""Every file that one stage leaves for another: its place, its format, and nothing else.

All paths are relative to the study's folder, which is the working directory of every stage. Images
are (n, height, width, 3) uint8 in RGB order; labels (n,) int64; ids (n,) int64, the position of an
image in its dataset, by which everything is paired. Files are replaced atomically, so that a stage
that is killed leaves the old file or the new one, never half of one. Each set of files has a
manifest of their checksums (`pipeline.integrity`), against which every file is read.
"""

from __future__ import annotations

import json
import os
import re
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pipeline import integrity, litter, strict
from pipeline.checks import StudyError
from pipeline.object_files import load_object, save_object

SPLITS = ("train", "validation", "test")

INCOMING = Path("data/incoming")
"""Where a person places data; a dependency, never an output."""
DOWNLOADS = Path("data/downloads")
"""Where downloads end; neither a dependency nor an output, so that no stage deletes them."""
RESUME = Path(".resume")
"""Partial downloads and intermediate results, under the hash of all that determines them."""
CHECKED = Path("data/checked.txt")
SOURCE = Path("data/source.json")
PREPARED = Path("data/prepared")
TASK = PREPARED / "task.json"
FEATURES = Path("data/features")
INDEX = Path("data/index")
RUNS = Path("runs")
STUDY = Path("reports/study")

Record = TypeVar("Record")
ScoreKind = Literal["probability", "decision"]
HISTORY_KINDS: dict[str, strict.Column] = {
    "x": "number", "x_kind": "text", "split": "text", "metric": "text", "value": "number",
}  # fmt: skip
HISTORY_COLUMNS = tuple(HISTORY_KINDS)
TUNING_KINDS: dict[str, strict.Column] = {
    "trial": "integer", "state": "text", "images": "integer", "validation_accuracy": "number",
    "seconds": "number", "options": "text",
}  # fmt: skip
TUNING_COLUMNS = tuple(TUNING_KINDS)
"""A row a trial: `state` is ``complete`` or ``pruned``, `images` the training images of its last
fit, `options` a JSON object, option -> value."""


# --- writing -----------------------------------------------------------------------------------


@contextmanager
def atomic(path: Path) -> Iterator[Path]:
    """Give a temporary path beside `path`, and put it in its place if the block succeeds.

    The first call for a folder removes what killed processes have left there. An error on the way
    gets a note of what was being written, for `pipeline.system_errors`.
    """
    size = 0
    temporary: Path | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        litter.sweep(path.parent)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=litter.prefix(), suffix=path.suffix)
        os.close(handle)
        temporary = Path(name)
        yield temporary
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except Exception as error:
        if temporary is not None and temporary.exists():
            size = temporary.stat().st_size
        error.add_note(f"writing {path} ({size:,} bytes were written)")
        raise
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


def save_text(path: Path, text: str) -> None:
    """Write a UTF-8 text file."""
    with atomic(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def save_json(path: Path, value: Any) -> None:
    """Write JSON, indented, keys in their given order; a dataclass becomes an object."""
    if hasattr(value, "__dataclass_fields__"):
        value = asdict(value)
    save_text(path, json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def save_array(path: Path, array: NDArray) -> None:
    """Write one array as ``.npy``."""
    with atomic(path) as temporary, temporary.open("wb") as stream:
        np.save(stream, array, allow_pickle=False)


def save_table(path: Path, table: pd.DataFrame) -> None:
    """Write a table as CSV, without its index, floats to nine significant digits.

    A text that a spreadsheet would take for a formula gets an apostrophe in front, which
    `load_table` takes away again.
    """
    with atomic(path) as temporary:
        _map_texts(table, _defused).to_csv(
            temporary, index=False, float_format="%.9g", lineterminator="\n"
        )


_FORMULA = re.compile(r"'*[=+\-@\t\r\uff1d\uff0b\uff0d\uff20]")
"""How a cell begins that a spreadsheet computes, or one that was kept from it. The list, with
letters of full width, is of OWASP's page on CSV injection."""


def _defused(text: str) -> str:
    return f"'{text}" if _FORMULA.match(text) else text


def _armed(text: str) -> str:
    """Take back what `_defused` does."""
    return text[1:] if text.startswith("'") and _FORMULA.match(text) else text


def _map_texts(table: pd.DataFrame, change: Callable[[str], str]) -> pd.DataFrame:
    """Change the texts in all cells; numbers and empty cells stay."""

    def each(value: Any) -> Any:
        return change(value) if isinstance(value, str) else value

    columns = {
        str(name): table[name].map(each) for name in table.select_dtypes(exclude=["number", "bool"])
    }
    return table.assign(**columns) if columns else table


# --- reading -----------------------------------------------------------------------------------


def load_json(path: Path, remedy: str) -> Any:
    """Read JSON; `remedy` is the command that makes the file where it is missing or broken."""
    existing = _existing(path, remedy)
    try:
        return json.loads(existing.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:  # no JSON, no UTF-8, or nested without end
        raise StudyError(f"{path} is not JSON ({error}); make it anew with: {remedy}") from None


def load_array(path: Path, remedy: str) -> NDArray:
    """Open an array memory-mapped and read-only: outputs of DVC are links into its cache."""
    existing = _existing(path, remedy)
    try:
        return np.load(existing, mmap_mode="r", allow_pickle=False)
    except (ValueError, EOFError) as error:
        raise StudyError(f"{path} is no .npy file ({error}); make it anew: {remedy}") from None


def load_table(path: Path, remedy: str, **options: Any) -> pd.DataFrame:
    """Read a CSV table, the texts as they were given to `save_table`."""
    existing = _existing(path, remedy)
    try:
        table = pd.read_csv(existing, keep_default_na=False, na_values=[""], **options)
        return _map_texts(table, _armed)
    except (ValueError, pd.errors.ParserError) as error:
        raise StudyError(f"{path} is no CSV table ({error}); make it anew: {remedy}") from None


def _load_record(kind: type[Record], path: Path, remedy: str) -> Record:
    """Read a dataclass from JSON; lists become tuples where the class has them."""
    return strict.read_record(kind, load_json(path, remedy), path, remedy)


def _load_sealed(kind: type[Record], path: Path, remedy: str) -> Record:
    """Read a dataclass from JSON that holds its own checksum."""
    content = integrity.unseal(load_json(path, remedy), path, remedy)
    return strict.read_record(kind, content, path, remedy)


def load_checked_table(path: Path, columns: dict[str, strict.Column], remedy: str) -> pd.DataFrame:
    """Read a CSV table that has exactly these columns, in this order, of these kinds."""
    table = load_table(path, remedy, dtype=strict.read_dtypes(columns))
    return strict.check_table(table, columns, path, remedy)


def intact(manifest: Path, of: dict[str, Any], name: str, remedy: str) -> Path:
    """Return the path of a file beside a manifest, once its content is what was written.

    Raises:
        StudyError: if the file or the manifest is missing, is of something else, or was changed.
    """
    _existing(manifest.parent / name, remedy)
    return integrity.load_manifest(manifest, of, remedy).verify(name)


def _existing(path: Path, remedy: str) -> Path:
    if not path.exists():
        raise StudyError(f"there is no {path}; make it with: {remedy}")
    return path


# --- fetch: where the images are -----------------------------------------------------------------


@dataclass(frozen=True)
class Source:
    """What `fetch` found: an archive or a folder, or nothing where images ship with a library."""

    name: str
    """The dataset's name in the registry."""
    path: str | None
    """Where the data lie, relative to the study's folder; None for bundled images."""
    sha256: str
    """Of the archive, or of a folder's sorted file names and contents."""
    size: int
    """In bytes."""
    description: str
    """One line for the report: what the data are and where they are from."""
    hidden: int = 0
    """Hidden files and folders of a folder: passed over, but counted, so `prepare` is to know."""


def save_source(source: Source) -> None:
    """Write the record of `fetch`."""
    save_json(SOURCE, integrity.seal(asdict(source)))


def load_source() -> Source:
    """Read the record of `fetch`."""
    return _load_sealed(Source, SOURCE, "dvc repro fetch")


# --- prepare: images, labels and splits ----------------------------------------------------------


@dataclass(frozen=True)
class Task:
    """What a training has to know of the dataset: an edit to its title or place reruns none.

    A copy lies beside each trained model, so that whoever opens it knows what its columns mean and
    which pixels it takes, and notices that the study has other images by now.
    """

    class_names: tuple[str, ...]
    image_shape: tuple[int, int, int]
    """(height, width, 3)."""
    sizes: dict[str, int]
    """Images in each split."""
    decoding: dict[str, Any] = field(default_factory=dict)
    """Options of `pipeline.data.image_files.read_images` that make such images of files."""
    digest: str = ""
    """SHA-256 of all images and ids, and of the labels to learn from."""

    @property
    def n_classes(self) -> int:
        """Number of classes."""
        return len(self.class_names)


@dataclass(frozen=True)
class DatasetCard:
    """What `prepare` made: the facts of the dataset that evaluation and readers need."""

    name: str
    description: str
    sha256: str
    class_names: tuple[str, ...]
    image_shape: tuple[int, int, int]
    """(height, width, 3)."""
    sizes: dict[str, int]
    """Images in each split."""
    seed: int
    skipped: tuple[str, ...] = ()
    """Files that could not be read, where a parameter allowed some."""
    independent: bool = True
    """Whether test images were drawn independently; intervals and tests assume it."""
    left_out: tuple[dict[str, Any], ...] = ()
    """What else of the source is not among the images: ``what``, ``count`` and some ``names``."""
    original_sides: dict[str, int] = field(default_factory=dict)
    """Of the images' shorter sides before they were resized, in pixels: ``smallest``, ``median``
    and ``largest``; empty where images come in one size."""
    notes: tuple[str, ...] = ()
    """What a reader has to know of how the images were read, a sentence each."""


_PREPARE = "dvc repro prepare"


def save_split(split: str, images: NDArray, labels: NDArray, ids: NDArray) -> None:
    """Write the images, labels and ids of one split, and the manifests of both folders.

    Labels lie in files of their own: only `evaluate` depends on those of the test split.
    """
    folder, answers = PREPARED / split, PREPARED / "labels"
    save_array(folder / "images.npy", images)
    save_array(folder / "ids.npy", np.asarray(ids, dtype=np.int64))
    files = [folder / "images.npy", folder / "ids.npy"]
    save_json(folder / integrity.MANIFEST, integrity.make_manifest(folder, {"split": split}, files))
    save_array(answers / f"{split}.npy", np.asarray(labels, dtype=np.int64))
    of = {"labels of": split}
    save_json(
        _labels_manifest(split),
        integrity.make_manifest(answers, of, [answers / f"{split}.npy"], f"{split}.json"),
    )


def _labels_manifest(split: str) -> Path:
    return PREPARED / "labels" / f"{split}.json"


def _of_split(split: str, name: str, dtype: Any, shape: tuple[int | None, ...]) -> NDArray:
    path = intact(PREPARED / split / integrity.MANIFEST, {"split": split}, name, _PREPARE)
    return strict.check_array(load_array(path, _PREPARE), dtype, shape, path, _PREPARE)


def load_images(split: str) -> NDArray[np.uint8]:
    """Open the images of a split: (n, height, width, 3) uint8, RGB, memory-mapped."""
    return _of_split(split, "images.npy", np.uint8, (None, None, None, 3))


def load_labels(split: str) -> NDArray[np.int64]:
    """Read the labels of a split: (n,) int64."""
    path = intact(_labels_manifest(split), {"labels of": split}, f"{split}.npy", _PREPARE)
    found = load_array(path, _PREPARE)
    return np.array(strict.check_array(found, np.int64, (None,), path, _PREPARE))


def load_ids(split: str) -> NDArray[np.int64]:
    """Read the ids of the images of a split: (n,) int64."""
    return np.array(_of_split(split, "ids.npy", np.int64, (None,)))


def save_task(task: Task) -> None:
    """Write what a training has to know of the dataset, with its own checksum."""
    save_json(TASK, integrity.seal(asdict(task)))


def save_dataset_card(
    card: DatasetCard, index: pd.DataFrame, decoding: Mapping[str, Any] | None = None
) -> None:
    """Write the card, the task, and the index: a row an image, ``id, split, class, name``.

    It comes after `save_split`: last is the manifest of all that was prepared. `decoding` is that
    of `Task`; by default files are resized only.
    """
    options = dict(decoding or {"size": card.image_shape[0]})
    save_task(Task(card.class_names, card.image_shape, card.sizes, options, _prepared_digest()))
    save_table(PREPARED / "index.csv", index)
    save_json(PREPARED / "dataset.json", card)
    names = ("task.json", "index.csv", "dataset.json")
    parts = [PREPARED / split / integrity.MANIFEST for split in SPLITS]
    parts += [_labels_manifest(split) for split in SPLITS]
    files = [PREPARED / name for name in names] + [path for path in parts if path.exists()]
    manifest = integrity.make_manifest(PREPARED, {"prepared": "dataset"}, files)
    save_json(PREPARED / integrity.MANIFEST, manifest)


def _prepared(name: str) -> Path:
    manifest = PREPARED / integrity.MANIFEST
    return intact(manifest, {"prepared": "dataset"}, name, _PREPARE)


def _learnt_from() -> list[tuple[Path, dict[str, str]]]:
    """Return the manifests of what runs read of the prepared splits; test labels are not in it."""
    images = [(PREPARED / split / integrity.MANIFEST, {"split": split}) for split in SPLITS]
    labels = [(_labels_manifest(split), {"labels of": split}) for split in ("train", "validation")]
    return images + labels


def _prepared_digest() -> str:
    """Return one checksum of what runs read of the splits that are prepared."""
    there = [(path, of) for path, of in _learnt_from() if path.exists()]
    return integrity.digest([integrity.load_manifest(*each, _PREPARE).seal for each in there])


def load_task() -> Task:
    """Read what a training has to know of the dataset."""
    return _load_sealed(Task, TASK, _PREPARE)


def load_dataset_card() -> DatasetCard:
    """Read the card of the prepared dataset."""
    return _load_record(DatasetCard, _prepared("dataset.json"), _PREPARE)


def load_image_index() -> pd.DataFrame:
    """Read ``id, split, class, name`` of all images. It tells test labels: for evaluate alone."""
    return load_table(_prepared("index.csv"), _PREPARE, dtype={"class": str, "name": str})


def check_prepared() -> None:
    """Raise `StudyError` unless all parts of the prepared data are of one run of `prepare`.

    It looks at the manifests of the splits, the labels, the task and the index. It tells of test
    labels: for evaluate alone.
    """
    manifest = PREPARED / integrity.MANIFEST
    found = integrity.load_manifest(manifest, {"prepared": "dataset"}, _PREPARE)
    for name in found.files:
        found.verify(name)
    for split in SPLITS:
        for part in (PREPARED / split / integrity.MANIFEST, _labels_manifest(split)):
            found.verify(part.relative_to(PREPARED).as_posix())


def images_seal() -> str:
    """Return one checksum of the images and ids of all splits, from their manifests."""
    return integrity.digest([_split_seal(split) for split in SPLITS])


def learning_seal() -> str:
    """Return one checksum of all prepared data that a training may depend on.

    Those are images and ids of all splits, the labels to learn from, and the task; neither the test
    labels nor the title. A run's manifest holds it, so that `evaluate` notices a run that was
    trained on other data.
    """
    seals = [integrity.load_manifest(*each, _PREPARE).seal for each in _learnt_from()]
    return integrity.digest([*seals, asdict(load_task())])


def _split_seal(split: str) -> str:
    path = PREPARED / split / integrity.MANIFEST
    return integrity.load_manifest(path, {"split": split}, _PREPARE).seal


# --- featurize ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class FeatureCard:
    """What one feature set cost."""

    name: str
    method: str
    options: dict[str, Any]
    dimension: int
    parameters: int
    """Learnt numbers stored in the extractor; 0 for one that learns nothing."""
    fit_seconds: float
    """Fitting, and extraction of the training split."""
    seconds_per_image: float
    """Extraction, measured on the test split."""
    peak_memory_mb: float
    family: Literal["classical", "hybrid"] = "classical"
    """`hybrid` for what a trained network computes."""


def save_features(name: str, split: str, features: NDArray[np.float32], images: str = "") -> None:
    """Write the (n, dimension) float32 features of one split; `images` is `images_seal`."""
    path = FEATURES / name / f"{split}.npy"
    save_array(path, np.asarray(features, dtype=np.float32))
    _seal_features(name, images, path)


def load_features(name: str, split: str) -> NDArray[np.float32]:
    """Open the (n, dimension) float32 features of a split, memory-mapped."""
    path, remedy = _of_features(name, f"{split}.npy")
    return strict.check_array(load_array(path, remedy), np.float32, (None, None), path, remedy)


def save_extractor(name: str, extractor: Any, card: FeatureCard, images: str = "") -> None:
    """Write the fitted extractor and what it cost; `images` is `images_seal`."""
    with atomic(_extractor_file(name)) as temporary:
        save_object(temporary, extractor)
    save_json(FEATURES / name / "card.json", card)
    _seal_features(name, images, _extractor_file(name), FEATURES / name / "card.json")


def _seal_features(name: str, images: str, *files: Path) -> None:
    """Put files of a feature set into its manifest, beside those of the same images."""
    path, of = FEATURES / name / integrity.MANIFEST, {"features": name, "images": images}
    save_json(path, integrity.extend_manifest(path, of, files))


def check_features(name: str, images: str) -> None:
    """Raise `StudyError` unless a feature set is of the images with this `images_seal`."""
    of, remedy = {"features": name, "images": images}, f"dvc repro featurize@{name}"
    integrity.load_manifest(FEATURES / name / integrity.MANIFEST, of, remedy)


def load_extractor(name: str) -> Any:
    """Read a fitted extractor, to be stored with the models that need it."""
    path, remedy = _extractor_file(name), f"dvc repro featurize@{name}"
    if path.exists():
        _of_features(name, path.name)
    return load_object(path, "transform", remedy)


def _extractor_file(name: str) -> Path:
    return FEATURES / name / "extractor.npz"


def load_feature_card(name: str) -> FeatureCard:
    """Read what a feature set cost."""
    path, remedy = _of_features(name, "card.json")
    return _load_record(FeatureCard, path, remedy)


def _of_features(name: str, file: str) -> tuple[Path, str]:
    """Return a file of a feature set that is what was written, and the command that makes it."""
    remedy = f"dvc repro featurize@{name}"
    manifest = FEATURES / name / integrity.MANIFEST
    return intact(manifest, {"features": name}, file, remedy), remedy


def feature_files(name: str) -> list[Path]:
    """Files whose contents decide the runs that use a feature set (its cost is not among them)."""
    return [FEATURES / name / f"{split}.npy" for split in SPLITS] + [_extractor_file(name)]


# --- runs -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Predictions:
    """Scores of one run for every image of every split."""

    ids: dict[str, NDArray[np.int64]]
    """split -> (n,) image ids."""
    scores: dict[str, NDArray[np.float32]]
    """split -> (n, classes), the larger the likelier, also with two classes."""
    probabilities: dict[str, NDArray[np.float32]]
    """split -> (n, classes), rows sum to 1. Where the scores are decisions, they are calibrated on
    the validation split, so that those of validation itself flatter; else they are the scores."""


@dataclass(frozen=True)
class Card:
    """What a run is and what it cost."""

    run: str
    family: Literal["classical", "deep", "hybrid"]
    method: str
    features: tuple[str, ...]
    options: dict[str, Any]
    """All options of the method, defaults included."""
    seed: int
    score_kind: ScoreKind
    sizes: dict[str, int]
    parameters: int
    """Stored numbers that are used to predict, those of the feature extractors included."""
    train_seconds: float
    """From pixels to the fitted model, feature extraction included, learning curve excluded."""
    predict_ms_per_image: float
    """From pixels to scores, measured on the test split."""
    stage_seconds: float
    """The whole stage for this seed: with learning curve, predictions of all splits, saving, and
    tuning."""
    device: str
    engine: str
    """The library that fitted it, with its version."""
    peak_memory_mb: float
    versions: dict[str, str]
    tuning_seconds: float = 0.0
    """Of the search for options, where the run has one; `train_seconds` leaves it out."""
    notes: dict[str, Any] = field(default_factory=dict)
    """What only this family has: ``best_epoch``, ``weights_sha256``, ``stopped_early``, ..."""


_LEARNING = "images and labels to learn from"
"""The key of a run's manifest that holds `learning_seal`."""


def run_folder(run: str, seed: int) -> Path:
    """Return the folder of one seed of a run."""
    return RUNS / run / f"seed-{seed}"


def save_run(
    run: str,
    seed: int,
    predictions: Predictions,
    history: pd.DataFrame,
    card: Card,
    tuning: pd.DataFrame | None = None,
    learning: str = "",
) -> None:
    """Write what every run leaves: predictions, history and card (the model has its own call).

    Where the run was tuned, also its trials, columns `TUNING_COLUMNS`. Last comes the manifest of
    all files in the folder, so that the model has to be there before. `learning` is the checksum of
    the data that it was trained on (`learning_seal`).
    """
    folder = run_folder(run, seed)
    arrays: dict[str, Any] = {f"{split}_ids": ids for split, ids in predictions.ids.items()}
    arrays |= {f"{split}_scores": s.astype(np.float32) for split, s in predictions.scores.items()}
    if card.score_kind == "decision":
        for split, values in predictions.probabilities.items():
            arrays[f"{split}_probabilities"] = values.astype(np.float32)
    with atomic(folder / "predictions.npz") as temporary, temporary.open("wb") as stream:
        np.savez_compressed(stream, **arrays)
    save_table(folder / "history.csv", history[list(HISTORY_COLUMNS)])
    if tuning is not None:
        save_table(folder / "tuning.csv", tuning[list(TUNING_COLUMNS)])
    save_json(folder / "card.json", card)
    seal_run(run, seed, learning)


def seal_run(run: str, seed: int, learning: str) -> None:
    """Write the manifest of the files that one seed of a run has left."""
    folder = run_folder(run, seed)
    of = {"run": run, "seed": seed, _LEARNING: learning}
    # Hidden ones are what a killed process has left.
    files = [path for path in integrity.files_below(folder) if path.name[0] != "."]
    manifest = integrity.make_manifest(folder, of, files)
    save_json(folder / integrity.MANIFEST, manifest)


def run_manifest(
    run: str, seed: int, remedy: str, learning: str | None = None
) -> integrity.Manifest:
    """Read the manifest of one seed of a run.

    Args:
        run: its name.
        seed: the seed.
        remedy: the command that makes the run.
        learning: the checksum of the data that it should have been trained on, if that matters.
    """
    of: dict[str, Any] = {"run": run, "seed": seed}
    if learning is not None:
        of[_LEARNING] = learning
    return integrity.load_manifest(run_folder(run, seed) / integrity.MANIFEST, of, remedy)


def intact_run_file(run: str, seed: int, name: str, remedy: str) -> Path:
    """Return the path of a file that a run has left, once its content is what was written."""
    _existing(run_folder(run, seed) / name, remedy)
    return run_manifest(run, seed, remedy).verify(name)


def model_file(run: str, seed: int, family: str) -> Path:
    """Return where the fitted model of a run is kept: ``model.keras`` or ``model.npz``."""
    return run_folder(run, seed) / ("model.keras" if family == "deep" else "model.npz")


def save_run_task(run: str, seed: int, task: Task) -> None:
    """Write what a run was trained on, beside its model; `save_run` comes after it."""
    save_json(run_folder(run, seed) / "task.json", task)


def load_run_task(run: str, seed: int, remedy: str) -> Task:
    """Read what one seed of a run was trained on."""
    return _load_record(Task, intact_run_file(run, seed, "task.json", remedy), remedy)


def load_card(run: str, seed: int, remedy: str) -> Card:
    """Read the card of one seed of a run."""
    path = intact_run_file(run, seed, "card.json", remedy)
    card = _load_record(Card, path, remedy)
    if (card.run, card.seed) != (run, seed):
        found = f"found the card of run {card.run!r}, seed {card.seed}"
        integrity.refuse(path, f"{found}; expected {run!r}, seed {seed}", remedy)
    sets = card.notes.get("feature_sets", {})
    if not isinstance(sets, dict) or not all(isinstance(each, dict) for each in sets.values()):
        strict.refuse(path, f"notes.feature_sets: found {sets!r:.80}; expected objects", remedy)
    if not isinstance(adds := card.notes.get("multiply_adds", 0), int | float):
        strict.refuse(path, f"notes.multiply_adds: found {adds!r:.80}; expected a number", remedy)
    return card


def load_history(run: str, seed: int, remedy: str) -> pd.DataFrame:
    """Read the history of one seed of a run, columns `HISTORY_COLUMNS`."""
    path = intact_run_file(run, seed, "history.csv", remedy)
    return load_checked_table(path, HISTORY_KINDS, remedy)


def load_tuning(run: str, seed: int, remedy: str) -> pd.DataFrame:
    """Read the trials of one seed of a run that was tuned, columns `TUNING_COLUMNS`."""
    path = intact_run_file(run, seed, "tuning.csv", remedy)
    table = load_checked_table(path, TUNING_KINDS, remedy)
    for text in table["options"]:
        try:
            options = json.loads(text)
        except (TypeError, ValueError, RecursionError):
            options = None
        if not isinstance(options, dict):
            strict.refuse(path, f"options: found {text!r:.80}; expected a JSON object", remedy)
    return table


def load_predictions(run: str, seed: int, remedy: str) -> Predictions:
    """Read the predictions of one seed of a run."""
    path = intact_run_file(run, seed, "predictions.npz", remedy)
    arrays = load_arrays(path, remedy)

    def checked(what: str, split: str, dtype: Any, dimensions: int) -> NDArray:
        return strict.take_array(arrays, f"{split}_{what}", dtype, dimensions, path, remedy)

    scores = {split: checked("scores", split, np.float32, 2) for split in SPLITS}
    shares = {f"{split}_probabilities" for split in SPLITS} & arrays.keys()
    return Predictions(
        ids={split: checked("ids", split, np.int64, 1) for split in SPLITS},
        scores=scores,
        probabilities={s: checked("probabilities", s, np.float32, 2) for s in SPLITS}
        if shares
        else scores,
    )


def load_arrays(path: Path, remedy: str) -> dict[str, NDArray]:
    """Read all arrays of an ``.npz`` file."""
    existing = _existing(path, remedy)
    try:
        with np.load(existing, allow_pickle=False) as stored:
            return {name: stored[name] for name in stored.files}
    except Exception as error:  # reading a broken archive raises whatever it leads to
        raise StudyError(f"{path} cannot be read ({error}); make it anew with: {remedy}") from None
