"""Half-trained networks and finished seeds: kept whole, found again, and never half."""

from __future__ import annotations

import json
import math
import os
import signal
import subprocess
import sys
import textwrap
import time

import numpy as np
import pytest

from pipeline.storage import resume
from pipeline.storage.resume import TrainingState, load_state, save_state

FACTS = {"epochs": [{"loss": 0.1 + 0.2}, {"loss": 1e-300}], "best": math.inf, "name": "é"}


@pytest.fixture
def state(rng) -> TrainingState:
    arrays = {
        "model/0000/kernel": rng.normal(size=(3, 3, 2, 4)).astype(np.float32),
        "model/0001/file": np.asfortranarray(rng.normal(size=(4, 5))),
        "optimizer/0000": np.array(7, dtype=np.int64),
        "seed": np.array([2**32 - 1, 3], dtype=np.uint32),
        "empty": np.empty((0, 3), np.float32),
    }
    return TrainingState(arrays, FACTS)


# --- states ---------------------------------------------------------------------------------------


def test_a_state_comes_back_exactly(tmp_path, state):
    path = tmp_path / "run" / "key.npz"
    save_state(path, state)
    found = load_state(path)
    assert found is not None
    assert found.facts == FACTS
    assert found.arrays.keys() == state.arrays.keys()
    for name, array in state.arrays.items():
        assert found.arrays[name].dtype == array.dtype
        assert found.arrays[name].shape == array.shape
        np.testing.assert_array_equal(found.arrays[name], array)
    assert [each.name for each in path.parent.iterdir()] == ["key.npz"]


def test_a_state_replaces_the_one_before(tmp_path, state):
    path = tmp_path / "key.npz"
    save_state(path, state)
    save_state(path, TrainingState({}, {"epochs": []}))
    assert load_state(path) == TrainingState({}, {"epochs": []})


def test_no_state_is_no_message(tmp_path, capsys):
    assert load_state(tmp_path / "none.npz") is None
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("share", [0.0, 0.3, 0.9, 0.999])
def test_a_state_cut_short_counts_as_none(tmp_path, state, share, capsys):
    path = tmp_path / "key.npz"
    save_state(path, state)
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    assert load_state(path) is None
    said = capsys.readouterr().out
    assert str(path) in said
    assert "training starts from the beginning" in said


def test_a_flipped_bit_is_found_wherever_it_is(tmp_path, state, capsys):
    """Some bytes of an archive, such as times of day, say nothing; no other flip may pass."""
    path = tmp_path / "key.npz"
    save_state(path, state)
    content = path.read_bytes()
    refused = 0
    for position in range(0, len(content), 7):
        flipped = bytearray(content)
        flipped[position] ^= 1 << (position % 8)
        path.write_bytes(flipped)
        found = load_state(path)
        if found is None:
            refused += 1
            continue
        assert found.facts == state.facts
        for name, array in state.arrays.items():
            np.testing.assert_array_equal(found.arrays[name], array)
    assert capsys.readouterr().out.count("damaged") == refused
    assert refused > len(content) / 7 / 2


def test_a_file_whose_content_was_exchanged_is_found(tmp_path, state, capsys):
    """The archive's own checksums are right then; only the one over all of it is not."""
    path = tmp_path / "key.npz"
    save_state(path, state)
    with np.load(path) as stored:
        content = dict(stored)
    content["array/seed"] = content["array/seed"] + 1
    np.savez(path, **content)
    assert load_state(path) is None
    assert "checksum" in capsys.readouterr().out


def test_what_needs_pickling_is_refused(tmp_path):
    ml_dtypes = pytest.importorskip("ml_dtypes")
    for array in (np.array([{}]), np.zeros(2, ml_dtypes.bfloat16), np.array(["a"])):
        with pytest.raises(ValueError, match=r"x has the dtype .* float32"):
            save_state(tmp_path / "key.npz", TrainingState({"x": array}, {}))
    assert list(tmp_path.iterdir()) == []


def test_a_writer_that_is_killed_leaves_a_whole_state(tmp_path, root):
    code = """
        import sys, numpy as np
        from pathlib import Path
        from pipeline.storage.resume import TrainingState, save_state
        for epoch in range(10**6):
            arrays = {"x": np.full(300_000, epoch)}
            save_state(Path(sys.argv[1]), TrainingState(arrays, {"epoch": epoch}))
    """
    path = tmp_path / "key.npz"
    for delay in (0.0, 0.02, 0.05):
        command = [sys.executable, "-c", textwrap.dedent(code), str(path)]
        with subprocess.Popen(command, cwd=root) as process:
            started = time.monotonic()
            while not path.exists() and time.monotonic() < started + 30:
                time.sleep(0.005)
            time.sleep(delay)
            os.kill(process.pid, signal.SIGKILL)
        found = load_state(path)
        assert found is not None
        assert set(found.arrays["x"]) == {found.facts["epoch"]}
        path.unlink()


# --- keys -----------------------------------------------------------------------------------------


