"""The page docs/reliability.md: what was tried on the pipeline, and what came of it.

A test that feeds in something hostile, damaged or unusual carries a mark with three texts::

    @pytest.mark.tried("Archives", "a ZIP file cut in half", "an error that names the file")

With ``--reliability`` (``make reliability``) the run writes them as a page, with the number of
trials that passed: one per test case, or as many as the test records with the fixture `trials`.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

PAGE = Path(__file__).resolve().parent.parent / "docs" / "reliability.md"
MARK = "tried"
HEAD = """# Reliability

What was tried on the pipeline (unusual inputs, damaged files, injected faults), and the
outcome. Every row is a test of the suite; `make reliability` runs them and writes this page.

{total}

"""


class Ledger:
    """Collects what marked tests report; with xdist, in the process that hears of all of them."""

    def __init__(self) -> None:
        self.passed: dict[tuple[str, str, str], int] = {}
        self.failed: dict[tuple[str, str, str], int] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        properties = dict(report.user_properties)
        if MARK not in properties or not (report.when == "call" or report.failed):
            return
        row = tuple(properties[MARK])
        counts = self.passed if report.passed else self.failed
        if not report.skipped:
            counts[row] = counts.get(row, 0) + int(properties.get("trials", 1))

    def pytest_sessionfinish(self) -> None:
        PAGE.write_text(page(self.passed, self.failed), encoding="utf-8")


def page(passed: dict[tuple[str, str, str], int], failed: dict[tuple[str, str, str], int]) -> str:
    """Return the page in Markdown: a table per subject, in alphabetical order."""
    rows = sorted(passed.keys() | failed.keys())
    total = f"{sum(passed.values()):,} trials passed"
    total += f"; {sum(failed.values()):,} failed." if failed else "; none failed."
    text = HEAD.format(total=total)
    for subject in sorted({row[0] for row in rows}):
        text += f"## {subject}\n\n| tried | outcome | trials |\n| --- | --- | ---: |\n"
        for row in rows:
            if row[0] == subject:
                count = f"{passed.get(row, 0):,}"
                count += f" ({failed[row]:,} failed)" if row in failed else ""
                text += f"| {_cell(row[1])} | {_cell(row[2])} | {count} |\n"
        text += "\n"
    return text.rstrip() + "\n"


def marked_rows(tests: Path) -> Iterator[tuple[str, str, str]]:
    """Give the three texts of each mark in the source of the tests, without running any."""
    for path in sorted(tests.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == f"pytest.mark.{MARK}":
                subject, what, outcome = map(ast.literal_eval, node.args)
                yield subject, what, outcome


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


# --- pytest ---------------------------------------------------------------------------------------


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--reliability", action="store_true", help=f"write {PAGE.name}")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers", f"{MARK}(subject, what, outcome): a row of docs/reliability.md"
    )
    if config.getoption("--reliability") and not hasattr(config, "workerinput"):
        config.pluginmanager.register(Ledger())


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    for item in items:
        if mark := item.get_closest_marker(MARK):
            item.user_properties.append((MARK, list(mark.args)))
    if config.getoption("--reliability"):
        items[:] = [item for item in items if item.get_closest_marker(MARK)]


@pytest.fixture
def trials(request: pytest.FixtureRequest) -> Callable[[int], None]:
    """Say how many trials a marked test makes, where it makes more than one."""
    return lambda count: request.node.user_properties.append(("trials", count))
