"""A folder with a ``table.py`` is a question: nothing else has to know of it."""

from __future__ import annotations

import sys
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import pipeline.analyses
from pipeline.analyses import tables
from pipeline.analyses.evaluate import compute_results
from tests.pipeline.analyses.scored_runs import made_up_labels, made_up_run, study_of

SOURCE = '''
"""How many runs are there?"""
import pandas as pd
from pipeline.storage.columns import Column, Table

TABLES = (
    Table("zebras", "One row.", (Column("runs", "Number of runs.", format="count"),)),
)

def compute(study):
    return {"zebras": pd.DataFrame({"runs": [len(study.runs)]})}

def record(study):
    return {"zebras": len(study.runs), "statistics": {"zebra": True}}
'''


@pytest.fixture
def with_zebras(tmp_path, monkeypatch):
    (tmp_path / "zebras").mkdir()
    (tmp_path / "zebras" / "table.py").write_text(SOURCE, encoding="utf-8")
    known = tables.questions()
    monkeypatch.setattr(tables, "_HERE", tmp_path)
    monkeypatch.setattr(pipeline.analyses, "__path__", [*pipeline.analyses.__path__, str(tmp_path)])
    new = tables.questions()
    monkeypatch.setattr(tables, "questions", lambda: [*known, *new])
    monkeypatch.setattr("pipeline.analyses.evaluate.questions", tables.questions)
    yield
    for name in [name for name in sys.modules if name.startswith("pipeline.analyses.zebras")]:
        del sys.modules[name]


@pytest.mark.usefixtures("with_zebras")
def test_a_new_question_is_a_folder():
    rng = np.random.default_rng(0)
    labels = made_up_labels(rng, 40)
    curve = {"run": "svm", "seed": 0, "x": [1], "x_kind": "images", "split": "train"}
    history = pd.DataFrame({**curve, "metric": "accuracy", "value": 0.5})
    run = replace(made_up_run("svm", labels, 0.8, rng), history=history)
    results = compute_results(study_of([run], labels))
    assert results.tables["zebras"]["runs"].tolist() == [1]
    assert results.study["zebras"] == 1
    assert results.study["statistics"]["zebra"], "beside what others say under this key"
    assert "pairs" in results.study["statistics"]


def test_every_table_has_a_name_of_its_own():
    names = [table.name for table in tables.tables()]
    assert len(names) == len(set(names))
    for table in tables.tables():
        assert len(table.names) == len(set(table.names))
        if table.pictures:
            assert {"id", "image"} <= set(table.names)
