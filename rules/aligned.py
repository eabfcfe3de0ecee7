"""Report text under a header line: what stands under a header's word belongs to it. Reads positions; judges nothing."""

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import islice, pairwise
from typing import NamedTuple

import re2

from rules.headers import NAMES, Meaning, vocabulary
from rules.kinds import unlike

_LONGEST_LINE = 2_000
_MOST_COLUMNS = 64
_PATIENCE = 10  #: lines that are no rows, between two that are: page breaks, totals
_FAR = 3  #: characters by which a value may miss its header
_LEAST_FIT = 0.6  #: of the lines with two pieces or more, how many must fit
_MOST_FIT = 0.8  #: the same of a page without a header
_LONE = 3  #: cells of a row that stands alone under its header: the last one of a report
_OTHERS = 3  #: lines that tell that another table has begun
_TRIAL = 20  #: lines after which a table that does not fit ends

#: One of these words makes a line a header, whatever stands beside it.
_ALONE = frozenset(
    {Meaning.SSN, Meaning.TAX_ID, Meaning.LAST_FOUR, Meaning.OTHER_NUMBER, Meaning.PERSON_ID, Meaning.NUMBER}
)

_PIECE = re.compile(r"\S+(?: \S+)*")
_CHANGE = re.compile(r"(?<= )(?=\S)|(?<=[^\W\d_])(?=[0-9])|(?<=[0-9])(?=[^\W\d_])|(?<=[a-z])(?=[A-Z])")
_ROW_NUMBER = re.compile(r" {0,9}([0-9]{1,6}[.):]?)(?= )")
_RULER = re.compile(r"[-=_+| ]+")
_VALUES = re.compile(r"[0-9]{5}|[0-9]{3}-[0-9]{2}-[0-9]{4}|[0-9]/[0-9]|[0-9]\.[0-9]{2}|,(?: |$).*,(?: |$)")
ASSIGNS = re.compile(r"\w ?= ?[\w\"'(\[]")  #: a line of a program, which is no header
_NUMBERS = re.compile(r"(?<![0-9-])(?:[0-9]{3}[- ][0-9]{2}[- ][0-9]{4}|[0-9]{9}(?:\.0+)?)(?![0-9-])")
# A glance at a whole text: whether such a number may stand nearer than two spaces to its neighbour anywhere.
_CROWDED = re2.compile(
    rb"(?m)(?:[^\s0-9-]|\S )(?:[0-9]{3}[- ][0-9]{2}[- ][0-9]{4}|[0-9]{9})(?:[^0-9-]|$)"
    rb"|(?:^|[^0-9-])(?:[0-9]{3}[- ][0-9]{2}[- ][0-9]{4}|[0-9]{9})(?:[^\s0-9-]| \S)"
)


class Piece(NamedTuple):
    start: int
    end: int
    text: str


class Aligned(NamedTuple):
    """Lines `first` to before `end`, as rows of cells under the cells of rows[0]."""

    first: int
    end: int
    rows: list[list[str]]
    header: tuple[Piece, ...]


def aligned(lines: Sequence[str], taken: set[int], carried: Sequence[Piece] = ()) -> Iterator[Aligned]:
    """The tables of a text whose headers are parted by two spaces or more, or that go on under a header carried on."""
    index, any_found = 0, False
    crowded = _CROWDED.search("\n".join(lines).encode("latin-1", "replace")) is not None
    while index < len(lines):
        headers = _headers(lines, index, taken) if index not in taken else ()
        over = ((height, _with_row_numbers(lines, index + height, words)) for height, words in headers)
        read = (
            _ragged(lines, index, *header, taken) or _table(lines, index, *header, taken, crowded=crowded)
            for header in over
        )
        found = next(filter(None, read), None)
        if found:
            any_found = True
            yield found
            index = found.end
        else:
            index += 1
    first = next((number for number, line in enumerate(lines) if line.strip()), 0)
    if carried and not any_found and not taken:
        found = _counted(lines, first, carried) or _table(lines, first, 0, carried, taken, crowded=crowded)
        if found:
            yield found


def _counted(lines: Sequence[str], first: int, header: Sequence[Piece]) -> Aligned | None:
    """A page without a header, its columns as wide as they need on it: as many pieces as the header has words."""
    cells = [[piece.text for piece in _pieces(line)] if len(line) <= _LONGEST_LINE else [] for line in lines[first:]]
    filled = sum(map(bool, cells))
    fitting = sum(len(row) == len(header) for row in cells)
    if len(header) < _LONE or not fitting or fitting < _MOST_FIT * filled:
        return None
    blank = [""] * len(header)
    rows = [row if len(row) == len(header) else [*blank, " ".join(row)] for row in cells]
    return Aligned(first, len(lines), rows, tuple(header))


