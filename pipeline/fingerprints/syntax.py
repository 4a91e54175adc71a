"""The behavior of a module as one hash: its syntax tree without text for people.

Two sources have the same hash if a stage's outputs cannot differ between them. Left out are

* comments, blank lines and line breaks, which are not part of the tree;
* strings that are statements of their own: docstrings, including those of attributes;
* code below ``if TYPE_CHECKING``, which never runs;
* text that is printed, shown as progress, or passed to an exception or a warning. Values that are
  formatted into such text count, because computing them may have effects.

A stage that fails has no outputs, so the text of an exception can only reach an output if a handler
keeps it; `digest` can then include it. Annotations count, because pydantic and the readers of
records use them.

The hash does not depend on the version of Python: empty fields, such as those added by later
versions, are left out, and so are fields that are implied by others.
"""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Collection, Iterable
from typing import Any

_IMPLIED = ("ctx", "kind", "type_comment", "type_ignores")
"""Fields of a node that do not affect what is run."""
_TEXT_METHODS = ("format", "join")
"""Methods of a string constant that turn their arguments into text."""


def digest(
    tree: ast.AST, error_texts: bool = False, printers: Collection[str] = frozenset()
) -> str:
    """Return the SHA-256 of the behavior of a syntax tree, 64 hexadecimal digits.

    Args:
        tree: as returned by `ast.parse`.
        error_texts: whether the texts of exceptions count.
        printers: names in the tree of functions that print the texts passed to them.
    """
    return hashlib.sha256(_Writer(error_texts, printers).written(tree).encode("ascii")).hexdigest()


def is_type_checking(node: ast.AST) -> bool:
    """Return whether a statement is ``if TYPE_CHECKING``."""
    match node:
        case ast.If(test=ast.Name(id="TYPE_CHECKING") | ast.Attribute(attr="TYPE_CHECKING")):
            return True
    return False


class _Writer:
    """Writes a tree as ASCII text, ``(Name id='x')``."""

    def __init__(self, error_texts: bool, printers: Collection[str]) -> None:
        self.error_texts, self.printers = error_texts, printers

    def written(self, value: Any) -> str:
        """Write a node, a list of nodes, or the value of a field."""
        if isinstance(value, list):
            texts = " ".join(map(self.written, _run(value)))
            return f"[{texts}]" if texts else ""
        if not isinstance(value, ast.AST):
            return ascii(value)
        if isinstance(value, ast.JoinedStr):  # Python 3.12 ends some with an empty string
            value = ast.JoinedStr([part for part in value.values if not _is_empty(part)])
        if isinstance(value, (ast.Call, ast.Raise)) and (call := self._message_call(value)):
            return call
        parts = [type(value).__name__]
        for name in value._fields:
            field = getattr(value, name, None)
            if name not in _IMPLIED and field is not None and (text := self.written(field)):
                parts.append(f"{name}={text}")
        return f"({' '.join(parts)})"

    def _message_call(self, node: ast.AST) -> str | None:
        """Write a node that shows a message to people; None for any other node."""
        match node:
            case ast.Call(func=ast.Name(id="print"), args=texts) if _is_to_terminal(node):
                return self._without_words("print", texts)
            case ast.Call(func=ast.Name(id=name), args=texts, keywords=named) if (
                name in self.printers
            ):
                return self._without_words(name, texts, named)
            case ast.Call(
                func=ast.Attribute(value=ast.Name(id="warnings"), attr="warn"),
                args=[text, *others],
                keywords=named,
            ):
                return self._without_words("warn", [text], [*others, *named])
            case ast.Raise(exc=ast.Call() as raised, cause=cause) if not self.error_texts:
                texts = [*raised.args, *(keyword.value for keyword in raised.keywords)]
                call = self._without_words(self.written(raised.func), texts)
                return f"(Raise {call} cause={self.written(cause)})"
        return None

    def _without_words(
        self, name: str, texts: Iterable[ast.expr], others: Iterable[ast.AST] = ()
    ) -> str:
        """Write a call with the values in its texts and with its other arguments."""
        values = [value for text in texts for value in self._values(text)]
        return f"(Tell {name} {' '.join(values)} {self.written(list(others))})"

    def _values(self, text: ast.expr) -> list[str]:
        """Write the expressions in a text, without the words around them."""
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
    """Remove the statements of a list that never run or are strings."""
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
    """Return whether a call of ``print`` writes to the terminal rather than to a file."""
    files = [ast.unparse(each.value) for each in call.keywords if each.arg in ("file", None)]
    return all(file in ("sys.stdout", "sys.stderr") for file in files)
