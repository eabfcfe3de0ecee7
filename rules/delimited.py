"""Lines whose cells are marked off by commas, tabs, bars: pasted sheets, CSV, Markdown. Judges nothing."""

import csv
import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from rules.headers import vocabulary

_LEAST_ROWS = 2
_DATUM = re.compile(
    r"(?<![0-9])(?:[0-9]{3}[- ][0-9]{2}[- ][0-9]{4}|[0-9]{9}|[0-9]{1,2}/[0-9]{1,2}/[0-9]{2,4})(?![0-9])"
    r"|[Xx*#]{3}-?[Xx*#]{2}-?[0-9]{4}"
)
_AMOUNT = re.compile(r"(?<=[ $])[0-9]{1,3}(?:,[0-9]{3})+(?![0-9])")
_RULER = re.compile(r"[\s|+:=-]{2,2000}")
_MARKED = re.compile(r"(\*\*|__|`)(?P<cell>[^*_`]+)\1")  #: Markdown
_VALUE = re.compile(r"[$(]?-?[0-9][0-9,./-]*\)?")


class Delimited(NamedTuple):
    """Lines `first` to before `end`, as rows of cells."""

    first: int
    end: int
    rows: list[list[str]]


def delimited(lines: Sequence[str], taken: set[int], delimiters: str) -> Iterator[Delimited]:
    """Runs of lines with the same number of tabs, bars, semicolons or commas."""
    text = "\n".join(lines)
    for delimiter in delimiters:
        if delimiter not in text or sum(delimiter in line for line in lines) < _LEAST_ROWS:
            continue
        counts = [
            len(cells_of_line(line, delimiter)) if delimiter in line and number not in taken else 0
            for number, line in enumerate(lines)
        ]
        kept = [number for number, line in enumerate(lines) if not _is_ruler(line, delimiter)]
        for place, last in _runs([counts[number] for number in kept]):
            first, end = kept[place], kept[last - 1] + 1
            rows = [[] if _is_ruler(line, delimiter) else cells_of_line(line, delimiter) for line in lines[first:end]]
            if delimiter in ",;^~" and (_is_prose(rows) or (delimiter != ";" and not _is_table(rows))):
                continue
            yield Delimited(first, end, rows)


def _is_ruler(line: str, delimiter: str) -> bool:
    """A line that a table drawn with bars has under its header or between its rows."""
    return delimiter == "|" and "-" in line and _RULER.fullmatch(line) is not None


def _runs(counts: list[int]) -> Iterator[tuple[int, int]]:
    """Stretches of two lines and more of as many cells (two or more), or one fewer; a blank line may part them."""
    index = 0
    while index < len(counts):
        size, start = counts[index], index
        index += 1
        if size < 2:
            continue
        last = start
        while index < len(counts) and index - last <= 2:
            if counts[index] == size or (index - last == 1 and 2 <= counts[index] == size - 1):
                last = index
            elif counts[index] or index - last > 1:
                break
            index += 1
        index = last + 1
        if last > start:
            yield start, last + 1


def _is_table(rows: list[list[str]]) -> bool:
    """Commas are in sentences too: a header, or lines that hold a number in a cell of its own."""
    if sum('":' in cell for cell in rows[0]) >= 2:  # JSON
        return False
    header = _named_columns(rows)
    below = rows if re.search("[0-9]", "".join(rows[0])) else rows[1:]  # what may be a header holds no value
    values = sum(any(_VALUE.fullmatch(cell) for cell in row) for row in below)
    longest = max(len(cell) for row in rows for cell in row)
    return header >= 2 or (len(rows) >= 3 and values >= 0.8 * len(below) and longest <= 60)


def _is_prose(rows: list[list[str]]) -> bool:
    """Whether most lines mix values with words in one cell: "LOPEZ, LINDA 03/14/1961 36,539.47"."""
    header = _named_columns(rows)
    mixed = sum(any(map(_is_mixed, row)) for row in rows) >= 0.5 * len(rows)
    return mixed and (header < 2 or header < 0.5 * len(rows[0]))


def _named_columns(rows: list[list[str]]) -> int:
    headers = [row for row in rows[:40] if max(map(len, row)) <= 40]
    return max((sum(map(_names_a_column, row)) for row in headers), default=0)


def _names_a_column(cell: str) -> bool:
    """'SSN', and not 'SSN: 418-62-7753': that is a label with its value."""
    return vocabulary().meaning(cell) is not None and not _DATUM.search(cell)


def _is_mixed(cell: str) -> bool:
    """Whether a cell holds a number or a date and something else besides."""
    return len(cell) > 12 and _DATUM.search(cell) is not None and _DATUM.fullmatch(cell) is None


def cells_of_line(line: str, delimiter: str) -> list[str]:
    if len(line) > 100_000:
        return []
    if delimiter in ",;" and '"' in line:
        try:
            return [cell.strip() for cell in next(csv.reader([line], delimiter=delimiter), [])]
        except csv.Error:
            pass
    if delimiter == ",":
        line = _AMOUNT.sub(_without_commas, line)
    cells = [cell.strip() for cell in line.split(delimiter)]
    if delimiter == "|":
        cells = list(map(unmarked, cells))
    if delimiter == "," and len(cells) > 2 and not cells[-1]:
        cells.pop()  # "(1, 2),"
    if delimiter == "|" and len(cells) > 2 and not cells[0] and not cells[-1]:
        return cells[1:-1]  # | a Markdown | table |
    return cells


def unmarked(cell: str) -> str:
    """A cell without the marks of Markdown for bold, italics and code."""
    marked = _MARKED.fullmatch(cell)
    return marked["cell"] if marked else cell


def _without_commas(amount: re.Match[str]) -> str:
    return amount[0].replace(",", "")
