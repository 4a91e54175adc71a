"""Tables of the page come from the records of their columns."""

from __future__ import annotations

import dataclasses

import pandas as pd
import pytest

from pipeline.analyses.accuracy import table as accuracy_table
from pipeline.analyses.accuracy import view as accuracy
from pipeline.analyses.cost import view as cost
from pipeline.page.environment import html_environment
from pipeline.page.sections import sections
from pipeline.page.study import StudyResults
from pipeline.page.table import cell, heading, runs_table, shown
from pipeline.storage.columns import Column
from pipeline.storage.results import Results
from tests.pipeline.page.parsed_page import Page
from tests.pipeline.synthetic_study import Wanted, made_up

NEW = Column(
    "share_of_cats",
    "Share of the images that are called cats.",
    title="Cats",
    format="percent",
    shown=True,
)


@pytest.fixture(scope="module")
def two():
    return made_up((Wanted("svm", "classical", 0.5), Wanted("net", "deep", 0.8)))[0]


def test_a_shown_column_is_on_the_page_with_its_heading_and_meaning(two, monkeypatch):
    (table,) = accuracy_table.TABLES
    more = dataclasses.replace(table, columns=(*table.columns, NEW))
    monkeypatch.setattr(accuracy, "TABLES", (more,))
    content = two.tables["accuracy"].assign(share_of_cats=[0.25, 0.125])
    study = StudyResults(Results({**two.tables, "accuracy": content}, two.metrics, two.study))
    view = accuracy.view(study)
    environment = html_environment(sections(study).templates)
    text = environment.get_template("accuracy/section.html").render(view=view, study=study)
    page = Page(f"<main>{text}</main>")
    head, *rows = page.rows
    assert [row[head.index("Cats")] for row in rows[:2]] == ["25.0%", "12.5%"]
    button = next(a for tag, a in page.tags if a.get("title") == NEW.meaning)
    assert button["data-first"] == "descending"
    assert f"Cats{NEW.meaning}" in page.text
    assert ("td", {"class": "number", "data-value": "0.25"}) in page.tags


def test_cost_shows_its_columns_by_the_same_cells(two):
    found = cost.view(StudyResults(two)).runs_table
    assert [row.run for row in found.rows] == two.tables["accuracy"]["run"].tolist()
    assert {"train_seconds", "predict_ms_per_image"} <= set(found.headings)
    assert found.headings["train_seconds"].unit == "s"


def test_columns_that_are_not_shown_or_empty_are_left_out():
    rows = pd.DataFrame({"a": [1.0, float("nan")], "b": [float("nan")] * 2, "c": [1.0, 2.0]})
    columns = [Column(name, "", shown=name != "c") for name in ("a", "b", "c", "d")]
    assert [column.name for column in shown(columns, rows)] == ["a"]


def test_cells_know_what_they_are_sorted_by_and_their_interval():
    column = Column("error", "", format="points")
    row = {"error": 0.125, "low": 0.1, "high": 0.15}
    found = cell(column, row, ("low", "high"))
    assert (found.text, found.value, found.note) == ("12.5", "0.125", "10.0 to 15.0")
    empty = cell(column, {"error": float("nan"), "low": float("nan")}, ("low", "high"))
    assert (empty.text, empty.value, empty.note) == ("–", "", "")
    text = cell(Column("device", "", format="text"), {"device": "a chip"})
    assert (text.text, text.value, text.is_text) == ("a chip", None, True)


def test_headings():
    assert heading(Column("only_a", "")).title == "Only a"
    assert heading(Column("p_holm", "", title="p (Holm)")).title == "p (Holm)"
    assert heading(Column("error", "", format="points")).unit == "points"
    assert heading(Column("seconds", "", unit="s", format="quantity")).unit == "s"
    assert not heading(Column("seconds", "", format="quantity")).descending


def test_a_table_with_one_row_per_run():
    found = runs_table([NEW], [{"run": "net", "family": "deep", "share_of_cats": 0.5}])
    (row,) = found.rows
    assert (row.run, row.family, row.cells["share_of_cats"].text) == ("net", "deep", "50.0%")
