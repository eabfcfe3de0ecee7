"""Workbooks: every sheet, hidden ones too, as displayed texts with their addresses; then all else in the package.

Values come from calamine; openpyxl's reader steps in where calamine would fail or allocate the claimed dimensions.
Formulas are never computed: what the file last showed is read, and the formula's own words with it.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from io import BytesIO
from types import MappingProxyType

from python_calamine import CalamineWorkbook, SheetTypeEnum, SheetVisibleEnum

from gateway.opening import sheetparts, sheetxml, xlsb
from gateway.opening.numberformat import DigitMask, shown
from gateway.opening.ooxml import Package, local, read_leftovers
from gateway.opening.opener import Budget, CannotLookError, Leaf, Opening
from gateway.opening.reading import Reading
from rules.content import Role
from rules.verdict import Obstacle

_COPIES = 1 << 28  #: bytes
Masked = Mapping[tuple[int, int], str]  #: displayed text by row and column, from 0
_STATES = ((SheetVisibleEnum.Hidden, "hidden sheet"), (SheetVisibleEnum.VeryHidden, "very hidden sheet"))
_WITHOUT_CELLS = (SheetTypeEnum.ChartSheet, SheetTypeEnum.DialogSheet, SheetTypeEnum.Vba)


@dataclass(slots=True)
class Workbook:
    """What is known of the book while its sheets are read."""

    package: Package
    reading: Reading
    budget: Budget
    calamine: CalamineWorkbook | None
    masks: dict[int, DigitMask] = field(default_factory=dict)
    date_styles: set[int] = field(default_factory=set)
    strings: bytes = b""  #: xl/sharedStrings.xml, read through the cells that show them
    told: set[bytes] = field(default_factory=set)  #: numbers of the shared texts that a cell shows

    def copies_fit(self, cells: int) -> bool:
        """Calamine copies a shared text for every cell that shows it, and aborts when memory ends."""
        longest = max(map(len, self.strings.split(b"</si>"))) if len(self.strings) * cells > _COPIES else 0
        return longest * cells <= _COPIES


def open_workbook(leaf: Leaf, budget: Budget) -> Opening:
    """XLSX, XLSM, XLTX, XLTM and strict Open XML workbooks."""
    reading = Reading(leaf)
    with reading.attempt("the workbook"):
        _read(leaf, budget, reading)
    return reading.opening()


def _read(leaf: Leaf, budget: Budget, reading: Reading) -> None:
    package = Package(leaf.content, budget)
    main = main_part(package)
    if main is None:
        raise CannotLookError(Obstacle.CORRUPT, "the package has no workbook")
    book = Workbook(package, reading, budget, _calamine(leaf.content))
    relations = package.relations(main)
    root = package.tree(main, "the workbook")
    _read_styles(book, relations)
    for kind, member in relations.values():
        if kind == "sharedStrings" and member:
            with reading.attempt("the shared texts"):
                book.strings = package.read(member)
    sheetparts.read_names(root, reading)
    for number, sheet in enumerate((node for node in root.iter() if local(node) == "sheet"), start=1):
        name = sheet.get("name", "")
        key = next((sheet.get(key) for key in sheet.keys() if key.endswith("}id")), "")  # noqa: SIM118 - lxml
        kind, member = relations.get(key or "", ("", ""))
        state = {"hidden": "hidden sheet", "veryHidden": "very hidden sheet"}.get(sheet.get("state", ""), "sheet")
        reading.text(f"{state} name", name, Role.HEADING)
        with reading.attempt(f"sheet {number}"):
            if kind == "worksheet" or (not kind and member):
                _read_sheet(book, name, member)
            if member:
                sheetparts.read_attached(package, reading, member, name)
    sheetparts.read_unshown(book.strings, book.told, reading)
    sheetparts.read_caches(package, reading)
    read_leftovers(package, reading)


def main_part(package: Package) -> str | None:
    """The part that the package's own relations call its document."""
    for kind, member in package.relations("").values():
        if kind == "officeDocument" and member:
            return member
    return package.find("xl/workbook.xml")


def _calamine(content: bytes) -> CalamineWorkbook | None:
    """None when calamine does not open it: the slow reader then answers, or says what is wrong."""
    try:
        return CalamineWorkbook.from_filelike(BytesIO(content))
    except Exception:  # noqa: BLE001 - the slow reader decides
        return None
    except BaseException as error:
        if type(error).__name__ != "PanicException":
            raise
        return None


