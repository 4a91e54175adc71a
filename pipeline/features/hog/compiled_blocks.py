"""The compiled loops that turn votes into normalized blocks, for both conventions of `hog`."""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic
from numpy.typing import NDArray

from pipeline.features.compilation import compiled, inlined

_PARTS, _BINS = types.float32[:, :, ::1], types.uint8[:, :, ::1]

NORMS = ("L1", "L1-sqrt", "L2", "L2-Hys")
"""The norms, by number."""
_L1, _L1_SQRT, _, _L2_HYS = range(4)
_CLIP = np.float32(0.2)
"""Clipping threshold of L2-Hys: Lowe's value, also used by Dalal and Triggs."""
_EPS = np.float32(1e-5)
_EPS_SQUARED = np.float32(1e-5**2)
"""skimage's guard against division by zero in each norm."""
_FIRST, _SECOND = np.float32(0.1), np.float32(1e-3)
"""OpenCV's guards: the first is multiplied by the number of values."""
_ONE, _ZERO = np.float32(1), np.float32(0)
_PADDING = 32
"""LLVM's loops take 32 numbers at a time, and then what is left one by one."""


@inlined()
def _clear(numbers: NDArray) -> None:
    """Set all to 0; a loop is compiled faster than an assignment to a slice."""
    for k in range(numbers.size):
        numbers[k] = 0


