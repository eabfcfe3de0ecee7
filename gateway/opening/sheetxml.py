"""Cells of one worksheet's XML: how far they reach, which numbers a format dresses up, a reader that stays sparse."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from html import unescape
from io import BytesIO
from typing import Any

import re2

from gateway.opening.numberformat import DigitMask, digit_mask, shown
from gateway.opening.ooxml import local, parse
from gateway.opening.opener import CannotLookError
from rules.verdict import Obstacle

# calamine allocates the whole rectangle between the first and the last cell, some 32 bytes a cell, and aborts the
# process when it cannot: so much is allowed, or four times the cells that are really there.
AREA = 4_000_000
_MANY = 20_000  #: cells; fewer are measured exactly, because a thousand sheets may each claim a field
_FAR = re2.compile(rb'<c r="(?:[A-Z]{2}|[A-Z]\d{6})')  # RE2: a sheet is megabytes of such cells
_FORMULA = re2.compile(rb"<(?:\w+:)?f[ >]")
_UNCALCULATED = re.compile(
    rb'<c r="([A-Z]{1,3})(\d{1,7})"[^>]*><f(?: [^>]*)?>([^<]{1,8192})</f>(?:<v\s*/>|<v>\s*</v>)?</c>'
)
_LITERAL = re.compile(r'"((?:[^"]|"")*)"')
_NUMBER = re.compile(r"[+-]?\d[\d.]{0,30}")
_ADDRESS = re.compile(rb'<c r="([A-Z]{1,3})(\d{1,7})"')

Block = tuple[int, int, list[list[str]]]


@dataclass(frozen=True, slots=True)
class Survey:
    cells: int
    area: int

    @property
    def dense(self) -> bool:
        return self.area <= max(AREA, 4 * self.cells)


def survey(xml: bytes) -> Survey | None:
    """Count the cells and bound the rectangle they lie in. None: not written plainly enough to tell cheaply."""
    start, end = xml.find(b"<sheetData"), xml.rfind(b"</sheetData")
    cells = xml.count(b'<c r="')
    if b"<!DOCTYPE" in xml[:2000] or (cells and (start < 0 or xml.count(b"<c", start, end) != cells)):
        return None
    if not cells:
        return None if start < 0 or end > start + 20 else Survey(0, 0)
    if cells > _MANY and not _FAR.search(xml):
        return Survey(cells, cells)  # within A1:Z99999, and well filled
    columns, rows = set(), set()
    for letters, number in _ADDRESS.findall(xml):
        columns.add(letters)
        rows.add(number)
    numbers = [int(row) for row in rows] or [0]
    places = [column_index(letters.decode()) for letters in columns] or [0]
    return Survey(cells, (max(numbers) - min(numbers) + 1) * (max(places) - min(places) + 1))


def column_index(letters: str) -> int:
    """0 for A, 26 for AA."""
    index = 0
    for letter in letters:
        index = index * 26 + ord(letter) - 64
    return index - 1


def styles(root: Any) -> tuple[dict[int, DigitMask], set[int]]:
    """Style number to digit mask, and the styles that show dates."""
    codes = {node.get("numFmtId"): node.get("formatCode", "") for node in root.iter() if local(node) == "numFmt"}
    cell_formats = next((node for node in root if local(node) == "cellXfs"), ())
    masks: dict[int, DigitMask] = {}
    dates: set[int] = set()
    for index, cell_format in enumerate(cell_formats):
        identifier = cell_format.get("numFmtId", "0")
        code = codes.get(identifier, "")
        if (mask := digit_mask(code)) is not None:
            masks[index] = mask
        if re.search(r"[dmyhs]", re.sub(r'"[^"]*"|\\.|\[[^\]]*\]', "", code), re.IGNORECASE) or (
            identifier.isdigit() and (14 <= int(identifier) <= 22 or 45 <= int(identifier) <= 47)
        ):
            dates.add(index)
    return masks, dates


def apply_masks(xml: bytes, masks: dict[int, DigitMask], rows: list[list[str]], corner: tuple[int, int]) -> None:
    """Show masked numbers as the sheet does: 12345678 under 000-00-0000 reads 012-34-5678."""
    numbers = "|".join(map(str, masks)).encode()
    cell = re.compile(
        rb'<c r="([A-Z]{1,3})(\d{1,7})"([^>]*? s="(' + numbers + rb')"[^>]*)>'
        rb"(?:<f[^>]*/>|<f[^>]*>[^<]*</f>)?<v>([^<]{1,40})</v>"
    )
    top, left = corner
    for letters, number, attributes, style, content in cell.findall(xml):
        row, column = int(number) - top, column_index(letters.decode()) - left
        if re.search(rb't="(?!n")', attributes) or not 0 <= row < len(rows) or not 0 <= column < len(rows[row]):
            continue
        try:
            rows[row][column] = masks[int(style)].apply(float(content))
        except (ValueError, OverflowError):
            continue  # not a number: the cell shows it as it is


def has_formulas(xml: bytes) -> bool:
    return _FORMULA.search(xml) is not None


def uncalculated(xml: bytes) -> dict[tuple[int, int], str]:
    """Formulas that no program has computed yet, by row (from 1) and column (from 0), as far as they spell themselves.

    Libraries write books so; Excel shows `="219-"&"09"` as soon as it opens the file.
    """
    found = {}
    for letters, row, formula in _UNCALCULATED.findall(xml):
        if text := _spelt(unescape(formula.decode("utf-8", "replace"))):
            found[int(row), column_index(letters.decode())] = text
    return found


def _spelt(formula: str) -> str:
    """What a formula holds of literals, joined where it joins them; a formula of references holds nothing."""
    if _NUMBER.fullmatch(formula):
        return formula
    joint = "" if "&" in formula or "CONCAT" in formula.upper() else " "
    return joint.join(piece.replace('""', '"') for piece in _LITERAL.findall(formula) if piece)


def filled(corner: tuple[int, int], rows: list[list[str]], cells: dict[tuple[int, int], str]) -> Block:
    """The rows, whose first cell stands at `corner`, with `cells` put into their empty places."""
    top = min([corner[0], *(row for row, _ in cells)]) if rows else min(row for row, _ in cells)
    left = min([corner[1], *(column for _, column in cells)]) if rows else min(column for _, column in cells)
    width = max([left, *(column + 1 for _, column in cells)]) - left
    grid = [[""] * width for _ in range(max(row for row, _ in cells) - top + 1)]
    grid += [[] for _ in range(corner[0] - top + len(rows) - len(grid))]
    for number, line in enumerate(rows, start=corner[0] - top):
        padded = [""] * (corner[1] - left) + line
        grid[number] = padded + [""] * (width - len(padded))
    for (row, column), text in cells.items():
        if not grid[row - top][column - left]:
            grid[row - top][column - left] = text
    return top, left, grid


def blocks(xml: bytes, strings: bytes, masks: dict[int, DigitMask], dates: set[int]) -> Iterator[Block]:
    """Runs of neighbouring rows, read by openpyxl cell by cell, whatever dimensions the sheet claims."""
    from openpyxl.reader.strings import read_string_table  # noqa: PLC0415 - half a second that few workbooks need
    from openpyxl.worksheet._reader import WorkSheetParser  # noqa: PLC0415

    parse(xml, "a sheet")  # entities and malformed XML are refused before openpyxl sees it
    table = read_string_table(BytesIO(strings)) if strings else []
    parser = WorkSheetParser(BytesIO(xml), table, data_only=True, date_formats=dates)
    lines = (
        (number, {cell["column"] - 1: _shown(cell, masks) for cell in cells if cell["value"] is not None})
        for number, cells in parser.parse()
    )
    yield from runs(lines)


def runs(lines: Iterable[tuple[int, dict[int, str]]]) -> Iterator[Block]:
    """Neighbouring rows together, from cells by row (from 1) and column (from 0)."""
    rows: list[dict[int, str]] = []
    first = expected = 0
    for number, texts in lines:
        if not texts:
            continue
        if rows and number != expected:
            yield _block(first, rows)
            rows = []
        first = first if rows else number
        rows.append(texts)
        expected = number + 1
    if rows:
        yield _block(first, rows)


def _block(first: int, rows: list[dict[int, str]]) -> Block:
    left = min(min(row) for row in rows)
    if sum(max(row) - left + 1 for row in rows) > AREA * 4:
        raise CannotLookError(Obstacle.LIMIT, "a sheet spreads its cells over too wide a field")
    return first, left, [[row.get(column, "") for column in range(left, max(row) + 1)] for row in rows]


def _shown(cell: dict[str, Any], masks: dict[int, DigitMask]) -> str:
    content = cell["value"]
    mask = masks.get(cell["style_id"])
    if mask is not None and isinstance(content, int | float) and not isinstance(content, bool):
        return mask.apply(content)
    return shown(content)


def check_binary_sheet(stream: bytes) -> None:
    """Bound the rectangle of an XLSB sheet (MS-XLSB 2.1.4) before calamine allocates it. Raises CannotLookError."""
    position = cells = 0
    row = top = bottom = left = right = -1
    while position < len(stream):
        kind, position = variable(stream, position, 2)
        size, position = variable(stream, position, 4)
        if kind == 0:  # BrtRowHdr
            row = int.from_bytes(stream[position : position + 4], "little")
        elif 1 <= kind <= 11:
            column = int.from_bytes(stream[position : position + 4], "little")
            top, bottom = (row if top < 0 else min(top, row)), max(bottom, row)
            left, right = (column if left < 0 else min(left, column)), max(right, column)
            cells += 1
        position += size
    if (bottom - top + 1) * (right - left + 1) > max(AREA, 4 * cells):
        raise CannotLookError(Obstacle.LIMIT, "a sheet spreads its cells over too wide a field")


def variable(stream: bytes, position: int, longest: int) -> tuple[int, int]:
    """A number of up to `longest` bytes (MS-XLSB 2.1.4), and the place behind it."""
    number = 0
    for index in range(longest):
        if position >= len(stream):
            raise CannotLookError(Obstacle.CORRUPT, "a sheet is cut off")
        byte = stream[position]
        position += 1
        number |= (byte & 0x7F) << (7 * index)
        if byte < 0x80:
            break
    return number, position
