"""Artifacts that were edited, damaged or exchanged: named by `evaluate`, or without effect.

Every trial changes a file or two of a whole study, loads all that `evaluate` takes, and puts the
files back. What is accepted has to be the same to the last bit as before.
"""

from __future__ import annotations

import io
import json
import pickle
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from made_up_study import roster, write_study

from pipeline.analyses.evaluate import evaluate
from pipeline.checks import StudyError
from pipeline.storage import corrupted, integrity, near_duplicates, sample_size
from pipeline.storage.runs import RUNS, run_manifest, seal_run
from pipeline.storage.splits import PREPARED, Task, images_seal, learning_seal, load_task, save_task
from stages.evaluate import load_inputs

TRIALS = 320
PLACES = (PREPARED, RUNS, near_duplicates.DUPLICATES.parent)


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("finished")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        write_study()
    return folder


@pytest.fixture
def study(finished, tmp_path, monkeypatch) -> Path:
    shutil.copytree(finished, tmp_path / "study")
    monkeypatch.chdir(tmp_path / "study")
    return tmp_path / "study"


def taken() -> dict[str, Any]:
    """All that `evaluate` takes, loaded."""
    inputs = load_inputs(roster())
    return inputs | {
        name: list(inputs[name]) for name in ("runs", "corrupted", "sized", "ablations")
    }


def files() -> list[Path]:
    """What evaluate relies on: not the images, which it only draws."""
    found = {path for place in PLACES for path in integrity.files_below(place)}
    return sorted(path for path in found if path.name != "images.npy" and "model" not in path.name)


# --- mutations ------------------------------------------------------------------------------------


def cut(content: bytes, rng) -> bytes:
    return content[: rng.integers(len(content))]


