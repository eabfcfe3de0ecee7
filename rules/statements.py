"""SQL: the rows of INSERT statements, under the names of their columns. Judges nothing."""

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

_LEAST = 2
_LONGEST_LINE = 100_000

_INSERT = re.compile(
    r"(?i)\s{0,40}(?:insert|replace)\s+(?:ignore\s+)?into\s+(?P<table>[\w.\"`\[\]]{1,200})\s*"
    r"(?:\((?P<columns>[^()]{1,4000})\)\s*)?(?P<values>values?)?"
)
_TUPLE = re.compile(r"\((?P<row>(?:[^()']|'(?:[^']|'')*+'|\((?:[^()']|'(?:[^']|'')*+')*+\))*+)\)")
_VALUE = re.compile(
    r"\s*+(?:N?'(?P<text>(?:[^']|'')*+)'[^,]*+|\w++\s*+\((?:[^()']|'(?P<inside>(?:[^']|'')*+)')*+\)[^,]*+|(?P<bare>[^,]*+))(?:,|$)"
)


_WORDS = ("INSERT", "insert", "Insert", "REPLACE", "replace")  #: a glance: as programs write them


class Statements(NamedTuple):
    """Lines `first` to before `end`, as rows; `lines` says on which each stands. rows[0] has the columns' names."""

    first: int
    end: int
    rows: list[list[str]]
    lines: list[int]


def statements(lines: Sequence[str], taken: set[int]) -> Iterator[Statements]:
    """Inserts into one table, with the lines between them in a column of their own."""
    if not any(word in "\n".join(lines) for word in _WORDS):
        return
    first, table, columns = -1, "", list[str]()
    rows: list[list[str]] = []
    places: list[int] = []
    for number in range(len(lines) + 1):
        line = lines[number] if number < len(lines) and number not in taken else "\0"
        match = _INSERT.match(line) if len(line) <= _LONGEST_LINE else None
        if line == "\0" or (match and match["table"] != table):
            yield from _found(first, columns, rows, places)
            first, rows, places = -1, [], []
        if match:
            first, table = (number if first < 0 else first), match["table"]
            columns = columns if rows else [name.strip(' "`[]') for name in (match["columns"] or "").split(",")]
        if first >= 0:
            found = [_values(one["row"]) for one in _TUPLE.finditer(line, match.end() if match else 0)]
            rows += found or [[*[""] * len(columns), line]]
            places += [number] * max(1, len(found))


def _found(first: int, columns: list[str], rows: list[list[str]], places: list[int]) -> Iterator[Statements]:
    if first >= 0 and sum(len(row) > 1 for row in rows) >= _LEAST:
        yield Statements(first, places[-1] + 1, [columns, *rows], [first, *places])


def _values(row: str) -> list[str]:
    cells, place = [], 0
    while place < len(row) and (match := _VALUE.match(row, place)):
        text = next((match[kind] for kind in ("text", "inside", "bare") if match[kind] is not None), "")
        cells.append(text.replace("''", "'").strip())
        place = match.end()
    return cells
