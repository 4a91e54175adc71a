"""What is asked of DVC, on a study of two files."""

from pathlib import Path

import pytest
from dvc.lock import LockError
from dvc.repo import Repo

from pipeline.commands.jobs import dvc_calls

GRAPH = """\
stages:
  a:
    cmd: echo a > a
    outs: [a]
  b:
    cmd: echo b > b
    outs: [b]
"""


@pytest.fixture
def study(study_folder):
    Path("dvc.yaml").write_text(GRAPH, encoding="utf-8")
    with Repo.init(no_scm=True) as repo:
        repo.reproduce()
    return study_folder


def test_outputs_come_back_and_others_stay(study):
    entries = dvc_calls.locked_entries(["a"])
    Path("a").unlink()
    dvc_calls.check_out(entries)
    assert Path("a").read_text(encoding="utf-8") == "a\n"
    assert Path("b").exists()


def test_no_other_call_writes_the_lock_file_before_it_is_read(study, monkeypatch):
    """DVC removes an output of which dvc.lock says nothing."""
    entries = dvc_calls.locked_entries(["a", "b"])
    check_out, tried = Repo.checkout, []

    def another_comes_first(repo, *arguments, **options):
        tried.append(repo)
        with pytest.raises(LockError), Repo() as other:
            other.lock.lock()
        return check_out(repo, *arguments, **options)

    monkeypatch.setattr(Repo, "checkout", another_comes_first)
    dvc_calls.check_out(entries)
    assert tried
    assert Path("a").exists()
    assert Path("b").exists()
