"""Sheets as older programs pass them on: SYLK, DIF, dBase. Values with their columns, all else as text."""

import re
import struct
from collections import defaultdict
from collections.abc import Callable, Mapping
from datetime import date

from gateway.opening.charset import decode
from gateway.opening.opener import Budget, CannotLookError, Leaf, Opening
from gateway.opening.reading import Reading
from gateway.opening.sheetxml import runs
from rules.content import Role
from rules.verdict import Obstacle

_WIDEST, _LONGEST = 16_384, 1_048_576
_NUMBER = re.compile(r"\d{1,7}")
_DBASE_CODES = {0x01: "cp437", 0x02: "cp850", 0x65: "cp866", 0xC8: "cp1250", 0xC9: "cp1251"}  #: else Windows' own
_MEMO = "BGMPQW"  #: types of fields whose content is in another file, or is a picture

Cells = dict[int, dict[int, str]]


def open_sylk(leaf: Leaf, budget: Budget) -> Opening:
    """Records of fields; a cell's place counts from the last one given. Two semicolons are one within a field."""
    reading = Reading(leaf)
    cells: Cells = defaultdict(dict)
    beside: list[str] = []
    row = column = 1
    for line in decode(leaf.content, leaf.charset).split("\n"):
        kind, *fields = (each.replace("\0", ";") for each in line.replace(";;", "\0").split(";"))
        shown: list[str] = []
        for field in fields:
            place = _place(field[1:])
            if field[:1] == "X" and place:
                column = place
            elif field[:1] == "Y" and place:
                row = place
            elif kind == "C" and field[:1] == "K":
                shown.append(_unquoted(field[1:]))
            else:
                beside.append(_unquoted(field[1:]))
        beside += shown[1:] if kind in _SYLK else [line]
        if shown:
            beside += filter(None, [cells[row].get(column - 1)])
            cells[row][column - 1] = shown[0]
    with reading.attempt("the sheet"):
        _add(cells, reading, budget)
    reading.text("beside the cells", "\n".join(filter(None, dict.fromkeys(beside))))
    return reading.opening()


_SYLK = frozenset({"ID", "P", "F", "B", "C", "O", "NN", "NE", "NU", "W", "E", ""})


def _place(digits: str) -> int:
    """From 1; 0 when it is none."""
    return min(int(digits), _LONGEST) if _NUMBER.fullmatch(digits) else 0


def _unquoted(text: str) -> str:
    return text[1:-1].replace('""', '"') if len(text) > 1 and text[0] == text[-1] == '"' else text


def _add(cells: Cells, reading: Reading, budget: Budget) -> None:
    if any(max(row) >= _WIDEST for row in cells.values()):
        raise CannotLookError(Obstacle.LIMIT, "a sheet is too wide")
    for first, left, rows in runs(sorted(cells.items())):
        budget.expand(sum(8 * len(row) for row in rows))
        reading.table("", rows, first_row=first, first_column=left)


def open_dif(leaf: Leaf, budget: Budget) -> Opening:
    """Pairs of lines: a type with a number, and a text. Type -1 begins a row or ends the data."""
    budget.expand(len(leaf.content))
    reading = Reading(leaf)
    head, _, body = decode(leaf.content, leaf.charset).partition("\nDATA\n")
    reading.text("header", head, Role.HEADING)
    rows: list[list[str]] = []
    lines = body.split("\n")[2:]
    for number, text in zip(lines[::2], lines[1::2], strict=False):
        kind, _, value = number.partition(",")
        if kind == "-1" and text.strip() == "BOT":
            rows.append([])
        elif rows and kind in {"0", "1"}:
            rows[-1].append(value if kind == "0" and text.strip() == "V" else _unquoted(text))
        elif kind != "-1":
            reading.fail(Obstacle.CORRUPT, "records that are none")
            reading.text("between the rows", f"{number}\n{text}")
    if (end := body.find("\nEOD")) >= 0:
        reading.text("behind the rows", body[end + 4 :])
    reading.table("", rows)
    return reading.opening()


def open_dbase(leaf: Leaf, budget: Budget) -> Opening:
    """Every record there is, deleted ones too, whatever number of them the header claims. Memos are in another file."""
    reading = Reading(leaf)
    content = leaf.content
    start, size = struct.unpack_from("<HH", content, 8)
    names, widths = [], []
    for place in range(32, min(start, len(content)) - 1, 32):
        if content[place] == 0x0D:
            break
        name, kind, width = struct.unpack_from("<11sc4xB", content, place)
        names.append(name.partition(b"\0")[0].decode("cp1252", "replace"))
        widths.append((kind.decode("latin-1"), width))
    if not widths or size != 1 + sum(width for _, width in widths):
        raise CannotLookError(Obstacle.CORRUPT, "a table whose fields do not fill its records")
    codec = _DBASE_CODES.get(content[29], "cp1252")
    records = content[start:].removesuffix(b"\x1a")
    budget.expand(len(records))
    places = range(0, len(records) - size + 1, size)
    reading.table("", [names, *(_record(records[each + 1 : each + size], widths, codec) for each in places)])
    reading.text(
        "behind the records", records[len(records) // size * size :].decode(codec, "replace").replace("\0", "")
    )
    return reading.opening()


def _record(record: bytes, widths: list[tuple[str, int]], codec: str) -> list[str]:
    cells, place = [], 0
    for kind, width in widths:
        field = record[place : place + width]
        place += width
        binary = _BINARY.get((kind, width))
        if binary:
            cells.append(binary(field))
        else:
            cells.append("" if kind in _MEMO else field.decode(codec, "replace").strip(" \0"))
    return cells


def _whole(field: bytes) -> str:
    return str(int.from_bytes(field, "little", signed=True))


def _money(field: bytes) -> str:
    return f"{int.from_bytes(field, 'little', signed=True) / 10_000:.2f}"


def _day(field: bytes) -> str:
    """Days of the Julian period, then milliseconds."""
    days = int.from_bytes(field[:4], "little") - 1_721_425
    return date.fromordinal(days).isoformat() if 0 < days < date.max.toordinal() else ""


_BINARY: Mapping[tuple[str, int], Callable[[bytes], str]] = {
    ("I", 4): _whole,
    ("+", 4): _whole,
    ("Y", 8): _money,
    ("T", 8): _day,
    ("@", 8): _day,
}
