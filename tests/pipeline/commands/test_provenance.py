"""The commit and the lock that a result was computed with."""

from __future__ import annotations

import copy
import subprocess
import sys

import pytest
import yaml

from pipeline.commands.provenance import CHECKOUT, code_version, lock_digest


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
    assert code_version(tmp_path) == f"{commit} with uncommitted changes to code"


def test_the_checkout_contains_the_code_that_is_compared():
    assert {"pipeline", "stages", "dvc.yaml"} <= {path.name for path in CHECKOUT.iterdir()}


LOCK = {
    "check": {"cmd": "python", "deps": [{"path": "pipeline", "md5": "10.dir"}],
              "outs": [{"path": "data/code", "md5": "11.dir"}]},
    "fetch": {"cmd": "python", "deps": [{"path": "../a.zip", "md5": "1"}],
              "outs": [{"path": "data/source.json", "md5": "2"}]},
    "train_deep@net": {"cmd": "python", "deps": [{"path": "data/source.json", "md5": "2"},
                                                 {"path": "data/code/train_deep.json", "md5": "3"}],
                       "outs": [{"path": "runs/net", "md5": "4.dir"}]},
    "evaluate": {"cmd": "python", "deps": [{"path": "runs", "md5": "5.dir"}],
                 "outs": [{"path": "reports/study/accuracy.csv", "md5": "6"}]},
}  # fmt: skip


def study(folder, stages, deep=("net",)):
    folder.mkdir(exist_ok=True)
    (folder / "dvc.lock").write_text(yaml.safe_dump({"schema": "2.0", "stages": stages}))
    (folder / "params.yaml").write_text(yaml.safe_dump({"deep": {name: {} for name in deep}}))
    return folder


def test_digest_of_the_lock_is_of_what_the_report_is_made_from(tmp_path):
    assert lock_digest(tmp_path) is None
    digest = lock_digest(study(tmp_path, LOCK))
    assert len(digest) == 64
    later = copy.deepcopy(LOCK)
    later["report"] = {"cmd": "python", "outs": [{"path": "reports/study/index.html"}]}
    later["train_deep@gone"] = {"cmd": "python", "outs": [{"path": "runs/gone", "md5": "7.dir"}]}
    later["fetch"]["deps"].append({"path": "params.yaml", "md5": "8"})  # with a remark in it
    later["evaluate"]["deps"][0]["md5"] = "8.dir"  # the folder of all runs, with that one in it
    later["check"]["deps"][0]["md5"] = "12.dir"  # a comment in the code
    later["check"]["outs"][0]["md5"] = "13.dir"  # and an edit to a method that is not used
    assert lock_digest(study(tmp_path, dict(reversed(later.items())))) == digest
    assert lock_digest(study(tmp_path, later, ("net", "gone"))) != digest


@pytest.mark.parametrize(
    ("stage", "part", "place"),
    [("fetch", "deps", 0), ("train_deep@net", "deps", 1), ("train_deep@net", "outs", 0)],
)
def test_other_images_code_or_results_have_another_digest(tmp_path, stage, part, place):
    digest = lock_digest(study(tmp_path, LOCK))
    changed = copy.deepcopy(LOCK)
    changed[stage][part][place]["md5"] = "9"
    assert lock_digest(study(tmp_path, changed)) != digest


def test_digest_is_printed_by_the_command_that_the_page_names(tmp_path, root):
    folder = study(tmp_path, LOCK)
    command = [sys.executable, "-m", "pipeline.commands.provenance", str(folder)]
    printed = subprocess.run(command, cwd=root, capture_output=True, text=True, check=True).stdout
    assert printed.strip() == lock_digest(folder)


def test_committed_pages_hold_the_digest_of_the_lock_beside_them(root):
    pages = sorted((root / "reports" / "reference").glob("*/index.html"))
    assert pages
    for page in pages:
        assert lock_digest(page.parent) in page.read_text(encoding="utf-8")
