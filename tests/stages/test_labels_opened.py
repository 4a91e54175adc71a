"""Which labels the code opens: those of the test split are for `evaluate` alone."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
READER = "load_labels"


def opened(source: str) -> set[str]:
    """The splits whose labels a module opens; "?" for one that it does not name where it does."""
    tree = ast.parse(source)
    literal = {
        (loop.target.id, element.value)
        for loop in ast.walk(tree)
        if isinstance(loop, ast.comprehension | ast.For) and isinstance(loop.target, ast.Name)
        if isinstance(loop.iter, ast.Tuple)
        for element in loop.iter.elts
        if isinstance(element, ast.Constant)
    }
    splits: set[str] = set()
    for node in ast.walk(tree):
        if not (isinstance(node, ast.Call) and ast.unparse(node.func).endswith(READER)):
            continue
        (split,) = node.args
        if isinstance(split, ast.Constant):
            splits.add(split.value)
        else:
            splits |= {value for name, value in literal if name == ast.unparse(split)} or {"?"}
    return splits


def test_only_evaluate_opens_those_of_the_test_split():
    files = [*(ROOT / "stages").rglob("*.py"), *(ROOT / "pipeline").rglob("*.py")]
    found = {
        path.stem: splits
        for path in files
        if (splits := opened(path.read_text(encoding="utf-8"))) - {"train", "validation"}
    }
    assert found == {"evaluate": {"?"}}


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("load_labels('test')", {"test"}),
        ("{s: a.load_labels(s) for s in ('train', 'test')}", {"train", "test"}),
        ("{s: a.load_labels(s) for s in SPLITS}", {"?"}),
        ("def load_labels(split): ...", set()),
    ],
)
def test_what_a_module_opens_is_seen(source, expected):
    assert opened(source) == expected
