"""Every file between two stages: what is written is what is read, whole or not at all."""

import hashlib
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from awkward_files import AWKWARD, DAMAGES, DIGITS, contents

from pipeline.checks import StudyError
from pipeline.config import registry
from pipeline.storage import integrity
from pipeline.storage.features import (
    FeatureCard,
    check_features,
    feature_files,
    load_extractor,
    load_feature_card,
    load_features,
    save_extractor,
    save_features,
)
from pipeline.storage.files import (
    Rows,
    atomic,
    load_array,
    load_json,
    load_table,
    save_array,
    save_json,
    save_table,
    save_text,
)
from pipeline.storage.integrity import make_manifest
from pipeline.storage.runs import (
    TUNING_COLUMNS,
    Card,
    Predictions,
    load_card,
    load_history,
    load_predictions,
    load_tuning,
    model_file,
    save_run,
)
from pipeline.storage.source import SOURCE, Source, SourceFile, load_source, save_source
from pipeline.storage.splits import (
    PREPARED,
    SPLITS,
    DatasetCard,
    load_dataset_card,
    load_ids,
    load_image_index,
    load_images,
    load_labels,
    load_task,
    save_dataset_card,
    save_split,
)

pytestmark = pytest.mark.usefixtures("study_folder")


def files() -> list[str]:
    return list(contents())


# --- what the cases are made of -------------------------------------------------------------------


def dataset_card():
    return DatasetCard(
        name="photos",
        description="patches",
        sha256="ab" * 32,
        class_names=AWKWARD,
        image_shape=(32, 32, 3),
        sizes={"train": 3, "validation": 2, "test": 2},
        seed=4,
        skipped=("train/a/broken.png (cut short)",),
    )


def image_index(names=AWKWARD):
    return pd.DataFrame(
        {
            "id": np.arange(len(names)),
            "split": "train",
            "class": list(names),
            "name": list(names),
        }
    )


def feature_card():
    return FeatureCard("hog", "hog", {"cell": 8, "signed": True}, 324, 0, 1.25, 1e-4, 512.5)


def extractor():
    return registry.parse("features", {"method": "hog", "cell": 4}, "features.hog").build(seed=0)


def run_card(**changes):
    record = {
        "run": "01",
        "family": "classical",
        "method": "linear_svm",
        "features": ("hog", "color"),
        "options": {"C": 0.001, "weights": None},
        "seed": 3,
        "score_kind": "decision",
        "sizes": {"train": 3, "validation": 2, "test": 2},
        "parameters": 3250,
        "train_seconds": 1.5,
        "predict_ms_per_image": 0.25,
        "stage_seconds": 4.5,
        "device": "a processor (2 cores)",
        "engine": "a library 1.2",
        "peak_memory_mb": 512.5,
        "versions": {"python": "3.11"},
        "notes": {"best_epoch": 2, "Straße": [1, 2]},
    }
    return Card(**(record | changes))


def predictions():
    rng = np.random.default_rng(0)
    sizes = {"train": 3, "validation": 2, "test": 2}
    return Predictions(
        ids={s: rng.permutation(100)[:n].astype(np.int64) for s, n in sizes.items()},
        scores={s: rng.normal(size=(n, 4)).astype(np.float32) for s, n in sizes.items()},
        probabilities={
            s: rng.dirichlet(np.ones(4), n).astype(np.float32) for s, n in sizes.items()
        },
        tta_scores={s: rng.random((2, 4), dtype=np.float32) for s in ("validation", "test")},
    )


def history():
    return pd.DataFrame(
        {
            "x": [1, 2, 3],
            "x_kind": "epoch",
            "split": ["train", "validation", "train"],
            "metric": "accuracy",
            "value": [0.123456789, 1.0, 3e-9],
        }
    )


def save_example_run():
    save_run("01", 3, predictions(), history(), run_card())


# --- atomic ---------------------------------------------------------------------------------------


def test_atomic_puts_the_new_file_in_place_of_the_old_one():
    path = Path("deep/down/file.txt")
    for text in ("old", "new"):
        with atomic(path) as temporary:
            assert temporary != path
            temporary.write_text(text, encoding="utf-8")
            assert not path.exists() or path.read_text(encoding="utf-8") == "old"
        assert path.read_text(encoding="utf-8") == text
    assert files() == ["deep/down/file.txt"]


