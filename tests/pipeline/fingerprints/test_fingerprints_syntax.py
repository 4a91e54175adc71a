"""What counts in a source, and what is only said."""

from __future__ import annotations

import ast
from textwrap import dedent
from typing import Any

import pytest

from pipeline.fingerprints.syntax import digest

SOURCE = '''
"""A module."""
from __future__ import annotations
import sys
import warnings
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path
else:
    Path = str

LIMIT: int = 3
"""Of images."""


class Spec:
    """Options."""

    size: int = 6
    """Pixels."""


def read(path: Path, names: list[str]) -> str:
    """Read."""
    # slowly
    print(f"reading {len(names)} of {LIMIT:,} files", flush=True)
    print("from", path, "now" if names else "never", file=sys.stderr)
    print(", ".join(names))
    if not names:
        raise ValueError(f"{path}: found no names; " + "expected some") from None
    warnings.warn(f"{path} is old", UserWarning, stacklevel=2)
    return f"{path}: {LIMIT}"
'''
SAID = [
    ('"""A module."""', '"""Another docstring."""'),
    ('"""A module."""\n', ""),
    ('    """Pixels."""\n', ""),
    ('"""Of images."""\n', '"""Of images, at most."""\n'),
    ("# slowly", "# quickly\n\n"),
    ("LIMIT: int = 3", "LIMIT: int = (\n    3\n)"),
    ("    from pathlib import Path", "    from pathlib import Path, PurePath"),
    ('f"reading {len(names)} of {LIMIT:,} files"', 'f"{len(names)!s} files of {LIMIT} are read"'),
    (", flush=True)", ")"),
    ('"from", path, "now" if names else "never"', 'path, "as ever" if names else "no more"'),
    ('", ".join(names)', '" and ".join(names)'),
    ('found no names; " + "expected some"', 'it is empty"'),
    ('f"{path} is old"', 'f"old: {path}"'),
    ("stacklevel=2", "stacklevel=2,  # the caller\n"),
]
DONE = [
    ("LIMIT: int = 3", "LIMIT: int = 4"),
    ("LIMIT: int = 3", "LIMIT: float = 3"),
    ("size: int = 6", "size: int = 7"),
    ("size: int = 6", "size: float = 6"),
    ("Path = str", "Path = bytes"),
    ("if TYPE_CHECKING", "if not TYPE_CHECKING"),
    ("{len(names)} of", "{sum(names)} of"),
    ("file=sys.stderr", "file=open(path)"),
    ('"now" if names', '"now" if path'),
    ('", ".join(names)', '", ".join(sorted(names))'),
    ("raise ValueError(f", "raise TypeError(f"),
    ("from None", "from error"),
    ("if not names:", "if names:"),
    ("UserWarning", "FutureWarning"),
    ('return f"{path}: {LIMIT}"', 'return f"{path}; {LIMIT}"'),
    ('return f"{path}: {LIMIT}"', 'return f"{path}: {LIMIT:,}"'),
    ("def read(", "@cache\ndef read("),
]


def of(source: str, **options: Any) -> str:
    return digest(ast.parse(source), **options)


def edited(old: str, new: str) -> str:
    assert old in SOURCE
    return SOURCE.replace(old, new)


@pytest.mark.parametrize(("old", "new"), SAID)
def test_what_is_said_to_a_person_does_not_count(old, new):
    assert of(edited(old, new)) == of(SOURCE)


@pytest.mark.parametrize(("old", "new"), DONE)
def test_all_else_counts(old, new):
    assert of(edited(old, new)) != of(SOURCE)


def test_texts_of_errors_count_where_they_are_kept():
    other = edited("found no names", "found nothing")
    assert of(other, error_texts=True) != of(SOURCE, error_texts=True)
    other = edited("reading", "we read")
    assert of(other, error_texts=True) == of(SOURCE, error_texts=True)


def test_a_string_in_an_error_counts_where_something_is_computed_from_it():
    assert of("raise Error(read('a'))") != of("raise Error(read('b'))")
    assert of("print(table['a'])") != of("print(table['b'])")


def test_texts_count_as_progress_where_a_function_prints_them():
    one, other = "bar(f'{len(x)} images', n=3)", "bar(f'images: {len(x)}', n=3)"
    assert of(one) != of(other)
    assert of(one, printers={"bar"}) == of(other, printers={"bar"})
    assert of(one, printers={"bar"}) != of(one.replace("3", "4"), printers={"bar"})
    assert of(one, printers={"bar"}) != of(one.replace("len", "sum"), printers={"bar"})


def test_other_texts_are_reported_apart_from_names_and_numbers():
    sources = ("x = 'a'", "x = a", "x = b'a'", "x = 1", "x = 1.0", "x = True", "x = '1'", "x = ...")
    assert len({of(source) for source in sources}) == len(sources)


def test_the_hash_is_the_same_in_all_versions_of_python():
    """Computed with 3.11.7, 3.12.1 and 3.13.0; the fields of nodes differ between them."""
    source = dedent(
        """
        @f
        async def g(a, /, b: int = 1, *c, d=None, **e) -> f"{a!r:>{b}} \\N{EM DASH} {c=}":
            match a:
                case {"x": [1, *_], **rest} | None: yield lambda: (y := -1.5e300)
                case str() as t if t: return [*(i async for i in c if i)][1:2, ...]
            try: await b
            except* (E, F) as x: del a.b, a[0]
            with u as v, w: global h; h: int
            return f"a{1}" "b" rf"\\d{2:}" u"c", b"d"
        """
    )
    assert of(source) == "b47c1c60b44f53d8adf98cda3e2cb189ea0a5c12fb65950641f2791608d3fbca"
