"""Which row of a table a cell's lines belong to, told by the height at which something in every row stands.

Cells of one column are aligned with their row at the top, in the middle or at the bottom; the way that explains most
of the column's lines is taken. Pure geometry.
"""

from collections.abc import Sequence
from math import inf
from typing import Any, NamedTuple

_LEVEL = 0.3  #: of a line's height
_HOPELESS = 12  #: misfits more than the best


class Extent(NamedTuple):
    top: float
    bottom: float


class Placed(NamedTuple):
    rows: tuple[int, ...]  #: for each line; -1 above the first row, the number of rows below the last one
    misfits: int  #: lines and cells that stand level with no row


def place(columns: Sequence[Sequence[Extent]], rows: Sequence[Extent], height: float) -> list[Placed]:
    """Columns of lines, top to bottom, each by the way that suits it; where several do, by the one that suits most."""
    slack = height * _LEVEL
    tried = [[way(lines, rows, slack) for lines in columns] for way in (_at_top, _in_middle, _at_bottom)]
    tried.sort(key=lambda placed: sum(one.misfits for one in placed))
    return [min(ways, key=lambda placed: placed.misfits) for ways in zip(*tried, strict=True)]


def _at_top(lines: Sequence[Extent], rows: Sequence[Extent], slack: float) -> Placed:
    places, misfits, row = [], 0, -1
    for line in lines:
        begun = row
        while row + 1 < len(rows) and line.top <= rows[row + 1].top + slack:
            row += 1
        misfits += row > begun and abs(line.top - rows[row].top) > slack
        places.append(row)
    return Placed(tuple(places), misfits)


def _at_bottom(lines: Sequence[Extent], rows: Sequence[Extent], slack: float) -> Placed:
    """The same, upside down."""
    turned = _at_top(_turned(lines), _turned(rows), slack)
    return Placed(tuple(len(rows) - 1 - row for row in reversed(turned.rows)), turned.misfits)


def _turned(extents: Sequence[Extent]) -> list[Extent]:
    return [Extent(-bottom, -top) for top, bottom in reversed(extents)]


def _in_middle(lines: Sequence[Extent], rows: Sequence[Extent], slack: float) -> Placed:
    """Row by row: which lines lie evenly about its middle. Each line left over and each empty cell is a misfit.

    A line too many would put all lines below it awry, so every way to begin a row is followed, and the best one kept.
    """
    ways: dict[int, _Way] = {0: _Way(0)}  # by how many lines are placed
    for number, row in enumerate(rows):
        ceiling = rows[number - 1].bottom + slack / 3 if number else inf
        floor = rows[number + 1].top - slack / 3 if number + 1 < len(rows) else -inf
        further: dict[int, _Way] = {}
        hopeless = min(way.misfits for way in ways.values()) + _HOPELESS
        for start, way in sorted(ways.items()):
            if way.misfits > hopeless:
                continue
            _keep(further, start, _Way(way.misfits + 1, way))
            for begin in range(start, len(lines)):
                if lines[begin].top * 2 < row.top + row.bottom:
                    break
                end = _mirrored(lines, begin, row.top + row.bottom, slack * 2)
                if end and lines[begin].top <= ceiling and lines[end - 1].bottom >= floor:
                    step = _Step(number, start, begin, end)
                    _keep(further, end, _Way(way.misfits + begin - start, way, step))
        ways = further
    placed, way = min(ways.items(), key=lambda item: item[1].misfits + len(lines) - item[0])
    return Placed(_rows_of(way, len(lines), len(rows)), way.misfits + len(lines) - placed)


class _Step(NamedTuple):
    row: int
    over: int  #: where lines begin that fit no row
    start: int
    end: int


class _Way(NamedTuple):
    """Lines placed so far, the last row's first."""

    misfits: int
    before: Any = None  #: another way
    step: _Step | None = None


def _keep(ways: dict[int, _Way], placed: int, way: _Way) -> None:
    if placed not in ways or way.misfits < ways[placed].misfits:
        ways[placed] = way


def _rows_of(way: _Way | None, lines: int, rows: int) -> tuple[int, ...]:
    places = [rows] * lines
    while way:
        if way.step:
            row, over, start, end = way.step
            places[over:start] = [row - 1] * (start - over)
            places[start:end] = [row] * (end - start)
        way = way.before
    return tuple(places)


def _mirrored(lines: Sequence[Extent], start: int, middle: float, slack: float) -> int:
    """Behind the last of the lines that lie evenly about the middle; 0 when those from `start` on do not."""
    for end in range(start, len(lines)):
        off = lines[start].top + lines[end].bottom - middle
        if abs(off) <= slack:
            return end + 1
        if off < 0:
            break
    return 0
