"""The commit and the lock that a result was computed with."""

from __future__ import annotations

import subprocess
import sys

import yaml

from pipeline.provenance import code_version, lock_digest


def git(folder, *arguments):
    named = ("-c", "user.name=a", "-c", "user.email=a@b.c", "-c", "commit.gpgsign=false")
    done = subprocess.run(
        ["git", "-C", str(folder), *named, *arguments], capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def test_commit_changes_and_neither(tmp_path, monkeypatch):
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert code_version(tmp_path) == "not under git"
    git(tmp_path, "init", "--quiet")
    assert code_version(tmp_path) == "not under git"  # there is no commit yet
    code = tmp_path / "pipeline" / "code.py"
    code.parent.mkdir()
    code.write_text("a = 1\n")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "--quiet", "--message", "a")
    commit = git(tmp_path, "rev-parse", "HEAD")
    assert len(commit) == 40
    (tmp_path / "README.md").write_text("no code\n")
    assert code_version(tmp_path) == commit
    code.write_text("a = 2\n")
    assert code_version(tmp_path) == f"{commit} with uncommitted changes of code"


def test_digest_of_the_lock_is_of_all_stages_but_the_report(tmp_path):
    lock = tmp_path / "dvc.lock"
    assert lock_digest(lock) is None
    stages = {
        "evaluate": {"cmd": "python", "deps": [{"path": "a", "md5": "1"}]},
        "check": {"cmd": "python"},
    }
    write = lambda each: lock.write_text(yaml.safe_dump({"schema": "2.0", "stages": each}))  # noqa: E731
    write(stages)
    digest = lock_digest(lock)
    assert len(digest) == 64
    write({"report": {"cmd": "python"}, **dict(reversed(stages.items()))})
    assert lock_digest(lock) == digest
    write(stages | {"evaluate": {"cmd": "python", "deps": [{"path": "a", "md5": "2"}]}})
    assert lock_digest(lock) != digest


def test_digest_is_printed_by_the_command_that_the_page_names(tmp_path, root):
    lock = tmp_path / "dvc.lock"
    lock.write_text("schema: '2.0'\nstages:\n  check: {cmd: python}\n")
    command = [sys.executable, "-m", "pipeline.provenance", str(lock)]
    printed = subprocess.run(command, cwd=root, capture_output=True, text=True, check=True).stdout
    assert printed.strip() == lock_digest(lock)


def test_committed_pages_hold_the_digest_of_the_lock_beside_them(root):
    pages = sorted((root / "reports" / "reference").glob("*/index.html"))
    assert pages
    for page in pages:
        assert lock_digest(page.with_name("dvc.lock")) in page.read_text(encoding="utf-8")