@compiled(
    _BINS,
    _PARTS,
    types.int64,
    types.int64,
    types.int64,
    types.float32,
    types.int64,
    types.float32[:, ::1],
    types.int64,
)
def normalized_blocks(
    bins: NDArray[np.uint8],
    weights: NDArray[np.float32],
    cell: int,
    block: int,
    count: int,
    unit: np.float32,
    norm: int,
    out: NDArray[np.float32],
    start: int,
) -> None:
    """Write the descriptors at one scale.

    Args:
        bins: (n, height, width), the bin of each pixel.
        weights: (n, height, width), the weight of its vote.
        cell: side of a cell in pixels.
        block: side of a block in cells.
        count: number of bins.
        unit: factor of all sums.
        norm: index in `NORMS`.
        out: (n, numbers at all scales), output.
        start: where the numbers of this scale begin.
    """
    n, height, width = bins.shape
    down, across = height // cell, width // cell
    sums = np.empty(down * across * count, dtype=np.float64)
    cells = np.empty(down * across * count, dtype=np.float32)
    for i in range(n):
        _clear(sums)
        for row in range(down * cell):
            bin_, weight = bins[i, row], weights[i, row]
            first = np.uint64(row // cell * across * count)  # unsigned: counts from the start
            for column in range(across):
                for pixel in range(column * cell, (column + 1) * cell):
                    sums[first + np.uint64(bin_[pixel])] += weight[pixel]
                first += np.uint64(count)
        for place in range(sums.size):
            cells[place] = np.float32(sums[place]) * unit
        _blocks_of_cells(cells, across, block, count, norm, out[i, start:])


@inlined()
def _blocks_of_cells(
    cells: NDArray[np.float32],
    across: int,
    block: int,
    count: int,
    norm: int,
    out: NDArray[np.float32],
) -> None:
    """Copy the cells of each block into `out`, and normalize them."""
    start, run, size = 0, block * count, block * block * count
    for row in range(cells.size // (across * count) - block + 1):
        for column in range(across - block + 1):
            for line in range(block):
                first = ((row + line) * across + column) * count
                here, there = cells[first : first + run], out[start + line * run :]
                for k in range(run):  # of slices: an index that is a sum could be negative
                    there[k] = here[k]
            _normalize(out[start : start + size], norm)
            start += size


@inlined()
def _normalize(numbers: NDArray[np.float32], norm: int) -> None:
    """Normalize the numbers of a block, all >= 0, as skimage does."""
    if norm in (_L1, _L1_SQRT):
        _multiply(numbers, _ONE / (_sum(numbers) + _EPS))
        if norm == _L1_SQRT:
            for k in range(numbers.size):
                numbers[k] = np.sqrt(numbers[k])
        return
    factor = _ONE / np.sqrt(_squares(numbers) + _EPS_SQUARED)
    if norm == _L2_HYS:
        _multiply_and_clip(numbers, factor)
        factor = _ONE / np.sqrt(_squares(numbers) + _EPS_SQUARED)
    _multiply(numbers, factor)


@inlined()
def _sum(numbers: NDArray[np.float32]) -> np.float32:
    total = _ZERO
    for k in range(numbers.size):
        total += numbers[k]
    return total


@inlined()
def _squares(numbers: NDArray[np.float32]) -> np.float32:
    """Sum the squares in eight parts, which the processor adds side by side."""
    a = b = c = d = e = f = g = h = _ZERO
    whole = numbers.size // 8 * 8
    for k in range(0, whole, 8):
        a += numbers[k] * numbers[k]
        b += numbers[k + 1] * numbers[k + 1]
        c += numbers[k + 2] * numbers[k + 2]
        d += numbers[k + 3] * numbers[k + 3]
        e += numbers[k + 4] * numbers[k + 4]
        f += numbers[k + 5] * numbers[k + 5]
        g += numbers[k + 6] * numbers[k + 6]
        h += numbers[k + 7] * numbers[k + 7]
    for k in range(whole, numbers.size):
        a += numbers[k] * numbers[k]
    return ((a + b) + (c + d)) + ((e + f) + (g + h))


@inlined()
def _multiply(numbers: NDArray[np.float32], factor: np.float32) -> None:
    for k in range(numbers.size):
        numbers[k] *= factor


@inlined()
def _multiply_and_clip(numbers: NDArray[np.float32], factor: np.float32) -> None:
    for k in range(numbers.size):
        number = numbers[k] * factor
        numbers[k] = number if number < _CLIP else _CLIP


@intrinsic
def _add_votes(
    context: Any,
    columns: types.Array,
    place: types.Integer,
    low: types.Float,
    high: types.Float,
    weight: types.Float,
    under: types.Float,
) -> tuple[Any, Any]:
    """Add a pixel's votes to two bins of two cells, four numbers side by side, in one operation.

    They are ``low * weight``, ``low * under``, ``high * weight`` and ``high * under``.
    """

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        array, place, *votes = arguments
        data = cgutils.create_struct_proxy(signature.args[0])(context, builder, array).data
        vector = ir.VectorType(ir.FloatType(), 4)
        pointer = builder.bitcast(builder.gep(data, [place]), vector.as_pointer())
        products = builder.fmul(
            _spread(builder, vector, votes[:2], [0, 0, 1, 1]),
            _spread(builder, vector, votes[2:], [0, 1, 0, 1]),
        )
        total = builder.fadd(builder.load(pointer, align=4), products)
        builder.store(total, pointer, align=4)
        return context.get_dummy_value()

    return types.void(columns, place, low, high, weight, under), generate


def _spread(builder: Any, vector: Any, values: list[Any], order: list[int]) -> Any:
    """Return a vector with some of these values in this order."""
    unset = ir.Constant(vector, ir.Undefined)
    given = unset
    for k, value in enumerate(values):
        given = builder.insert_element(given, value, _index(k))
    places = ir.Constant(ir.VectorType(ir.IntType(32), len(order)), order)
    return builder.shuffle_vector(given, unset, places)


def _index(k: int) -> Any:
    return ir.Constant(ir.IntType(32), k)


@compiled(
    _BINS,
    _PARTS,
    _PARTS,
    types.int64,
    types.int64,
    types.float32[:, ::1],
    types.float32[:, ::1],
    types.int64,
)
def interpolated_blocks(
    bins: NDArray[np.uint8],
    low: NDArray[np.float32],
    high: NDArray[np.float32],
    count: int,
    cell: int,
    weights: NDArray[np.float32],
    out: NDArray[np.float32],
    start: int,
) -> None:
    """Write the descriptors at one scale.

    Args:
        bins: (n, height, width), the lower bin of each pixel.
        low: (n, height, width), the vote for this bin.
        high: (n, height, width), the vote for the next bin, cyclically.
        count: number of bins.
        cell: side of a cell in pixels.
        weights: (block, block · cell), of the pixels along a block's side in each of its cells.
        out: (n, numbers at all scales), output.
        start: where the numbers of this scale begin.
    """
    n, height, width = bins.shape
    block, size = len(weights), len(weights) ** 2 * count
    down, across = height // cell - block + 1, width // cell - block + 1
    run = (count + 1) * block  # a last bin is for votes that belong to the first one
    cells = across + block - 1
    # Pixels at the same place in their cells are side by side: blocks are summed together.
    places = np.empty(cells * cell, dtype=np.uint64)
    for k in range(places.size):
        places[k] = (k % cell * cells + k // cell) * run
    padded = (across * run + _PADDING - 1) // _PADDING * _PADDING
    columns = np.empty(places.size * run + _PADDING, dtype=np.float32)
    sums = np.empty(padded, dtype=np.float32)
    for i in range(n):
        first, numbers = start, out[i]
        for row in range(down):
            _sum_down(bins[i], low[i], high[i], row * cell, weights, places, columns)
            for place in range(block):
                _sum_across(columns, cells * run, run, cell, weights[place], sums)
                for column in range(across):
                    to = first + column * size + place * count
                    for line in range(block):
                        votes, step = np.uint64(column * run + line), np.uint64(block)
                        there = numbers[to + line * block * count :]
                        for k in range(count):
                            there[k] = sums[votes]
                            votes += step
                        there[0] += sums[votes]
            for _ in range(across):
                _normalize_as_opencv(numbers[first : first + size])
                first += size


@inlined()
def _sum_down(
    bins: NDArray[np.uint8],
    low: NDArray[np.float32],
    high: NDArray[np.float32],
    top: int,
    weights: NDArray[np.float32],
    places: NDArray[np.uint64],
    columns: NDArray[np.float32],
) -> None:
    """Sum the weighted votes down each column of pixels of a row of blocks.

    Args:
        bins: (height, width), as are `low` and `high`.
        low: the votes for these bins.
        high: the votes for the next bins.
        top: the first row of pixels.
        weights: (block, block · cell).
        places: (width of all cells), where the numbers of each column of pixels begin.
        columns: (width of all cells, count + 1, block) in the order of `places`, flat and padded:
            output.
    """
    block, side = weights.shape
    _clear(columns)
    for pixel in range(side):
        votes = bins[top + pixel], low[top + pixel], high[top + pixel]
        if block == 2:
            _add_row_of_two(*votes, weights[0, pixel], weights[1, pixel], places, columns)
        else:
            for line in range(block):
                if weights[line, pixel] > 0:
                    _add_row(*votes, weights[line, pixel], line, block, places, columns)


@inlined()
def _add_row(
    bins: NDArray[np.uint8],
    low: NDArray[np.float32],
    high: NDArray[np.float32],
    weight: np.float32,
    line: int,
    block: int,
    places: NDArray[np.uint64],
    columns: NDArray[np.float32],
) -> None:
    """Add the votes of a row of pixels to one cell of each column.

    Args:
        bins: (width,), as are `low` and `high`.
        low: the votes for these bins.
        high: the votes for the next bins.
        weight: of the votes.
        line: number of the cell.
        block: cells of a column.
        places: see `_sum_down`.
        columns: see `_sum_down`.
    """
    first, step = np.uint64(line), np.uint64(block)  # unsigned: none counts from the end
    for k in range(places.size):
        place = places[k] + first + step * np.uint64(bins[k])
        columns[place] += weight * low[k]
        columns[place + step] += weight * high[k]


@inlined()
def _add_row_of_two(
    bins: NDArray[np.uint8],
    low: NDArray[np.float32],
    high: NDArray[np.float32],
    weight: np.float32,
    under: np.float32,
    places: NDArray[np.uint64],
    columns: NDArray[np.float32],
) -> None:
    """Add the votes of a row of pixels to both cells of each column: the usual case of `_add_row`.

    The second weight, `under`, is that of the votes in the lower cell.
    """
    for k in range(places.size):
        place = places[k] + np.uint64(2) * np.uint64(bins[k])
        _add_votes(columns, place, low[k], high[k], weight, under)


@inlined()
def _sum_across(
    columns: NDArray[np.float32],
    stride: int,
    run: int,
    cell: int,
    weights: NDArray[np.float32],
    sums: NDArray[np.float32],
) -> None:
    """Sum the weighted columns of all blocks of a row, two at a time, for one cell of each.

    Args:
        columns: from `_sum_down`.
        stride: from a pixel's columns to those of the next pixel in the cells.
        run: numbers of a column.
        cell: side of a cell in pixels.
        weights: (block · cell).
        sums: (blocks across, count + 1, block), flat and padded: output.
    """
    _clear(sums)
    for offset in range(weights.size // cell):
        for pixel in range(0, cell // 2 * 2, 2):
            weight, other = weights[offset * cell + pixel], weights[offset * cell + pixel + 1]
            if weight + other > 0:
                here = columns[pixel * stride + offset * run :][: sums.size]
                beside = columns[(pixel + 1) * stride + offset * run :][: sums.size]
                for k in range(sums.size):
                    sums[k] += weight * here[k] + other * beside[k]
        if cell % 2:
            weight = weights[offset * cell + cell - 1]
            here = columns[(cell - 1) * stride + offset * run :][: sums.size]
            for k in range(sums.size):
                sums[k] += weight * here[k]


@inlined()
def _normalize_as_opencv(numbers: NDArray[np.float32]) -> None:
    """Apply L2-Hys to a block in units of 8-bit levels.

    ``cv2.HOGDescriptor`` adds a tenth of the block's size to its length the first time, and 0.001
    the second time: blocks of low contrast stay shorter than 1.
    """
    _multiply_and_clip(
        numbers, _ONE / (np.sqrt(_squares(numbers)) + _FIRST * np.float32(numbers.size))
    )
    _multiply(numbers, _ONE / (np.sqrt(_squares(numbers)) + _SECOND))