@pytest.mark.parametrize("interruption", [RuntimeError, KeyboardInterrupt, SystemExit])
def test_atomic_leaves_the_old_file_where_the_block_fails(interruption):
    path = Path("file.txt")
    path.write_text("old", encoding="utf-8")

    def write_half():
        with atomic(path) as temporary:
            temporary.write_text("half of the new o", encoding="utf-8")
            raise interruption

    with pytest.raises(interruption):
        write_half()
    assert path.read_text(encoding="utf-8") == "old"
    assert files() == ["file.txt"], "no temporary file is left"


def test_atomic_temporary_has_the_same_suffix():
    """Keras and NumPy go by it."""
    with atomic(Path("model.keras")) as temporary:
        assert temporary.suffix == ".keras"


@pytest.mark.parametrize(
    "save",
    [
        pytest.param(lambda path: save_text(path, "a lone surrogate \ud800"), id="text"),
        pytest.param(lambda path: save_json(path, {"a": object()}), id="json"),
        pytest.param(lambda path: save_array(path, np.array([object()])), id="array of objects"),
        pytest.param(lambda path: save_table(path, pd.DataFrame({"a": ["\ud800"]})), id="table"),
    ],
)
def test_what_cannot_be_written_leaves_the_old_file(save):
    path = Path("file")
    path.write_bytes(b"old")
    with pytest.raises((TypeError, ValueError)):
        save(path)
    assert path.read_bytes() == b"old"
    assert files() == ["file"]


SAVES = {
    "text": lambda path: save_text(path, "new"),
    "json": lambda path: save_json(path, {"new": 1}),
    "array": lambda path: save_array(path, np.arange(3)),
    "table": lambda path: save_table(path, pd.DataFrame({"new": [1]})),
}


@pytest.mark.parametrize("kind", SAVES)
def test_links_into_the_cache_are_replaced_not_written_through(kind):
    """DVC's outputs are read-only links into its cache, where the old contents have to stay."""
    cache, output = Path("cache"), Path("output")
    cache.write_bytes(b"old")
    cache.chmod(0o444)
    os.link(cache, output)
    SAVES[kind](output)
    assert cache.read_bytes() == b"old"
    assert output.read_bytes() != b"old"
    assert not os.path.samefile(cache, output)
    assert os.access(output, os.W_OK)
    SAVES[kind](output)


# --- what is written is what is read --------------------------------------------------------------


def test_json_keeps_order_and_letters():
    save_json(Path("a.json"), {"z": "Straße", "a": [1, None, 0.5]})
    text = Path("a.json").read_text(encoding="utf-8")
    assert "Straße" in text
    assert text.endswith("}\n")
    found = load_json(Path("a.json"), "make it")
    assert list(found.items()) == [("z", "Straße"), ("a", [1, None, 0.5])]


def test_rows_are_written_as_numpy_writes_a_copy_of_them(study_folder, rng, monkeypatch):
    monkeypatch.setattr("pipeline.storage.files._ROWS", 3)
    array = rng.integers(0, 256, (10, 4, 5, 3), dtype=np.uint8)
    rows = np.array([7, 0, 1, 9, 3, 3, 2])
    save_array(Path("rows.npy"), Rows(array, rows))
    save_array(Path("copy.npy"), array[rows])
    assert Path("rows.npy").read_bytes() == Path("copy.npy").read_bytes()


def test_arrays_are_mapped_and_read_only():
    array = np.arange(12, dtype=np.float32).reshape(3, 4)
    save_array(Path("a.npy"), array)
    found = load_array(Path("a.npy"), "make it")
    assert isinstance(found, np.memmap)
    assert not found.flags.writeable
    assert found.dtype == array.dtype
    np.testing.assert_array_equal(found, array)


def test_tables_keep_nine_digits_and_awkward_names():
    table = pd.DataFrame({"name": list(AWKWARD), "value": np.linspace(0, 1, len(AWKWARD)) / 3})
    save_table(Path("t.csv"), table)
    found = load_table(Path("t.csv"), "make it", dtype={"name": str})
    assert found["name"].tolist() == list(AWKWARD)
    np.testing.assert_allclose(found["value"], table["value"], rtol=1e-8)
    assert Path("t.csv").read_bytes().count(b"\r") == 0


def test_source():
    for path in ("data/incoming/a.zip", None):
        source = Source("photos", (SourceFile("a", path, "ab" * 32, 5),), "bundled — images")
        save_source(source)
        assert load_source() == source
        assert source.sha256 == "ab" * 32
    assert files() == ["data/source.json"]


