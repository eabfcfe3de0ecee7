"""Report rows that a mail program has folded over several lines, put together again. Reads positions; judges nothing.

Whether a fold has left the spaces at the ends of lines is not known, so places say little about what stands behind it.
But a row is whole when it has as many cells as the header, and one more for each fold that went through a cell.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import accumulate, chain, combinations, zip_longest
from operator import eq, itemgetter
from typing import NamedTuple

from rules.headers import NAMES, PERSONAL, vocabulary, words_of
from rules.shaped import kind_of

_LEAST = 2  #: rows
_FEW = 6  #: lines below a folded header that are three people at least
_TALLEST = 4  #: lines of a row, and of a header
_NARROWEST, _WIDEST = 40, 200  #: characters of the longest line
_WIDE = 60  #: the same without a header
_LEAST_CELLS, _MOST_CELLS = 3, 40
_MOST_EMPTY = 2  #: cells of a row
_PATIENCE = 6  #: lines that are no rows, between two that are
_TRIAL = 40  #: lines that tell how many cells and lines a row has
_MOSTLY = 0.8  #: of the lines and the cells under no header, how many must fit
_LIKELY = 0.95  #: a fold goes through a row's cell rather than through one of the header
_SURE = 0.9  #: the same under a header of people, for nobody to wonder if no list is found
_SAMPLE = 200  #: rows that tell what a column holds
_ALIKE = 0.7  #: of a column's cells, how many are of one kind
_AS_ALIKE = 0.6  #: the same of two lines that are rows each
_FULL = 0.6  #: of the folds through a cell, how many leave a full line when words are broken too

_GAP = "  "
_CELL = re.compile(r"\S+(?: \S+)*")
_VALUE = re.compile(r"[0-9]{4}|[0-9][-/.,][0-9]|@")
_MARKED = re.compile(r"[\t|]")  #: cells that are marked off
_OF_ROWS = frozenset({"ssn", "masked", "date", "money", "nine"})

Cells = list[str]


@dataclass(slots=True)
class Unfolded:
    """Lines as they were before the fold: each row on its first line, the others of it blank."""

    lines: list[str]
    ends: dict[int, int] = field(default_factory=dict)  #: first line of a row, to the line behind its last
    doubtful: bool = False  #: a folded header names people over lines that make no rows

    def end(self, end: int) -> int:
        """Behind the last line of the row that a table ends with."""
        return self.ends.get(end - 1, end)


class _Row(NamedTuple):
    first: int
    lines: Sequence[str]
    pieces: list[Cells]  #: line by line

    @property
    def end(self) -> int:
        return self.first + len(self.pieces)

    @property
    def cells(self) -> Cells:
        return [cell for line in self.pieces for cell in line]

    def ways(self, width: int) -> Iterator[tuple[int, ...]]:
        """The folds that may have gone through a cell, when the row has so many of them or fewer."""
        through = max(len(self.cells) - width, 0)
        for more in range(min(_MOST_EMPTY, len(self.pieces) - 1 - through) + 1):
            yield from combinations(range(1, len(self.pieces)), through + more)

    def joined(self, through: Iterable[int], full: int) -> Cells:
        """The cells, those joined through which a fold has gone; where a line is full, it has gone through a word."""
        cells = list(self.pieces[0])
        for number, pieces in enumerate(self.pieces[1:], 1):
            rest = pieces
            if number in through:
                in_word = len(self.lines[number - 1]) == full and not self.lines[number].startswith(" ")
                cells[-1] += ("" if in_word else " ") + pieces[0]
                rest = pieces[1:]
            cells += rest
        return cells


class _Reading(NamedTuple):
    """The rows under a header, when each has so many cells and, as far as it can be, so many lines."""

    header: _Row
    width: int
    rows: list[_Row]
    missed: int  #: lines between them that are no rows

    @property
    def folds(self) -> int:
        """How many have gone through a cell of the header."""
        return max(len(self.header.cells) - self.width, 0)

    @property
    def share(self) -> float:
        """Of the lines down to the last row, those of rows; a row with empty cells counts half."""
        lines = [len(row.pieces) * (1 if len(row.cells) >= self.width else 0.5) for row in self.rows]
        return sum(lines) / (sum(len(row.pieces) for row in self.rows) + self.missed)


def unfolded(lines: Sequence[str]) -> Unfolded | None:
    """The lines put together, or None when nothing is folded."""
    found = Unfolded(list(lines))
    index = rows = 0
    while index < len(lines):
        headers = list(_headers(lines, index))
        if not headers and index >= rows and _comes_again(lines, index):
            headers, rows = [_Row(index, [], [])], index + _TRIAL
        end = _unfold(lines, headers, found) if headers else 0
        index = end or index + 1
    return found if found.ends or found.doubtful else None


def _unfold(lines: Sequence[str], headers: Sequence[_Row], found: Unfolded) -> int:
    """Puts the table together that stands under one of the headers; where to go on behind it, or 0 without one."""
    if end := _standing(lines, headers[0]):
        return end
    best, most = None, 0.0
    for header in headers:
        for reading in _tried(lines[: header.end + _TRIAL], header):
            if len(reading.rows) < _LEAST or (likely := reading.share * _LIKELY**reading.folds) <= most:
                continue
            table = _table(reading)
            if table and (worth := table.fit * likely) > most:
                best, most = reading, worth
    whole = _whole(lines, best) if best and (best.header.pieces or most >= _MOSTLY) else None
    table = _table(whole) if whole else None
    if whole is None or table is None:
        found.doubtful = found.doubtful or _are_broken(lines, headers[0])
        return 0
    found.doubtful = found.doubtful or (most < _SURE and _of_people(whole.header))
    _write(whole, table.cells, found)
    return whole.rows[-1].end


def _standing(lines: Sequence[str], header: _Row) -> int:
    """Where the rows end that stand as they are under a header of one line; 0 unless most lines below it are such.

    Then fewer than half of the rows have been folded.
    """
    width = len(header.cells)
    below = [len(_pieces(line)) for line in _block(lines, header.end)]
    if len(header.pieces) != 1 or 3 * below.count(width) <= 2 * len(below):
        return 0
    end = header.end
    while end < len(lines) and len(_pieces(lines[end])) == width and not _can_be_header(lines[end]):
        end += 1
    return end


def _whole(lines: Sequence[str], tried: _Reading) -> _Reading:
    """What has been tried with the first lines, read to its end."""
    height = Counter(len(row.pieces) for row in tried.rows).most_common(1)[0][0]
    return _read(lines, tried.header, tried.width, height)


def _of_people(header: _Row) -> bool:
    known = {vocabulary().meaning(cell) for cell in header.cells}
    return not known.isdisjoint(NAMES) and not known.isdisjoint(PERSONAL)


def _are_broken(lines: Sequence[str], header: _Row) -> bool:
    """Whether people stand below a header of several lines, but neither a row to a line nor as many lines to each."""
    if len(header.pieces) < 2 or not _of_people(header):
        return False
    pieces = [_pieces(line) for line in _block(lines, header.end)]
    usual = Counter(map(len, pieces)).most_common(1)
    return len(pieces) >= _FEW and usual[0][1] < _ALIKE * len(pieces)


def _headers(lines: Sequence[str], index: int) -> Iterator[_Row]:
    """The header that begins on a line, of as many lines as can be, and of fewer."""
    if len(_pieces(lines[index])) < 2 or not _can_be_header(lines[index]):
        return
    block = list(_block(lines, index))
    if not _NARROWEST <= max(map(len, block)) <= _WIDEST:
        return
    height = next((n for n, line in enumerate(block[:_TALLEST]) if not _can_be_header(line)), len(block[:_TALLEST]))
    for size in range(height, 0, -1):
        pieces = [_pieces(line) for line in block[:size]]
        known = {meaning for line in pieces for cell in line if (meaning := vocabulary().meaning(cell))}
        if len(known) >= 2 and _LEAST_CELLS <= sum(map(len, pieces)) <= _MOST_CELLS:
            yield _Row(index, block[:size], pieces)


def _comes_again(lines: Sequence[str], index: int) -> bool:
    """Whether a line's kinds stand again further down, but nothing like them on the next one: rows without a header."""
    near = [_pieces(line) for line in lines[index : index + _TALLEST + 1] if len(line) <= _WIDEST]
    if len(near) < 2 or len(near[0]) < 2:
        return False
    first, second = list(map(kind_of, near[0])), list(map(kind_of, near[1]))
    if _OF_ROWS.isdisjoint(first):
        return False
    if len(first) == len(second) and sum(map(eq, first, second)) >= _ALIKE * len(first):
        return False
    if not any(len(pieces) == len(first) and list(map(kind_of, pieces)) == first for pieces in near[2:]):
        return False
    return max(map(len, _block(lines, index)), default=0) >= _WIDE


