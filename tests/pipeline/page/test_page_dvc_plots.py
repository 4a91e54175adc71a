"""The templates of `dvc plots`: they read the tables that there are, and look like the page."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
import vl_convert
import yaml

from pipeline.page.theme import FAMILY_COLORS, FAMILY_SHAPES, LIGHT, SHADE
from tests.pipeline.synthetic_study import CASES, made_up

OLDEST = "5.8"
"""Of the versions of Vega-Lite at hand; the pages that DVC writes load 5.2."""


@pytest.fixture(scope="module")
def results():
    return made_up(**CASES["normal"])[0]


def plots(root) -> dict[str, dict[str, str]]:
    listed = yaml.safe_load((root / "dvc.yaml").read_text(encoding="utf-8"))["plots"]
    return {path: options for each in listed for path, options in each.items()}


def fields(value: Any) -> Iterator[str]:
    """Return every column that a specification reads."""
    if isinstance(value, dict):
        if isinstance(value.get("field"), str):
            yield value["field"]
        for each in value.values():
            yield from fields(each)
    elif isinstance(value, list):
        for each in value:
            yield from fields(each)


def filled(root, path: str, options: dict[str, str], table) -> dict[str, Any]:
    """Fill a template in as DVC does, with the same rows of two revisions."""
    text = (root / options["template"]).read_text(encoding="utf-8")
    rows = [row | {"rev": rev} for rev in ("main", "mine") for row in table.to_dict("records")]
    text = text.replace('"<DVC_METRIC_DATA>"', json.dumps(rows))
    return json.loads(text.replace("<DVC_METRIC_TITLE>", options["title"]))


@pytest.mark.parametrize("name", ["accuracy", "learning_curves", "confusion"])
def test_template_draws_every_run_of_both_revisions(root, results, name):
    path = f"reports/study/tables/{name}.csv"
    options, table = plots(root)[path], results.tables[name].fillna("")
    spec = filled(root, path, options, table)
    made = {each["as"] for each in spec.get("transform", []) if "as" in each}
    assert set(fields(spec)) <= {*table.columns, "rev"} | made
    assert {options["x"], options["y"]} <= set(fields(spec))
    svg = vl_convert.vegalite_to_svg(spec, vl_version=OLDEST)
    for word in (*table["run"].unique(), "main", "mine", options["title"]):
        assert word in svg
    width = float(re.search(r'width="([\d.]+)"', svg)[1])
    assert width < 1400  # with all its runs it fits a screen


def test_every_plot_of_the_pipeline_is_tested(root):
    assert {path.rpartition("/")[2] for path in plots(root)} == {
        "accuracy.csv", "learning_curves.csv", "confusion.csv"
    }  # fmt: skip


def test_colors_and_shapes_are_those_of_the_page(root):
    texts = {path.stem: path.read_text() for path in (root / ".dvc" / "plots").glob("*.json")}
    for text in texts.values():
        palette = json.loads(text)["config"]["range"]["category"]
        assert set(FAMILY_COLORS.values()) <= set(palette)
    shape = json.loads(texts["accuracy_intervals"])["layer"][0]["encoding"]["shape"]["scale"]
    assert dict(zip(shape["domain"], shape["range"], strict=True)) == FAMILY_SHAPES
    assert LIGHT[SHADE] in texts["confusion_counts"]
