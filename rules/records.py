"""Repeated blocks in running text: `Name: ...` and `SSN: ...`, JSON and XML records. One row for each record."""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, partial
from itertools import islice
from typing import Any

import re2

from rules.columns import LONGEST, is_name
from rules.content import Text
from rules.headers import NAMES, Meaning, vocabulary
from rules.sheets import Sheet

_LEAST = 2
_SAMPLE = 200  #: rows that tell whether a sheet holds forms
_LONGEST_LABEL = 30  #: on a line of its own
_MOST_LABELS, _MOST_TURNED = 64, 20_000  #: rows and columns of a sheet that is read turned
_MOST_CELLS = 6  #: in a row of a form

_PAIR = re.compile(
    # JSON, XML, and "Label: value"
    r"(?P<mark>[\"'])(?P<key>[^\"'\n:]{1,40})(?P=mark)\s{0,3}(?::|=>)\s{0,3}"
    r"(?:\"(?P<text>[^\"\n]{0,120})\"|'(?P<single>[^'\n]{0,120})'|(?P<number>-?[0-9][0-9.]{0,20}))"
    r"|<(?P<tag>[A-Za-z_][\w.:-]{0,40})>(?P<inner>[^<>\n]{0,120})</(?P=tag)>"
    r"|(?P<attribute>(?<![^\s,;(])[A-Za-z_][\w.:-]{0,40}) {0,3}[=:] {0,3}"
    r"(?:\"(?P<quoted>[^\"<>\n]{0,120})\"|'(?P<quoted_once>[^'<>\n]{0,120})')"
    r"|(?P<word>(?<![^\s,;?&|(])[A-Za-z_][\w.-]{0,30})=(?P<plain>[^\s\"'<>=&,;]{1,60})(?=[\s&,;)]|$)"
    r"|(?P<label>(?<![^\s,;|(*-])[^\W\d_][\w .#/-]{0,30}?)[ \t]{0,3}(?:[:=]|[.]{3,60}:?|_{3,60})[ \t]{0,8}"
    r"(?P<value>[^\s\"<>:=][^\n\"<>]{0,119})"
)
_NOT_ASCII = re.compile(r"[^\x00-\x7f]")
_VALUES = ("text", "single", "number", "inner", "quoted", "quoted_once", "plain")
_NEXT_LABEL = re.compile(
    r"(?:[ \t]{2,}|[,;|][ \t]*|[ \t])(?=[A-Z](?:[A-Za-z0-9._#/-]|[ ](?![ ])){1,30}:[ \t]|[A-Za-z_][\w.-]{0,30}=[\w'\"])"
)


@cache
def _labelled() -> tuple[Any, Any]:
    """Two glances, 700 MB a second: only a text with two labels of people, `Name:` or alone on a line, is read."""
    words = sorted(map(re2.escape, vocabulary().last_words_of_names))
    ends = _NOT_ASCII.sub(r"\\C", "|".join(words))  # one byte, with its accent or without
    beside = rf"(?i)(?:{ends})[\"']?\s{{0,3}}(?:[:=>]|\.\.\.)"
    alone = rf"(?i)(?:^|\n)[ \t>]{{0,9}}(?:[A-Z.]{{1,12}} ){{0,2}}(?:{ends})[ \t\r]{{0,9}}\n"
    return re2.compile(beside.encode()), re2.compile(alone.encode())


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
    beside, alone = (sum(1 for _ in islice(glance.finditer(flat), _LEAST)) == _LEAST for glance in _labelled())
    place = partial(_lines, text.where)
    found = _sheet(text.part, _split(_numbered(text.content)), place) if beside else None
    if found is None and alone:
        found = _sheet(text.part, _split(_stacked(text.content.split("\n"))), place)
    return found


def forms(sheet: Sheet) -> Sheet | None:
    """The forms of a sheet, one below the other: a label in one cell and its value in the next."""
    sample = [row for row in islice(sheet.rows, _SAMPLE) if any(row)]
    labelled = [row for row in sample if sum(map(bool, row)) <= _MOST_CELLS and any(True for _ in _cell_pairs(row))]
    if len(labelled) < max(2 * _LEAST, 0.5 * len(sample)):
        return None
    pairs = ((number, label, value) for number, row in enumerate(sheet.rows) for label, value in _cell_pairs(row))

    def place(first: int, last: int) -> str:
        return sheet.place(first, 0, last, max(map(len, sample)) - 1)

    return _sheet(sheet.part, _split(pairs), place)


def turned(sheet: Sheet) -> Sheet | None:
    """A sheet whose labels stand in its first column, and each person in a column of his own, as usual rows."""
    rows = list(islice(sheet.rows, _MOST_LABELS + 1))
    width = max(map(len, rows), default=0)
    if not _LEAST <= len(rows) <= _MOST_LABELS or not 3 < width <= _MOST_TURNED:
        return None
    labels = [vocabulary().meaning(row[0]) if row else None for row in rows]
    names = [row[1:] for row, meaning in zip(rows, labels, strict=True) if meaning in NAMES]
    known = len(set(labels) - {None})
    if not names or known < max(_LEAST, 0.5 * len(rows)) or not is_name([cell for cell in names[0] if cell]):
        return None
    full = [[*row, *[""] * (width - len(row))] for row in rows]

    def place(top: int, left: int, bottom: int, right: int) -> str:
        return sheet.place(left, top + 1, right, bottom + 1)

    people = list(zip(*(row[1:] for row in full), strict=True))
    return Sheet(part=sheet.part, rows=people, place=place, header=[row[0] for row in full], searched=False)


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


def _stacked(lines: Sequence[str]) -> Iterator[tuple[int, str, str]]:
    """Line, label and value where each label stands on a line of its own, over its value."""
    filled = [(number, bare) for number, line in enumerate(lines, 1) if (bare := line.strip(" \t\r>"))]
    place = 0
    while place + 1 < len(filled):
        (number, label), (_, value) = filled[place : place + 2]
        place += 1
        if len(label) <= _LONGEST_LABEL and vocabulary().meaning(label) and not vocabulary().meaning(value):
            yield number, label, value
            place += 1


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
        record.cells[meaning] = value.strip().removesuffix("=20").rstrip(",;")
        record.headers[meaning] = label
    return found


def _pairs(content: str) -> Iterator[tuple[int, str, str]]:
    """Offset, label and value of every pair."""
    position = 0
    while match := _PAIR.search(content, position):
        position = match.end()
        label = next(
            (label for kind in ("key", "tag", "attribute", "word") if (label := match[kind]) is not None), None
        )
        if label is not None:
            yield match.start(), label, next(value for kind in _VALUES if (value := match[kind]) is not None)
        else:
            value = match["value"]
            if follows := _NEXT_LABEL.search(value):  # several labels on one line
                value = value[: follows.start()]
                position = match.start("value") + follows.end()
            yield match.start(), match["label"], value.strip(" '")