def test_source_of_several_files():
    for name in ("images.gz", "labels.gz"):
        Path(name).write_text(name, encoding="utf-8")
    digests = {name: integrity.file_digest(Path(name)) for name in ("images.gz", "labels.gz")}
    parts = tuple(SourceFile(name, name, digest, 9) for name, digest in digests.items())
    source = Source("digits", parts, "two files")
    save_source(source)
    assert load_source() == source
    assert source.file("labels.gz").located() == Path("labels.gz")
    said = "".join(f"{digest}  {name}\n" for name, digest in digests.items())
    assert source.sha256 == hashlib.sha256(said.encode()).hexdigest()
    Path("labels.gz").unlink()
    with pytest.raises(StudyError, match=r"labels\.gz no longer exists; .* --force fetch"):
        source.file("labels.gz").located()


def test_source_of_an_older_version():
    older = {"name": "photos", "path": None, "sha256": "ab", "size": 5, "description": "images"}
    save_json(SOURCE, integrity.seal({**older, "hidden": 0}))
    with pytest.raises(StudyError, match=r"missing: 'files'; .*it with: dvc repro fetch"):
        load_source()


def test_split(rng):
    images = rng.integers(0, 256, (5, 8, 9, 3), dtype=np.uint8)
    labels, ids = np.array([0, 1, 2, 1, 0], dtype=np.uint8), np.array([9, 4, 2, 7, 5], np.int32)
    save_split("validation", images, labels, ids)
    np.testing.assert_array_equal(load_images("validation"), images)
    assert load_images("validation").dtype == np.uint8
    for found, expected in (
        (load_labels("validation"), labels),
        (load_ids("validation"), ids),
    ):
        assert found.dtype == np.int64
        np.testing.assert_array_equal(found, expected)
        found[0] = 3  # a copy in memory, which its reader may change
    # Labels lie apart from the images, so that a stage can depend on the one without the other.
    assert files() == [
        "data/prepared/labels/validation.json",
        "data/prepared/labels/validation.npy",
        "data/prepared/validation/ids.npy",
        "data/prepared/validation/images.npy",
        "data/prepared/validation/manifest.json",
    ]


def test_dataset_card():
    card = dataset_card()
    save_dataset_card(card, image_index())
    assert load_dataset_card() == card


def test_task_is_what_a_training_needs_of_the_card():
    """It holds no title, path or description: an edit to those is no reason to retrain."""
    save_dataset_card(dataset_card(), image_index())
    task = load_task()
    assert vars(task) | {"digest": ""} == {
        "class_names": AWKWARD,
        "image_shape": (32, 32, 3),
        "sizes": {"train": 3, "validation": 2, "test": 2},
        "decoding": {"size": 32},
        "digest": "",
    }
    assert task.n_classes == len(AWKWARD)


def test_the_digest_of_a_task_is_that_of_all_that_is_learned_from():
    def digest(pixel=0, labels=(0, 1), ids=(5, 6), split="train"):
        images = np.full((2, 4, 4, 3), pixel, np.uint8)
        save_split(split, images, np.array(labels), np.array(ids))
        save_dataset_card(dataset_card(), image_index())
        return load_task().digest

    first = digest()
    assert len({first, digest(pixel=1), digest(labels=(1, 0)), digest(ids=(5, 7))}) == 4
    assert digest() == first
    with_test = digest(split="test")
    assert with_test == digest(split="test", labels=(1, 0)), "test labels are for evaluate alone"
    assert with_test != digest(split="test", pixel=1)


@pytest.mark.parametrize("names", [AWKWARD, DIGITS])
def test_image_index(names):
    save_dataset_card(dataset_card(), image_index(names))
    found = load_image_index()
    assert found["class"].tolist() == list(names)
    assert found["name"].tolist() == list(names)
    pd.testing.assert_frame_equal(found, image_index(names), check_dtype=False)


def test_features(rng):
    features = rng.normal(size=(6, 3))
    save_features("hog", "test", features)
    found = load_features("hog", "test")
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, features.astype(np.float32))


def test_extractor_and_its_card():
    save_extractor("hog", extractor(), feature_card())
    assert vars(load_extractor("hog")) == vars(extractor())
    assert load_feature_card("hog") == feature_card()


def test_feature_files_are_those_that_exist(rng):
    for split in SPLITS:
        save_features("hog", split, rng.normal(size=(2, 3)))
    save_extractor("hog", extractor(), feature_card())
    decisive = set(files()) - {f"data/features/hog/{each}.json" for each in ("card", "manifest")}
    assert {path.as_posix() for path in feature_files("hog")} == decisive