def _block(lines: Sequence[str], index: int) -> Iterator[str]:
    for line in lines[index : index + _TRIAL]:
        if not line.strip():
            break
        yield line


def _can_be_header(line: str) -> bool:
    if len(line) > _WIDEST or not line.strip() or _VALUE.search(line):
        return False
    words = [word for cell in _pieces(line) for word in words_of(cell)]
    return bool(words) and sum(map(vocabulary().is_header_word, words)) >= 0.6 * len(words)


def _pieces(line: str) -> Cells:
    return _CELL.findall(line)


def _tried(lines: Sequence[str], header: _Row) -> Iterator[_Reading]:
    for height in range(1, _TALLEST + 1):
        cells, folds = len(header.cells), len(header.pieces)
        if not folds:
            cells, folds = sum(len(_pieces(line)) for line in lines[header.end : header.end + height]), height
        for width in range(cells, max(cells - folds, _LEAST_CELLS - 1), -1):
            if width <= _MOST_CELLS:
                yield _read(lines, header, width, height)


def _read(lines: Sequence[str], header: _Row, width: int, height: int) -> _Reading:
    rows: list[_Row] = []
    missed = between = 0
    index = header.end
    while index < len(lines) and between <= _PATIENCE:
        row = _row(lines, index, width, height)
        if row:
            missed += sum(bool(lines[n].strip()) for n in range(index - between, index)) if rows else between
            rows.append(row)
            index, between = row.end, 0
        else:
            index, between = index + 1, between + 1
    return _Reading(header, width, rows, missed)


