"""YAML files: one reader and one writer, both for YAML 1.2, as in DVC.

YAML 1.1 and 1.2 interpret the same characters differently: ``1e3`` is text in one and a number in
the other, and the same goes for ``yes``, ``012`` and ``1:30``. What is written here reads back
as the same values, here and in DVC.

Files come from people, and some from strangers: limits apply before anything is built, and only
values that JSON can represent are built. Otherwise a file of a few hundred characters could
expand to billions of values.
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
"""In a file; the longest params.yaml of this project has 5 kB."""
MOST_VALUES = 20_000
"""In a document: strings, numbers, lists and mappings; aliases count each time they are used."""
MOST_LEVELS = 32
"""Of nested lists and mappings."""
LONGEST_NUMBER = 100
"""Characters in a number."""
_TAG = "tag:yaml.org,2002:"


def read_yaml(path: Path) -> dict[str, Any]:
    """Read a YAML 1.2 file, as DVC does, whose top level is a mapping.

    Returns:
        Mappings, lists, strings, numbers, booleans and None; no dates and no tagged values.

    Raises:
        StudyError: if the file cannot be read, is not YAML, repeats a key, or exceeds the limits;
            with the line if it is known.
    """
    if not path.exists() and not path.is_symlink():
        where = path.resolve().parent
        raise StudyError(
            f"there is no {path.name} in {where}; run this command in a study's folder"
        )
    text = _read_text(path)
    try:
        document = _yaml().load(text)
    except _Refused as error:
        raise StudyError(f"{path}: {_one_line(error)}") from None
    except YAMLError as error:
        raise StudyError(f"{path} is not YAML: {_one_line(error)}") from None
    except Exception as error:  # a bug in the library, such as an AttributeError
        raise StudyError(f"{path} is not YAML: {type(error).__name__}: {error}") from None
    if not isinstance(document, dict):
        found = "nothing" if document is None else type(document).__name__
        raise StudyError(f"{path}: found {found}; expected a mapping of keys to values")
    return document


def dump_yaml(document: Any) -> str:
    """Return a document as YAML 1.2 that `read_yaml` and DVC read back as an equal document.

    Args:
        document: mappings, lists, strings, numbers, booleans and None; keys keep their order.
    """
    yaml: Any = _yaml()
    yaml.default_flow_style = False
    yaml.sort_base_mapping_type_on_output = False
    stream = io.StringIO()
    yaml.dump(document, stream)
    return stream.getvalue()


def _read_text(path: Path) -> str:
    if not path.is_file():  # reading a pipe or a device might never end
        raise StudyError(f"{path} is not a readable file; expected a text file in YAML")
    try:
        with path.open("rb") as stream:
            content = stream.read(MOST_BYTES + 1)
        if len(content) > MOST_BYTES:
            raise StudyError(
                f"{path}: found more than {MOST_BYTES // 1024} kB; expected a small, handwritten "
                "file. Is this the right file?"
            )
        return content.decode("utf-8-sig")
    except OSError as error:
        raise StudyError(f"{path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise StudyError(f"{path} is not UTF-8 text: {error}") from None


def _yaml() -> YAML:
    # Pure Python, because the C library implements YAML 1.1.
    yaml = YAML(typ="safe", pure=True)
    yaml.Parser = _LimitedParser
    yaml.Constructor = _PlainConstructor
    yaml.Representer = _Representer
    return yaml


class _Refused(MarkedYAMLError):
    """YAML that this module refuses to read: not plain, or beyond the limits."""


class _LimitedParser(Parser):
    """Refuses tags and documents that are too deep or too large, before anything is built."""

    def __init__(self, loader: Any) -> None:
        super().__init__(loader)
        self._open: list[int] = [0]
        """The number of values in each collection that is still open."""
        self._anchors: list[str | None] = [None]
        """The anchors of those collections."""
        self._counts: dict[str, int] = {}
        """The number of values behind each anchor whose node is complete."""

    def get_event(self) -> Any:
        """Return the next event; every event passes through here exactly once."""
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
                raise _refused(event, f"found *{event.anchor} within itself; expected no cycles")
            self._open[-1] += self._counts.get(event.anchor, 1)
            return
        tag = getattr(event, "tag", None)
        if tag is not None:
            raise _refused(event, f"found the tag {tag}; expected plain values, without tags")
        if isinstance(event, CollectionStartEvent):
            if len(self._open) > MOST_LEVELS:
                raise _refused(
                    event,
                    f"found more than {MOST_LEVELS} nested lists or mappings; expected fewer",
                )
            self._open.append(1)
            self._anchors.append(event.anchor)
        else:
            self._open[-1] += 1
            if isinstance(event, ScalarEvent) and event.anchor is not None:
                self._counts[event.anchor] = 1


class _PlainConstructor(SafeConstructor):
    """Builds only what JSON can represent; anything else is an error with its line."""

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
        raise _refused(node, f"found the date {node.value}; expected a quoted string or a number")


_PlainConstructor.add_constructor(f"{_TAG}timestamp", _PlainConstructor._no_date)


class _Representer(SafeRepresenter):
    def ignore_aliases(self, data: Any) -> bool:
        """Write repeated values in full, for people and for other readers of YAML."""
        return True

    def text(self, data: str) -> Any:
        """Write strings with unusual line breaks in double quotes: other styles lose U+0085."""
        style = '"' if set(data) & set("\x85\u2028\u2029") else None
        return self.represent_scalar(f"{_TAG}str", data, style=style)


_Representer.add_representer(str, _Representer.text)


def _refused(place: Any, problem: str) -> _Refused:
    return _Refused(None, None, problem, place.start_mark)


def _one_line(error: YAMLError) -> str:
    mark = getattr(error, "problem_mark", None)
    problem = str(getattr(error, "problem", None) or error).splitlines()[0]
    return f"{problem} (line {mark.line + 1}, column {mark.column + 1})" if mark else problem
