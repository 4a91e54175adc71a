"""Places for the boxes of a network, from top to bottom.

A layered drawing after Gansner, Koutsofios, North and Vo, "A technique for drawing directed graphs"
(IEEE Transactions on Software Engineering 19, 1993): a box is in the row below all that it reads;
an edge that passes rows has a place of its own in each (section 2); the order in a row follows the
mean place of the neighbors (section 3); and the horizontal places minimize the weighted lengths of
the edges, a linear program (section 4).
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import linprog
from scipy.sparse import lil_array

SWEEPS = 4
"""Passes down and up in which the order of each row is improved."""
_STRAIGHT, _PASSING, _ENDING, _ALONE = 4.0, 3.0, 1.0, 100.0
"""Weight of an edge from one row to the next; of the pieces of an edge that passes rows, between
two of these and at its ends: the path with more layers stays straight, and a shortcut goes around
it. The last one is that of the line on which all boxes lie that are alone in their rows."""

Edge = tuple[int, int]
_Place = tuple[int, ...]
"""(box,), or (from, to, row) where an edge passes a row."""


@dataclass(frozen=True)
class Layout:
    """Horizontal places, in the unit of the widths."""

    centers: Mapping[int, float]
    """Number of a box -> the place of its center."""
    bends: Mapping[Edge, tuple[tuple[int, float], ...]]
    """Edge -> (row, place) where it passes a row."""
    width: float


def layout(
    rows: Mapping[int, int],
    edges: Sequence[Edge],
    widths: Mapping[int, float],
    gap: float,
    passing: float,
) -> Layout:
    """Place boxes and edges.

    Args:
        rows: number of a box -> its row.
        edges: (from, to), each at least one row down.
        widths: number of a box -> its width.
        gap: space between neighbors in a row.
        passing: the width that an edge takes where it passes a row.
    """
    places: dict[int, list[_Place]] = defaultdict(list)
    for box, row in rows.items():
        places[row].append((box,))
    pieces: list[tuple[_Place, _Place, float]] = []
    for start, end in edges:
        between: list[_Place] = [(start, end, row) for row in range(rows[start] + 1, rows[end])]
        for place in between:
            places[place[2]].append(place)
        path: list[_Place] = [(start,), *between, (end,)]
        weights = [_STRAIGHT]
        if between:
            weights = [_ENDING, *[_PASSING] * (len(between) - 1), _ENDING]
        pieces += zip(path, path[1:], weights, strict=False)
    _order(places, pieces)
    alone = [row[0] for _, row in sorted(places.items()) if len(row) == 1]
    pieces += [(above, below, _ALONE) for above, below in itertools.pairwise(alone)]
    sizes = {p: widths[p[0]] if len(p) == 1 else passing for row in places.values() for p in row}
    found = _centers(list(places.values()), pieces, sizes, gap)
    left = min(found[place] - size / 2 for place, size in sizes.items())
    right = max(found[place] + size / 2 for place, size in sizes.items())
    at = {place: round(x - left, 1) for place, x in found.items()}
    return Layout(
        centers={box: at[box,] for box in rows},
        bends={
            (s, e): tuple((row, at[s, e, row]) for row in range(rows[s] + 1, rows[e]))
            for s, e in edges
        },
        width=round(right - left, 1),
    )


def _order(places: dict[int, list[_Place]], pieces: Sequence[tuple[_Place, _Place, float]]) -> None:
    """Sort each row by the mean place of what it reads, then of what reads it, and again."""
    above, below = defaultdict(list), defaultdict(list)
    for start, end, _ in pieces:
        above[end].append(start)
        below[start].append(end)
    downward = sorted(places)
    for _ in range(SWEEPS):
        for neighbors, order in (
            (above, downward[1:]),
            (below, downward[-2::-1]),
            (above, downward),
        ):
            for row in order:
                at = {p: i for each in places.values() for i, p in enumerate(each)}
                places[row].sort(key=lambda p: _mean([at[each] for each in neighbors[p]], at[p]))


def _mean(values: Sequence[int], otherwise: int) -> float:
    return sum(values) / len(values) if values else otherwise


def _centers(
    rows: Sequence[Sequence[_Place]],
    pieces: Sequence[tuple[_Place, _Place, float]],
    sizes: Mapping[_Place, float],
    gap: float,
) -> dict[_Place, float]:
    """Minimize the weighted horizontal lengths of the pieces; neighbors keep their distance."""
    index = {place: number for number, place in enumerate(sizes)}
    neighbors = [pair for row in rows for pair in itertools.pairwise(row)]
    n, m = len(index), len(pieces)
    apart = lil_array((2 * m + len(neighbors), n + m))
    limits = np.zeros(2 * m + len(neighbors))
    for number, (start, end, _) in enumerate(pieces):
        for side, sign in enumerate((1, -1)):  # the length of a piece is at least ± the difference
            apart[2 * number + side, index[start]] = sign
            apart[2 * number + side, index[end]] = -sign
            apart[2 * number + side, n + number] = -1
    for number, (left, right) in enumerate(neighbors, 2 * m):
        apart[number, index[left]], apart[number, index[right]] = 1, -1
        limits[number] = -(sizes[left] + sizes[right]) / 2 - gap
    costs = np.concatenate([np.zeros(n), [weight for _, _, weight in pieces]])
    found = linprog(costs, A_ub=apart.tocsr(), b_ub=limits, bounds=(0, None), method="highs")
    return {place: float(found.x[number]) for place, number in index.items()}
