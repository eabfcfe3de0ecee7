"""Search the cells of a table in one pass: a number in the notes of row 4,000 is found, and no cell costs a call."""

import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from itertools import accumulate, chain
from typing import NamedTuple

from rules.columns import Column
from rules.headers import Meaning, speaks_of_ssns, vocabulary
from rules.normalise import fold
from rules.recognise import BEFORE, Hit, Recogniser
from rules.search import Searcher
from rules.sheets import Block, Row, cells_of
from rules.tally import window_of

_CELL, _ROW = "\x1e", "\x1d"
_APART = "\0" * (BEFORE + 2)  #: farther than a label reaches, and no number goes on over it
_AT_ONCE = 100_000  #: characters of cells that are searched as one text
_NONE: AbstractSet[int] = frozenset()
_NUMBER = re.compile(r"(?:[0-9][^0-9]{0,3}){8}[0-9]|[^\x00-\x7f]")
_DIGITS = re.compile(r"(?:[0-9][^0-9]*+){7}")  #: the fewest that a number has, its leading zeros lost

#: Columns whose cells need no search: their numbers are counted already, or are known to be others.
_SETTLED = frozenset({Meaning.SSN, Meaning.STATE, Meaning.ZIP, Meaning.OTHER_NUMBER})
#: What their cells hold then, but for those of SSN columns; another cell is read, whatever its column says.
_AS_SAID = {
    Meaning.STATE: re.compile(r"[^0-9]*"),
    Meaning.ZIP: re.compile(r"\s*[0-9]{5}(?:-?[0-9]{4})?\s*"),
    Meaning.OTHER_NUMBER: re.compile(r"\s*\S*\s*"),
}
_DASHED = re.compile(r"\s*[0-9]{3}-[0-9]{2}-[0-9]{4}\s*")
_FEWEST_OTHERS, _OTHERS = 4, 0.8  #: cells of another shape that make one odd: how many, and what share
_SPEAKS = re.compile(r"(?i)ssn|soc|tax|s\.s|ss ?#|itin")
_COMBS = {(1,) * 9, (3, 2, 4)}
_LONGEST_COMB, _LAST_FOUR = 16, 4
_SHORTEST = len("000-00-0000")


@dataclass(frozen=True, slots=True, kw_only=True)
class CellHit:
    recogniser: Recogniser
    hit: Hit
    row: int
    column: int
    window: Callable[[], str] | None


def search_cells(
    searcher: Searcher, block: Block, columns: Sequence[Column], numbers: Mapping[int, Sequence[str]]
) -> Iterator[CellHit]:
    """Hits in the cells of every column that is not settled by what it is, and in those that were no number of its."""
    settled = {n: c.meaning for c in columns if c.meaning in _SETTLED for n in range(c.index, c.index + c.width)}
    unread = _unread(block, columns, numbers)
    odd = _Odd(block)
    rows = block.sheet.rows[block.top : block.end]
    said = {index for index, header in enumerate(block.header) if index not in settled and speaks_of_ssns(header)}
    cells = _unsettled(rows, settled, {row - block.top: columns for row, columns in unread.items()}, said)
    below = block.sheet.rows[block.end : block.end + 2]  # may be the labels of a form's last line
    folded = fold(_ROW.join(map(_CELL.join, chain(cells, below))))
    touched = ((block.top + offset, line) for offset, line in _lines(folded, searcher.zones(folded)))
    asked = (
        one
        for row, line in touched
        if row < block.end
        for one in _in_row(searcher, odd, settled.keys() - unread.get(row, _NONE), row, line)
    )
    for batch in _batches(asked):
        yield from _hits(searcher, batch)


def _unread(block: Block, columns: Sequence[Column], numbers: Mapping[int, Sequence[str]]) -> dict[int, set[int]]:
    """By row, the cells of settled columns that are no such thing: "418-62-7753 / 521-73-0846", "NC 612-30-4481"."""
    unread: dict[int, set[int]] = {}
    for column in columns:
        if column.meaning in _AS_SAID:
            found = _not_as_said(block, column)
        elif column.meaning is Meaning.SSN and column.width == 1 and column.index in numbers:
            found = _no_single_numbers(block, column, numbers[column.index])
        else:
            continue
        for row in found:
            unread.setdefault(row, set()).add(column.index)
    return unread


class _Odd:
    """SSNs in columns of other things: one `212-48-6397` among invoice numbers of another shape is no invoice's.

    A column that holds many of the shape holds what its header says.
    """

    def __init__(self, block: Block) -> None:
        self.block = block
        self._columns: dict[int, bool] = {}

    def is_in(self, column: int, cell: str) -> bool:
        return _DASHED.fullmatch(cell) is not None and self._holds_others(column)

    def _holds_others(self, column: int) -> bool:
        if column not in self._columns:
            cells = [cell for cell in cells_of(self.block.rows, column) if cell.strip()]
            alike = sum(len(cell) >= _SHORTEST and _DASHED.fullmatch(cell) is not None for cell in cells)
            others = len(cells) - alike
            self._columns[column] = others >= _FEWEST_OTHERS and others >= _OTHERS * (len(cells) - 1)
        return self._columns[column]


def _not_as_said(block: Block, column: Column) -> Iterator[int]:
    as_said = _AS_SAID[column.meaning]
    odd = _Odd(block)
    for row, cell in enumerate(cells_of(block.sheet.rows[block.top : block.end], column.index), block.top):
        if len(cell) < _SHORTEST:
            continue
        if odd.is_in(column.index, cell) or (as_said.fullmatch(cell) is None and _NUMBER.search(cell)):
            yield row


