"""Words, the lines they stand in and the columns they leave free between them. Pure geometry."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from itertools import pairwise
from math import inf
from typing import NamedTuple

from gateway.opening.layout import Span

_LEVEL = 0.3  #: of a line's height: words that differ by less stand level
_COLUMN = 0.75  #: the same: what parts columns
_SPACE = 0.4  #: the same: what parts the words of a sentence
_GAP = "  "


class Word(NamedTuple):
    """A word, and where it stands; upwards is more."""

    left: float
    right: float
    bottom: float
    top: float
    text: str

    @property
    def height(self) -> float:
        return self.top - self.bottom

    def under(self, span: Span) -> bool:
        return self.left < span[1] and span[0] < self.right

    def level(self, height: float) -> bool:
        return abs(self.bottom - height) < self.height * _LEVEL


Line = list[Word]


def lines_of(words: Iterable[Word]) -> list[Line]:
    """Top to bottom, each left to right."""
    lines: list[Line] = []
    for word in sorted(words, key=lambda word: -word.bottom):
        if lines and word.level(lines[-1][0].bottom):
            lines[-1].append(word)
        else:
            lines.append([word])
    return [sorted(line) for line in lines]


def columns_of(words: Iterable[Word]) -> list[Span]:
    """The widths that words stand in, left to right, parted where none of them does."""
    columns: list[Span] = []
    for word in sorted(words):
        if columns and word.left < columns[-1][1]:
            columns[-1] = (columns[-1][0], max(columns[-1][1], word.right))
        else:
            columns.append((word.left, word.right))
    return columns


def column_at(word: Word, columns: Sequence[Span]) -> int:
    """The column that a word stands in, or else the nearest."""
    return max(range(len(columns)), key=lambda at: min(word.right, columns[at][1]) - max(word.left, columns[at][0]))


def parted(line: Line, columns: Sequence[Span]) -> dict[int, Line]:
    """The words of each column."""
    cells: dict[int, Line] = defaultdict(list)
    for word in line:
        cells[column_at(word, columns)].append(word)
    return cells


def _room(columns: Sequence[Span], at: int) -> float:
    """How wide a cell can be."""
    left, right = columns[at]
    if at + 1 < len(columns):
        return max(right - left, columns[at + 1][0] - left)
    return max(right - left, right - columns[at - 1][1]) if at else inf


def text_of(line: Line) -> str:
    """Columns at least two spaces apart."""
    text = line[0].text
    for before, word in pairwise(line):
        text += (_GAP if word.left - before.right > word.height * _COLUMN else " ") + word.text
    return text


def fits(line: Line, columns: Sequence[Span]) -> bool:
    """Whether the line is one of cells: no word reaches over two columns, and not all follow as those of a sentence."""
    cells = parted(line, columns)
    if any(words[-1].right - words[0].left > _room(columns, at) for at, words in cells.items()):
        return False
    if any(sum(map(word.under, columns)) > 1 for word in line):
        return False
    gaps = [
        (b.left - a.right) / b.height if b.height else 0
        for a, b in pairwise(line)
        if column_at(a, columns) < column_at(b, columns)
    ]
    return not gaps or max(gaps) > _SPACE