def _ragged(lines: Sequence[str], top: int, height: int, header: Sequence[Piece], taken: set[int]) -> Aligned | None:
    """A table whose cells stand under no header, and are as many in each line as it has: gaps of one width part them.

    Only where the places of the cells would mislead: what keeps to its header is read by where it stands.
    """
    first = top + height
    under = _Under(header, crowded=False)
    ragged, end = False, first
    for number in range(first, len(lines)):
        line = lines[number]
        cells = [piece.text for piece in _pieces(line)] if len(line) <= _LONGEST_LINE else []
        indented = line[header[0].start : header[0].start + 2] == "  "  # a second line of the row above
        if number in taken or len(cells) != len(header) or indented or _RULER.fullmatch(line):
            break
        ragged = ragged or under.row(line) != cells
        end = number + 1
        if end - first == _TRIAL and not ragged:
            break
    if not ragged or end - first < _LONE:
        return None
    rows = [[piece.text for piece in _pieces(line)] for line in lines[first:end]]
    blank = [[""] for _ in range(1, height)]
    return Aligned(top, end, [[word.text for word in header], *blank, *rows], tuple(header))


def _headers(lines: Sequence[str], index: int, taken: set[int]) -> Iterator[tuple[int, list[Piece]]]:
    """How many lines a header takes, and its words with their places: first what is likelier."""
    own = _words(lines[index])
    if len(own) < 2:
        return
    below = index + 1
    if below < len(lines) and below not in taken and len(two := _words(lines[below])) >= 2:
        both = _joined(own, two)
        if _known(both) > max(_known(own), _known(two)) or (_known(both) >= _known(own) > 1 and _all_header(two)):
            yield 2, both
    known = _meanings(own)
    enough = len(known) >= 2 and (len(known) >= 0.5 * len(own) or not NAMES.isdisjoint(known))
    if enough or not _ALONE.isdisjoint(known):
        yield 1, own


def _with_row_numbers(lines: Sequence[str], first: int, header: list[Piece]) -> list[Piece]:
    """A header with an empty word over numbers of rows that stand left of all its words."""
    below = list(islice((line for line in islice(lines, first, first + _PATIENCE) if line.strip()), _LONE))
    numbers = [match for line in below if (match := _ROW_NUMBER.match(line)) and match.end() < header[0].start]
    if len(numbers) < max(len(below), 2):
        return header
    return [Piece(min(match.start(1) for match in numbers), max(match.end(1) for match in numbers), ""), *header]


def _words(line: str) -> list[Piece]:
    if "  " not in line or len(line) > _LONGEST_LINE or _VALUES.search(line) or ASSIGNS.search(line):
        return []
    words = _pieces(line)
    return words if len(words) <= _MOST_COLUMNS and max((len(word.text) for word in words), default=99) <= 50 else []


def _pieces(line: str) -> list[Piece]:
    return [Piece(match.start(), match.end(), match[0]) for match in _PIECE.finditer(line)]


def _meanings(words: Sequence[Piece]) -> list[Meaning]:
    return [meaning for word in words if (meaning := vocabulary().meaning(word.text))]


def _known(words: Sequence[Piece]) -> int:
    return len(set(_meanings(words)))


def _all_header(words: Sequence[Piece]) -> bool:
    return all(vocabulary().meaning(word.text) for word in words)


def _joined(above: Sequence[Piece], below: Sequence[Piece]) -> list[Piece]:
    """A header of two lines: words that stand over each other are one cell."""
    joined = [word for word in above if not any(_overlap(word, other) > 0 for other in below)]
    for word in below:
        over = [other for other in above if _overlap(word, other) > 0]
        start, end = min([word.start, *(o.start for o in over)]), max([word.end, *(o.end for o in over)])
        joined.append(Piece(start, end, " ".join([*(other.text for other in over), word.text])))
    return sorted(joined)


def _overlap(one: Piece, other: Piece) -> int:
    """Characters that two stand over each other; negative: the gap between them."""
    return min(one.end, other.end) - max(one.start, other.start)


class _Under:
    """Reads lines as rows of cells under one header."""

    def __init__(self, header: Sequence[Piece], *, crowded: bool) -> None:
        self._header = header
        self._crowded = crowded
        self._columns: dict[tuple[int, int], int] = {}
        self.pieces = 0  #: of the line read last, when they had to be measured
        self._flush = _flush(header)

    def row(self, line: str) -> list[str]:
        """The cells of a line; none when the line does not keep to the header."""
        if not self._crowded and line.isprintable() and self._flush and (match := self._flush.fullmatch(line)):
            row = [cell.rstrip(" ") for cell in match.groups()]
            if "  " not in "\t".join(row) and sum(map(bool, row)) >= 2:
                self.pieces = 0
                return row
        return self._measured(line)

    def _measured(self, line: str) -> list[str]:
        pieces = _with_numbers_apart(line, _pieces(line)) if self._crowded else _pieces(line)
        self.pieces = len(pieces)
        if not 2 <= len(pieces) <= 2 * _MOST_COLUMNS:
            return []
        row = [""] * len(self._header)
        for piece in pieces:
            whole = [piece] if self._column_of(piece) >= 0 else _cut(piece, self._header)
            for one in whole:
                if (column := self._column_of(one)) < 0:
                    return []
                row[column] = f"{row[column]} {one.text}" if row[column] else one.text
        return row if sum(map(bool, row)) >= 2 else []

    def _column_of(self, piece: Piece) -> int:
        place = piece.start, piece.end
        if (column := self._columns.get(place)) is None:  # lines of one report mostly have the same places
            column = self._columns[place] = _column(piece, self._header)
        return column


