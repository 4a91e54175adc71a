"""What `pipeline.commands.predict` shows and writes: a table, a summary per class, a CSV file."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from rich.cells import cell_len

from pipeline.checks import escaped, in_message
from pipeline.commands.classified import COLUMNS, Classified, Unread
from pipeline.storage.files import atomic

SHOWN = 40
"""The most images in the table of the terminal; of more, there is a summary and a CSV file."""
_NAMED = 20
"""The most files that cannot be read that the terminal names; the CSV file has all."""


@dataclass
class Tally:
    """What was found so far."""

    first: list[Classified] = field(default_factory=list)
    """Up to `SHOWN` + 1 images."""
    n: int = 0
    flagged: int = 0
    classes: Counter[str] = field(default_factory=Counter)
    flagged_classes: Counter[str] = field(default_factory=Counter)
    unread: list[Unread] = field(default_factory=list)

    def add(self, found: Classified | Unread) -> None:
        """Count one file."""
        if isinstance(found, Unread):
            self.unread.append(found)
            return
        if len(self.first) <= SHOWN:
            self.first.append(found)
        self.n += 1
        self.classes[found.predicted] += 1
        if found.unlike:
            self.flagged += 1
            self.flagged_classes[found.predicted] += 1


def tallied(found: Iterator[Classified | Unread], path: Path | None) -> Tally:
    """Go through all files, and write the CSV file, if there is a path for it.

    The file appears when it is complete; it has the columns `COLUMNS` and ``problem``, the reason
    why a file could not be read.
    """
    tally = Tally()
    with ExitStack() as stack:
        writer = None
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            temporary = stack.enter_context(atomic(path))
            stream = stack.enter_context(temporary.open("w", encoding="utf-8", newline=""))
            writer = csv.writer(stream, lineterminator="\n")
            writer.writerow([*COLUMNS, "problem"])
        for each in found:
            tally.add(each)
            if writer is not None:
                writer.writerow(_row(each))
    return tally


def _row(found: Classified | Unread) -> tuple[str, ...]:
    if isinstance(found, Unread):
        return found.file, *[""] * (len(COLUMNS) - 1), found.reason
    return *found.row, ""


def table(found: Sequence[Classified]) -> str:
    """Return an aligned table with a line per image."""
    rows = [("file", "class", "probability", "runner-up", "", "")]
    rows += [
        (
            in_message(each.file),
            in_message(each.predicted),
            percent(each.probability),
            in_message(each.runner_up),
            percent(each.runner_up_probability),
            "; ".join(each.unlike),
        )
        for each in found
    ]
    return aligned(rows, right=(2, 4))


def summary(tally: Tally) -> str:
    """Return an aligned table with a line per class, the most frequent first."""
    rows = [("class", "images", "share", "unlike")]
    rows += [
        (in_message(name), f"{n:,}", percent(n / tally.n), f"{tally.flagged_classes[name]:,}")
        for name, n in tally.classes.most_common()
    ]
    return aligned(rows, right=(1, 2, 3))


def unread_lines(unread: Sequence[Unread], n: int) -> str:
    """Return how many files could not be read, and the first of them with reasons."""
    lines = [f"{len(unread):,} of {n + len(unread):,} files cannot be read:"]
    lines += [
        f"  {in_message(each.file)}{f' ({escaped(each.reason)})' if each.reason else ''}"
        for each in unread[:_NAMED]
    ]
    if len(unread) > _NAMED:
        lines.append(f"  ... and {len(unread) - _NAMED:,} more")
    return "\n".join(lines)


def percent(share: float) -> str:
    """Write a share as a percentage; one that is rounded to 100 is no certainty."""
    text = f"{100 * share:.1f}%"
    return ">99.9%" if text == "100.0%" and share < 1 else text


def aligned(rows: Sequence[Sequence[str]], right: Sequence[int] = ()) -> str:
    """Align columns by the width that a terminal gives their text, in any script."""
    widths = [max(map(cell_len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for row in rows:
        cells = []
        for index, (cell, width) in enumerate(zip(row, widths, strict=True)):
            gap = " " * (width - cell_len(cell))
            cells.append(gap + cell if index in right else cell + gap)
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)