def _no_single_numbers(block: Block, column: Column, numbers: Sequence[str]) -> Iterator[int]:
    above = cells_of(block.sheet.rows[block.top : block.first], column.index)
    cells = cells_of(block.rows, column.index)
    for row, (number, cell) in enumerate(zip(["" for _ in above] + [*numbers], above + cells, strict=True), block.top):
        if not number and _NUMBER.search(cell):
            yield row


def _unsettled(
    rows: Sequence[Row],
    settled: Mapping[int, Meaning],
    unread: Mapping[int, AbstractSet[int]],
    said: AbstractSet[int],
) -> Iterable[Iterable[str]]:
    """The rows without the cells of settled columns, but for those that could not be read as what they should be.

    `said` are columns of other things whose header speaks of SSNs all the same: "SSN - Name".
    """
    if not settled and not said:
        return rows
    kept = [index for index in range(max(map(len, rows), default=0)) if index not in settled]
    # Column by column, no line of ours runs for each cell.
    if not unread and not said and kept and len(set(map(len, rows))) == 1:
        return zip(*(cells_of(rows, index) for index in kept), strict=True)
    return (
        [
            f"SSN: {cell}" if index in said or settled.get(index) is Meaning.SSN else cell  # for the glance
            for index, cell in enumerate(row)
            if index not in settled or index in unread.get(number, _NONE)
        ]
        for number, row in enumerate(rows)
    )


def _lines(folded: str, zones: Iterable[tuple[int, int]]) -> Iterator[tuple[int, str]]:
    """Number and text of every row that a zone touches, once each."""
    row = reached = 0
    for start, end in zones:
        while reached < end:
            if skipped := folded.rfind(_ROW, reached, max(reached, start)) + 1:
                row += folded.count(_ROW, reached, skipped)
                reached = skipped
            line_end = folded.find(_ROW, reached)
            line_end = len(folded) if line_end < 0 else line_end
            yield row, folded[reached:line_end]
            reached, row = line_end + 1, row + 1


class _Asked(NamedTuple):
    """A cell, and before it what may be its label: its header, the cell to its left."""

    row: int
    column: int
    lead: str
    cell: str


def _in_row(searcher: Searcher, odd: _Odd, settled: AbstractSet[int], row: int, line: str) -> Iterator[_Asked]:
    """The cells of a row that can hold a number. A label may stand in the cell, in the one before, or in the header."""
    block = odd.block
    places = [index for index in range(len(block.sheet.rows[row])) if index not in settled]
    before = ""
    cells = line.split(_CELL)
    for position, cell in enumerate(cells):
        if _SPEAKS.search(cell) and (number := _combed(cells[position + 1 : position + _LONGEST_COMB])):
            yield _Asked(row, places[min(position + 1, len(places) - 1)], "SSN: ", number)
        if _DIGITS.search(cell):
            column = places[position] if position < len(places) else 0
            header = block.header[column] if column < len(block.header) and row >= block.first else ""
            header = "" if header and odd.is_in(column, cell) else header
            lead = "".join(f"{words}: " for words in (header.strip(" .:"), before.strip(" .:")) if words)
            lead += "SSN: " if _is_over_its_label(block, row, column) else ""
            if searcher.possible(lead + cell):
                yield _Asked(row, column, lead, cell)
        before = cell[-60:]


def _combed(cells: Sequence[str]) -> str:
    """A number in the squares of a form, or in three cells: 2|1|2|4|8|6|3|9|7, 212|-|48|-|6397."""
    pieces: list[str] = []
    for cell in map(str.strip, cells):
        if cell.isdecimal() and len(cell) <= _LAST_FOUR:
            pieces.append(cell)
        elif cell.strip("-"):
            break
    return "".join(pieces) if tuple(map(len, pieces)) in _COMBS else ""


def _is_over_its_label(block: Block, row: int, column: int) -> bool:
    """Whether below a number, as on the lines of a form, stands what it is: a label with nothing else to name."""
    rows = block.sheet.rows

    def cell(row: int, column: int) -> str:
        return rows[row][column].strip() if 0 <= row < len(rows) and 0 <= column < len(rows[row]) else ""

    under = row + 1 if row + 1 < len(rows) and any(rows[row + 1]) else row + 2
    label = cell(under, column)
    if not _SPEAKS.search(label) or _DIGITS.search(label) or not speaks_of_ssns(label):
        return False
    beside = (cell(row - 1, column), cell(row, column - 1))
    others = (cell(under + 1, column), cell(under, column + 1))
    return not any(map(_DIGITS.search, others)) and not any(map(vocabulary().meaning, beside))


def _batches(asked: Iterable[_Asked]) -> Iterator[list[_Asked]]:
    batch: list[_Asked] = []
    size = 0
    for one in asked:
        batch.append(one)
        size += len(one.lead) + len(one.cell) + len(_APART)
        if size > _AT_ONCE:
            yield batch
            batch, size = [], 0
    yield batch


def _hits(searcher: Searcher, batch: Sequence[_Asked]) -> Iterator[CellHit]:
    """What is found in cells that are read as one text, so far apart that none is seen by its neighbour."""
    texts = [one.lead + one.cell for one in batch]
    starts = list(accumulate((len(text) + len(_APART) for text in texts), initial=0))
    text = _APART.join(texts)
    for recogniser, hit in searcher.search(text):
        index = bisect_right(starts, hit.start) - 1
        row, column, lead, _ = batch[index]
        if hit.start >= starts[index] + len(lead):
            yield CellHit(recogniser=recogniser, hit=hit, row=row, column=column, window=window_of(text, hit))
