"""Locks of DVC that are in the way, and what DVC is started with."""

import fcntl
import json
import os
import signal
import subprocess
import sys

import pytest

from pipeline import litter
from pipeline.commands import dvc_command
from pipeline.commands.dvc_command import clear_up, full_disk, lock_in_the_way, run_dvc


@pytest.fixture
def lock(study_folder):
    """Write the lock of a study as DVC does."""
    (study_folder / ".dvc/tmp").mkdir(parents=True)
    file = study_folder / ".dvc/tmp/rwlock"

    def write(pid):
        info = {"pid": pid, "cmd": "dvc repro"}
        document = {"write": {"/x/out": info}, "read": {"/x/dep": [info]}}
        file.write_text(json.dumps(document), encoding="utf-8")
        return file

    return write


@pytest.fixture
def sleeper():
    """Start a small process; give its number."""
    started = []

    def start(*arguments):
        code = "import sys; print(flush=True); sys.stdin.read()"
        process = subprocess.Popen(
            [sys.executable, "-S", "-c", code, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        process.stdout.readline()
        started.append(process)
        return process.pid

    yield start
    for process in started:
        process.communicate()


@pytest.mark.tried(
    "Locks",
    "a lock of DVC whose process number belongs to another program",
    "the message says which file to remove, and when that is safe",
)
def test_a_stale_lock_whose_number_is_another_process(study_folder, lock, sleeper):
    file = lock(sleeper())
    reported = str(lock_in_the_way(study_folder))
    assert f"the lock {file} names process" in reported
    assert "python" in reported, "who has that number now"
    assert f"If no DVC process is running in {study_folder}" in reported
    assert f"rm {file}" in reported
    assert file.exists(), "it is the person who knows of other machines"


def test_a_stale_lock_whose_number_is_a_later_dvc(study_folder, lock, sleeper):
    file = lock(sleeper("dvc", "repro"))
    os.utime(file, (1e9, 1e9))
    assert f"rm {file}" in str(lock_in_the_way(study_folder))


def test_a_dvc_that_is_at_work(study_folder, lock, sleeper):
    pid = sleeper("dvc", "repro")
    lock(pid)
    reported = str(lock_in_the_way(study_folder))
    assert f"process {pid} (dvc repro)" in reported
    assert "Wait until it has finished" in reported
    assert "rm " not in reported


def test_a_lock_of_a_process_that_has_ended_is_dvcs_to_remove(study_folder, lock):
    with subprocess.Popen([sys.executable, "-S", "-c", ""]) as process:
        process.wait()
    lock(process.pid)
    assert lock_in_the_way(study_folder) is None


@pytest.mark.tried(
    "Locks", "a lock of DVC that a full disk has cut short", "the message says which file to remove"
)
@pytest.mark.parametrize("text", ["", '{"write": {"/x', "[]", '{"write": {"a": {"pid": "x"}}}'])
def test_a_damaged_lock(study_folder, lock, text):
    file = lock(1)
    file.write_text(text, encoding="utf-8")
    assert f"the lock {file} is damaged" in str(lock_in_the_way(study_folder))


def test_the_lock_that_the_system_keeps(study_folder):
    (study_folder / ".dvc/tmp").mkdir(parents=True)
    assert lock_in_the_way(study_folder) is None
    with (study_folder / ".dvc/tmp/lock").open("w+") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        stream.write(f" {os.getpid()}\n")
        stream.flush()
        assert f"process {os.getpid()} (dvc)" in str(lock_in_the_way(study_folder))
    assert lock_in_the_way(study_folder) is None


def test_a_disk_that_is_full(study_folder, monkeypatch):
    assert full_disk(study_folder) is None
    monkeypatch.setattr(dvc_command, "NEARLY_FULL", 1e18)
    assert "the disk is nearly full" in str(full_disk(study_folder))


LOCK = """\
schema: '2.0'
stages:
  check:
    cmd: python -m stages.check
    deps:
    - path: params.yaml
      hash: md5
      md5: d41d8cd98f00b204e9800998ecf8427e
      size: 12
    params:
      params.yaml:
        seed: 0
    outs:
    - path: data/code
      hash: md5
      md5: d41d8cd98f00b204e9800998ecf8427e
      size: 37
"""


@pytest.mark.tried(
    "Disk",
    "dvc.lock cut short at any byte, as by a full disk",
    "it is set aside, unless DVC can read it; what was finished comes from the cache",
)
def test_a_lock_that_was_cut_short(study_folder, capsys, trials):
    file, aside = study_folder / "dvc.lock", study_folder / "dvc.damaged"
    aside_count = 0
    for end in range(1, len(LOCK) + 1):
        file.write_text(LOCK[:end], encoding="utf-8")
        clear_up(study_folder)
        if not file.exists():
            aside_count += 1
            assert aside.read_text(encoding="utf-8") == LOCK[:end]
    assert file.exists(), "the whole one"
    assert aside_count > 100
    assert "DVC restores finished results from its cache" in capsys.readouterr().err
    trials(len(LOCK))


def test_what_dvc_left_in_its_cache_is_removed(study_folder):
    left = study_folder / ".dvc/cache/files/md5/86" / f".{'oy' * 11}.tmp"
    left.parent.mkdir(parents=True)
    left.touch()
    clear_up(study_folder)
    assert left.exists(), "another DVC may be writing it"
    litter._swept.clear()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(litter, "MINUTE", -1)
        clear_up(study_folder)
    assert not left.exists()


# --- interruption ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "expected", "line"),
    [
        ("sys.exit(7)", 7, ""),
        ("os.kill(os.getppid(), signal.SIGINT); time.sleep(0.1); sys.exit(255)", 130, ""),
        ("os.kill(os.getpid(), signal.SIGINT)", 130, "interrupted. Nothing is lost"),
        ("sys.exit(252)", 130, "interrupted. Nothing is lost"),
    ],
    ids=["a failure", "within a stage, which reports it", "while DVC starts", "within DVC"],
)
def test_an_interruption_is_reported_once(study_folder, monkeypatch, capsys, code, expected, line):
    start = dvc_command.LAUNCH.partition("from dvc")[0]
    monkeypatch.setattr(dvc_command, "LAUNCH", f"{start}\nimport os, time\n{code}")
    before = signal.getsignal(signal.SIGINT)
    assert run_dvc(study_folder, "repro") == expected
    assert capsys.readouterr().err.strip().startswith(line)
    assert signal.getsignal(signal.SIGINT) is before
    assert signal.pthread_sigmask(signal.SIG_BLOCK, []) == set()
