"""No text of a study, whatever it holds, stops the report or reaches a reader as it must not."""

from __future__ import annotations

import copy
import xml.etree.ElementTree as ET

import pytest

from pipeline.checks import is_unsafe
from pipeline.page.readable import readable, readable_text
from pipeline.page.report import write_report
from pipeline.page.study import StudyResults
from pipeline.storage.results import Results
from tests.pipeline.synthetic_study import Wanted, drawn_features, made_up, save_samples

NAMES = ("bell\x07", "esc\x1b[31m", "\ufffe", "rtl\u202e", "bell\\x07", "nul\x00")
RUNS = (Wanted("svm", "classical", 0.5), Wanted("net", "deep", 0.7))


@pytest.fixture(scope="module")
def hostile():
    results, images, ids = made_up(RUNS, NAMES, {"big\x9b": "because\x1b[2J\nof \ufffe"})
    study = copy.deepcopy(results.study)
    study["dataset"] |= {"name": "title\x07\ufffe", "description": "from\x1b]0;x\x07"}
    study["dataset"]["skipped"] = ["a\x1b.png", "half\udcff"]
    return Results(results.tables, results.metrics, study), images, ids


@pytest.mark.tried(
    "Names and texts",
    "control characters, half surrogates and characters that reverse text, in class names, "
    "the title, reasons and file names, given to the report",
    "the report is whole; each is written out, as \\x07",
)
def test_every_file_of_the_report_holds_printable_text_alone(hostile, tmp_path):
    results, images, ids = hostile
    save_samples(results, images, ids, tmp_path)
    pictures = drawn_features(tmp_path, images, results, drawn=False)
    pictures["caption"] = "an image\x07 of esc\x1b"
    params = {"dataset": {"title": "title\x07", "path": "a\u202eb"}}
    write_report(StudyResults(results, params, tmp_path, pictures))
    files = [*tmp_path.glob("figures/*.svg"), tmp_path / "index.html", tmp_path / "summary.md"]
    assert len(files) > 10
    for path in files:
        text = path.read_text(encoding="utf-8")
        # A tab stands in the script of the charts, which is no text of the study.
        assert {each for each in text if is_unsafe(each)} <= {"\n", "\t"}, path
        if path.suffix == ".svg":
            ET.fromstring(text)
    page = (tmp_path / "index.html").read_text(encoding="utf-8")
    for shown in ("bell\\x07", "esc\\x1b[31m", "half\\xff", "title\\x07\\ufffe", "a\\x1b.png",
                  "because\\x1b[2J\nof"):  # fmt: skip
        assert shown in page


def test_names_that_look_the_same_once_written_out_stay_apart(hostile):
    found = readable(hostile[0])
    names = found.study["dataset"]["class_names"]
    assert len(set(names)) == len(NAMES)
    assert names[0] == "bell\\x07 (2)"
    assert names[4] == "bell\\x07"
    before, after = (each.tables["per_class"] for each in (hostile[0], found))
    assert after["class"].tolist() == [names[NAMES.index(each)] for each in before["class"]]
    assert found.tables["samples"]["image"].equals(hostile[0].tables["samples"]["image"])
    assert readable(found).tables["per_class"].equals(after)


def test_printable_results_are_left_as_they_are():
    results = made_up(RUNS, ("猫", "كلب", "a\u200db"))[0]
    found = readable(results)
    assert found.study == results.study
    assert all(found.tables[name] is table for name, table in results.tables.items())


def test_breaks_of_lines_are_told_from_other_control_characters():
    assert readable_text("one\r\ntwo\rthree\n\tfour") == "one\ntwo\nthree\n\\tfour"
