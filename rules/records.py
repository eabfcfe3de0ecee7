"""Repeated blocks in running text: `Name: ...` and `SSN: ...`, JSON and XML records. One row for each record."""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import re2

from rules.columns import NAMES, Meaning, vocabulary
from rules.content import Text
from rules.sheets import Sheet

_LEAST = 2

# A glance, 700 MB a second: only a text that names two such labels is taken apart.
_LABELLED = re2.compile(rb"(?i)(?:name|participant|employee|member)[\"']?\s{0,3}[:=>]")
_PAIR = re.compile(
    # JSON, XML, and "Label: value"
    r"\"(?P<key>[^\"\n:]{1,40})\"\s{0,3}:\s{0,3}(?:\"(?P<text>[^\"\n]{0,120})\"|(?P<number>-?[0-9][0-9.]{0,20}))"
    r"|<(?P<tag>[A-Za-z_][\w.:-]{0,40})>(?P<inner>[^<>\n]{0,120})</(?P=tag)>"
    r"|(?P<label>(?<![^\s,;|(*-])[A-Za-z][A-Za-z0-9 ._#/-]{0,30}?)[ \t]{0,3}[:=][ \t]{0,8}"
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
    found = [record for record in _split(text.content) if len(record.cells) >= 2]
    if len(found) < _LEAST:
        return None
    meanings = sorted({meaning for record in found for meaning in record.cells})
    header = [next(record.headers[meaning] for record in found if meaning in record.headers) for meaning in meanings]
    rows = [[record.cells.get(meaning, "") for meaning in meanings] for record in found]
    return Sheet(part=text.part, rows=rows, place=_placed(text.where, found), header=header, searched=False)


def _placed(where: str, found: Sequence[_Record]) -> Callable[[int, int, int, int], str]:
    def place(top: int, left: int, bottom: int, right: int) -> str:  # noqa: ARG001 - a record has no columns
        return f"{where} lines {found[top].first}-{found[bottom].last}"

    return place


def _split(content: str) -> list[_Record]:
    """A record ends where one of its labels comes again."""
    found: list[_Record] = []
    line, counted = 1, 0
    for start, label, value in _pairs(content):
        meaning = vocabulary().meaning(label)
        if meaning is None:
            continue
        line += content.count("\n", counted, start)
        counted = start
        begins = not found or meaning in found[-1].cells
        if (
            begins
            and found
            and meaning not in NAMES
            and not (NAMES & found[-1].cells.keys())
            and len(found[-1].cells) < 2
        ):
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
        else:
            value = match["value"]
            if follows := _NEXT_LABEL.search(value):  # several labels on one line
                value = value[: follows.start()]
                position = match.start("value") + follows.end()
            yield match.start(), match["label"], value
