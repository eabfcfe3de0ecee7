"""OpenDocument (ODT, ODS, ODP and templates): cells as displayed, text in order, notes, margins, deleted text.

Repeated cells and rows are claims of a few bytes; they are counted before they are written out. Never follows links.
"""

from collections.abc import Iterator
from typing import Any

from gateway.opening import odflock
from gateway.opening.ooxml import Package, hand_on, inner_of, kind, local, parse, spoken
from gateway.opening.opener import Budget, CannotLookError, Leaf, Opening
from gateway.opening.reading import Reading
from rules.content import Role
from rules.verdict import Obstacle

_TEXT = "{urn:oasis:names:tc:opendocument:xmlns:text:1.0}"
_TABLE = "{urn:oasis:names:tc:opendocument:xmlns:table:1.0}"
_OFFICE = "{urn:oasis:names:tc:opendocument:xmlns:office:1.0}"
_PARAGRAPHS = {_TEXT + "p", _TEXT + "h"}
_CELLS = {_TABLE + "table-cell", _TABLE + "covered-table-cell"}
_ALONGSIDE = {_OFFICE + "annotation", _TEXT + "note", _TABLE + "table"}
_ROWS_REPEATED = _TABLE + "number-rows-repeated"
_COLUMNS_REPEATED = _TABLE + "number-columns-repeated"
_SEALED = {"encryption-data", "encrypted-key"}
_WIDEST = 16_384
# OpenOffice.org left the prefix to a DTD, which nobody has at hand.
_UNDECLARED = (
    b"<manifest:manifest>",
    b'<manifest:manifest xmlns:manifest="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0">',
)
_HARMLESS = ("mimetype", "META-INF/", "settings.xml", "manifest.rdf", "Thumbnails/", "Configurations2/", "layout-cache")


def open_opendocument(leaf: Leaf, budget: Budget) -> Opening:
    reading = Reading(leaf)
    with reading.attempt("the document"):
        package = _unlocked(Package(leaf.content, budget), budget)
        if package.find("content.xml") is None:
            raise CannotLookError(Obstacle.CORRUPT, "the package has no content")
        for name in list(package.left(r"(.*/)?(content|styles)\.xml$")):
            with reading.attempt("the content"):
                main = name == "content.xml"
                _Content(package.tree(name, "the content"), reading, budget, main=main).read()
        for name in list(package.left(r"(.*/)?meta\.xml$")):
            with reading.attempt("the properties"):
                reading.text("properties", spoken(package.tree(name, "the properties")), Role.HEADING)
        for name in list(package.left()):
            _read_leftover(package, reading, name)
    return reading.opening()


def _unlocked(package: Package, budget: Budget) -> Package:
    """The package, its locks opened by a reviewer's password. The manifest names what is locked."""
    name = package.find("META-INF/manifest.xml")
    root = parse(package.read(name).replace(*_UNDECLARED, 1), "the manifest") if name else ()
    entries = odflock.locked(root)
    if not entries and not any(local(node) in _SEALED for entry in root for node in (entry, *entry)):
        return package
    clear = odflock.unlocked(package, entries, budget)
    if clear is None:
        raise CannotLookError(Obstacle.ENCRYPTED, "the document needs a password")
    return Package(clear, budget)


def _read_leftover(package: Package, reading: Reading, name: str) -> None:
    if name.startswith(_HARMLESS) or name.endswith(
        ("/settings.xml", "script-lc.xml", "script-lb.xml", "dialog-lb.xml")
    ):
        package.skip(name)
    elif kind(name) in {".xml", ".rdf"}:
        with reading.attempt("a part of the package"):
            reading.text("custom XML", spoken(package.tree(name, "a part of the package")))
    else:
        with reading.attempt("a part of the package"):
            hand_on(inner_of(package, name), reading)


