"""YAML files: one reader and one writer, both of YAML 1.2, as DVC reads them.

YAML 1.1 and 1.2 take the same characters for different values: ``1e3`` is text in one and a number
in the other, and so are ``yes``, ``012`` and ``1:30``. What is read here and written here is the
same again, and the same to DVC.

Files come from people, and some from strangers: what is read is limited before it is built, and
only what JSON can hold is built. A file of a few hundred characters can otherwise stand for
billions of values.
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.constructor import ConstructorError, SafeConstructor
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    CollectionEndEvent,
    CollectionStartEvent,
    NodeEvent,
    ScalarEvent,
)
from ruamel.yaml.nodes import MappingNode, ScalarNode
from ruamel.yaml.parser import Parser
from ruamel.yaml.representer import SafeRepresenter

from pipeline.checks import StudyError

MOST_BYTES = 256 * 1024
"""Of a file; the longest params.yaml of this project has 5 kB."""
MOST_VALUES = 20_000
"""Of a document: texts, numbers, lists and mappings, where a repeated one counts each time."""
MOST_LEVELS = 32
"""Of lists and mappings within each other."""
LONGEST_NUMBER = 100
"""Characters of a number."""
_TAG = "tag:yaml.org,2002:"


def read_yaml(path: Path) -> dict[str, Any]:
    """Read a YAML 1.2 file, as DVC does, whose top level is a mapping.

    Returns:
        Mappings, lists, texts, numbers, truth values and None. No dates, and nothing with a tag.

    Raises:
        StudyError: if it cannot be read, is no YAML, has a key twice, or goes beyond the limits,
            with the line where there is one.
    """
    if not path.exists() and not path.is_symlink():
        where = path.resolve().parent
        raise StudyError(f"there is no {path.name} in {where}; run this in a study's folder")
    text = _read_text(path)
    try:
        document = _yaml().load(text)
    except _Refused as error:
        raise StudyError(f"{path}: {_one_line(error)}") from None
    except YAMLError as error:
        raise StudyError(f"{path} is not YAML: {_one_line(error)}") from None
    except Exception as error:  # the library's own defects, such as an AttributeError
        raise StudyError(f"{path} is not YAML: {type(error).__name__}: {error}") from None
    if not isinstance(document, dict):
        found = "nothing" if document is None else type(document).__name__
        raise StudyError(f"{path}: found {found}; expected keys and values")
    return document


def dump_yaml(document: Any) -> str:
    """Return a document as YAML 1.2 that `read_yaml` and DVC read as an equal one.

    Args:
        document: mappings, lists, texts, numbers, truth values and None; the order of keys stays.
    """
    yaml: Any = _yaml()
    yaml.default_flow_style = False
    yaml.sort_base_mapping_type_on_output = False
    stream = io.StringIO()
    yaml.dump(document, stream)
    return stream.getvalue()


def _read_text(path: Path) -> str:
    if not path.is_file():  # a pipe, or a device without an end, would never be read to its end
        raise StudyError(f"{path} is not a readable file; expected a text file in YAML")
    try:
        with path.open("rb") as stream:
            content = stream.read(MOST_BYTES + 1)
        if len(content) > MOST_BYTES:
            raise StudyError(
                f"{path}: found more than {MOST_BYTES // 1024} kB; expected a file written by "
                "hand. Is this the right file?"
            )
        return content.decode("utf-8-sig")
    except OSError as error:
        raise StudyError(f"{path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise StudyError(f"{path} is not YAML in UTF-8: {error}") from None


def _yaml() -> YAML:
    # Pure Python, since the C library is of YAML 1.1.
    yaml = YAML(typ="safe", pure=True)
    yaml.Parser = _LimitedParser
    yaml.Constructor = _PlainConstructor
    yaml.Representer = _Representer
    return yaml


class _Refused(MarkedYAMLError):
    """YAML, but not of the plain and limited kind that this module reads."""


class _LimitedParser(Parser):
    """Refuses tags and whatever is too deep or too large before any of it is built."""

    def __init__(self, loader: Any) -> None:
        super().__init__(loader)
        self._open: list[int] = [0]
        """The count of values of each collection that is not yet closed."""
        self._anchors: list[str | None] = [None]
        """The anchors of those."""
        self._counts: dict[str, int] = {}
        """Values behind each anchor whose node is complete."""

    def get_event(self) -> Any:
        """Return the next event; each passes here once."""
        event = super().get_event()
        if isinstance(event, NodeEvent):
            self._count(event)
        elif isinstance(event, CollectionEndEvent):
            count, anchor = self._open.pop(), self._anchors.pop()
            self._open[-1] += count
            if anchor is not None:
                self._counts[anchor] = count
        if self._open[-1] > MOST_VALUES or sum(self._open) > MOST_VALUES:
            raise _refused(event, f"found more than {MOST_VALUES:,} values; expected fewer")
        return event

    def _count(self, event: NodeEvent) -> None:
        if isinstance(event, AliasEvent):
            if event.anchor in self._anchors:
                raise _refused(event, f"found *{event.anchor} within itself; expected no cycle")
            self._open[-1] += self._counts.get(event.anchor, 1)
            return
        tag = getattr(event, "tag", None)
        if tag is not None:
            raise _refused(event, f"found the tag {tag}; expected plain values, without tags")
        if isinstance(event, CollectionStartEvent):
            if len(self._open) > MOST_LEVELS:
                raise _refused(
                    event,
                    f"found more than {MOST_LEVELS} lists or mappings within each other; "
                    "expected fewer",
                )
            self._open.append(1)
            self._anchors.append(event.anchor)
        else:
            self._open[-1] += 1
            if isinstance(event, ScalarEvent) and event.anchor is not None:
                self._counts[event.anchor] = 1


class _PlainConstructor(SafeConstructor):
    """Builds what JSON can hold; anything else is an error with its line."""

    def construct_object(self, node: Any, deep: bool = False) -> Any:
        """Build the value of one node."""
        if node.tag in (f"{_TAG}int", f"{_TAG}float") and len(node.value) > LONGEST_NUMBER:
            raise _refused(
                node, f"found a number of {len(node.value):,} characters; expected a shorter one"
            )
        if isinstance(node, MappingNode) and not all(
            isinstance(k, ScalarNode) for k, _ in node.value
        ):
            raise _refused(node, "found a list or mapping as a key; expected text")
        try:
            return super().construct_object(node, deep)
        except (ValueError, TypeError, LookupError, AttributeError, ArithmeticError) as error:
            problem = f"{type(error).__name__}: {error}"
            raise ConstructorError(None, None, problem, node.start_mark) from None

    def _no_date(self, node: Any) -> Any:
        raise _refused(node, f"found the date {node.value}; expected text, in quotes, or a number")


_PlainConstructor.add_constructor(f"{_TAG}timestamp", _PlainConstructor._no_date)


class _Representer(SafeRepresenter):
    def ignore_aliases(self, data: Any) -> bool:
        """Write what is there twice twice, for people and for YAML's other readers."""
        return True

    def text(self, data: str) -> Any:
        """Write text with a break that is no newline in double quotes: the others lose U+0085."""
        style = '"' if set(data) & set("\x85\u2028\u2029") else None
        return self.represent_scalar(f"{_TAG}str", data, style=style)


_Representer.add_representer(str, _Representer.text)


def _refused(place: Any, problem: str) -> _Refused:
    return _Refused(None, None, problem, place.start_mark)


def _one_line(error: YAMLError) -> str:
    mark = getattr(error, "problem_mark", None)
    problem = str(getattr(error, "problem", None) or error).splitlines()[0]
    return f"{problem} (line {mark.line + 1}, column {mark.column + 1})" if mark else problem
