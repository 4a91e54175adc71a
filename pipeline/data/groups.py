"""Groups of images that belong together: of one patient, one camera, one afternoon.

A run that has seen one image of a group may recognize the others, whatever their class, so images
of one group are never divided among train, validation and test, or among folds. A group may contain
images of several classes.
"""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Annotated, Any
from unicodedata import normalize

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from pipeline.checks import StudyError, in_message, listing

_WAYS = 'expected {name: "^([^_]+)_"}, {folder: 2} or {csv: data/incoming/groups.csv}'
_COLUMNS = ("file", "group")
MOST_BYTES = 64 * 2**20
"""A larger CSV file is rejected."""


class GroupBy(BaseModel):
    """What tells the group of an image; exactly one of the three options is set."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Annotated[str, Field(min_length=3, max_length=500)] | None = None
    """A regular expression with one group in parentheses, searched for in the file's name."""
    folder: Annotated[int, Field(strict=True, ge=2, le=20)] | None = None
    """The level of the folder whose name is the group: 1 is the topmost."""
    csv: Annotated[str, Field(min_length=1)] | None = None
    """A CSV file with the columns file and group; a path relative to the study's folder."""


def _one_way(value: object) -> object:
    if isinstance(value, GroupBy):
        return value
    if not isinstance(value, Mapping):
        raise ValueError(_WAYS)
    given = {key: each for key, each in value.items() if each is not None}
    if len(given) != 1 or not given.keys() <= GroupBy.model_fields.keys():
        raise ValueError(_WAYS)
    if "name" in given:
        _check_pattern(given["name"])
    folder = given.get("folder", 2)
    if isinstance(folder, bool) or not isinstance(folder, int) or not 2 <= folder <= 20:
        raise ValueError("expected the level of a folder below the class folder, from 2 to 20")
    if not isinstance(given.get("csv", ""), str) or str(given.get("csv", "")).startswith("~"):
        raise ValueError("expected the path of a CSV file, without ~")
    return given


def _check_pattern(pattern: object) -> None:
    try:
        groups = re.compile(pattern).groups if isinstance(pattern, str) else 0
    except re.error as error:
        raise ValueError(f"expected a regular expression ({error})") from None
    if groups != 1:
        raise ValueError(
            f"expected a regular expression with one group in parentheses, found {groups}; write "
            "others as (?:...)"
        )


Groups = Annotated[GroupBy, BeforeValidator(_one_way)]


@dataclass(frozen=True)
class Grouped:
    """The group of each image."""

    groups: NDArray[np.int64]
    """(n,) int64; images of one group have the same number."""
    notes: tuple[str, ...]
    """What a reader needs to know: how many groups there are, and how many images have none."""


def depth_below_class(by: GroupBy | None, has_splits: bool) -> int:
    """Return how many folders lie between an image and the folder of its class.

    Raises:
        StudyError: if the folder of the groups is that of the classes or the splits.
    """
    if by is None or by.folder is None:
        return 0
    level = 2 if has_splits else 1
    if by.folder <= level:
        raise StudyError(
            f"dataset.groups: found folder: {by.folder}, which is the level of the "
            f"{'classes' if by.folder == level else 'splits'}; expected a level below that of the "
            f"classes, which is {level}"
        )
    return by.folder - level


