"""Word documents: body, tables, boxes, margins, notes, comments and what tracked changes took away. Never runs macros.

A paragraph with tracked changes is read twice, as it is and as it was: joined, the two would break a number.
"""

import re
from collections import defaultdict, deque
from collections.abc import Iterator
from itertools import islice
from typing import Any

from lxml import etree

from gateway.opening.ooxml import Package, flat_rows, read_leftovers
from gateway.opening.opener import Budget, CannotLookError, Leaf, Opening
from gateway.opening.reading import Reading
from gateway.opening.sheetparts import read_charts
from rules.content import Role
from rules.verdict import Obstacle

_STORIES = (
    (r"word/(header|footer)\d*\.xml$", Role.HEADING),
    (r"word/(footnotes|endnotes|comments)\d*\.xml$", Role.CONTENT),
    (r"word/glossary/(document|footnotes|endnotes|comments)\d*\.xml$", Role.CONTENT),
)
_MAIN = r"word/document\d*\.xml$"
_FALLBACK = "{http://schemas.openxmlformats.org/markup-compatibility/2006}Fallback"
_MATH = "{http://schemas.openxmlformats.org/officeDocument/2006/math}t"
_LONGEST_VALUE, _MOST_PIECES = 40, 9  #: of the value of a field whose name is asked for
_SIGNS = {"tab": "\t", "ptab": "\t", "br": "\n", "cr": "\n", "noBreakHyphen": "-"}


def open_word(leaf: Leaf, budget: Budget) -> Opening:
    """DOCX, DOCM, DOTX, DOTM."""
    reading = Reading(leaf)
    with reading.attempt("the document"):
        package = Package(leaf.content, budget)
        mains = [member for kind, member in package.relations("").values() if kind == "officeDocument" and member]
        mains = mains or list(package.left(_MAIN))
        if not mains:
            raise CannotLookError(Obstacle.CORRUPT, "the package has no document")
        for name in mains:
            with reading.attempt("the document's text"):
                _Story(package, name, reading, "document", Role.CONTENT).read()
        for pattern, role in _STORIES:
            for name in package.left(pattern):
                where = re.sub(r".*/|\d*\.xml$", "", name)
                with reading.attempt(f"the {where}"):
                    _Story(package, name, reading, where, role).read()
        read_charts(package, reading)
        read_leftovers(package, reading)
    return reading.opening()