def test_a_key_depends_on_what_is_said_and_not_on_the_order():
    facts = {"options": {"epochs": 3, "crop": 4}, "seed": 0, "milestones": (0.5, 0.75)}
    key = resume.state_key(facts)
    assert key == resume.state_key(
        {"milestones": [0.5, 0.75], "seed": 0, "options": {"crop": 4, "epochs": 3}}
    )
    others = [
        facts | {"seed": 1},
        facts | {"options": {"epochs": 4, "crop": 4}},
        facts | {"milestones": (0.75, 0.5)},
        {name: value for name, value in facts.items() if name != "seed"},
    ]
    assert len({key, *map(resume.state_key, others)}) == 5
    assert len(key) == 64


def test_a_key_of_what_json_cannot_say_is_refused():
    with pytest.raises(TypeError):
        resume.state_key({"options": object()})


# --- finished seeds -------------------------------------------------------------------------------


@pytest.fixture
def finished(study_folder):
    """The folder of a finished seed, which is kept under the key ``key``."""
    folder = study_folder / "runs" / "net" / "seed-0"
    folder.mkdir(parents=True)
    (folder / "card.json").write_text('{"run": "net"}')
    (folder / "model.keras").write_bytes(bytes(range(256)) * 10)
    save_state(resume.state_file("net", "key"), TrainingState({}, {}))
    resume.keep_seed("net", "key", folder)
    return folder


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_a_finished_seed_is_put_back(finished):
    before = contents(finished)
    for path in finished.iterdir():
        path.unlink()
    (finished / "of another training").touch()
    assert resume.restore_seed("net", "key", finished)
    assert contents(finished) == before
    assert [each.name for each in finished.parent.iterdir()] == ["seed-0"]
    finished.rename(finished.with_name("moved"))
    assert resume.restore_seed("net", "key", finished)
    assert contents(finished) == before


def test_the_state_of_a_finished_training_is_dropped(finished):
    assert not resume.state_file("net", "key").exists()


def test_a_seed_of_another_key_or_run_is_not_found(finished, capsys):
    assert not resume.restore_seed("net", "other", finished)
    assert not resume.restore_seed("other", "key", finished)
    assert contents(finished).keys() == {"card.json", "model.keras"}
    assert capsys.readouterr().out == ""


def test_what_is_kept_is_no_link_to_an_output(finished):
    """DVC write-protects its outputs and links them to its cache; a person may edit one."""
    before = contents(finished)
    for path in finished.iterdir():
        path.write_bytes(b"edited")
        path.chmod(0o444)
    assert resume.restore_seed("net", "key", finished)
    assert contents(finished) == before
    assert all(os.access(path, os.W_OK) for path in finished.iterdir())
    for path in finished.iterdir():
        path.write_bytes(b"edited")
    assert resume.restore_seed("net", "key", finished)
    assert contents(finished) == before


def test_a_write_protected_seed_can_be_kept_twice(finished):
    for path in finished.iterdir():
        path.chmod(0o444)
    resume.keep_seed("net", "key", finished)
    resume.keep_seed("net", "key", finished)
    assert resume.restore_seed("net", "key", finished)


@pytest.mark.parametrize("damage", ["changed", "missing", "added", "manifest", "no manifest"])
def test_a_damaged_seed_counts_as_none(finished, damage, capsys):
    kept = resume.seed_folder("net", "key")
    if damage == "changed":
        (kept / "files" / "model.keras").write_bytes(bytes(2560))
    elif damage == "missing":
        (kept / "files" / "model.keras").unlink()
    elif damage == "added":
        (kept / "files" / "more").touch()
    elif damage == "manifest":
        (kept / "manifest.json").write_text("{")
    else:
        (kept / "manifest.json").unlink()
    before = contents(finished)
    assert not resume.restore_seed("net", "key", finished)
    said = capsys.readouterr().out
    assert str(kept) in said
    assert "training this seed again" in said
    assert contents(finished) == before
    resume.keep_seed("net", "key", finished)
    assert resume.restore_seed("net", "key", finished)


def test_an_empty_folder_is_no_finished_seed(finished):
    kept = resume.seed_folder("net", "key")
    for path in (kept / "files").iterdir():
        path.unlink()
    (kept / "manifest.json").write_text(json.dumps({}))
    assert not resume.restore_seed("net", "key", finished)


def test_pruning_leaves_what_is_current_and_other_runs(finished):
    for run, key in (("net", "old"), ("net", "key"), ("net", "half"), ("other", "old")):
        save_state(resume.state_file(run, key), TrainingState({}, {}))
    resume.keep_seed("net", "old", finished)
    save_state(resume.state_file("net", "old"), TrainingState({}, {}))
    resume.keep_seed("other", "kept", finished)
    (resume.TRAINING / "net" / ".tmp1234.npz").touch()
    (resume.SEEDS / "net" / ".tmp1234").mkdir()
    resume.prune("net", {"key", "half"})
    assert {path.name for path in (resume.TRAINING / "net").iterdir()} == {"key.npz", "half.npz"}
    assert {path.name for path in (resume.SEEDS / "net").iterdir()} == {"key"}
    assert resume.state_file("other", "old").exists()
    assert resume.restore_seed("other", "kept", finished)


def test_pruning_what_was_never_kept_does_nothing(study_folder):
    resume.prune("net", ())
    assert list(study_folder.iterdir()) == []
