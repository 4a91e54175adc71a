"""What keeps a stage from running other code than DVC knows of."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.checks import StudyError
from pipeline.config.yaml_files import dump_yaml
from pipeline.fingerprints import guard
from pipeline.fingerprints.modules import Code
from pipeline.fingerprints.stage_code import fingerprint_file, stage_fingerprint

PARAMS = {
    "seed": 0,
    "dataset": {"name": "photos"},
    "features": {"hog_fine": {"method": "hog"}},
    "classical": {},
    "deep": {},
}


@pytest.fixture
def study(study_folder):
    Path("params.yaml").write_text(dump_yaml(PARAMS), encoding="utf-8")
    return study_folder


def record(stage, method, **other):
    """Write what `check` would, but for some hashes."""
    found = stage_fingerprint(Code({}), stage, method) | other
    file = fingerprint_file(stage, method)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(found), encoding="utf-8")


TASKS = [("featurize hog_fine", "featurize", "hog"), ("prepare", "prepare", "photos"),
         ("index", "index", None)]  # fmt: skip


@pytest.mark.parametrize(("task", "stage", "method"), TASKS)
def test_code_that_was_edited_after_check_is_not_run(study, task, stage, method):
    guard.check_recorded(task)  # without DVC, nothing is recorded
    record(stage, method)
    guard.check_recorded(task)
    record(stage, method, **{"pipeline.checks": "0", "pipeline.gone": "0"})
    with pytest.raises(StudyError, match=r"pipeline\.checks.*pipeline\.gone.*dvc repro check"):
        guard.check_recorded(task)


@pytest.mark.parametrize("task", ["check", "doze", "featurize", "featurize gone"])
def test_where_there_is_no_fingerprint_the_stage_says_what_is_wrong(study, task):
    record("featurize", "hog", **{"pipeline.checks": "0"})
    guard.check_recorded(task)


def test_the_stage_refuses_code_that_dvc_has_not_recorded(study, root):
    (study / "data/features").mkdir(parents=True)
    record("index", None, **{"pipeline.checks": "0"})
    command = [sys.executable, "-m", "stages.index"]
    environment = os.environ | {"PYTHONPATH": str(root)}
    by_hand = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert by_hand.returncode == 0, by_hand.stderr
    environment["DVC_STAGE"] = "index"
    by_dvc = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert by_dvc.returncode == 1
    assert "error: index: found code edited since `check` last ran" in by_dvc.stderr


def test_a_training_has_one_digest_of_its_code():
    digest = guard.stage_digest("train_deep", "lenet5")
    assert len(digest) == 64
    assert guard.stage_digest("train_deep", "lenet5") == digest
    assert guard.stage_digest("train_deep", "mlp") != digest