class _Story:
    """One part with paragraphs: the body, a header, the footnotes."""

    def __init__(self, package: Package, name: str, reading: Reading, where: str, role: Role) -> None:
        self._root = package.tree(name, f"the {where}")
        self._reading = reading
        self._where = where
        self._role = role
        self._tables = 0
        namespace = self._root.tag.rpartition("}")[0] + "}"
        self._space = namespace
        self._signs = {namespace + tag: sign for tag, sign in _SIGNS.items()}
        self._deleted = namespace + "delText"
        self._spans = False
        #: by paragraph, the lines of the boxes that hang on it
        self._boxed: defaultdict[Any, deque[str]] = defaultdict(deque)

    def read(self) -> None:
        etree.strip_elements(self._root, _FALLBACK, with_tail=False)  # the same text once more, for older programs
        self._spans = next(self._root.iter(self._space + "gridSpan"), None) is not None
        changed = self._changes()
        for box in reversed(list(self._root.iter(self._space + "txbxContent"))):  # a box within a box first
            self._read_box(box)
            box.clear()  # taking it out of the tree instead is quadratic in lxml
        self._reading.text(self._where, "\n".join(self._lines(self._root, self._where)), self._role)
        elsewhere = [line for lines in reversed(self._boxed.values()) for line in lines]  # in the cells of tables
        self._reading.text(f"{self._where} text box", "\n".join(elsewhere), self._role)
        self._reading.text(f"{self._where} tracked changes", "\n".join(changed), self._role)
        self._reading.text(f"{self._where} fields", "\n".join(self._hidden()), self._role)

    def _read_box(self, box: Any) -> None:
        """Its lines follow the paragraph it hangs on: a form has labels in one box, their values in the next."""
        lines = self._lines(box, f"{self._where} text box")
        anchor = next(box.iterancestors(self._space + "p"), box)
        self._boxed[anchor].extendleft(reversed(lines))

    def _lines(self, root: Any, where: str) -> list[str]:
        """The lines of its paragraphs; its tables are read as such."""
        lines: list[str] = []
        for block in self._blocks(root):
            if block.tag == self._space + "tbl":
                self._read_table(block, where)
            else:
                lines += [self._line(block), *self._boxed.pop(block, ())]
        return lines

    def _blocks(self, root: Any) -> Iterator[Any]:
        """Paragraphs and tables in order, through whatever wraps them (content controls, insertions)."""
        for child in root:
            if child.tag in {self._space + "p", self._space + "tbl"}:
                yield child
            elif isinstance(child.tag, str) and len(child):
                yield from self._blocks(child)

    def _line(self, block: Any) -> str:
        signs = self._signs
        wanted = (self._space + "t", _MATH, *signs)
        return "".join([signs.get(node.tag) or node.text or "" for node in block.iter(*wanted)]).strip("\t")

    def _read_table(self, table: Any, where: str) -> None:
        self._tables += 1
        name = f"table {self._tables}" if where == "document" else f"{where} table {self._tables}"
        if next(table.iterdescendants(self._space + "tbl"), None) is None:
            self._reading.table(name, flat_rows(table, self._space, self._signs))
            return
        nested: list[Any] = []
        rows = [self._row(row, nested) for row in self._within(table, "tr")]
        self._reading.table(name, rows)
        for inner in nested:
            self._read_table(inner, where)

    def _within(self, root: Any, tag: str) -> Iterator[Any]:
        """Rows of a table or cells of a row, also in content controls and tracked rows; not those of nested tables."""
        wanted, stop = self._space + tag, self._space + "tbl"
        for child in root:
            if child.tag == wanted:
                yield child
            elif len(child) and child.tag != stop:
                yield from self._within(child, tag)

    def _row(self, row: Any, nested: list[Any]) -> list[str]:
        cells: list[str] = []
        for cell in self._within(row, "tc"):
            cells.append(self._cell(cell, nested))
            if self._spans and (span := cell.find(f"{self._space}tcPr/{self._space}gridSpan")) is not None:
                width = span.get(self._space + "val", "1")
                cells += [""] * (min(int(width), 63) - 1 if width.isdigit() else 0)
        return cells

    def _cell(self, cell: Any, nested: list[Any]) -> str:
        if len(cell) <= 2 and cell[-1:] and cell[-1].tag == self._space + "p":
            return self._line(cell[-1])
        lines = []
        for block in self._blocks(cell):
            if block.tag == self._space + "tbl":
                nested.append(block)
            else:
                lines.append(self._line(block))
        return "\n".join(lines).strip("\n")

    def _changes(self) -> list[str]:
        """Paragraphs as they were before the tracked changes."""
        space = self._space
        paragraphs: dict[Any, None] = {}
        for removed in self._root.iter(self._deleted, space + "moveFrom"):
            paragraph = next((node for node in removed.iterancestors(space + "p")), removed)
            paragraphs[paragraph] = None
        return [self._original(paragraph) for paragraph in paragraphs]

    def _original(self, paragraph: Any) -> str:
        wanted = (self._space + "t", self._deleted, *self._signs)
        inserted = {node for new in paragraph.iter(self._space + "ins") for node in new.iter(*wanted)}
        removed = {node for old in paragraph.iter(self._space + "del") for node in old.iter(*wanted)}
        pieces = [node for node in paragraph.iter(*wanted) if node not in inserted or node in removed]
        return "".join([self._signs.get(node.tag) or node.text or "" for node in pieces])

    def _named_values(self) -> Iterator[str]:
        """Fields whose name is their label, with what stands in them: content controls, form fields, merged fields."""
        space = self._space
        labels = {space + "alias", space + "tag", space + "name"}
        for node in self._root.iter(space + "sdt", space + "fldSimple", space + "ffData"):
            said = [
                child for parent in (node, *node.iterchildren(space + "sdtPr", space + "textInput")) for child in parent
            ]
            merged = node.get(space + "instr", "").split("MERGEFIELD")[-1].strip(' "')
            names = [merged, *(child.get(space + "val", "") for child in said if child.tag in labels)]
            typed = [child.get(space + "val", "") for child in said if child.tag == space + "default"]
            shown = islice((piece.text or "" for piece in node.iter(space + "t")), _MOST_PIECES)
            value = " ".join([*typed, "".join(shown)]).strip()[:_LONGEST_VALUE]
            if any(map(str.isdigit, value)):
                yield from (f"{name}: {value}" for name in dict.fromkeys(names) if name)

    def _hidden(self) -> list[str]:
        """Field codes, form fields, choices and descriptions of pictures."""
        space = self._space
        lines = [node.text or "" for node in self._root.iter(space + "instrText", space + "delInstrText")]
        for node in self._root.iter(space + "default", space + "listEntry", space + "listItem", space + "fldSimple"):
            lines += [node.get(space + key, "") for key in ("val", "displayText", "value", "instr")]
        lines += self._named_values()
        for node in self._root.iter("{*}docPr", "{*}cNvPr"):
            lines += [node.get(key, "") for key in ("descr", "title")]
        lines += [
            node.get(space + "val", "") for node in self._root.iter(space + "tblCaption", space + "tblDescription")
        ]
        lines += [node.get("alt", "") for node in self._root.iter("{urn:schemas-microsoft-com:vml}*")]
        return [line for line in dict.fromkeys(lines) if line.strip()]
