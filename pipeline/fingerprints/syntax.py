"""What a module does, as one hash: its syntax tree without what is only said.

Two sources have the same hash if nothing that a stage leaves can tell them apart. Left out are

* comments, blank lines and line breaks, which are no part of the tree;
* strings that stand as statements of their own: docstrings, also those of attributes;
* what stands below ``if TYPE_CHECKING``, which is never run;
* the text that is printed, shown as progress, or given to an exception or a warning: what a person
  reads. The values in that text count, because computing them may do something.

A stage that fails leaves nothing, so the text of an exception can reach an output only where a
handler keeps it; `digest` then counts it too. Annotations count, because pydantic and the readers
of records go by them.

The form does not depend on the version of Python: empty fields are left out, such as those that a
later version has added, and so are the fields that depend on their neighbors alone.
"""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Collection, Iterable
from typing import Any

_IMPLIED = ("ctx", "kind", "type_comment", "type_ignores")
"""Fields of a node that say nothing about what is run."""
_TEXT_METHODS = ("format", "join")
"""Methods of a string constant that make text of their arguments."""


def digest(tree: ast.AST, error_texts: bool = False, tellers: Collection[str] = frozenset()) -> str:
    """Return the SHA-256 of what a syntax tree does, 64 hexadecimal digits.

    Args:
        tree: as `ast.parse` returns it.
        error_texts: whether the texts of exceptions count.
        tellers: names in it of functions that print the texts that they are given.
    """
    return hashlib.sha256(_Writer(error_texts, tellers).written(tree).encode("ascii")).hexdigest()


def is_type_checking(node: ast.AST) -> bool:
    """Return whether a statement is ``if TYPE_CHECKING``."""
    match node:
        case ast.If(test=ast.Name(id="TYPE_CHECKING") | ast.Attribute(attr="TYPE_CHECKING")):
            return True
    return False


class _Writer:
    """Writes a tree as ASCII text, ``(Name id='x')``."""

    def __init__(self, error_texts: bool, tellers: Collection[str]) -> None:
        self.error_texts, self.tellers = error_texts, tellers

    def written(self, value: Any) -> str:
        """Write a node, a list of nodes, or the value of a field."""
        if isinstance(value, list):
            texts = " ".join(map(self.written, _run(value)))
            return f"[{texts}]" if texts else ""
        if not isinstance(value, ast.AST):
            return ascii(value)
        if isinstance(value, ast.JoinedStr):  # Python 3.12 ends some with an empty string
            value = ast.JoinedStr([part for part in value.values if not _is_empty(part)])
        if isinstance(value, (ast.Call, ast.Raise)) and (told := self._told(value)):
            return told
        parts = [type(value).__name__]
        for name in value._fields:
            field = getattr(value, name, None)
            if name not in _IMPLIED and field is not None and (text := self.written(field)):
                parts.append(f"{name}={text}")
        return f"({' '.join(parts)})"

    def _told(self, node: ast.AST) -> str | None:
        """Write a node that tells a person something; None for any other."""
        match node:
            case ast.Call(func=ast.Name(id="print"), args=texts) if _is_to_terminal(node):
                return self._telling("print", texts)
            case ast.Call(func=ast.Name(id=name), args=texts, keywords=named) if (
                name in self.tellers
            ):
                return self._telling(name, texts, named)
            case ast.Call(
                func=ast.Attribute(value=ast.Name(id="warnings"), attr="warn"),
                args=[text, *others],
                keywords=named,
            ):
                return self._telling("warn", [text], [*others, *named])
            case ast.Raise(exc=ast.Call() as raised, cause=cause) if not self.error_texts:
                texts = [*raised.args, *(keyword.value for keyword in raised.keywords)]
                told = self._telling(self.written(raised.func), texts)
                return f"(Raise {told} cause={self.written(cause)})"
        return None

    def _telling(self, name: str, texts: Iterable[ast.expr], others: Iterable[ast.AST] = ()) -> str:
        """Write a call that tells a person something: the values in its text, and what is none."""
        values = [value for text in texts for value in self._values(text)]
        return f"(Tell {name} {' '.join(values)} {self.written(list(others))})"

    def _values(self, text: ast.expr) -> list[str]:
        """Write the expressions in a text; the words around them are left out."""
        match text:
            case ast.Constant(value=str()):
                return []
            case ast.JoinedStr(values=parts):
                return [value for part in parts for value in self._values(part)]
            case ast.FormattedValue(value=value, format_spec=spec):
                return self._values(value) + (self._values(spec) if spec else [])
            case ast.Starred(value=value):
                return self._values(value)
            case ast.BinOp(left=left, op=ast.Add(), right=right):
                return self._values(left) + self._values(right)
            case ast.IfExp(test=test, body=body, orelse=otherwise):
                return [self.written(test), *self._values(body), *self._values(otherwise)]
            case ast.Call(func=ast.Attribute(value=ast.Constant(value=str()), attr=method)) if (
                method in _TEXT_METHODS
            ):
                return [self.written(text.args), self.written(text.keywords)]
        return [self.written(text)]


def _run(nodes: list[Any]) -> list[Any]:
    """Leave out the statements of a list that are never run, or are strings."""
    kept: list[Any] = []
    for node in nodes:
        if is_type_checking(node):
            kept += _run(node.orelse)
        elif not (isinstance(node, ast.Expr) and _is_text(node.value)):
            kept.append(node)
    return kept


def _is_text(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def _is_empty(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value == ""


def _is_to_terminal(call: ast.Call) -> bool:
    """Return whether a call of ``print`` writes to the terminal, not to a file."""
    files = [ast.unparse(each.value) for each in call.keywords if each.arg in ("file", None)]
    return all(file in ("sys.stdout", "sys.stderr") for file in files)