def group_images(by: GroupBy, names: Sequence[str]) -> Grouped:
    """Find the group of each image; one whose name or path tells none is a group of its own.

    Args:
        by: what tells the group.
        names: (n,) paths of the images below the images' folder.

    Raises:
        StudyError: if no image has a group, or the CSV file is not as expected.
    """
    if by.csv is not None:
        found, extra = _by_csv(Path(by.csv), names)
    elif by.folder is not None:
        found, extra = [PurePosixPath(name).parts[by.folder - 1] for name in names], ""
    else:
        found, extra = _by_name(str(by.name), names), ""
    alone = [name for name, group in zip(names, found, strict=True) if group is None]
    if len(alone) == len(names):
        raise StudyError(
            f"dataset.groups: found no image that {_told(by)}, among {len(names):,}, the first "
            f"{in_message(names[0])}; expected most of them"
        )
    pairs = zip(names, found, strict=True)
    numbers: dict[tuple[str, ...], int] = {}
    keys = [("alone", name) if group is None else (group,) for name, group in pairs]
    groups = [numbers.setdefault(key, len(numbers)) for key in keys]
    several = len(set(found) - {None})
    note = f"{len(names) - len(alone):,} images are in {several:,} groups that {_told(by)}"
    if alone:
        note += f"; {len(alone):,} others are groups of their own: {listing(alone, 3)}"
    return Grouped(np.array(groups, dtype=np.int64), (f"{note}{extra}.",))


def _told(by: GroupBy) -> str:
    """Say what tells a group, after "images that" and "groups that"."""
    if by.csv is not None:
        return f"{in_message(Path(by.csv).name)} names"
    return f"folders of level {by.folder} name" if by.folder else f"the pattern {by.name} finds"


def _by_name(pattern: str, names: Sequence[str]) -> list[str | None]:
    expression = re.compile(pattern)
    matches = [expression.search(PurePosixPath(name).name) for name in names]
    return [match.group(1) if match else None for match in matches]


def _by_csv(path: Path, names: Sequence[str]) -> tuple[list[str | None], str]:
    """Return the group of each image, and a remark on rows without an image."""
    rows = read_groups(path)
    base = Counter(PurePosixPath(name).name for name in names)
    found: list[str | None] = []
    used = set()
    for name in names:
        short = PurePosixPath(name).name
        key = name if name in rows else short
        known = key in rows and (key == name or base[short] == 1)
        found.append(rows[key] if known else None)
        used |= {key} if known else set()
    twice = sorted(short for short, count in base.items() if count > 1 and short in rows)
    if twice:
        raise StudyError(
            f"{path}: found the file names {listing(twice, 3)}, which several images have; "
            f"expected paths, such as {in_message(next(n for n in names if n.endswith(twice[0])))}"
        )
    unknown = len(rows) - len(used)
    return found, f"; {unknown:,} rows of the CSV file name no image" if unknown else ""


def read_groups(path: Path) -> dict[str, str]:
    """Read a CSV file with the columns file and group: file -> group.

    Raises:
        StudyError: if it cannot be read, has no such columns, or has two groups for a file.
    """
    text = _text(path)
    reader = csv.DictReader(io.StringIO(text))
    missing = [name for name in _COLUMNS if name not in (reader.fieldnames or ())]
    if missing:
        raise StudyError(
            f"{path}: found no column {listing(missing)} in its first line "
            f"({listing(reader.fieldnames or ['nothing'])}); expected file and group"
        )
    groups: dict[str, str] = {}
    for row in reader:
        name, group = _cell(row, "file").replace("\\", "/"), _cell(row, "group")
        name = normalize("NFC", name).removeprefix("./")
        if not name or not group:
            raise StudyError(f"{path}: line {reader.line_num}: expected a file and its group")
        if groups.setdefault(name, group) != group:
            raise StudyError(
                f"{path}: line {reader.line_num}: found a second group, {in_message(group)}, of "
                f"{in_message(name)}; expected one"
            )
    return groups


def _cell(row: Mapping[str, Any], column: str) -> str:
    return str(row.get(column) or "").strip()


def _text(path: Path) -> str:
    if not path.is_file():
        raise StudyError(
            f"dataset.groups: there is no file {path}; expected a CSV file with the columns file "
            "and group"
        )
    if path.stat().st_size > MOST_BYTES:
        raise StudyError(f"{path}: expected a CSV file of at most {MOST_BYTES:,} bytes")
    try:
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise StudyError(f"{path} cannot be read as UTF-8 text: {error}") from None
