"""Tables of dBase and FoxPro. Every record there is, deleted ones too, whatever number of them the header claims.

Memos are in another file; what a memo's field holds itself, their place or anything else, is shown like any other.
"""

import re
import struct
from collections.abc import Callable, Iterator, Mapping
from datetime import date, timedelta
from decimal import Decimal

from gateway.opening.beside import pieces
from gateway.opening.opener import Budget, CannotLookError, Leaf, Opening
from gateway.opening.reading import Reading
from rules.verdict import Obstacle

_CODES = {0x01: "cp437", 0x02: "cp850", 0x65: "cp866", 0xC8: "cp1250", 0xC9: "cp1251"}  #: else Windows' own
_HEAD, _DESCRIPTOR, _LAST = 32, 32, 0x0D
_FLAGS = b" *"  #: of a record that is there, and of one that is deleted
_WRITTEN = re.compile(rb"[ -~]{9,}")
_NUMBER = re.compile(rb"(?:\d[ -.]?){9}")
_LETTERS = re.compile(rb"[ -~]{8}")  #: in a field of a binary number: no such number is ever that large

Field = tuple[str, int]  #: type and width


def open_dbase(leaf: Leaf, budget: Budget) -> Opening:
    reading = Reading(leaf)
    content = leaf.content
    start, size = struct.unpack_from("<HH", content, 8)
    names, fields = _fields(content[:start])
    if not fields or size != 1 + sum(width for _, width in fields):
        raise CannotLookError(Obstacle.CORRUPT, "a table whose fields do not fill its records")
    codec = _CODES.get(content[29], "cp1252")
    end = start
    while end + size <= len(content) and content[end] in _FLAGS:
        end += size
    budget.expand(end - start)
    records = (content[place + 1 : place + size] for place in range(start, end, size))
    reading.table("", [names, *([*_cells(record, fields, codec)] for record in records)])
    unused = filter(_NUMBER.search, _WRITTEN.findall(content[:start]))  # what its bytes hold that have no use
    reading.text("header", b"\n".join(unused).decode())
    if content[end : end + 1] not in {b"", b"\0", b"\x1a"}:
        reading.fail(Obstacle.CORRUPT, "a table that breaks off within a record")
    reading.inner += pieces(content, [(0, end)])
    return reading.opening()


def _fields(header: bytes) -> tuple[list[str], list[Field]]:
    names, fields = list[str](), list[Field]()
    for place in range(_HEAD, len(header), _DESCRIPTOR):
        if header[place] == _LAST:
            return names, fields
        name, kind, width = struct.unpack_from("<11sc4xB", header, place)
        names.append(name.partition(b"\0")[0].decode("cp1252", "replace"))
        fields.append((kind.decode("latin-1"), width))
    raise CannotLookError(Obstacle.CORRUPT, "a table whose list of fields has no end")


def _cells(record: bytes, fields: list[Field], codec: str) -> Iterator[str]:
    place = 0
    for kind, width in fields:
        field = record[place : place + width]
        place += width
        number = None if _LETTERS.fullmatch(field) else _BINARY.get((kind, width))
        yield number(field) if number else field.decode(codec, "replace").strip(" \0")


def _whole(field: bytes) -> str:
    return str(int.from_bytes(field, "little", signed=True))


def _memo(field: bytes) -> str:
    return _whole(field) if any(field) else ""


def _money(field: bytes) -> str:
    return f"{Decimal(int.from_bytes(field, 'little', signed=True)).scaleb(-4):f}".removesuffix("00")


def _double(field: bytes) -> str:
    return f"{struct.unpack('<d', field)[0]:.15g}"


def _moment(field: bytes) -> str:
    """Days of the Julian period, then milliseconds."""
    days, rest = struct.unpack("<Ii", field)
    if 0 < days - _YEAR_ONE <= date.max.toordinal() and 0 <= rest < _DAY:
        return f"{date.fromordinal(days - _YEAR_ONE)} {timedelta(milliseconds=rest)}".removesuffix(" 0:00:00")
    return f"{days} {rest}" if any(field) else ""


_YEAR_ONE, _DAY = 1_721_425, 86_400_000  #: the day before it; milliseconds

_BINARY: Mapping[Field, Callable[[bytes], str]] = {
    ("I", 4): _whole,
    ("+", 4): _whole,
    ("M", 4): _memo,
    ("G", 4): _memo,
    ("P", 4): _memo,
    ("W", 4): _memo,
    ("B", 8): _double,
    ("Y", 8): _money,
    ("T", 8): _moment,
    ("@", 8): _moment,
}
