"""An edit to the code, through DVC: what reruns, and what is not recorded as what it is not."""

from __future__ import annotations

import json

import pytest
from small_study import BIN, Study, checkout

pytestmark = pytest.mark.slow


def edit(path, old, new):
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


def test_edits_rerun_what_they_concern_and_none_is_recorded_unseen(root, tmp_path):
    study = Study(checkout(root, tmp_path / "checkout"))
    dvc = str(BIN / "dvc")

    def repro(*arguments):
        return study.call(dvc, "repro", *arguments, "fetch", cwd=study.root)

    study.call(dvc, "config", "--local", "core.no_scm", "true", cwd=study.root)
    first = repro()
    assert first.code == 0, first.output
    assert first.ran == {"check", "fetch"}
    stage = study.root / "stages" / "fetch.py"

    edit(stage, '"""Write data/source.json."""', '"""Write the record."""  # data/source.json')
    edit(stage, ", SHA-256 {", ", with the SHA-256 {")
    assert repro().ran == {"check"}

    edit(stage, "fetch()\n", "fetch()\n    assert source\n")
    status = study.call(dvc, "status", "--json", cwd=study.root).output
    assert json.loads(status[status.index("{") :])["check"][0]["changed deps"] == {
        "stages": "modified"
    }
    unseen = repro("--single-item", "--force")
    assert unseen.code != 0
    assert "found code edited since `check` last ran: stages.fetch" in unseen.output
    assert repro().ran == {"check", "fetch"}
