"""Repeated blocks in running text: `Name: ...` and `SSN: ...`, JSON and XML records. One row for each record."""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice

import re2

from rules.columns import LONGEST
from rules.content import Table, Text
from rules.headers import Meaning, vocabulary
from rules.sheets import Sheet

_LEAST = 2
_SAMPLE = 200  #: rows that tell whether a sheet holds forms
_MOST_CELLS = 6  #: in a row of a form

# A glance, 700 MB a second: only a text that names two such labels is taken apart.
_LABELLED = re2.compile(rb"(?i)(?:name|participant|employee|member|nm)[\"']?\s{0,3}(?:[:=>]|\.\.\.)")
_PAIR = re.compile(
    # JSON, XML, and "Label: value"
    r"\"(?P<key>[^\"\n:]{1,40})\"\s{0,3}:\s{0,3}(?:\"(?P<text>[^\"\n]{0,120})\"|(?P<number>-?[0-9][0-9.]{0,20}))"
    r"|<(?P<tag>[A-Za-z_][\w.:-]{0,40})>(?P<inner>[^<>\n]{0,120})</(?P=tag)>"
    r"|(?P<attribute>(?<=\s)[A-Za-z_][\w.:-]{0,40})=\"(?P<quoted>[^\"<>\n]{0,120})\""
    r"|(?P<label>(?<![^\s,;|(*-])[A-Za-z][A-Za-z0-9 ._#/-]{0,30}?)[ \t]{0,3}(?:[:=]|[.]{3,60}:?|_{3,60})[ \t]{0,8}"
    r"(?P<value>[^\s\"<>:=][^\n\"<>]{0,119})"
)
_NEXT_LABEL = re.compile(r"(?:[ \t]{2,}|[,;|][ \t]*|[ \t])(?=[A-Z][A-Za-z0-9 ._#/-]{1,30}:[ \t])")


@dataclass(slots=True)
class _Record:
    first: int
    last: int
    cells: dict[Meaning, str]
    headers: dict[Meaning, str]


def records(text: Text) -> Sheet | None:
    """The records of a text as one table; None when there are none. Its rows are placed by line."""
    if text.part is None:
        return None
    flat = text.content.encode("latin-1", "replace")
    if sum(1 for _ in zip(range(_LEAST), _LABELLED.finditer(flat), strict=False)) < _LEAST:
        return None
    return _sheet(text.part, _split(_numbered(text.content)), partial(_lines, text.where))


def forms(table: Table) -> Sheet | None:
    """The forms of a sheet, one below the other: a label in one cell and its value in the next."""
    sample = [row for row in islice(table.rows, _SAMPLE) if any(row)]
    labelled = [row for row in sample if sum(map(bool, row)) <= _MOST_CELLS and any(True for _ in _cell_pairs(row))]
    if len(labelled) < max(2 * _LEAST, 0.5 * len(sample)):
        return None
    pairs = ((number, label, value) for number, row in enumerate(table.rows) for label, value in _cell_pairs(row))

    def place(first: int, last: int) -> str:
        return table.place(first, 0, last, max(map(len, sample)) - 1)

    return _sheet(table.part, _split(pairs), place)


def _cell_pairs(row: Sequence[str]) -> Iterator[tuple[str, str]]:
    filled = [cell.strip() for cell in row[:_MOST_CELLS] if cell.strip()]
    for label, value in zip(filled[::2], filled[1::2], strict=False):
        if len(label) <= 40 and len(value) <= LONGEST and vocabulary().meaning(label.rstrip(":")):
            yield label.rstrip(":"), value


def _sheet(part: str | None, split: Sequence[_Record], place: Callable[[int, int], str]) -> Sheet | None:
    found = [record for record in split if len(record.cells) >= 2]  # the last one may have a single label
    if len(found) < _LEAST:
        return None
    headers: dict[Meaning, str] = {}
    for record in found:
        for meaning, label in record.headers.items():
            headers.setdefault(meaning, label)
    meanings = sorted(headers)
    rows = [[record.cells.get(meaning, "") for meaning in meanings] for record in found]
    header = [headers[meaning] for meaning in meanings]
    return Sheet(part=part, rows=rows, place=_placed(found, place), header=header, searched=False)


def _placed(found: Sequence[_Record], place: Callable[[int, int], str]) -> Callable[[int, int, int, int], str]:
    return lambda top, _left, bottom, _right: place(found[top].first, found[bottom].last)


def _lines(where: str, first: int, last: int) -> str:
    return f"{where} lines {first}-{last}"


def _numbered(content: str) -> Iterator[tuple[int, str, str]]:
    """Line, label and value of every pair."""
    line, counted = 1, 0
    for start, label, value in _pairs(content):
        line += content.count("\n", counted, start)
        counted = start
        yield line, label, value


def _split(pairs: Iterable[tuple[int, str, str]]) -> list[_Record]:
    """A record ends where one of its labels comes again."""
    found: list[_Record] = []
    for line, label, value in pairs:
        meaning = vocabulary().meaning(label)
        if meaning is None:
            continue
        begins = not found or meaning in found[-1].cells
        if begins and found and len(found[-1].cells) < 2:
            found.pop()
        if begins:
            found.append(_Record(line, line, {}, {}))
        record = found[-1]
        record.last = line
        record.cells[meaning] = value.strip().rstrip(",;")
        record.headers[meaning] = label
    return found


def _pairs(content: str) -> Iterator[tuple[int, str, str]]:
    """Offset, label and value of every pair."""
    position = 0
    while match := _PAIR.search(content, position):
        position = match.end()
        if match["key"] is not None:
            yield match.start(), match["key"], match["text"] if match["text"] is not None else match["number"]
        elif match["tag"] is not None:
            yield match.start(), match["tag"], match["inner"]
        elif match["attribute"] is not None:
            yield match.start(), match["attribute"], match["quoted"]
        else:
            value = match["value"]
            if follows := _NEXT_LABEL.search(value):  # several labels on one line
                value = value[: follows.start()]
                position = match.start("value") + follows.end()
            yield match.start(), match["label"], value