class _Content:
    """One content.xml or styles.xml: what stands in tables, and what does not."""

    def __init__(self, root: Any, reading: Reading, budget: Budget, *, main: bool) -> None:
        self._root = root
        self._reading = reading
        self._budget = budget
        self._where = "document" if main else "header and footer"
        self._role = Role.CONTENT if main else Role.HEADING

    def read(self) -> None:
        lines: list[str] = []
        number = 0
        for block in self._blocks(self._root):
            if block.tag == _TABLE + "table":
                number += 1
                self._read_table(block, number)
            else:
                lines.append(line_of(block))
        self._reading.text(self._where, "\n".join(lines), self._role)
        for note in self._root.iter(_OFFICE + "annotation", _TEXT + "note"):
            self._reading.text("note", "\n".join(line_of(line) for line in note.iter(*_PARAGRAPHS)))
        self._reading.text(f"{self._where} names", "\n".join(self._names()))

    def _blocks(self, root: Any) -> Iterator[Any]:
        for child in root:
            if child.tag in _PARAGRAPHS or child.tag == _TABLE + "table":
                yield child
                inside = child.iter(_TABLE + "table") if child.tag in _PARAGRAPHS else ()
                yield from inside
            elif isinstance(child.tag, str) and child.tag not in _ALONGSIDE:
                yield from self._blocks(child)

    def _names(self) -> Iterator[str]:
        """Named expressions, variables, field and link targets: words that stand in attributes."""
        for node in self._root.iter("{*}named-expression", "{*}named-range", "{*}user-field-decl", "{*}variable-set"):
            yield from (
                content for key, content in node.items() if _local(key) in {"name", "expression", "string-value"}
            )
        for node in self._root.iter(_TEXT + "a", "{*}desc", "{*}title"):
            yield node.get("{http://www.w3.org/1999/xlink}href") or node.text or ""

    def _read_table(self, table: Any, number: int) -> None:
        """Rows with something in them, in runs, so that a million repeated empty rows cost nothing."""
        name = table.get(_TABLE + "name") or f"table {number}"
        self._reading.text("sheet name", name, Role.HEADING)
        place = first = 1
        rows: list[list[str]] = []
        inner: list[Any] = []
        for row in _rows(table):
            repeated = _times(row, _ROWS_REPEATED)
            cells = self._cells(row, inner)
            if cells:
                first = first if rows else place
                self._budget.expand(repeated * (8 * len(cells) + 64))
                rows += [cells] * repeated
            elif rows:
                self._reading.table(name, rows, first_row=first)
                rows = []
            place += repeated
        self._reading.table(name, rows, first_row=first)
        for nested in inner:
            self._read_table(nested, number)

    def _cells(self, row: Any, inner: list[Any]) -> list[str]:
        cells: list[str] = []
        waiting = 0
        for cell in row:
            if cell.tag not in _CELLS:
                continue
            repeated = _times(cell, _COLUMNS_REPEATED)
            text = _cell_text(cell, inner)
            if not text:
                waiting += repeated
                continue
            if len(cells) + waiting + repeated > _WIDEST:
                raise CannotLookError(Obstacle.LIMIT, "a table is too wide")
            cells += [""] * waiting + [text] * repeated
            waiting = 0
        return cells


def _local(key: str) -> str:
    return key.rpartition("}")[2]


def _rows(table: Any) -> Iterator[Any]:
    """Rows in order, through header rows, groups and tracked deletions."""
    for child in table:
        if child.tag == _TABLE + "table-row":
            yield child
        elif child.tag not in _CELLS and isinstance(child.tag, str) and child.tag != _TABLE + "table":
            yield from _rows(child)


def _times(node: Any, attribute: str) -> int:
    count = node.get(attribute)
    if count is None:
        return 1
    return max(int(count), 1) if count.isascii() and count.isdigit() and len(count) < 9 else 1


def _cell_text(cell: Any, inner: list[Any]) -> str:
    """What the cell displays; failing that, its value."""
    if len(cell) == 1 and cell[0].tag in _PARAGRAPHS and not len(cell[0]):
        return cell[0].text or ""
    lines = []
    for child in cell:
        if child.tag in _PARAGRAPHS:
            lines.append(line_of(child))
        elif child.tag == _TABLE + "table":
            inner.append(child)
        elif child.tag not in _ALONGSIDE and isinstance(child.tag, str):
            lines += [line_of(line) for line in child.iter(*_PARAGRAPHS)]
    if any(lines):
        return "\n".join(lines)
    return next(
        (cell.get(_OFFICE + key) for key in ("string-value", "date-value", "value") if cell.get(_OFFICE + key)), ""
    )


def line_of(paragraph: Any) -> str:
    """A paragraph's text; ODF writes runs of spaces, tabs and line breaks as elements."""
    pieces = [paragraph.text or ""]
    for node in paragraph:
        if node.tag == _TEXT + "s":
            count = node.get(_TEXT + "c", "1")
            pieces.append(" " * (min(int(count), 1000) if count.isascii() and count.isdigit() else 1))
        elif node.tag == _TEXT + "tab":
            pieces.append("\t")
        elif node.tag == _TEXT + "line-break":
            pieces.append("\n")
        elif node.tag not in _ALONGSIDE and isinstance(node.tag, str):
            pieces.append(line_of(node))
        pieces.append(node.tail or "")
    return "".join(pieces)
