"""What calamine leaves out of an XLSB (MS-XLSB): number formats that dress a number up. Never a cell's text."""

import struct
from collections.abc import Iterator

from gateway.opening.biff import unpacked
from gateway.opening.numberformat import DigitMask, digit_mask
from gateway.opening.ooxml import Package
from gateway.opening.sheetxml import variable

_ROW, _RK, _REAL, _FORMULA = 0, 2, 5, 9
_FORMAT, _STYLE, _STYLES_BEGIN, _STYLES_END, _SHEET = 44, 47, 617, 618, 156

Masked = dict[tuple[int, int], str]  #: displayed text by row and column, from 0


def masked_cells(package: Package) -> dict[str, Masked]:
    """By sheet name, the cells whose style has a mask, as they are shown."""
    main = package.find("xl/workbook.bin")
    relations = package.relations(main) if main else {}
    members = dict(relations.values())
    if not main or not members.get("styles"):
        return {}
    styles = _styles(package.read(members["styles"]))
    if not any(styles):
        return {}
    sheets = {}
    for kind, body in _records(package.read(main)):
        if kind == _SHEET:
            relation, rest = _wide(body[8:])
            member = relations.get(relation, ("", ""))[1]
            if member:
                sheets[_wide(rest)[0]] = dict(_cells(package.read(member), styles))
    return sheets


def _records(stream: bytes) -> Iterator[tuple[int, bytes]]:
    position = 0
    while position < len(stream):
        kind, position = variable(stream, position, 2)
        size, position = variable(stream, position, 4)
        yield kind, stream[position : position + size]
        position += size


def _wide(body: bytes) -> tuple[str, bytes]:
    """XLWideString (2.5.169), and what follows it."""
    (length,) = struct.unpack_from("<I", body)
    return body[4 : 4 + 2 * length].decode("utf-16-le", "replace"), body[4 + 2 * length :]


def _styles(stream: bytes) -> list[DigitMask | None]:
    formats: dict[int, DigitMask | None] = {}
    styles: list[DigitMask | None] = []
    within = False
    for kind, body in _records(stream):
        if kind == _FORMAT:
            formats[struct.unpack_from("<H", body)[0]] = digit_mask(_wide(body[2:])[0])
        elif kind in {_STYLES_BEGIN, _STYLES_END}:
            within = kind == _STYLES_BEGIN
        elif kind == _STYLE and within:
            styles.append(formats.get(struct.unpack_from("<H", body, 2)[0]))
    return styles


def _cells(stream: bytes, styles: list[DigitMask | None]) -> Iterator[tuple[tuple[int, int], str]]:
    row = 0
    for kind, body in _records(stream):
        if kind == _ROW:
            row = struct.unpack_from("<I", body)[0]
        elif kind in {_RK, _REAL, _FORMULA}:
            column, style = struct.unpack_from("<II", body)
            style &= 0xFFFFFF
            mask = styles[style] if style < len(styles) else None
            if mask is None:
                continue
            rk = kind == _RK
            number = unpacked(struct.unpack_from("<I", body, 8)[0]) if rk else struct.unpack_from("<d", body, 8)[0]
            if abs(number) < 1e15:
                yield (row, column), mask.apply(number)
