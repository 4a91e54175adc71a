"""What is written is read as the same again, here and by DVC; and what is read is limited."""

from __future__ import annotations

import os
import random
import re
import time
from pathlib import Path
from typing import Any

import pytest
from dvc.utils.serialize import parse_yaml

from pipeline.checks import StudyError
from pipeline.config.yaml_files import MOST_BYTES, MOST_LEVELS, MOST_VALUES, dump_yaml, read_yaml

AWKWARD = (
    "1e3", "1E3", "1e-05", "0x1f", "0o17", "0b1", "012", "08", "1_000", "1:30", "2020-01-01",
    "2020-13-40", "yes", "no", "on", "off", "y", "n", "true", "True", "null", "Null", "~", ".inf",
    "-.INF", ".nan", ".", "-", "--", "---", "...", "+1", "-0", "1.", ".5", "", " ", "  two  ", "\t",
    "a\nb", "a\n\nb\n", "\n", "a\r\nb", "#", "a #b", "a: b", "a:", ":", "? a", "- a", "{", "[",
    "&a", "*a", "!a", "!!int 3", "|", ">", "%a", "@a", "`a", "'", '"', "\\", "\\n", "<<", "=", "é",
    "e\u0301", "\u2028", "\u0085", "a\u0085b", "\ufeff", "\x07", "\x1b[31m", "\ud7ff", "\U0001f600",
    "a" * 3000, "many words " * 300, "x; touch p #", "$(touch q)",
)  # fmt: skip
NUMBERS = (0, -1, 3, 2**63, 0.001, 1e-05, 1e3, 1e22, -2.5, 1e300, True, False, None)


def document(rng: random.Random, levels: int = 3) -> Any:
    """Draw a document of awkward texts, numbers, lists and mappings."""
    if levels == 0 or rng.random() < 0.4:
        return rng.choice((*AWKWARD, *NUMBERS))
    if rng.random() < 0.5:
        return [document(rng, levels - 1) for _ in range(rng.randrange(4))]
    return {rng.choice(AWKWARD): document(rng, levels - 1) for _ in range(rng.randrange(4))}


def same(a: Any, b: Any) -> bool:
    """Equal, and of the same types: True is no 1, and 1.0 is no 1."""
    if isinstance(a, dict):
        return isinstance(b, dict) and list(a) == list(b) and all(same(a[k], b[k]) for k in a)
    if isinstance(a, list):
        return isinstance(b, list) and len(a) == len(b) and all(map(same, a, b))
    return type(a) is type(b) and a == b


@pytest.mark.tried(
    "params.yaml",
    "names and texts that another YAML takes for numbers, dates or truth values, written and read",
    "the same again, here and by DVC",
)
def test_what_is_written_is_read_as_the_same_also_by_dvc(tmp_path, trials):
    path = tmp_path / "params.yaml"
    rng = random.Random(0)
    documents: list[dict[str, Any]] = [{"texts": list(AWKWARD), "numbers": list(NUMBERS)}]
    documents += [{name: name} for name in AWKWARD]
    documents += [{"a": document(rng), "b": document(rng)} for _ in range(100)]
    for each in documents:
        text = dump_yaml(each)
        path.write_bytes(text.encode())
        assert same(read_yaml(path), each), text
        assert same(parse_yaml(text, path), each), text
    trials(len(documents))


def test_what_is_there_twice_is_written_twice(tmp_path):
    twice = ["a"]
    assert dump_yaml({"x": twice, "y": twice}) == "x:\n- a\ny:\n- a\n"


def refusal(path: Path, text: str | bytes) -> str:
    """Return the message that a text is refused with, within a second or two of computing."""
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    started = time.process_time()
    with pytest.raises(StudyError) as caught:
        read_yaml(path)
    assert time.process_time() - started < 2
    assert len(str(caught.value)) < 300
    return str(caught.value)


LAUGHS = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{name}: &{name} [{', '.join([f'*{chr(ord(name) - 1)}'] * 9)}]\n" for name in "bcdefghij"
)
MERGES = "a: &a {x: 1}\n" + "".join(
    f"{name}: &{name} {{<<: [{', '.join([f'*{chr(ord(name) - 1)}'] * 9)}]}}\n"
    for name in "bcdefghij"
)


