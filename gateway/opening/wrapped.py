"""Tables without rules whose narrow columns break numbers of people over lines: `332-` over `20-` over `6469`.

That is one number to every reader of the page, and none to a reader of its lines. Where the words stand tells the
rest: the numbers stand for the rows, the gaps between all words part the columns, and each cell belongs to the row
whose number it is aligned with (alignment.py). Pure; knows neither PDF nor text.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import NamedTuple

import re2

from gateway.opening.alignment import Extent, place
from gateway.opening.words import Line, Word, column_at, columns_of, fits, lines_of, parted

_NUMBER = re.compile(r"\d{3}-\d{2}-\d{4}")
_BEGUN = re.compile(r"\d{3}-(?:\d{0,2}|\d{2}-\d{0,3})")
_BROKEN = re2.compile(r"(?:^|\s)[0-9]{3}-(?:[0-9]{0,2}|[0-9]{2}-[0-9]{0,3})(?:\s|$)")
_BESIDE = 1.5  #: of the distance of a number's pieces: lines farther apart do not belong to one cell
_HEADER = 2.5  #: the same, for a header above its first row
_HEADLINE = 1.4  #: of a number's height
_TALLEST = 12  #: lines of a row


class _Number(NamedTuple):
    """What stands for a row. The last one of a page may go on over the page."""

    words: list[Word]
    whole: bool

    @property
    def extent(self) -> Extent:
        return Extent(self.words[0].top, self.words[-1].bottom)


class Unwrapped(NamedTuple):
    rows: list[list[str]]  #: the header first, if there is any
    header: list[Word]
    around: list[Line]  #: what stands before and behind the table
    cut_off: list[Word]  #: a last row whose number goes on over the page
    certain: bool  #: whether every number is whole, and every cell aligned with one


def has_broken_number(text: str) -> bool:
    """Whether it is worth while to look where the words stand."""
    return _BROKEN.search(text) is not None


def unwrapped(words: Iterable[Word], known: Sequence[Word] = ()) -> Unwrapped | None:
    """The table whose numbers are broken, and the rest; None where no number is. `known` is a header from before."""
    words = list(words)
    numbers, rest = _numbers(lines_of(words))
    if not any(number.whole and len(number.words) > 1 for number in numbers):
        return None
    tallest = max(word.height for number in numbers for word in number.words) * _HEADLINE
    headlines = [word for word in words if word.height > tallest]  # a slide's may stand level with the table's header
    found = _Table(lines_of(word for word in words if word.height <= tallest), numbers, known).read(lost=bool(rest))
    return found._replace(around=[*lines_of(headlines), *found.around])


def _numbers(lines: list[Line]) -> tuple[list[_Number], list[Word]]:
    """The numbers of the column that holds most of them, and what begins one and does not end it."""
    found = [
        _number(word, lines[at + 1 : at + _TALLEST])
        for at, line in enumerate(lines)
        for word in line
        if _BEGUN.fullmatch(word.text) or _NUMBER.fullmatch(word.text)
    ]
    groups = [
        [number for number in found if number.words[0].under(span)]
        for span in columns_of(word for number in found for word in number.words)
    ]
    most = max(groups, key=lambda group: sum(number.whole for number in group), default=[])
    broken = [number.words[0] for number in most[:-1] if not number.whole]
    return [number for number in most[:-1] if number.whole] + most[-1:], broken


def _number(first: Word, below: list[Line]) -> _Number:
    """The word and what stands under it, as far as that makes a number."""
    words, text = [first], first.text
    for line in below:
        if _NUMBER.fullmatch(text) or words[-1].bottom - line[0].top > first.height:
            break
        under = [word for word in line if word.under((first.left, first.right))]
        if not under:
            continue
        longer = text + under[0].text
        if len(under) > 1 or not (_BEGUN.fullmatch(longer) or _NUMBER.fullmatch(longer)):
            break
        words, text = [*words, under[0]], longer
    return _Number(words, whole=_NUMBER.fullmatch(text) is not None)


class _Table:
    """The lines of a page that a table takes up, and what stands in which row and column of it."""

    def __init__(self, lines: list[Line], numbers: list[_Number], known: Sequence[Word]) -> None:
        self._lines, self._numbers, self._known = lines, numbers, known
        first, last = numbers[0].words[0], numbers[-1].words[-1]
        self._height = first.height
        self._pitch = max(a.bottom - b.bottom for number in numbers for a, b in pairwise(number.words))
        begin = next(at for at, line in enumerate(lines) if first in line)
        end = next(at for at, line in enumerate(lines) if last in line)
        self._columns = columns_of([word for line in lines[begin : end + 1] for word in line] + [*known])
        self._main = column_at(first, self._columns)
        self._begin, head = self._up(begin)
        self._end = self._down(end)
        self._rows = ([Extent(head[0].top, head[-1].bottom)] if head else []) + [each.extent for each in numbers]
        self._headed = bool(head)

    def _up(self, first: int) -> tuple[int, list[Word]]:
        """Where the table begins, and what stands above the column of numbers."""
        head: list[Word] = []
        for at in range(first - 1, max(first - _TALLEST, -1), -1):
            line, gap = self._lines[at], self._lines[at][0].bottom - self._lines[at + 1][0].bottom
            if gap > self._pitch * (_BESIDE if head else _HEADER) or not fits(line, self._columns):
                return at + 1, head
            head = [word for word in line if word.under(self._columns[self._main])] + head
        return max(first - _TALLEST, -1) + 1, head

    def _down(self, last: int) -> int:
        """Behind the last line that may belong to the last row."""
        for at in range(last + 1, min(last + _TALLEST, len(self._lines))):
            gap = self._lines[at - 1][0].bottom - self._lines[at][0].bottom
            if gap > self._pitch * _BESIDE or not fits(self._lines[at], self._columns):
                return at
        return min(last + _TALLEST, len(self._lines))

    def read(self, *, lost: bool) -> Unwrapped:
        cells, misfits = self._cells()
        columns = range(len(self._columns))
        whole = len(self._rows) - (not self._numbers[-1].whole)
        rows = [[_joined(cells[row, column]) for column in columns] for row in range(whole)]
        header = [word for column in columns for word in cells[0, column]] if self._headed else []
        if not header and self._known:
            rows.insert(0, self._under_header())
        outside = [word for line in [*self._lines[: self._begin], *self._lines[self._end :]] for word in line]
        cut_off: list[Word] = []
        for (row, _), words in cells.items():
            if row < 0 or row >= whole:
                (cut_off if whole <= row and whole < len(self._rows) else outside).extend(words)
        certain = not (misfits or lost or self._overlap())
        return Unwrapped(rows, header, lines_of(outside), cut_off, certain)

    def _overlap(self) -> bool:
        """Whether rows are printed over each other, as from a sheet whose rows are too low."""
        return any(b.top - a.bottom > self._height / 2 for a, b in pairwise(self._rows))

    def _cells(self) -> tuple[dict[tuple[int, int], list[Word]], int]:
        """Words by row and column; rows -1 and beyond the last are above and below the table."""
        columns: list[list[Line]] = [[] for _ in self._columns]
        for line in self._lines[self._begin : self._end]:
            for column, found in parted(line, self._columns).items():
                columns[column].append(found)
        placed = place([[_extent(line) for line in lines] for lines in columns], self._rows, self._height)
        cells: dict[tuple[int, int], list[Word]] = defaultdict(list)
        for column, (lines, places) in enumerate(zip(columns, placed, strict=True)):
            for line, row in zip(lines, places.rows, strict=True):
                cells[max(row, 0) if self._headed else row, column].extend(line)
        return cells, sum(each.misfits for each in placed)

    def _under_header(self) -> list[str]:
        cells = parted(list(self._known), self._columns)
        return [_joined(cells.get(column, [])) for column in range(len(self._columns))]


def _extent(line: Line) -> Extent:
    return Extent(line[0].top, line[0].bottom)


def _joined(words: Sequence[Word]) -> str:
    """A cell's words as one text. A break inside of a word or number is mended where no space can have been."""
    text = ""
    for at, word in enumerate(words):
        text += ("" if at == 0 or _inside(words[at - 1], word) else " ") + word.text
    return text


def _inside(before: Word, word: Word) -> bool:
    """Whether the break between two lines of a cell is inside of a word: `Hartfor` over `d`, `09/04/1` over `963`."""
    if before.level(word.bottom):
        return False
    last, first = before.text[-1], word.text[0]
    if last in "-/":
        return True
    if last.isdigit() or last == ".":
        return first.isdigit() or first == "."
    return last.islower() and first.islower()