def test_run():
    save_example_run()
    found = load_predictions("01", 3, "train it")
    for split in SPLITS:
        for mine, theirs in (
            (found.ids[split], predictions().ids[split]),
            (found.scores[split], predictions().scores[split]),
            (found.probabilities[split], predictions().probabilities[split]),
        ):
            assert mine.dtype == theirs.dtype
            np.testing.assert_array_equal(mine, theirs)
    for split, theirs in predictions().tta_scores.items():
        np.testing.assert_array_equal(found.tta_scores[split], theirs)
    assert set(found.tta_scores) == {"validation", "test"}
    pd.testing.assert_frame_equal(load_history("01", 3, "train it"), history())
    assert load_card("01", 3, "train it") == run_card()
    assert load_card("01", 3, "train it").features == ("hog", "color")


def test_scores_of_two_classes_keep_two_columns():
    scores = {split: np.array([[0.25, 0.75], [1.0, 0.0]]) for split in SPLITS}
    two = Predictions({split: np.arange(2) for split in SPLITS}, scores, scores)
    save_run("a", 0, two, history(), run_card())
    found = load_predictions("a", 0, "train it").scores["test"]
    assert load_predictions("a", 0, "train it").tta_scores == {}
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, [[0.25, 0.75], [1.0, 0.0]])


def test_model_file_of_each_family():
    assert model_file("a", 2, "classical") == Path("runs/a/seed-2/model.npz")
    assert model_file("a", 2, "hybrid") == Path("runs/a/seed-2/model.npz")
    assert model_file("a", 2, "deep") == Path("runs/a/seed-2/model.keras")


# --- what is missing or damaged -------------------------------------------------------------------

FILES = {
    "source": (
        "data/source.json",
        lambda: save_source(Source("photos", (SourceFile("a", None, "ab", 5),), "images")),
        load_source,
        "dvc repro fetch",
    ),
    "dataset card": (
        "data/prepared/dataset.json",
        lambda: save_dataset_card(dataset_card(), image_index()),
        load_dataset_card,
        "dvc repro prepare",
    ),
    "task": (
        "data/prepared/task.json",
        lambda: save_dataset_card(dataset_card(), image_index()),
        load_task,
        "dvc repro prepare",
    ),
    "image index": (
        "data/prepared/index.csv",
        lambda: save_dataset_card(dataset_card(), image_index()),
        load_image_index,
        "dvc repro prepare",
    ),
    "images": (
        "data/prepared/train/images.npy",
        lambda: save_split("train", np.zeros((4, 8, 8, 3), np.uint8), np.zeros(4), np.arange(4)),
        lambda: load_images("train"),
        "dvc repro prepare",
    ),
    "labels": (
        "data/prepared/labels/train.npy",
        lambda: save_split("train", np.zeros((4, 8, 8, 3), np.uint8), np.zeros(4), np.arange(4)),
        lambda: load_labels("train"),
        "dvc repro prepare",
    ),
    "ids": (
        "data/prepared/train/ids.npy",
        lambda: save_split("train", np.zeros((4, 8, 8, 3), np.uint8), np.zeros(4), np.arange(4)),
        lambda: load_ids("train"),
        "dvc repro prepare",
    ),
    "features": (
        "data/features/hog/test.npy",
        lambda: save_features("hog", "test", np.zeros((4, 9))),
        lambda: load_features("hog", "test"),
        "dvc repro featurize@hog",
    ),
    "extractor": (
        "data/features/hog/extractor.npz",
        lambda: save_extractor("hog", extractor(), feature_card()),
        lambda: load_extractor("hog"),
        "dvc repro featurize@hog",
    ),
    "feature card": (
        "data/features/hog/card.json",
        lambda: save_extractor("hog", extractor(), feature_card()),
        lambda: load_feature_card("hog"),
        "dvc repro featurize@hog",
    ),
    "predictions": (
        "runs/01/seed-3/predictions.npz",
        save_example_run,
        lambda: load_predictions("01", 3, "dvc repro train_classical@01"),
        "dvc repro train_classical@01",
    ),
    "history": (
        "runs/01/seed-3/history.csv",
        save_example_run,
        lambda: load_history("01", 3, "dvc repro train_classical@01"),
        "dvc repro train_classical@01",
    ),
    "card": (
        "runs/01/seed-3/card.json",
        save_example_run,
        lambda: load_card("01", 3, "dvc repro train_classical@01"),
        "dvc repro train_classical@01",
    ),
}
"""What is read -> its file, how it is saved and loaded, and the command that regenerates it."""


def damaged():
    """Every file with every damage."""
    for what in FILES:
        for damage in DAMAGES:
            yield pytest.param(what, damage, id=f"{what}, {damage}")


