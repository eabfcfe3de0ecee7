"""What calamine leaves out of an XLS (MS-XLS): number formats, page margins, notes and boxes. Never a cell's text."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

from gateway.opening.numberformat import DigitMask, digit_mask
from gateway.opening.opener import CannotLookError
from gateway.opening.sheetxml import AREA
from rules.verdict import Obstacle

_CELLS = {0x06, 0x201, 0x203, 0x204, 0x205, 0x27E, 0xBD, 0xBE, 0xFD}
_MARGINS = {0x14, 0x15}


@dataclass(slots=True)
class Sheet:
    """Cells whose format dresses a number up, by row and column from 0; and words beside the cells."""

    name: str = ""
    masked: dict[tuple[int, int], str] = field(default_factory=dict)
    margins: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def sheets_of(stream: bytes) -> list[Sheet]:  # noqa: C901 - one branch for each kind of record
    """One for each sheet, in the order of the stream. Raises CannotLookError for a field of cells too wide."""
    formats: dict[int, DigitMask] = {}
    styles: list[DigitMask | None] = []
    names: dict[int, str] = {}
    sheets: list[Sheet] = []
    fields: list[_Field] = []
    boxed = False
    for position, kind, body in _records(stream):
        if kind == 0x809:
            sheets.append(Sheet(name=names.get(position, "")))
            fields.append(_Field())
        elif not sheets:
            continue
        elif kind == 0x85 and len(body) > 7:
            names[struct.unpack_from("<I", body)[0]] = _short_text(body[6:])
        elif kind == 0x41E and (mask := digit_mask(_text(body[2:]))) is not None:
            formats[struct.unpack_from("<H", body)[0]] = mask
        elif kind == 0xE0:
            styles.append(formats.get(struct.unpack_from("<H", body, 2)[0]))
        elif kind in _MARGINS and body:
            sheets[-1].margins.append(_text(body))
        elif kind == 0x3C and boxed:
            sheets[-1].notes.append(_run(body))
        elif kind in _CELLS and len(body) >= 6:
            fields[-1].add(*struct.unpack_from("<HH", body))
            _show(kind, body, styles, sheets[-1])
        boxed = kind == 0x1B6
    if any(area.too_wide for area in fields):
        raise CannotLookError(Obstacle.LIMIT, "a sheet spreads its cells over too wide a field")
    return [sheet for sheet in sheets if sheet.name or sheet.masked or sheet.margins or sheet.notes]


def drawings(stream: bytes) -> bytes:
    """The pictures of all sheets in one piece: MsoDrawingGroup (MS-XLS 2.4.171) and what continues it."""
    pieces: list[bytes] = []
    drawn = False
    for _, kind, body in _records(stream):
        drawn = kind == 0xEB or (drawn and kind == 0x3C)
        if drawn:
            pieces.append(body)
    return b"".join(pieces)


@dataclass(slots=True)
class _Field:
    """The rectangle that calamine will allocate."""

    cells: int = 0
    rows: tuple[int, int] = (65_536, 0)
    columns: tuple[int, int] = (256, 0)

    def add(self, row: int, column: int) -> None:
        self.cells += 1
        self.rows = (min(self.rows[0], row), max(self.rows[1], row))
        self.columns = (min(self.columns[0], column), max(self.columns[1], column))

    @property
    def too_wide(self) -> bool:
        area = (self.rows[1] - self.rows[0] + 1) * (self.columns[1] - self.columns[0] + 1)
        return self.cells > 0 and area > max(AREA, 4 * self.cells)


def _records(stream: bytes) -> Iterator[tuple[int, int, bytes]]:
    position = 0
    while position + 4 <= len(stream):
        kind, size = struct.unpack_from("<HH", stream, position)
        if kind == 0 and size == 0:
            return  # padding behind the last sheet
        yield position, kind, stream[position + 4 : position + 4 + size]
        position += 4 + size


def _show(kind: int, body: bytes, styles: list[DigitMask | None], sheet: Sheet) -> None:
    """Apply the cell's mask, if it has one, to its number."""
    row, column, style = struct.unpack_from("<HHH", body)
    if kind == 0xBD:  # MULRK: a style and a number for each column, then the last column
        for index in range((len(body) - 6) // 6):
            style, packed = struct.unpack_from("<HI", body, 4 + 6 * index)
            _mask(styles, style, sheet, (row, column + index), unpacked(packed))
    elif kind == 0x27E and len(body) >= 10:
        _mask(styles, style, sheet, (row, column), unpacked(struct.unpack_from("<I", body, 6)[0]))
    elif kind in {0x06, 0x203} and len(body) >= 14 and body[12:14] != b"\xff\xff":
        _mask(styles, style, sheet, (row, column), struct.unpack_from("<d", body, 6)[0])


def _mask(styles: list[DigitMask | None], style: int, sheet: Sheet, place: tuple[int, int], number: float) -> None:
    mask = styles[style] if style < len(styles) else None
    if mask is not None and abs(number) < 1e15:
        sheet.masked[place] = mask.apply(number)


def unpacked(packed: int) -> float:
    """MS-XLS 2.5.217: thirty bits of an integer or of a double, perhaps times a hundred."""
    if packed & 2:
        number = float((packed >> 2) - ((packed >> 31) << 30))
    else:
        number = float(struct.unpack("<d", struct.pack("<II", 0, packed & 0xFFFFFFFC))[0])
    return number / 100 if packed & 1 else number


def _short_text(body: bytes) -> str:
    return _run(body[1:])[: body[0]]


def _text(body: bytes) -> str:
    return _run(body[2:])[: int.from_bytes(body[:2], "little")]


def _run(body: bytes) -> str:
    """A flag byte, then characters of one or two bytes."""
    return body[1:].decode("utf-16-le" if body[:1] and body[0] & 1 else "latin-1", "replace")