def _flush(header: Sequence[Piece]) -> re.Pattern[str] | None:
    """A line whose cells all begin right under the header's words: nothing about it has to be measured."""
    widths = [right.start - left.start - 2 for left, right in pairwise(header)]
    if min(widths, default=0) < 1:
        return None
    cells = "".join(rf"(\S.{{{width - 1}}}| {{{width}}})  " for width in widths)
    return re.compile(rf" {{{header[0].start}}}{cells}(\S.*)")


def _table(
    lines: Sequence[str], top: int, height: int, header: Sequence[Piece], taken: set[int], *, crowded: bool
) -> Aligned | None:
    cells = [word.text for word in header]
    rows = [cells, *[[""] for _ in range(1, height)]] if height else []
    under = _Under(header, crowded=crowded)
    most, wider = len(header), 0
    last, fitting, tried, flush = top + height - 1, 0, 0, True
    for number in range(top + height, len(lines)):
        line = lines[number].rstrip()
        if number in taken or number - last > _PATIENCE or (tried > _TRIAL and fitting < _LEAST_FIT * tried):
            break
        margin = len(line) - len(line.lstrip())
        indented = header[0].start < margin < header[0].end  # a second line of the row above
        skip = indented and fitting and flush
        no_row = skip or not line or len(line) > _LONGEST_LINE or _RULER.fullmatch(line)
        row = [] if no_row else under.row(line)
        if row == cells:
            break  # the next page begins
        deeper = header[0].start < margin
        skip = skip or (not row and bool(line) and deeper and flush and bool(fitting) and last == number - 1)
        tried += not skip and (bool(row) or "  " in line.strip())
        flush = flush and (not row or (line.startswith(" " * header[0].start) and not indented))
        wider = wider + 1 if row and fitting and under.pieces > most else 0
        if wider == _OTHERS and unlike([*rows[1 - wider :], row], rows[1 : 1 - wider]):
            last = number - wider  # another table begins, without a header
            break
        if row:
            last, fitting, most = number, fitting + 1, most if fitting else max(most, under.pieces)
        if skip:  # an address below the name: it belongs to the row above
            rows[last - top] = _with_more(rows[last - top], len(cells), line)
        rows.append(row or [*[""] * len(cells), "" if skip else line.strip()])
    least = _LONE if height else min(_LONE, len(header))
    if not fitting or (fitting == 1 and sum(map(bool, rows[last - top])) < least):
        return None
    if tried <= _TRIAL and fitting < _LEAST_FIT * tried:
        return None
    return Aligned(top, last + 1, rows[: last + 1 - top], tuple(header))


def _with_more(row: list[str], width: int, line: str) -> list[str]:
    return [*row[:width], " ".join([*row[width:], *line.split()])]


def _with_numbers_apart(line: str, pieces: list[Piece]) -> list[Piece]:
    """A number of a person stands alone, however near its neighbours are."""
    places = {(piece.start, piece.end) for piece in pieces}
    if all(number.span() in places for number in _NUMBERS.finditer(line)):
        return pieces
    return [part for piece in pieces for part in _parts(piece)]


def _parts(piece: Piece) -> Iterator[Piece]:
    reached = piece.start
    for match in _NUMBERS.finditer(piece.text):
        start, end = piece.start + match.start(), piece.start + match.end()
        if before := piece.text[reached - piece.start : match.start()].strip():
            yield Piece(reached, reached + len(before), before)
        yield Piece(start, end, match[0])
        reached = end
    if rest := piece.text[reached - piece.start :].strip():
        yield Piece(piece.end - len(rest), piece.end, rest)


def _cut(piece: Piece, header: Sequence[Piece]) -> list[Piece]:
    """A piece that fills its column, parted from the next, which begins under or nearly under its own header."""
    cuts = [piece.start, piece.end]
    places = [piece.start + match.start() for match in _CHANGE.finditer(piece.text)]
    for word in header:
        near = [place for place in places if abs(place - word.start) <= _FAR and place > cuts[-2]]
        if near:
            cuts.insert(-1, min(near, key=lambda place: abs(place - word.start)))
    parts = [(start, piece.text[start - piece.start : end - piece.start].rstrip()) for start, end in pairwise(cuts)]
    return [Piece(start, start + len(text), text) for start, text in parts if text]


def _column(piece: Piece, header: Sequence[Piece]) -> int:
    """The column under whose header a piece stands, or nearest to it; -1 when it is near none, or under two."""
    starts = [word.start for word in header]
    left = max(0, bisect_right(starts, piece.start) - 1)
    right = bisect_right(starts, piece.end + _FAR)
    near = [(_overlap(piece, header[index]), index) for index in range(left, max(right, left + 1))]
    if sum(overlap > 0 for overlap, _ in near) > 1:
        return -1
    best, column = max(near, key=lambda one: one[0])
    return column if best >= -_FAR or piece.start >= starts[left] else -1