def cut_at_a_line(content: bytes, rng) -> bytes:
    ends = [k + 1 for k, byte in enumerate(content[:-1]) if byte == ord("\n")]
    return content[: rng.choice(ends)] if ends else content[: len(content) // 2]


def flip(content: bytes, rng) -> bytes:
    changed = bytearray(content)
    changed[rng.integers(len(changed))] ^= 1 << rng.integers(8)
    return bytes(changed)


def control_character(content: bytes, rng) -> bytes:
    digits = [k for k, byte in enumerate(content) if chr(byte).isdigit()]
    if not digits:
        return b"\x1b" + content
    at = rng.choice(digits)
    return content[:at] + bytes([rng.choice([0, 7, 27])]) + content[at + 1 :]


def blank(content: bytes, rng) -> bytes:
    at = rng.integers(len(content))
    return content[:at] + bytes(len(content[at : at + 40])) + content[at + 40 :]


def longer(content: bytes, rng) -> bytes:
    return content + content[-int(rng.integers(1, 60)) :]


def swap_lines(content: bytes, rng) -> bytes:
    lines = content.splitlines(keepends=True)
    one, other = rng.integers(len(lines), size=2)
    lines[one], lines[other] = lines[other], lines[one]
    return b"".join(lines)


def change_json(content: bytes, rng) -> bytes:
    """Drop, rename or retype a field, at any depth; or swap two elements of a list."""
    document = json.loads(content)
    places = [
        (parent, key)
        for parent in nested(document)
        for key in (list(parent) if isinstance(parent, dict) else range(len(parent)))
    ]
    parent, key = places[rng.integers(len(places))]
    what = rng.integers(7)
    if what == 0:
        del parent[key]
    elif what == 1 and isinstance(parent, dict):
        parent[f"{key}_"] = parent.pop(key)
    elif what == 2 and isinstance(parent, list):
        parent.reverse()
    else:
        parent[key] = [[parent[key]], str(parent[key]), None, {"a": 1}, float("nan"), -1, True][
            what
        ]
    return json.dumps(document, indent=2, ensure_ascii=False).encode()


def nested(value: Any) -> Iterator[Any]:
    if isinstance(value, dict | list) and value:
        yield value
        for each in value.values() if isinstance(value, dict) else value:
            yield from nested(each)


def change_array(array: np.ndarray, rng) -> np.ndarray:
    """Another order of bytes, another dtype, another order of rows or columns, or a NaN."""
    axis, what = rng.integers(array.ndim), rng.integers(6)
    if what == 0:
        return array.astype(array.dtype.newbyteorder(">"))
    if what == 1:
        return array.astype(np.float64 if array.dtype.kind == "f" else np.int32)
    if what == 2:
        return np.flip(array, axis)
    if what == 3:
        return np.roll(array, 1, axis)
    if what == 4 and array.dtype.kind == "f":
        changed = array.copy()
        changed.flat[rng.integers(array.size)] = rng.choice([np.nan, np.inf, 0.5])
        return changed
    return np.delete(array, -1, axis)


def change_npy(content: bytes, rng) -> bytes:
    stream = io.BytesIO()
    np.save(stream, change_array(np.load(io.BytesIO(content)), rng))
    return stream.getvalue()


def change_npz(content: bytes, rng) -> bytes:
    arrays = dict(np.load(io.BytesIO(content)))
    name = rng.choice(sorted(arrays))
    if rng.integers(6) == 0:
        del arrays[name]
    else:
        arrays[name] = change_array(arrays[name], rng)
    stream = io.BytesIO()
    np.savez(stream, **arrays)
    return stream.getvalue()


ANY = (cut, cut_at_a_line, flip, control_character, blank, longer, lambda content, rng: b"")
BY_KIND: dict[str, tuple[Callable, ...]] = {
    ".json": (change_json, change_json, change_json, swap_lines),
    ".csv": (swap_lines, cut_at_a_line, control_character),
    ".npy": (change_npy, change_npy, change_npy),
    ".npz": (change_npz, change_npz, change_npz),
}


def mutate(path: Path, rng) -> None:
    choices = (*ANY, *BY_KIND[path.suffix])
    content = path.read_bytes()
    path.write_bytes(choices[rng.integers(len(choices))](content, rng))


def seal_all() -> None:
    """Rewrite the manifests, as a stage that made these files would."""
    of_runs = [
        (path, path.parent.name, int(path.name[5:])) for path in Path().glob("runs/*/seed-*")
    ]
    for _, run, seed in of_runs:
        seal_run(run, seed, learning_seal())
    corrupted.seal_corrupted("svm", run_manifest("svm", 0, "").seal)
    sample_size.seal_sized("svm", learning_seal())
    near_duplicates.seal_duplicates(images_seal())


# --- what is noticed ------------------------------------------------------------------------------


def attempt() -> tuple[bytes, str]:
    """What evaluate takes, or what it says instead."""
    try:
        return pickle.dumps(taken()), ""
    except StudyError as error:
        return b"", str(error)


@pytest.mark.tried(
    "Damaged artifacts",
    "files between stages that were cut, changed by a byte, a field, a row, a column or a type",
    "an error that names the file and the commands that repair it, or the same tables",
)
def test_a_changed_file_is_named_or_has_no_effect(study, trials):
    """Counted: the refused, and the accepted, which are the same to the last bit."""
    rng = np.random.default_rng(0)
    before, every = pickle.dumps(taken()), files()
    named = same = 0
    for trial in range(TRIALS):
        path = every[trial % len(every)]
        content = path.read_bytes()
        mutate(path, rng)
        found, reported = attempt()
        assert reported or found == before, f"trial {trial}: {path} was accepted with other content"
        if reported:
            assert str(path.parent) in reported, f"trial {trial}, {path}: {reported}"
            assert "dvc repro" in reported
        named, same = named + bool(reported), same + (not reported)
        path.write_bytes(content)
    assert pickle.dumps(taken()) == before
    print(f"named: {named}, without effect: {same}")
    assert named > 0.8 * TRIALS
    trials(TRIALS)


def exchange(one: Path, other: Path) -> None:
    apart = one.with_name("apart")
    one.rename(apart)
    other.rename(one)
    apart.rename(other)


SVM, NET = Path("runs/svm/seed-0"), Path("runs/net/seed-0")
PAIRS = [
    *((SVM / name, Path("runs/pca_svm/seed-0") / name) for name in
      ("predictions.npz", "history.csv", "card.json", "manifest.json")),
    (SVM, Path("runs/pca_svm/seed-0")),
    (Path("runs/svm"), Path("runs/pca_svm")),
    (NET, Path("runs/net/seed-1")),
    (NET / "predictions.npz", Path("runs/net/seed-1/predictions.npz")),
    (Path("data/prepared/labels/test.npy"), Path("data/prepared/labels/validation.npy")),
    (Path("data/prepared/train"), Path("data/prepared/validation")),
    (Path("data/prepared/test/ids.npy"), Path("data/prepared/validation/ids.npy")),
]  # fmt: skip


@pytest.mark.tried(
    "Damaged artifacts",
    "files and folders of two runs, of two seeds, or of two splits exchanged",
    "an error that names the folder",
)
@pytest.mark.parametrize(("one", "other"), PAIRS, ids=lambda path: path.as_posix())
def test_what_was_exchanged_is_named(study, one, other):
    exchange(one, other)
    mending = r"Repair it with: cd .* && python -m pipeline\.commands\.mend"
    with pytest.raises(StudyError, match=mending) as caught:
        taken()
    reported = str(caught.value)
    assert any(str(path if path.is_dir() else path.parent) in reported for path in (one, other))


@pytest.mark.tried(
    "Damaged artifacts",
    "parts of another study, each whole in itself, in place of this study's",
    "an error: they are of other images, labels or models",
)
@pytest.mark.parametrize(
    "parts",
    [
        ["data/prepared"],
        ["data/prepared/labels/test.npy", "data/prepared/labels/test.json"],
        ["data/prepared/labels/train.npy", "data/prepared/labels/train.json"],
        ["data/prepared/task.json"],
        [
            f"data/{name}"
            for name in ("duplicates.csv", "copies.csv", "likeness.json", "duplicates.json")
        ],
        ["runs/svm"],
        ["runs/_corrupted/svm"],
        ["runs/_ablations/optimizer"],
        ["runs/_sample_size/svm"],
    ],
    ids=lambda parts: parts[0],
)
def test_parts_of_another_study_are_noticed(study, tmp_path, monkeypatch, parts):
    other = tmp_path / "other"
    other.mkdir()
    monkeypatch.chdir(other)
    write_study(seed=1)
    task = load_task()
    save_task(Task(task.class_names[::-1], task.image_shape, task.sizes))
    monkeypatch.chdir(study)
    for part in map(Path, parts):
        if part.is_dir():
            shutil.rmtree(part)
            shutil.copytree(other / part, part)
        else:
            shutil.copyfile(other / part, part)
    with pytest.raises(StudyError, match=r"Repair it with"):
        taken()


@pytest.mark.tried(
    "Damaged artifacts",
    "files of the wrong types, shapes or fields whose checksums are right",
    "an error that names the file or the run, or tables; never a raw error",
)
def test_what_has_the_wrong_types_is_reported_without_a_traceback(study, trials):
    """As a stage with a fault of its own, or another version of the project, would leave it."""
    rng = np.random.default_rng(1)
    kinds = ("card.json", "history.csv", "tuning.csv", "predictions.npz", "scores.npz")
    every = [path for path in files() if path.name in (*kinds, "duplicates.csv", "copies.csv")]
    counts = {"named": 0, "tables": 0}
    contents = {path: path.read_bytes() for path in files()}
    for trial in range(100):
        path = every[trial % len(every)]
        mutations = BY_KIND[path.suffix]
        path.write_bytes(mutations[rng.integers(len(mutations))](contents[path], rng))
        seal_all()
        try:
            inputs = taken()
            if counts["tables"] < 8:
                evaluate(**inputs)
            counts["tables"] += 1
        except StudyError:
            counts["named"] += 1
        for each, content in contents.items():
            each.write_bytes(content)
    print(counts)
    assert counts["named"] > 40
    trials(100)
