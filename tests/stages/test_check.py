"""What `check` says of the surroundings, before anything is computed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pipeline.checks import StudyError
from pipeline.config.yaml_files import dump_yaml
from pipeline.fingerprints.stage_code import fingerprint_file
from stages import check

HYBRID = {"vgg": {"method": "pretrained", "weights": "random"}}


@pytest.mark.parametrize(
    ("section", "entries"), [("features", HYBRID), ("deep", {"lenet5": {"method": "lenet5"}})]
)
def test_a_backend_that_is_not_installed_is_reported_where_keras_is_needed(
    study_folder, monkeypatch, section, entries
):
    params: dict[str, Any] = {
        "seed": 0,
        "dataset": {"name": "photos", "path": "data/incoming"},
        "features": {"raw": {"method": "raw"}},
        "classical": {"svm": {"method": "linear_svm", "features": ["raw"]}},
        "deep": {},
        "corrupt": {},
        "not_run": {},
    }
    monkeypatch.setenv("KERAS_BACKEND", "no_such_backend")
    Path("data/incoming").mkdir(parents=True)
    Path("params.yaml").write_text(dump_yaml(params), encoding="utf-8")
    check.main()  # needs no Keras
    assert fingerprint_file("prepare", "photos").exists()
    params[section] = {**params[section], **entries}
    Path("params.yaml").write_text(dump_yaml(params), encoding="utf-8")
    with pytest.raises(StudyError, match="found the backend 'no_such_backend'"):
        check.main()
