"""Rows of a page whose numbers of people break at their hyphens, as word processors wrap narrow cells.

`332-` over `20-` over `6469` is one number to every reader of the page, and none to a reader of its lines.
"""

import re
from typing import NamedTuple

_PIECE = re.compile(r"\S+(?: \S+)*")  #: columns are at least two spaces apart
_BEGIN = re.compile(r"\d{3}-(?:\d{2}-)?")
_REST = re.compile(r"\d{2}-?|\d{2}-\d{4}|\d{4}")
_NUMBER = re.compile(r"\d{3}-\d{2}-\d{4}")
_AWRY = 2  #: characters by which the pieces of one cell may stand apart
_HEADER = 3  #: lines above the first row that may belong to its header
_TALLEST = 12  #: lines of a row


class _Piece(NamedTuple):
    start: int
    end: int
    text: str


class _Row(NamedTuple):
    line: int
    start: int  #: where the number stands
    number: str


_Line = list[_Piece]


class Unwrapped(NamedTuple):
    header: list[str]  #: empty when there is none above the first row
    rows: list[list[str]]  #: each cell's lines joined; last what has lost its column
    around: str  #: the lines before and behind the table
    cut_off: str  #: a last row whose number goes on over the page


def unwrapped(text: str) -> Unwrapped | None:
    """The table whose numbers are broken, and the rest of the page; None where no number is."""
    if "-\n" not in text and "-  " not in text:
        return None
    written = text.split("\n")
    lines = [[_Piece(*found.span(), found[0]) for found in _PIECE.finditer(line)] for line in written]
    rows = _rows(lines)
    if not rows:
        return None
    last = min(rows[-1].line + _TALLEST, _cut(lines, rows[-1]))
    spans = list(zip(rows, [*(row.line for row in rows[1:]), last], strict=True))
    blocks = [(row, lines[row.line : end]) for row, end in spans]
    columns = _columns([piece for row, block in blocks for piece in _beside(row, block)])
    header = _header(lines, rows[0].line)
    return Unwrapped(
        header=_cells([piece for line in header for piece in line], columns) if header else [],
        rows=[[row.number, *_cells(_beside(row, block), columns)[1:], _stray(block)] for row, block in blocks],
        around="\n".join(written[: rows[0].line - len(header)] + written[last:]),
        cut_off="".join(f"{line}\n" for line in written[_cut(lines, rows[-1]) :]),
    )


def _rows(lines: list[_Line]) -> list[_Row]:
    """A row begins where a number does, in the column where the first one stands."""
    rows: list[_Row] = []
    for index, line in enumerate(lines):
        for piece in line:
            if not _BEGIN.fullmatch(piece.text) or (rows and abs(piece.start - rows[0].start) > _AWRY):
                continue
            if number := _number(piece, lines[index + 1 : index + 4]):
                rows.append(_Row(index, piece.start, number))
                break
    return rows


def _cut(lines: list[_Line], last: _Row) -> int:
    """Where another row begins after the last whole one, at the foot of the page; else the end."""
    for index in range(max(last.line + 1, len(lines) - 3), len(lines)):
        if any(abs(piece.start - last.start) <= _AWRY and _BEGIN.fullmatch(piece.text) for piece in lines[index]):
            return index
    return len(lines)


def _number(first: _Piece, below: list[_Line]) -> str | None:
    number = first.text
    for line in below:
        rest = next((piece for piece in line if abs(piece.start - first.start) <= _AWRY), None)
        if rest is None or not _REST.fullmatch(rest.text):
            return None
        number += rest.text
        if _NUMBER.fullmatch(number):
            return number
    return None


def _beside(row: _Row, block: list[_Line]) -> _Line:
    """A place holder for the number, and what stands to the right of it."""
    pieces = [piece for line in block if len(line) > 1 for piece in line if piece.start > row.start + _AWRY]
    return [_Piece(row.start, row.start + 1, ""), *pieces]


def _stray(block: list[_Line]) -> str:
    """What stands alone on its line and is no piece of a number: PDFium does not say in which column."""
    return " ".join(line[0].text for line in block if len(line) == 1 and not _REST.fullmatch(line[0].text))


def _columns(pieces: _Line) -> list[tuple[int, int]]:
    """The ranges of characters that pieces stand in, left to right."""
    columns: list[tuple[int, int]] = []
    for piece in sorted(pieces):
        if columns and piece.start < columns[-1][1]:
            columns[-1] = (columns[-1][0], max(columns[-1][1], piece.end))
        else:
            columns.append((piece.start, piece.end))
    return columns


def _header(lines: list[_Line], first: int) -> list[_Line]:
    above: list[_Line] = []
    for line in reversed(lines[max(first - _HEADER, 0) : first]):
        if len(line) < 3:
            break
        above.insert(0, line)
    return above


def _cells(pieces: _Line, columns: list[tuple[int, int]]) -> list[str]:
    """Each piece in the column whose beginning it stands nearest to."""
    cells = [""] * len(columns)
    for piece in pieces:
        place = min(range(len(columns)), key=lambda at: abs(columns[at][0] - piece.start))
        glue = "" if not cells[place] or cells[place].endswith(("-", "/")) else " "
        cells[place] += glue + piece.text
    return cells
