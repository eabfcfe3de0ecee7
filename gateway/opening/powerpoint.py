"""PowerPoint 97 to 2003: texts of slides, notes and masters; tables, which it draws as groups of boxes."""

import struct
from collections.abc import Iterator
from typing import NamedTuple

from gateway.opening.opener import CannotLookError
from gateway.opening.reading import Reading
from rules.verdict import Obstacle

_DEEPEST = 32
_SHAPE, _CHILD_ANCHOR = 0xF004, 0xF00F  #: MS-ODRAW 2.2.14, 2.2.39
_WIDE_TEXTS, _TEXT = {0xFA0, 0xFBA}, 0xFA8  #: MS-PPT 2.9.42, 2.9.75, 2.9.43


class _Record(NamedTuple):
    kind: int
    holds: bool  #: further records
    start: int
    end: int


class _Cell(NamedTuple):
    top: int
    left: int
    text: str


def read_presentation(stream: bytes, reading: Reading) -> None:
    """Tables apart, so that their columns are known; everything else in order."""
    tables: list[list[list[str]]] = []
    texts = list(_texts(stream, (0, len(stream)), 0, tables))
    reading.text("slides", "\n".join(texts))
    for number, rows in enumerate(tables, start=1):
        reading.table(f"table {number}", rows)


def _records(stream: bytes, extent: tuple[int, int], depth: int) -> Iterator[_Record]:
    if depth > _DEEPEST:
        raise CannotLookError(Obstacle.LIMIT, "the presentation is nested too deeply")
    position, end = extent
    while position + 8 <= end:
        version, kind, length = struct.unpack_from("<HHI", stream, position)
        yield _Record(kind, version & 0xF == 0xF, position + 8, min(position + 8 + length, end))
        position += 8 + length


def _texts(stream: bytes, extent: tuple[int, int], depth: int, tables: list[list[list[str]]]) -> Iterator[str]:
    records = list(_records(stream, extent, depth))
    cells = {record: cell for record in records if (cell := _cell(stream, record, depth))}
    if rows := _grid(list(cells.values())):
        tables.append(rows)
        records = [record for record in records if record not in cells]
    for record in records:
        if record.holds:
            yield from _texts(stream, record[2:], depth + 1, tables)
        else:
            yield from _text(stream, record)


def _text(stream: bytes, record: _Record) -> Iterator[str]:
    if record.kind in _WIDE_TEXTS:
        yield stream[record.start : record.end].decode("utf-16-le", "replace").replace("\r", "\n")
    elif record.kind == _TEXT:
        yield stream[record.start : record.end].decode("cp1252", "replace").replace("\r", "\n")


def _plain(stream: bytes, extent: tuple[int, int], depth: int) -> Iterator[str]:
    for record in _records(stream, extent, depth):
        yield from _plain(stream, record[2:], depth + 1) if record.holds else _text(stream, record)


def _cell(stream: bytes, record: _Record, depth: int) -> _Cell | None:
    """A box with a text and a place within its group."""
    if record.kind != _SHAPE:
        return None
    parts = list(_records(stream, record[2:], depth + 1))
    anchor = next((part for part in parts if part.kind == _CHILD_ANCHOR and part.end - part.start >= 16), None)
    if anchor is None:
        return None
    left, top = struct.unpack_from("<ii", stream, anchor.start)
    text = "\n".join(_plain(stream, record[2:], depth + 1))
    return _Cell(top, left, text) if text.strip() else None


def _grid(cells: list[_Cell]) -> list[list[str]]:
    """Rows of boxes that share their tops and lefts; none when the boxes merely stand together."""
    tops, lefts = sorted({cell.top for cell in cells}), sorted({cell.left for cell in cells})
    if len(tops) < 2 or len(lefts) < 2 or len(cells) * 2 < len(tops) * len(lefts):
        return []
    rows = [[""] * len(lefts) for _ in tops]
    down, across = ({place: index for index, place in enumerate(places)} for places in (tops, lefts))
    for cell in cells:
        rows[down[cell.top]][across[cell.left]] += cell.text
    return rows
