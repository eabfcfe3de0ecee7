"""Report text under a ruler (`----- ---- ------`): its runs say where columns begin and end. Judges nothing."""

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from rules.headers import vocabulary

_RULER = re.compile(r"\s*[-=_]{2,}(?: {1,9}[-=_]{2,}){1,63}\s*")
_RUN = re.compile(r"[-=_]{2,}")
_LONGEST_LINE = 2_000
_PATIENCE = 10  #: lines that are no rows, between two that are
_LEAST_FIT = 0.6
_TOTALS = 1  #: lines below the rows that need not fit: the last page may hold a row and a total

Span = tuple[int, int]


class Ruled(NamedTuple):
    """Lines `first` to before `end`, as rows of cells under the cells of rows[0]."""

    first: int
    end: int
    rows: list[list[str]]


def ruled(lines: Sequence[str], taken: set[int]) -> Iterator[Ruled]:
    """The tables whose header a ruler underlines."""
    for index in range(1, len(lines) - 1):
        if lines[index][:1] in "-=_ " and index not in taken and (columns := _columns(lines[index])):
            header = [] if index - 1 in taken else _cut(lines[index - 1], columns)
            if sum(vocabulary().meaning(cell) is not None for cell in header) < max(2, 0.3 * len(header)):
                continue
            if found := _rows(lines, taken, index, columns):
                yield Ruled(index - 1, index + 1 + len(found), [header, [""], *found])


def _rows(lines: Sequence[str], taken: set[int], ruler: int, columns: Sequence[Span]) -> list[list[str]]:
    rows: list[list[str]] = []
    last = tried = fitting = 0
    header = lines[ruler - 1].split()
    for number in range(ruler + 1, len(lines)):
        line = lines[number]
        if number in taken or len(rows) - last > _PATIENCE or line.split() == header != []:
            break  # the next page, whose columns may be as wide as they need on it
        cells = _cut(line, columns) if len(line) <= _LONGEST_LINE else []
        fits = sum(map(bool, cells)) >= 2
        tried += "  " in line.strip()
        fitting += fits
        rows.append(cells if fits else [*[""] * len(columns), line.strip()])
        last = len(rows) if fits else last
    return rows[:last] if fitting >= _LEAST_FIT * (tried - _TOTALS) else []


def _columns(line: str) -> list[Span]:
    """Where the columns under a ruler stand; none when the line is no ruler."""
    if len(line) > _LONGEST_LINE or _RULER.fullmatch(line) is None:
        return []
    return [match.span() for match in _RUN.finditer(line)]


def _cut(line: str, columns: Sequence[Span]) -> list[str]:
    """The cells of a line; none when something stands between two columns."""
    ends = [*(start for start, _ in columns[1:]), len(line)]
    if any(line[end:following].strip() for (_, end), following in zip(columns, ends[:-1], strict=False)):
        return []
    starts = [0, *ends[:-1]]
    return [line[start:end].strip() for start, end in zip(starts, ends, strict=True)]