def _read_styles(book: Workbook, relations: dict[str, tuple[str, str]]) -> None:
    for kind, member in relations.values():
        if kind == "styles" and member:
            with book.reading.attempt("the number formats"):
                book.masks, book.date_styles = sheetxml.styles(book.package.tree(member, "the number formats"))


def _read_sheet(book: Workbook, name: str, member: str) -> None:
    if not member:
        raise CannotLookError(Obstacle.CORRUPT, "a sheet is missing from its package")
    xml = book.package.read(member)
    formulas = sheetxml.has_formulas(xml)
    sheetparts.read_margins(xml, book.reading, name, formulas=formulas)
    if book.strings:
        book.told.update(sheetparts.SHARED.findall(xml))
    survey = sheetxml.survey(xml)
    waiting = sheetxml.uncalculated(xml) if formulas else {}
    if book.calamine is not None and survey is not None and survey.dense and book.copies_fit(survey.cells):
        book.budget.expand(survey.area * 8)
        try:
            first_row, first_column, rows = read_dense(book.calamine, name)
        except BaseException as error:  # a Rust panic is no Exception
            if not isinstance(error, Exception) and type(error).__name__ != "PanicException":
                raise
        else:
            if book.masks:
                sheetxml.apply_masks(xml, book.masks, rows, (first_row, first_column))
            if waiting:
                first_row, first_column, rows = sheetxml.filled((first_row, first_column), rows, waiting)
            book.reading.table(name, rows, first_row=first_row, first_column=first_column)
            return
    book.reading.text(f"{name}!formulas", "\n".join(waiting.values()))
    for first_row, first_column, rows in sheetxml.blocks(xml, book.strings, book.masks, book.date_styles):
        book.budget.expand(sum(8 * len(row) + sum(map(len, row)) for row in rows))
        book.reading.table(name, rows, first_row=first_row, first_column=first_column)


def read_dense(calamine: CalamineWorkbook, name: str) -> tuple[int, int, list[list[str]]]:
    """First row (from 1), first column (from 0) and displayed texts of a sheet."""
    sheet = calamine.get_sheet_by_name(name)
    row, column = sheet.start or (0, 0)
    rows = sheet.to_python()
    return row + 1, column, [[cell if cell.__class__ is str else shown(cell) for cell in line] for line in rows]


def open_binary_workbook(leaf: Leaf, budget: Budget) -> Opening:
    """XLSB: cells by calamine, and the words of every other binary part by their length-prefixed UTF-16 strings."""
    reading = Reading(leaf)
    with reading.attempt("the workbook"):
        package = Package(leaf.content, budget)
        for member in package.left(r"xl/worksheets/[^/]+\.bin$"):
            sheetxml.check_binary_sheet(package.read(member))
        for member in package.left(r"xl/.+\.bin$"):
            if re.search(r"sharedStrings|styles|calcChain|printerSettings|vbaProject|embeddings|activeX", member):
                continue
            with reading.attempt("a binary part"):
                sheetparts.read_binary(package.read(member), reading, member)
        masked: Mapping[str, Masked] = {}
        with reading.attempt("the number formats"):
            masked = xlsb.masked_cells(package)
        read_all_sheets(leaf.content, reading, budget, masked)
        for member in package.left(r"xl/(sharedStrings|styles|calcChain)\.bin$|xl/worksheets/binaryIndex"):
            package.skip(member)
        read_leftovers(package, reading)
    return reading.opening()


def read_all_sheets(
    content: bytes, reading: Reading, budget: Budget, masked: Mapping[str, Masked] = MappingProxyType({})
) -> None:
    """Every sheet of a book whose parts only calamine knows (XLSB, XLS)."""
    book = _calamine(content)
    if book is None:
        raise CannotLookError(Obstacle.CORRUPT, "the workbook is damaged")
    for number, sheet in enumerate(book.sheets_metadata, start=1):
        state = next((word for state, word in _STATES if state == sheet.visible), "sheet")
        reading.text(f"{state} name", sheet.name, Role.HEADING)
        if sheet.typ in _WITHOUT_CELLS:
            continue
        with reading.attempt(f"sheet {number}"):
            first_row, first_column, rows = read_dense(book, sheet.name)
            budget.expand(8 * sum(map(len, rows)))
            for (row, column), text in masked.get(sheet.name, {}).items():
                top, left = row + 1 - first_row, column - first_column
                if 0 <= top < len(rows) and 0 <= left < len(rows[top]):
                    rows[top][left] = text
            reading.table(sheet.name, rows, first_row=first_row, first_column=first_column)