@pytest.mark.tried(
    "params.yaml",
    "a bomb: aliases of aliases, deep nesting, millions of values, an enormous number or file",
    "an error with the line, in about a second at most",
)
@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param(LAUGHS, f"more than {MOST_VALUES:,} values.*line 5", id="aliases"),
        pytest.param(MERGES, f"more than {MOST_VALUES:,} values.*line 5", id="merged aliases"),
        pytest.param("a: &a [*a]", "within itself", id="a cycle"),
        pytest.param("a: " + "[" * 3000, f"more than {MOST_LEVELS} nested", id="brackets"),
        pytest.param("a: " + "{b: " * 3000, f"more than {MOST_LEVELS} nested", id="braces"),
        pytest.param("- " * 3000, f"more than {MOST_LEVELS} nested", id="dashes"),
        pytest.param("seed: [" + "1," * 100_000 + "]", "more than .* values", id="a long list"),
        pytest.param("a: " + "9" * 5000, "a number of 5,000 characters", id="a long number"),
        pytest.param("a: 0x" + "f" * 9000, "a number of 9,002 characters", id="a hexadecimal one"),
        pytest.param("seed: [" + "1," * 2_000_000 + "]", "more than 256 kB", id="a large file"),
    ],
)
def test_bombs(tmp_path, text, message):
    assert re.search(message, refusal(tmp_path / "params.yaml", text))


@pytest.mark.tried(
    "params.yaml",
    "values that YAML's own constructors fail on: impossible dates, tags, half a number",
    "an error with the line",
)
@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 2020-13-40", r"found the date 2020-13-40; expected a quoted string.*line 1"),
        ("a: 2020-01-01", r"found the date"),
        ("a: 2020-01-01 25:61:61", r"found the date"),
        ("a: !!float abc", r"found the tag .*float.*line 1, column 4"),
        ("a: !!int z", r"found the tag .*int"),
        ("a: !!bool abc", r"found the tag .*bool"),
        ("a: !!python/object/apply:os.system [x]", r"found the tag"),
        ("a: !!binary x", r"found the tag"),
        ("a: 0x_", r"is not YAML: .*line 1, column 4"),
        ("? [1, 2]\n: 3", r"list or mapping as a key"),
        ("? {a: 1}\n: 3", r"list or mapping as a key"),
        ("<<: 5", r"is not YAML: expected a mapping.*line 1"),
        ("a: =", r"is not YAML"),
        ("a: \0", r"is not YAML"),
        ("%YAML 9.9\n---\na: 1", r"is not YAML"),
        ("a: 1\n---\nb: 2", r"is not YAML: but found another document"),
        ("", r"found nothing; expected a mapping of keys to values"),
        ("a: 1".encode("utf-16"), r"is not UTF-8 text"),
        ("a: café".encode("latin-1"), r"is not UTF-8 text"),
    ],
)
def test_what_no_value_can_be_made_of(tmp_path, text, message):
    assert re.search(message, refusal(tmp_path / "params.yaml", text))


def test_the_most_that_is_read(tmp_path):
    path = tmp_path / "params.yaml"
    path.write_text("a: " + "x" * (MOST_BYTES - 3), encoding="utf-8")
    assert len(read_yaml(path)["a"]) == MOST_BYTES - 3
    path.write_text("a: " + "[" * (MOST_LEVELS - 1) + "]" * (MOST_LEVELS - 1), encoding="utf-8")
    read_yaml(path)
    path.write_text("\ufeffa: &x {b: 1}\nc: *x\nd: {<<: *x, e: 2}\n", encoding="utf-8")
    assert read_yaml(path) == {"a": {"b": 1}, "c": {"b": 1}, "d": {"b": 1, "e": 2}}


@pytest.mark.tried(
    "params.yaml",
    "a pipe, a device without an end, a folder or a dangling link in its place",
    "an error that names it, at once",
)
@pytest.mark.parametrize("kind", ["pipe", "device", "folder", "dangling"])
def test_what_is_no_file(tmp_path, kind):
    path = tmp_path / "params.yaml"
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    else:
        path.symlink_to("/dev/zero" if kind == "device" else tmp_path / "nowhere")
    with pytest.raises(StudyError, match=r"params\.yaml is not a readable file"):
        read_yaml(path)