def _row(lines: Sequence[str], index: int, width: int, height: int) -> _Row | None:
    """The row that begins on a line: whole, of as many lines as most have; else one with empty cells."""
    pieces: list[Cells] = []
    for line in lines[index : index + _TALLEST]:
        if not line.strip() or len(line) > _WIDEST or _MARKED.search(line):
            break
        pieces.append(_pieces(line))
    totals = list(accumulate(map(len, pieces)))
    whole = [size for size, total in enumerate(totals, 1) if width <= total < width + size]
    lacking = height > 1 and len(pieces) >= height and width - _MOST_EMPTY <= totals[height - 1] < width
    if not whole and not lacking:
        return None
    size = height if lacking or height in whole else whole[-1]
    return _Row(index, lines[index : index + size], pieces[:size])


class _Table(NamedTuple):
    cells: list[Cells]  #: of the header, if there is one, and of each row
    fit: float  #: how many of them are of their columns' kinds


def _table(reading: _Reading) -> _Table | None:
    """The cells of a reading; None when the columns do not hold what is of one kind each."""
    rows, width = reading.rows, reading.width
    plain = [row for row in rows if len(row.cells) in {width, width + len(row.pieces) - 1}]
    plain = plain or [row for row in rows if len(row.cells) > width]
    if not plain or _are_rows(reading):
        return None
    full = _full(plain, width)
    sample = [row.joined(next(row.ways(width)), full) for row in plain[:: 1 + len(plain) // _SAMPLE]]
    kinds = [Counter(map(kind_of, column)) for column in zip_longest(*sample, fillvalue="")]
    usual = [counts.most_common(1)[0][0] for counts in kinds]
    alike = sum(counts[kind] >= _ALIKE * len(sample) for counts, kind in zip(kinds, usual, strict=True))
    if alike < _ALIKE * width:
        return None
    fitted = [_fitted(row, width, usual, full) for row in rows]
    cells = [cells for cells, _ in fitted]
    known = 1.0
    if reading.header.pieces:
        ways = [way for way in reading.header.ways(width) if len(reading.header.cells) - len(way) == width]
        headers = [reading.header.joined(way, full) for way in ways]
        header = max(headers, key=_known)
        cells.insert(0, header)
        known = _known(header) / width
    fit = sum(fit for _, fit in fitted) / sum(map(bool, chain.from_iterable(cells)))
    return _Table(cells, fit * known)


def _known(header: Cells) -> int:
    return sum(vocabulary().meaning(cell) is not None for cell in header)


def _full(rows: Sequence[_Row], width: int) -> int:
    """The length of a line after which a fold breaks words, too; 0 when it breaks at spaces."""
    broken = [len(row.lines[0]) for row in rows if len(row.pieces) > 1 and len(row.cells) > width]
    longest = max((len(line) for row in rows for line in row.lines), default=0)
    return longest if broken and broken.count(longest) >= _FULL * len(broken) else 0


def _are_rows(reading: _Reading) -> bool:
    """Whether the lines are rows each, or second lines: most stand alone, are like the next one, or set in alike."""
    rows = reading.rows[:_SAMPLE]
    tall = [row for row in rows if len(row.pieces) > 1]
    if len(tall) < 0.5 * len(rows):
        return True
    kinds = [[list(map(kind_of, cells)) for cells in row.pieces[:2]] for row in tall]
    if len(reading.header.pieces) > 1:
        alike: list[float] = [sum(map(eq, a, b)) / min(len(a), len(b)) for a, b in kinds]
    else:
        margins = {len(row.lines[1]) - len(row.lines[1].lstrip()) for row in tall}
        if len(margins) == 1 and margins != {0}:
            return True
        alike = [(Counter(a) & Counter(b)).total() / min(len(a), len(b)) for a, b in kinds]
    return sum(alike) > _AS_ALIKE * len(alike)


def _fitted(row: _Row, width: int, usual: Sequence[str], full: int) -> tuple[Cells, int]:
    """A row's cells in the columns that they look like, and how many do; the first way that suits best."""
    best, most = [""] * width, -1
    for through in row.ways(width):
        cells = row.joined(through, full)
        if width - len(cells) <= _MOST_EMPTY:
            fit, columns = _columns(list(map(kind_of, cells)), usual)
            if fit > most:
                placed = dict(zip(columns, cells, strict=True))
                best, most = [placed.get(column, "") for column in range(width)], fit
            if fit == len(cells):
                break
    return best, most


def _columns(kinds: Sequence[str], usual: Sequence[str]) -> tuple[int, tuple[int, ...]]:
    """How many cells suit their columns, and these, when as many as are missing are left empty where it suits most."""
    ways: list[tuple[int, tuple[int, ...]]] = [(0, ())] * (len(usual) - len(kinds) + 1)  # by columns left empty
    for cell, kind in enumerate(kinds):
        best = accumulate(ways, _better)
        ways = [
            (fit + (usual[cell + empty] == kind), (*columns, cell + empty)) for empty, (fit, columns) in enumerate(best)
        ]
    return max(ways, key=itemgetter(0))


def _better(one: tuple[int, tuple[int, ...]], other: tuple[int, tuple[int, ...]]) -> tuple[int, tuple[int, ...]]:
    return one if one[0] >= other[0] else other


def _write(reading: _Reading, table: list[Cells], found: Unfolded) -> None:
    widths = [max(map(len, column)) + len(_GAP) for column in zip(*table, strict=True)]
    rows = (reading.header, *reading.rows) if reading.header.pieces else reading.rows
    for row, cells in zip(rows, table, strict=True):
        found.lines[row.first] = "".join(map(str.ljust, cells, widths)).rstrip()
        found.lines[row.first + 1 : row.end] = [""] * (len(row.pieces) - 1)
        found.ends[row.first] = row.end
