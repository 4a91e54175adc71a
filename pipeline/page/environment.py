"""How templates become HTML and Markdown: filters, and what is escaped."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from jinja2 import ChoiceLoader, Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from pipeline.page.formats import count, digits, p_value, percent, points, quantity
from pipeline.page.rendering import json_script

FILES_READ = ("templates/*",)
"""See `pipeline.fingerprints`."""
TEMPLATES = Path(__file__).parent / "templates"


def html_environment(questions: Path) -> Environment:
    """Make the environment of the page.

    Args:
        questions: the folder of the questions' folders, whose templates are found as well.
    """
    return _environment(questions, autoescape=True)


def markdown_environment(questions: Path) -> Environment:
    """Make the environment of the summary, likewise."""
    # Markdown has an escape of its own.
    return _environment(questions, finalize=_escape_markdown, keep_trailing_newline=True)


def _environment(questions: Path, **options: Any) -> Environment:
    environment = Environment(
        loader=ChoiceLoader([FileSystemLoader(TEMPLATES), FileSystemLoader(questions)]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        **options,
    )
    environment.filters |= {
        "percent": percent, "points": points, "count": count, "quantity": quantity,
        "p_value": p_value, "digits": digits, "breakable": breakable,
        "capitalize_first": capitalize_first, "json": json_script,
    }  # fmt: skip
    return environment


def capitalize_first(text: str) -> str:
    """Capitalize the first letter and leave the rest, such as names, as it is."""
    return text[:1].upper() + text[1:]


def breakable(text: str) -> Markup:
    """Let a line break after the underscores of a name, and nowhere else in it."""
    return Markup(re.sub(r"(?<=\w_)(?=\w)", "<wbr>", str(escape(text))))


_URL = re.compile(r"(https?://[^\s<>|`\\]*[\w/~-])")


def _escape_markdown(value: object) -> str:
    """Keep names from being read as markup: every value that a template prints passes through."""
    if isinstance(value, Markup):  # the part of a question, which has passed already
        return value
    text = re.sub(r"[ \t\r\n]+", " ", str(value))
    parts = _URL.split(text)  # every second one is an address, in which a backslash would count
    return "".join(f"<{each}>" if i % 2 else _escaped(each) for i, each in enumerate(parts))


def _escaped(text: str) -> str:
    # Only where they would start a tag or an entity: "p < 0.001" should read well as plain text.
    text = re.sub(r"<(?=[A-Za-z/!?])", "&lt;", re.sub(r"&(?=[A-Za-z#])", "&amp;", text))
    # Inside a word, as in hog_svm, an underscore marks nothing up.
    return re.sub(r"([\\`*\[\]|~$#>]|(?<!\w)_|_(?!\w))", r"\\\1", text)
