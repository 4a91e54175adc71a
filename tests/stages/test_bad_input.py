"""What a person can get wrong: reported by the first stage that can see it; the report stays.

A study is made once by the stages themselves, and every test breaks a copy of it.
"""

from __future__ import annotations

import copy
import errno
import gzip
import hashlib
import io
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
from in_process import run_study
from PIL import Image
from small_study import NO_SIZES, PARAMS, contents, write_params

import stages
from pipeline.analyses.tables import tables
from pipeline.checks import StudyError
from pipeline.commands.verification import verify_study
from pipeline.config.params import load_params
from pipeline.storage.features import FEATURES, INDEX, load_features, save_features
from pipeline.storage.files import save_text
from pipeline.storage.paths import STUDY
from pipeline.storage.runs import RUNS, Predictions, load_predictions, seal_run
from pipeline.storage.splits import (
    PREPARED,
    SPLITS,
    images_seal,
    learning_seal,
    load_dataset_card,
    load_ids,
    load_image_index,
    load_images,
    save_dataset_card,
    save_split,
)
from stages import (
    ablations,
    check,
    corrupt,
    duplicates,
    evaluate,
    featurize,
    fetch,
    illustrate,
    index,
    prepare,
    report,
    sample_size,
    train_classical,
)

RUN = "hog_svm"
PREDICTIONS = RUNS / RUN / "seed-0" / "predictions.npz"


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Path:
    """A study with its report, made by the stages without DVC; without a network, for speed."""
    folder = tmp_path_factory.mktemp("finished")
    params = {**copy.deepcopy(PARAMS), "deep": {}}
    del params["classical"]["both_svm"], params["classical"]["vgg_svm"], params["features"]["vgg"]
    del params["corrupt"]["lenet5"]
    (folder / "data" / "incoming").mkdir(parents=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        run_study(params)
    return folder


class Broken:
    """A copy of the finished study as the working directory, to be broken and looked at."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder = folder
        self.capsys = capsys
        self.report = contents(STUDY)
        assert {"index.html", "tables/accuracy.csv", "tables/metrics.json"} <= set(self.report)

    def params(self, change: Callable[[dict], object]) -> None:
        params = copy.deepcopy(PARAMS)
        change(params)
        write_params(self.folder, params)

    def dataset(self, **options: object) -> None:
        # Other data may be too few for the study's sizes, which would be found first.
        smaller = {"dataset": options, "sample_size": NO_SIZES, "ablations": {}}
        self.params(lambda p: p.update(smaller))

    def fails(self, main: Callable[..., None], *arguments: str) -> str:
        """Run a stage as DVC does; return what it tells, on one line."""
        self.capsys.readouterr()
        with pytest.raises(SystemExit) as stopped:
            stages.run(main, *arguments)
        assert stopped.value.code == 1
        reported = self.capsys.readouterr().err
        assert "error: " in reported
        assert "Traceback" not in reported
        self.unchanged()
        return " ".join(reported.split())

    def unchanged(self) -> None:
        assert contents(STUDY) == self.report


@pytest.fixture
def broken(finished, tmp_path, monkeypatch, capsys) -> Broken:
    folder = tmp_path / "study"
    shutil.copytree(finished, folder)
    monkeypatch.chdir(folder)
    return Broken(folder, capsys)


# --- what nobody reads any more ---------------------------------------------------------------


@pytest.mark.tried(
    "Damaged artifacts",
    "a file of a finished study that no stage reads any more, such as the page or a table",
    "`make study` names it before it says where the report is",
)
@pytest.mark.parametrize(
    "path",
    [
        "reports/study/tables/accuracy.csv",
        "reports/study/index.html",
        "data/prepared/labels/test.npy",
        "data/prepared/test/ids.npy",
        "data/copies.csv",
        f"runs/{RUN}/seed-0/predictions.npz",
        f"runs/_corrupted/{RUN}/scores.npz",
    ],
)
def test_a_finished_study_is_compared_once_more(broken, path):
    verify_study(load_params())
    content = bytearray(Path(path).read_bytes())
    content[len(content) // 2] ^= 4
    Path(path).write_bytes(content)
    with pytest.raises(StudyError, match=re.escape(f"{path}: found the SHA-256")):
        verify_study(load_params())


# --- what the machine lacks: reported by every stage --------------------------------------------


def lack(error: Exception) -> Callable[..., None]:
    def fail(*arguments: object, **options: object) -> None:
        raise error

    return fail


STAGES: dict[str, tuple[Callable[..., None], tuple[str, ...]]] = {
    "check": (check.main, ()),
    "fetch": (fetch.main, ()),
    "prepare": (prepare.main, ()),
    "duplicates": (duplicates.main, ()),
    "featurize": (featurize.main, ("hog",)),
    "index": (index.main, ()),
    "train_classical": (train_classical.main, (RUN,)),
    "corrupt": (corrupt.main, (RUN,)),
    "sample_size": (sample_size.main, (RUN,)),
    "ablations": (ablations.main, ("C",)),
    "evaluate": (evaluate.main, ()),
    "illustrate": (illustrate.main, ()),
    "report": (report.main, ()),
}


@pytest.mark.tried(
    "Disk", "a disk that is full or read-only under a stage's files", "one line; old files stay"
)
@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS], ids=["full", "read-only"])
def test_a_disk_that_takes_nothing(broken, monkeypatch, trials, number):
    error = OSError(number, os.strerror(number))
    if number == errno.ENOSPC:
        monkeypatch.setattr(os, "replace", lack(error))  # written, and not put in place
    else:
        monkeypatch.setattr(tempfile, "mkstemp", lack(error))
    # Drawing all charts takes seconds.
    page = STUDY / "index.html"
    monkeypatch.setattr(report, "write_report", lambda *_: save_text(page, "new"))
    shutil.rmtree(INDEX)  # as DVC does before `index`
    kept = contents(broken.folder)
    for stage, (main, arguments) in STAGES.items():
        reported = broken.fails(main, *arguments)
        assert reported.startswith(f"error: {' '.join([stage, *arguments])}: ")
        assert " while writing " in reported
        assert (
            "the disk is full" if number == errno.ENOSPC else "is on a read-only disk"
        ) in reported
        left = contents(broken.folder)
        assert not set(left) - set(kept), "no temporary file"
        assert [name for name in left if left[name] != kept[name]] == []
    trials(len(STAGES))


@pytest.mark.tried("Memory", "a full memory in any stage", "one line with the bytes needed")
def test_a_memory_that_is_full(broken, monkeypatch, trials):
    def allocate(*arguments: object, **options: object) -> None:
        np.empty((2**30, 2**20), dtype=np.float32)

    shutil.rmtree(INDEX)
    for stage, (main, arguments) in STAGES.items():
        where = sys.modules[main.__module__]
        readers = ("load_images", "load_params", "load_roster", "load_entry", "read_params")
        for name in (*readers, "load_results"):
            if hasattr(where, name):
                monkeypatch.setattr(where, name, allocate)
        reported = broken.fails(main, *arguments)
        task = " ".join([stage, *arguments])
        assert reported.startswith(f"error: {task}: out of memory: an array")
        assert "needs 4503600 GB" in reported
    trials(len(STAGES))


@pytest.mark.tried(
    "Memory",
    "a full memory as a stored file is read",
    "both it and damage are named, in this order",
)
def test_lack_of_memory_is_no_damage(broken, monkeypatch):
    real = np.load

    def load(path: Path, **options: object) -> object:
        if path == PREDICTIONS:
            raise MemoryError
        return real(path, **options)

    monkeypatch.setattr(np, "load", load)
    reported = broken.fails(evaluate.main)
    assert reported.startswith("error: evaluate: out of memory")
    assert f"If that is not the cause: {PREDICTIONS} cannot be read" in reported


def test_a_stage_goes_on_once_there_is_room(broken, monkeypatch):
    with monkeypatch.context() as full:
        full.setattr(os, "replace", lack(OSError(errno.ENOSPC, "No space left on device")))
        broken.fails(featurize.main, "hog")
    before = contents(FEATURES)
    stages.run(featurize.main, "hog")
    assert set(contents(FEATURES)) == set(before)


# --- params.yaml: reported by `check` -------------------------------------------------------------


def delete(mapping: dict, key: str) -> None:
    del mapping[key]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        pytest.param(
            lambda p: p["deep"]["lenet5"].update(epoch=3),
            "deep.lenet5.epoch: unknown option; did you mean 'epochs'?",
            id="unknown option of a network",
        ),
        pytest.param(
            lambda p: p["features"]["hog"].update(cel=3),
            "features.hog.cel: unknown option; did you mean 'cell'?",
            id="unknown option of a feature set",
        ),
        pytest.param(
            lambda p: p["dataset"].update(validatoin=3),
            "dataset.validatoin: unknown option; did you mean 'validation'?",
            id="unknown option of the dataset",
        ),
        pytest.param(
            lambda p: p.update(clasical={}),
            "clasical: unknown section; did you mean 'classical'?",
            id="unknown section",
        ),
        pytest.param(
            lambda p: p.update({1: {}}), "1: unknown section; known:", id="a number as section"
        ),
        pytest.param(
            lambda p: p["deep"]["lenet5"].update(method="lenet"),
            "deep.lenet5.method: unknown deep method 'lenet'; did you mean 'lenet5'?",
            id="unknown method",
        ),
        pytest.param(
            lambda p: p["dataset"].update(name="cifar"),
            "dataset.name: unknown dataset 'cifar'; did you mean 'cifar10'?",
            id="unknown dataset",
        ),
        pytest.param(
            lambda p: delete(p["features"]["hog"], "method"),
            "features.hog.method: found nothing; expected one of: color_histogram, hog",
            id="no method",
        ),
        pytest.param(
            lambda p: p["classical"]["both_svm"]["tune"]["ranges"].update(
                gama={"low": 1, "high": 2}
            ),
            "classical.both_svm: tune.ranges.gama: unknown option; did you mean 'gamma'?",
            id="unknown option to tune",
        ),
        pytest.param(
            lambda p: p["classical"]["both_svm"]["tune"]["ranges"]["C"].update(high=0.5),
            "classical.both_svm: tune.ranges.C: expected low < high, found low 1 and high 0.5",
            id="a range from high to low",
        ),
        pytest.param(
            lambda p: p["features"]["vgg"].update(weights="absent.h5"),
            "features.vgg: there is no weights file",
            id="no weights of a feature set",
        ),
        pytest.param(
            lambda p: p["features"]["hog"].update(cell=0),
            "features.hog.cell: found 0; expected at least 1",
            id="too small",
        ),
        pytest.param(
            lambda p: p["classical"]["both_svm"].update(C=-1),
            "classical.both_svm.C: found -1; expected at least 0",
            id="not positive",
        ),
        pytest.param(
            lambda p: p["deep"]["lenet5"].update(dropout=1.0),
            "deep.lenet5.dropout: found 1.0; expected at most 0.99",
            id="too large",
        ),
        pytest.param(
            lambda p: p["deep"]["lenet5"].update(epochs="many"),
            "deep.lenet5.epochs: found 'many'; expected a valid integer",
            id="a word for a number",
        ),
        pytest.param(
            lambda p: p["deep"]["lenet5"].update(schedule="cosine", milestones=[0.5]),
            "deep.lenet5: found milestones with schedule: cosine; it belongs to schedule: step",
            id="an option of another schedule",
        ),
        pytest.param(
            lambda p: p["deep"]["lenet5"].update(activation="swich"),
            "deep.lenet5.activation: found 'swich'; expected 'relu', 'sigmoid', 'tanh'",
            id="an unknown activation",
        ),
        pytest.param(
            lambda p: p["deep"].update(
                vgg={"method": "transfer", "weights": "random", "then": [{"unfreeze": 9}]}
            ),
            "deep.vgg: then.0.unfreeze: found 9; expected 1 to 5, or all",
            id="more blocks than there are",
        ),
        pytest.param(
            lambda p: p["deep"].update(vgg={"method": "transfer", "weights": "random", "crop": 4}),
            "deep.vgg: found crop: 4, but training reads features",
            id="augmentation of what is frozen",
        ),
        pytest.param(
            lambda p: p["classical"]["hog_svm"].update(features=["hug"]),
            "classical.hog_svm.features: unknown feature set 'hug'; did you mean 'hog'? "
            "defined: color, hog",
            id="a feature that nobody defines",
        ),
        pytest.param(
            lambda p: p["classical"]["both_svm"].update(weights=[1.0]),
            "expected one weight per feature set (2), found 1",
            id="weights that do not fit the features",
        ),
        pytest.param(
            lambda p: delete(p, "deep"),
            "deep: found nothing; expected a mapping of names to entries, or {}",
            id="no section",
        ),
        pytest.param(
            lambda p: p.update(classical={}, deep={}), "found no run", id="nothing to compare"
        ),
        pytest.param(
            lambda p: p["dataset"].update(path="data/incomin"),
            "dataset.path: there is no data/incomin; expected an archive or a folder",
            id="a path that leads nowhere",
        ),
        pytest.param(
            lambda p: p["deep"].update(vgg={"method": "transfer", "weights": "models/v.h5"}),
            "deep.vgg: there is no weights file models/v.h5",
            id="no weights file",
        ),
    ],
)
def test_check_names_the_mistake(broken, change, message):
    broken.params(change)
    assert message in broken.fails(check.main)


def test_check_names_all_mistakes_at_once(broken):
    broken.params(
        lambda p: (p["features"]["hog"].update(cel=3), p["deep"]["lenet5"].update(epochs=0))
    )
    reported = broken.fails(check.main)
    assert "2 problems" in reported
    assert "features.hog.cel" in reported
    assert "deep.lenet5.epochs" in reported


def test_check_asks_for_the_path_that_dvc_yaml_names(broken):
    broken.params(lambda p: delete(p["dataset"], "path"))
    assert "dataset.path: found nothing; expected a path" in broken.fails(check.main)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("seed: [", "params.yaml is not YAML"),
        ("seed: 0\nseed: 1\n", 'found duplicate key "seed"'),
        (b"seed: \xff\n", "params.yaml is not UTF-8 text"),
        ("", "params.yaml: found nothing; expected a mapping of keys to values"),
        ("- a\n- b\n", "params.yaml: found list; expected a mapping of keys to values"),
        (None, "there is no params.yaml"),
    ],
)
def test_check_names_what_is_no_params_file(broken, text, message):
    path = Path("params.yaml")
    if text is None:
        path.unlink()
    else:
        path.write_bytes(text if isinstance(text, bytes) else text.encode("utf-8"))
    assert message in broken.fails(check.main)


def another_network(path: Path) -> None:
    with h5py.File(path, "w") as file:
        file["dense/dense/kernel:0"] = np.zeros((4, 3), np.float32)
        file["dense/dense/bias:0"] = np.zeros(3, np.float32)


def smaller_vgg(path: Path) -> None:
    """The layers of VGG16 by name, of another width."""
    from pipeline.pretrained.base import load_base

    with h5py.File(path, "w") as file:
        for name in load_base("vgg16").layer_names:
            if "conv" in name:
                file[f"{name}/{name}_W_1:0"] = np.zeros((3, 3, 8, 8), np.float32)
                file[f"{name}/{name}_b_1:0"] = np.zeros(8, np.float32)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (another_network, "holds the weights of another network: found the layers dense"),
        (smaller_vgg, "holds the weights of another network: found shapes"),
        (lambda path: path.write_bytes(b"<html>not found</html>"), "is not an HDF5 file"),
        (lambda path: path.write_bytes(b""), "is not an HDF5 file"),
        (lambda path: path.mkdir(), "there is no weights file"),
    ],
)
def test_check_looks_into_the_weights_file(broken, make, message):
    make(Path("weights.h5"))
    broken.params(lambda p: p["deep"].update(vgg={"method": "transfer", "weights": "weights.h5"}))
    reported = broken.fails(check.main)
    assert f"deep.vgg: {'' if 'there is no' in message else 'weights.h5 '}{message}" in reported


def test_check_as_dvc_starts_it(broken, root):
    """A process of its own: nothing on standard error but the message, exit code 1."""
    broken.params(lambda p: p["features"]["hog"].update(cel=3))
    done = run_module(root, "check")
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.startswith("\nerror: params.yaml has 1 problem:\n  features.hog.cel: ")
    assert len(done.stderr.strip().splitlines()) == 2
    broken.unchanged()


def run_module(root: Path, stage: str) -> subprocess.CompletedProcess[str]:
    for name in ("pipeline", "stages"):
        Path(name).symlink_to(root / name)
    return subprocess.run(
        [sys.executable, "-m", f"stages.{stage}"], capture_output=True, text=True, check=False
    )


# --- images: reported by `fetch` or `prepare` -----------------------------------------------------


def png(color: tuple[int, int, int], size: int = 32) -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", (size, size), color).save(stream, format="PNG")
    return stream.getvalue()


def files(classes: int = 3, images: int = 12) -> dict[str, bytes]:
    """Class folders of images, each of a different color, so that an archive cannot shrink much."""
    rng = np.random.default_rng(0)
    found = {}
    for label in range(classes):
        for number in range(images):
            stream = io.BytesIO()
            pixels = rng.integers(0, 256, (32, 32, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(stream, format="PNG")
            found[f"class_{label}/{number:03d}.png"] = stream.getvalue()
    return found


def tar_gz(contents: dict[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        for name, content in contents.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return gzip.compress(stream.getvalue(), mtime=0)


def zipped(contents: dict[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, content in contents.items():
            archive.writestr(name, content)
    return stream.getvalue()


def flipped(content: bytes) -> bytes:
    """One byte in the middle changed."""
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 0xFF]) + content[middle + 1 :]


def place(held: dict[str, bytes]) -> Path:
    """Write files into a folder where a person places data."""
    folder = Path("data/incoming/mine")
    folder.mkdir()
    for name, content in held.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


def fetch_and_prepare() -> None:
    fetch.main()
    prepare.main()


ARCHIVES = {
    "a tar.gz cut short": ("a.tar.gz", lambda: tar_gz(files())[:-3000], "damaged or truncated"),
    "half a tar.gz": (
        "a.tar.gz",
        lambda: (lambda packed: packed[: len(packed) // 2])(tar_gz(files())),
        "damaged or truncated",
    ),
    "a tar.gz with a flipped byte": (
        "a.tar.gz",
        lambda: flipped(tar_gz(files())),
        "damaged or truncated",
    ),
    "a zip cut short": ("a.zip", lambda: zipped(files())[:-3000], "damaged or truncated"),
    "a zip with a flipped byte": ("a.zip", lambda: flipped(zipped(files())), "damaged or trunc"),
    "a web page": ("a.zip", lambda: b"<!DOCTYPE html><p>Not found", "is a web page or XML"),
    "an image": ("a.tar.gz", lambda: png((9, 9, 9)), "is a PNG image; expected a folder, or an"),
    "nothing": ("a.tar.gz", lambda: b"", "is an empty file; expected a folder, or an archive"),
    "a zip without images": ("a.zip", lambda: zipped({"a.txt": b"a"}), "found no readable image"),
}


@pytest.mark.parametrize("what", ARCHIVES)
def test_an_archive_that_is_damaged_or_something_else(broken, what):
    name, make, message = ARCHIVES[what]
    path = Path("data/incoming") / name
    content = make()
    path.write_bytes(content)
    broken.dataset(name="image_folder", path=path.as_posix())
    stages.run(check.main)
    reported = broken.fails(fetch_and_prepare)
    assert f"data/incoming/{name}" in reported
    assert message in reported
    assert path.read_bytes() == content, "what a person placed is left as it is"


@pytest.mark.parametrize("damage", ["cut short", "another file"])
def test_a_cifar10_archive_that_is_not_it(broken, damage):
    path = Path("data/incoming/cifar-10-python.tar.gz")
    path.write_bytes(tar_gz(files())[: 5000 if damage == "cut short" else None])
    kept = path.read_bytes()
    broken.dataset(name="cifar10", path="data/incoming")
    stages.run(check.main)
    reported = broken.fails(fetch.main)
    found, official = hashlib.md5(kept).hexdigest(), "c58f30108f718f92721af3b95e74349a"
    assert f"{path} is {'damaged' if damage == 'cut short' else 'not CIFAR-10'}" in reported
    assert f"(MD5 of the archive: {found}; of the official one: {official})" in reported
    assert path.read_bytes() == kept


FOLDERS = {
    "empty": ({}, {}, "found no images in data/incoming/mine (it contains: none)"),
    "other files": ({"notes.txt": b"a"}, {}, "it contains: notes.txt"),
    "one class": (files(classes=1), {}, "found only one class (class_0); expected at least two"),
    "no class": ({"a.png": png((1, 2, 3)), "b.png": png((3, 2, 1))}, {}, "expected"),
    "one image a class": (files(images=1), {}, "dataset.min_per_class: 3"),
    "fewer images than classes": (
        files(classes=8, images=3),
        {"test": 4, "validation": 4},
        "found 4 validation images for 8 classes; expected at least one of each class",
    ),
    "a limit below the classes": (
        files(classes=4),
        {"limit": 3},
        "found 3 train images for 4 classes",
    ),
    "an unreadable image": (
        {**files(), "class_0/bad.png": png((1, 1, 1))[:50]},
        {},
        "1 of 37 image files are unreadable: class_0/bad.png",
    ),
    "a class that is not there": (
        files(),
        {"classes": ["class_0", "klass_1"]},
        "unknown class 'klass_1'; did you mean 'class_1'?",
    ),
    "all of it for validation": (files(), {"validation": 5000}, "dataset.validation: found 5000"),
    "other classes in test": (
        {f"train/{name}": content for name, content in files().items()}
        | {f"test/{name}": content for name, content in files(classes=2).items()},
        {},
        "found different classes in test and train (missing in test: class_2",
    ),
}


@pytest.mark.parametrize("what", FOLDERS)
def test_a_folder_that_is_no_dataset(broken, what):
    held, options, message = FOLDERS[what]
    folder = place(held)
    broken.dataset(name="image_folder", path=folder.as_posix(), **options)
    stages.run(check.main)
    assert message in broken.fails(fetch_and_prepare)


@pytest.mark.tried(
    "Files",
    "a FIFO in the dataset's folder, or a class folder that is a link, added to a finished study",
    "check, which always runs, names it before DVC opens anything; the report stays",
)
def test_check_names_what_dvc_cannot_hash(broken):
    folder = place(files())
    os.mkfifo(folder / "class_0/pipe.png")
    broken.dataset(name="image_folder", path=folder.as_posix())
    assert "class_0/pipe.png (a FIFO)" in broken.fails(check.main)
    (folder / "class_0/pipe.png").unlink()
    (folder / "val").symlink_to("class_0")
    assert "found links to folders: val -> class_0" in broken.fails(check.main)


def test_a_folder_that_is_a_dataset(broken):
    """The counterpart of the tests above: the same images, with nothing wrong."""
    path = Path("data/incoming/a.tar.gz")
    path.write_bytes(tar_gz(files()))
    broken.dataset(name="image_folder", path=path.as_posix())
    stages.run(fetch_and_prepare)
    assert sum(load_dataset_card().sizes.values()) == 36


def test_an_archive_that_is_gone_since_it_was_fetched(broken):
    path = Path("data/incoming/a.tar.gz")
    path.write_bytes(tar_gz(files()))
    broken.dataset(name="image_folder", path=path.as_posix())
    stages.run(fetch.main)
    path.unlink()
    assert "data/incoming/a.tar.gz no longer exists" in broken.fails(prepare.main)


def test_images_too_small_for_a_network(broken):
    """Reported by the training, which knows the images, before it trains."""
    from stages import train_deep

    path = Path("data/incoming/a.tar.gz")
    path.write_bytes(tar_gz(files()))
    broken.dataset(name="image_folder", path=path.as_posix(), size=8)
    stages.run(fetch_and_prepare)
    assert "found images of 8×8 pixels; expected at least 12×12" in broken.fails(
        train_deep.main, "lenet5"
    )


@pytest.mark.parametrize(
    ("options", "available", "message"),
    [
        pytest.param(
            {"optimizer": "sgd", "learning_rate": 1e9},
            None,
            "the loss is nan in epoch 1, with the optimizer sgd at a learning rate of 1e+09; "
            "expected a finite number. Training diverged: try learning_rate 1e+08",
            id="a loss that diverges",
        ),
        pytest.param(
            {"batch_size": 1024},
            45_000_000,  # beyond what the process holds
            ". Try batch_size: ",
            id="a batch that does not fit",
        ),
        pytest.param(
            {"crop": 32},
            None,
            "found crop: 32 for images of 32×32 pixels; expected less than 32",
            id="nothing left of an image",
        ),
    ],
)
def test_a_training_that_cannot_be(broken, monkeypatch, options, available, message):
    from pipeline.deep.sanity import preflight
    from stages import train_deep

    if available is not None:
        monkeypatch.setattr(preflight, "available_memory", lambda: available)
    broken.params(lambda p: p["deep"]["lenet5"].update(epochs=2, **options))
    assert message in broken.fails(train_deep.main, "lenet5")


# --- features: reported by `featurize` or the training --------------------------------------------


def test_an_extractor_that_gives_nan(broken, monkeypatch):
    from pipeline.features.hog.hog import Hog

    right = Hog.transform

    def wrong(self, images):
        features = right(self, images)
        features[7, 3] = np.nan
        return features

    monkeypatch.setattr(Hog, "transform", wrong)
    reported = broken.fails(featurize.main, "hog")
    assert "feature set 'hog', train split: found nan in row 7, column 3" in reported


@pytest.mark.parametrize("split", SPLITS)
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_features_that_are_not_finite(broken, split, value):
    features = np.array(load_features("hog", split))
    features[5, 2] = value
    save_features("hog", split, features, images_seal())
    reported = broken.fails(train_classical.main, RUN)
    assert f"feature set 'hog', {split} split: found {value} in row 5, column 2" in reported
    assert "dvc repro --force featurize@hog" in reported


def test_features_that_are_missing_or_damaged(broken):
    path = FEATURES / "hog" / "train.npy"
    path.write_bytes(path.read_bytes()[:500])
    reported = broken.fails(train_classical.main, RUN)
    assert f"{path}: found 500 bytes; expected" in reported
    assert f"python -m pipeline.commands.mend {path} && dvc repro featurize@hog" in reported
    path.unlink()
    assert "dvc repro featurize@hog" in broken.fails(train_classical.main, RUN)
    assert "dvc repro featurize@hog" in broken.fails(index.main)


def test_features_of_other_images(broken):
    features = np.array(load_features("hog", "train")[:-1])
    save_features("hog", "train", features, images_seal())
    reported = broken.fails(train_classical.main, RUN)
    assert "feature set 'hog': found 199 rows for the train split; expected 200" in reported
    assert "dvc repro --force featurize@hog" in reported


@pytest.mark.parametrize(
    ("stage", "name", "message"),
    [
        (featurize, "hogg", "features has no 'hogg'; did you mean 'hog'? defined: color, hog"),
        (train_classical, "hog_svn", "classical has no 'hog_svn'; did you mean 'hog_svm'?"),
    ],
)
def test_a_stage_of_a_name_that_is_not_there(broken, stage, name, message):
    assert message in broken.fails(stage.main, name)


# --- predictions: reported by `evaluate` ----------------------------------------------------------


def predictions() -> Predictions:
    return load_predictions(RUN, 0, "")


def save(
    ids: dict | None = None, scores: dict | None = None, probabilities: dict | None = None
) -> None:
    """Replace some splits of the run's predictions."""
    found = predictions()
    arrays = {f"{split}_ids": value for split, value in (found.ids | (ids or {})).items()}
    arrays |= {f"{split}_scores": value for split, value in (found.scores | (scores or {})).items()}
    chances = found.probabilities | (probabilities or {})
    arrays |= {f"{split}_probabilities": value for split, value in chances.items()}
    PREDICTIONS.unlink()
    np.savez(PREDICTIONS, **arrays)


def swap_two() -> None:
    ids = predictions().ids["test"].copy()
    ids[[3, 8]] = ids[[8, 3]]
    save(ids={"test": ids})


def put(value: float, split: str) -> None:
    scores = predictions().scores[split].copy()
    scores[4, 1] = value
    save(scores={split: scores})


def cut(split: str) -> None:
    found = predictions()
    save(ids={split: found.ids[split][:-1]}, scores={split: found.scores[split][:-1]})


def drop_column() -> None:
    path = PREDICTIONS.with_name("history.csv")
    path.write_text(path.read_text(encoding="utf-8").replace("x_kind", "kind", 1), encoding="utf-8")


PREDICTION_DAMAGES = {
    "no predictions": (PREDICTIONS.unlink, f"there is no {PREDICTIONS}"),
    "no card": (lambda: PREDICTIONS.with_name("card.json").unlink(), f"there is no runs/{RUN}/"),
    "no history": (lambda: PREDICTIONS.with_name("history.csv").unlink(), "there is no"),
    "no run": (lambda: shutil.rmtree(RUNS / RUN), f"there is no runs/{RUN}/"),
    "predictions cut short": (
        lambda: PREDICTIONS.write_bytes(PREDICTIONS.read_bytes()[:2000]),
        f"{PREDICTIONS} cannot be read",
    ),
    "another file": (lambda: PREDICTIONS.write_bytes(b"<html>"), f"{PREDICTIONS} cannot be read"),
    "a split is missing": (
        lambda: np.savez(PREDICTIONS, train_ids=np.arange(3)),
        f"{PREDICTIONS} has an unexpected format (found no array train_scores)",
    ),
    "a card cut short": (
        lambda: PREDICTIONS.with_name("card.json").write_text('{"run": "ho', encoding="utf-8"),
        f"runs/{RUN}/seed-0/card.json is not JSON",
    ),
    "a history without a column": (
        drop_column,
        f"runs/{RUN}/seed-0/history.csv has the columns x, kind, split",
    ),
    "two images swapped": (
        swap_two,
        f"run '{RUN}', seed 0, test predictions: found other images than those of the split "
        "(2 of 100 differ",
    ),
    "images of another dataset": (
        lambda: save(ids={"test": predictions().ids["test"] + 1000}),
        "found other images than those of the split (100 of 100 differ",
    ),
    "one training image too few": (
        lambda: cut("train"),
        f"run '{RUN}', seed 0, train predictions: found 199 images; expected the 200",
    ),
    "one test image too few": (lambda: cut("test"), "found 99 images; expected the 100"),
    "scores of fewer images than ids": (
        lambda: save(scores={"test": predictions().scores["test"][:-1]}),
        "found scores of shape (99, 10); expected (100, 10)",
    ),
    "scores of fewer classes": (
        lambda: save(scores={"test": predictions().scores["test"][:, :-1]}),
        "found scores of shape (100, 9); expected (100, 10)",
    ),
    "one column of scores": (
        lambda: save(scores={"test": predictions().scores["test"][:, 0]}),
        "test_scores: found shape (100,) and dtype <f4; expected (any, any)",
    ),
    "probabilities that are scores": (
        lambda: save(probabilities={"test": predictions().scores["test"]}),
        "expected none below 0, and a sum of 1",
    ),
    "a NaN in the test scores": (
        lambda: put(np.nan, "test"),
        f"run '{RUN}', seed 0, test predictions: found nan in row 4, column 1",
    ),
    "an infinity in the training scores": (
        lambda: put(np.inf, "train"),
        f"run '{RUN}', seed 0, train predictions: found inf in row 4, column 1",
    ),
}


@pytest.mark.parametrize("what", PREDICTION_DAMAGES)
def test_predictions_that_cannot_be_held_against_the_labels(broken, what):
    """As a stage would leave it that has a fault of its own: the manifest fits the files."""
    damage, message = PREDICTION_DAMAGES[what]
    damage()
    if PREDICTIONS.parent.exists():
        seal_run(RUN, 0, learning_seal())
    reported = broken.fails(evaluate.main)
    assert message in reported
    assert RUN in reported
    assert f"dvc repro train_classical@{RUN}" in reported


def test_evaluate_as_dvc_starts_it(broken, root):
    PREDICTIONS.unlink()
    done = run_module(root, "evaluate")
    assert done.returncode == 1
    assert done.stderr.strip() == (
        f"error: there is no {PREDICTIONS}; create it with: dvc repro train_classical@{RUN}"
    )
    broken.unchanged()


def test_a_run_that_was_not_trained_yet(broken):
    broken.params(lambda p: delete(p["classical"], "color_svm"))
    reported = broken.fails(evaluate.main)
    assert "there is no runs/both_svm/seed-0/" in reported
    assert "dvc repro train_classical@both_svm" in reported


def test_labels_that_do_not_fit_the_images(broken):
    images, ids = np.array(load_images("test")), load_ids("test")
    card, index = load_dataset_card(), load_image_index()
    save_split("test", images, np.arange(100), ids)
    save_dataset_card(card, index)
    assert "labels of test: found values from 0 to 99; expected 0 to 9" in broken.fails(
        evaluate.main
    )
    (PREPARED / "labels" / "test.npy").unlink()
    assert "dvc repro prepare" in broken.fails(evaluate.main)


# --- results: reported by `report` ----------------------------------------------------------------


@pytest.mark.parametrize("file", [*(f"{table.name}.csv" for table in tables()), "study.json"])
def test_results_that_are_missing(broken, file):
    name = f"tables/{file}"
    (STUDY / name).unlink()
    del broken.report[name]
    reported = broken.fails(report.main)
    assert f"there is no reports/study/{name}; create it with: dvc repro evaluate" in reported


@pytest.mark.tried(
    "Damaged artifacts",
    "a table or picture of the results that is of another run of `evaluate`, or was edited",
    "an error that names it; the last report stays",
)
@pytest.mark.parametrize(
    "name", ["tables/accuracy.csv", "tables/study.json", "samples", "features.csv"]
)
def test_results_that_do_not_belong_together(broken, name):
    path = STUDY / name
    path = min(path.rglob("*.png")) if path.is_dir() else path
    content = path.read_bytes()
    path.write_bytes(content[:-9] + bytes([content[-9] ^ 1]) + content[-8:])
    broken.report = contents(STUDY)
    reported = broken.fails(report.main)
    assert f"{path}: found the SHA-256" in reported
    assert "dvc repro" in reported


def test_the_report_of_the_unbroken_study_is_the_same_again(broken):
    """The counterpart of all tests above: without damage, evaluate and report do not fail."""
    stages.run(evaluate.main)
    stages.run(report.main)
    broken.unchanged()
    assert json.loads(broken.report["tables/metrics.json"])[RUN]["test_accuracy"] > 0
