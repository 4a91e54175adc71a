"""The commit that a result was computed with."""

from __future__ import annotations

import subprocess

from pipeline.provenance import code_version


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
