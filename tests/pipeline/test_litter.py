"""What killed processes have left is removed, what living ones write is not."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pipeline import litter
from pipeline.storage.files import atomic, save_text


@pytest.fixture(autouse=True)
def fresh(study_folder, monkeypatch):
    monkeypatch.setattr(litter, "_swept", set())


@pytest.fixture(scope="module")
def dead() -> int:
    """The number of a process that has ended."""
    with subprocess.Popen([sys.executable, "-S", "-c", ""]) as process:
        process.wait()
    return process.pid


def leave(name: str, age: float = 0.0) -> Path:
    path = Path("reports") / name
    path.parent.mkdir(exist_ok=True)
    path.write_text("half", encoding="utf-8")
    os.utime(path, (time.time() - age,) * 2)
    return path


@pytest.mark.tried(
    "Kills", "temporary files of a killed process beside the report", "the next run removes them"
)
def test_the_next_write_removes_what_a_killed_process_left(dead):
    left = leave(f".tmp-{litter.HOST}-{dead}-abc.csv")
    save_text(Path("reports/accuracy.csv"), "whole")
    assert not left.exists()
    assert [path.name for path in Path("reports").iterdir()] == ["accuracy.csv"]


def test_what_may_be_in_use_stays(dead):
    names = [
        f".tmp-{litter.HOST}-{os.getpid()}-abc.csv",
        f".tmp-another-{dead}-abc.csv",
        ".gitkeep",
        ".tmp-notes",
        "accuracy.csv",
        f".{'x' * 22}.tmp",
    ]
    kept = [leave(name) for name in names]
    litter.sweep(Path("reports"))
    assert [path for path in kept if not path.exists()] == []


def test_old_files_of_other_machines_and_of_dvc_go(monkeypatch):
    left = [leave(f".tmp-another-{os.getpid()}-abc.csv"), leave(f".{'x-_9' * 5}ab.tmp")]
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + 2 * litter.MINUTE)
    litter.sweep(Path("reports"))
    assert [path.exists() for path in left] == [True, False]
    monkeypatch.setattr(time, "time", lambda: now + 2 * litter.DAY)
    monkeypatch.setattr(litter, "_swept", set())
    litter.sweep(Path("reports"))
    assert not left[0].exists()


def test_a_file_that_is_being_written_stays():
    with atomic(Path("reports/a.csv")) as temporary:
        assert temporary.name.startswith(".")
        litter._swept.clear()
        litter.sweep(Path("reports"))
        assert temporary.exists()