@pytest.mark.parametrize(("what", "damage"), damaged())
def test_a_missing_or_damaged_file_is_named_with_the_command_that_makes_it(what, damage):
    name, save, load, remedy = FILES[what]
    save()
    load()
    DAMAGES[damage](Path(name))
    with pytest.raises(StudyError) as caught:
        load()
    assert name in str(caught.value)
    assert remedy in str(caught.value)


@pytest.mark.parametrize(
    ("what", "record"),
    [
        ("source", {"name": "photos"}),
        ("source", {"name": "photos", "color": "red"}),
        ("dataset card", {}),
        ("task", {"class_names": ["a"], "image_shape": [8, 8, 3], "sizes": {}, "more": 1}),
        ("feature card", {"name": "hog"}),
        ("card", {"run": "01"}),
        ("card", []),
    ],
)
def test_json_of_another_layout_is_reported_too(what, record):
    """As another version of this project may have left it."""
    name, save, load, remedy = FILES[what]
    save()
    save_json(Path(name), record)
    with pytest.raises(StudyError) as caught:
        load()
    assert name in str(caught.value)
    assert remedy in str(caught.value)


@pytest.mark.tried(
    "Names and texts",
    "names that a spreadsheet takes for formulas, such as =cmd() or @SUM, in CSV files",
    "an apostrophe in front keeps them text; reading takes it away again",
)
def test_no_cell_of_a_table_begins_a_formula(tmp_path):
    names = [
        "=1+1",
        "+1",
        "-1",
        "@SUM(A1)",
        "\tx",
        "\uff1d1",
        "'=1",
        "''=1",
        "'a",
        "a=b",
        "-",
        "cat",
    ]
    table = pd.DataFrame({"class": names, "number": -1.5, "empty": ""})
    save_table(tmp_path / "a.csv", table)
    lines = (tmp_path / "a.csv").read_text(encoding="utf-8").splitlines()[1:]
    assert [line for line in lines if line.lstrip('"')[0] in "=+-@\t\uff1d"] == []
    assert lines[-1] == "cat,-1.5,"
    assert lines[8].startswith("'a,")
    again = load_table(tmp_path / "a.csv", "x", dtype={"class": str})
    assert again["class"].tolist() == names
    assert again["number"].tolist() == [-1.5] * len(names)
    assert again["empty"].isna().all()


@pytest.mark.parametrize(
    ("notes", "message"),
    [
        ({"feature_sets": ["hog"]}, "notes.feature_sets: found"),
        ({"feature_sets": {"hog": "hog"}}, "notes.feature_sets: found"),
        ({"multiply_adds": "many"}, "notes.multiply_adds: found 'many'"),
    ],
)
def test_notes_that_evaluate_reads_have_their_types(notes, message):
    save_run("01", 3, predictions(), history(), run_card(notes=notes))
    with pytest.raises(StudyError, match=message):
        load_card("01", 3, "train it")


@pytest.mark.parametrize("options", ["C = 1", "[1]", "", "[" * 100_000])
def test_options_of_a_trial_are_a_json_object(options):
    row = (0, "complete", 3, 0, 0.5, 1.0, options)
    trials = pd.DataFrame([row], columns=list(TUNING_COLUMNS))
    save_run("01", 3, predictions(), history(), run_card(), trials)
    with pytest.raises(StudyError, match=r"tuning\.csv has an unexpected format .*a JSON object"):
        load_tuning("01", 3, "train it")


def test_the_card_of_another_run_is_refused():
    save_run("01", 3, predictions(), history(), run_card(run="02"))
    with pytest.raises(StudyError, match="found the card of run '02', seed 3; expected '01', seed"):
        load_card("01", 3, "train it")


def test_features_of_other_images_are_refused():
    save_features("hog", "test", np.zeros((4, 9)), "a" * 64)
    check_features("hog", "a" * 64)
    with pytest.raises(StudyError, match=r"of images 'a+\.\.\.'; expected images 'b+\.\.\.'"):
        check_features("hog", "b" * 64)


@pytest.mark.parametrize(
    "array", [np.zeros(4, ">i8"), np.zeros(4, np.int32), np.zeros((4, 1), np.int64)], ids=str
)
def test_labels_of_another_dtype_are_refused(array):
    folder = PREPARED / "labels"
    save_array(folder / "train.npy", array)
    of, files = {"labels of": "train"}, [folder / "train.npy"]
    save_json(folder / "train.json", make_manifest(folder, of, files, "train.json"))
    with pytest.raises(
        StudyError, match=r"train\.npy has an unexpected .* expected \(any\) and <i8"
    ):
        load_labels("train")
