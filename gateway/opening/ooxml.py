"""Office Open XML packages (ECMA-376 part 2): members under limits, and the parts that all three families share.

Sizes in a ZIP directory are claims, so members are inflated in pieces and counted. Never resolves entities.
"""

import posixpath
import re
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import replace
from io import BytesIO
from typing import Any
from urllib.parse import unquote

from lxml import etree

from gateway.message import Unopened
from gateway.opening.metafile import is_metafile, read_metafile
from gateway.opening.opener import Budget, CannotLookError, Inner
from gateway.opening.reading import Reading
from gateway.opening.structured import attributes, xml_contents
from rules.content import Role, Table
from rules.verdict import Obstacle

CHUNK = 1 << 20
NAMESPACES = {
    "w": "http://schemas.openxmlformats.org/wordprocessingml/2006/main",
    "a": "http://schemas.openxmlformats.org/drawingml/2006/main",
    "p": "http://schemas.openxmlformats.org/presentationml/2006/main",
}

# Parts that say how things look or are computed, never what they say. Everything else is read or handed on.
_HARMLESS = re.compile(
    r"""\[Content_Types\]\.xml | mimetype
    | .*/theme/[^/]+\.xml | .*/(theme|tableStyles|stylesWithEffects|fontTable|webSettings|numbering)\d*\.xml
    | (xl|word)/styles\d*\.xml | xl/calcChain\.xml | .*/printerSettings\d*\.bin | .*/fonts?/.* | .*\.(odttf|fntdata)
    | ppt/(presProps|viewProps|revisionInfo)\d*\.xml | ppt/changesInfos/.* | docProps/thumbnail\.\w+
    | .*/vba(Project|ProjectSignature\w*|Data)\w*\.(bin|xml) | _xmlsignatures/.* | .*/(colors|style)\d+\.xml
    """,
    re.VERBOSE | re.IGNORECASE,
)

# Attributes that people's words stand in; others hold measures, whose digits would look like numbers of people.
_SPOKEN = {"name", "descr", "title", "alt", "caption", "displayName", "author", "string", "refersTo", "text"}
_SPOKEN_BY_TAG = {
    "docVar": "val",
    "sheetName": "val",
    "tag": "val",
    "comboBox": "lastValue",
    "listItem": "displayText",
    "item": "val",  # of a list box on a sheet
}
_RUN = tuple(
    space + "r"
    for space in (
        "{http://schemas.openxmlformats.org/drawingml/2006/main}",
        "{http://purl.oclc.org/ooxml/drawingml/main}",
    )
)


def parse(content: bytes, what: str) -> Any:
    """Parse XML without entities, network or huge nodes. Raises CannotLookError naming `what`."""
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, huge_tree=False, remove_comments=True, remove_pis=True
    )
    try:
        root = etree.fromstring(content, parser)
    except (etree.XMLSyntaxError, ValueError, LookupError) as error:
        raise CannotLookError(Obstacle.CORRUPT, f"{what} is not well-formed XML") from error
    if root is None:
        raise CannotLookError(Obstacle.CORRUPT, f"{what} is empty")
    declared: Any = root.getroottree().docinfo.internalDTD
    if declared is not None and any(True for _ in declared.iterentities()):
        raise CannotLookError(Obstacle.CORRUPT, f"{what} declares XML entities")
    return root


def local(element: Any) -> str:
    """Tag without its namespace: transitional and strict documents differ only there."""
    tag = element.tag
    return tag.rpartition("}")[2] if isinstance(tag, str) else ""


class Package:
    """A ZIP whose members are read under the message's budget."""

    def __init__(self, content: bytes, budget: Budget) -> None:
        try:
            self._zip = zipfile.ZipFile(BytesIO(content))
        except (zipfile.BadZipFile, ValueError, NotImplementedError, OSError, EOFError) as error:
            raise CannotLookError(Obstacle.CORRUPT, "the package is not a readable ZIP") from error
        self._budget = budget
        names = [info.filename for info in self._zip.infolist() if not info.is_dir()]
        # Two members of one name: readers differ in which they take, so neither is trusted to be what people see.
        if len({name.lower() for name in names}) != len(names):
            raise CannotLookError(Obstacle.CORRUPT, "the package has two parts of one name")
        if len(names) > budget.limits.max_parts * 10:
            raise CannotLookError(Obstacle.LIMIT, f"the package has more than {budget.limits.max_parts * 10} parts")
        self.names = names
        self._left = dict.fromkeys(names)
        self._by_lower = {name.lower(): name for name in names}

    def find(self, name: str) -> str | None:
        """The member of that name, in whatever case (part names compare so, ECMA-376 part 2, 6.2.2.3)."""
        return self._by_lower.get(name.lower().lstrip("/"))

    def read(self, name: str) -> bytes:
        """Bytes of a member. Raises CannotLookError when damaged, encrypted or over the limits."""
        self._left.pop(name, None)
        pieces = []
        try:
            with self._zip.open(name) as member:
                while piece := member.read(CHUNK):
                    self._budget.expand(len(piece))
                    pieces.append(piece)
        except RuntimeError as error:  # zipfile's word for "password required"
            raise CannotLookError(Obstacle.ENCRYPTED, "a part of the package is encrypted") from error
        except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, ValueError, OSError, KeyError) as error:
            raise CannotLookError(Obstacle.CORRUPT, "a part of the package is damaged") from error
        return b"".join(pieces)

    def tree(self, name: str, what: str) -> Any:
        return parse(self.read(name), what)

    def left(self, pattern: str = "") -> Iterator[str]:
        """Members nobody has read yet, in order, that match."""
        matcher = re.compile(pattern, re.IGNORECASE)
        for name in list(self._left):
            if name in self._left and matcher.match(name):
                yield name

    def skip(self, name: str) -> None:
        self._left.pop(name, None)

    def relations(self, name: str) -> dict[str, tuple[str, str]]:
        """Id to (last word of the type, member) of a part's internal relations; external ones stay for later."""
        folder, base = posixpath.split(name)
        rels = self.find(posixpath.join(folder, "_rels", f"{base}.rels"))
        if rels is None:
            return {}
        found = {}
        for relation in parse(self.read(rels), "a list of relations"):
            target = unquote(relation.get("Target", ""))
            if relation.get("TargetMode") != "External":
                member = self.find(posixpath.normpath(posixpath.join("/", folder, target)))
                kind = relation.get("Type", "").rpartition("/")[2]
                found[relation.get("Id", "")] = (kind, member or "")
        self._left[rels] = None  # its external targets are still to be read
        return found


def spoken(root: Any) -> str:
    """All words of a part of unknown make: text nodes, and attributes that hold words; one element a line."""
    for run in list(root.iter(*_RUN)):  # a number may be typed in several runs; between them stands no line end
        _join(run)
    lines: list[str] = []
    for element in root.iter():
        words = [element.text or ""]
        tag = local(element)
        for key, content in attributes(element):
            name = key.rpartition("}")[2]
            if name in _SPOKEN or _SPOKEN_BY_TAG.get(tag) == name:
                words.append(content)
        words.append(element.tail or "")
        lines.extend(word.strip() for word in words if word and not word.isspace())
    return "\n".join(lines)


def _join(run: Any) -> None:
    """Give the words of a run to the one before it, when that is its neighbour."""
    before = run.getprevious()
    if before is None or before.tag != run.tag:
        return
    mine, its = run.find("{*}t"), before.find("{*}t")
    if mine is not None and its is not None:
        mine.text, its.text = (its.text or "") + (mine.text or ""), None


def flat_rows(table: Any, space: str, signs: Mapping[str, str]) -> list[list[str]]:
    """Cells of a table that holds no other table, in one walk: a roster has half a million elements."""
    row_tag, cell_tag, paragraph, span = space + "tr", space + "tc", space + "p", space + "gridSpan"
    rows: list[list[str]] = []
    row: list[str] = []
    pieces: list[str] = []
    filler = 0
    for node in table.iter(row_tag, cell_tag, paragraph, span, space + "t", *signs):
        tag = node.tag
        if tag == cell_tag or tag == row_tag:  # noqa: PLR1714, SIM109 - runs for every element
            if pieces or filler:
                row[-1:] = ["".join(pieces).strip("\n\t"), *[""] * filler]
                pieces, filler = [], 0
            if tag == row_tag:
                row = []
                rows.append(row)
            else:
                row.append("")
                if width := node.get("gridSpan"):
                    filler = _filler(width)
        elif tag == paragraph:
            pieces.append("\n")
        elif tag == span:
            filler = _filler(node.get(space + "val", "1"))
        else:
            pieces.append(signs.get(tag) or node.text or "")
    if pieces or filler:
        row[-1:] = ["".join(pieces).strip("\n\t"), *[""] * filler]
    return rows


def _filler(width: str) -> int:
    """Empty cells behind one that spans several columns; Word allows 63."""
    return max(min(int(width), 63) - 1, 0) if width.isascii() and width.isdigit() else 0


def read_properties(package: Package, reading: Reading) -> None:
    """Title, author, company and the document's own fields: a client's name in them is a letterhead."""
    for name in package.left(r"docProps/[^/]+\.xml$"):
        with reading.attempt("the document's properties"):
            reading.text("properties", spoken(package.tree(name, "a part")), Role.HEADING)


def read_leftovers(package: Package, reading: Reading) -> None:
    """Everything that the family's own reader has not taken: nothing in a package goes unseen."""
    read_properties(package, reading)
    for name in package.left():
        if _HARMLESS.fullmatch(name):
            package.skip(name)
            continue
        with reading.attempt(f"a part of kind {kind(name)}"):
            _read_leftover(package, reading, name)


def kind(name: str) -> str:
    """Folder and extension: names a part without repeating words that its author chose."""
    extension = posixpath.splitext(name)[1].lower()
    return extension[:6] if re.fullmatch(r"\.\w{1,5}", extension) else "without extension"


def _read_leftover(package: Package, reading: Reading, name: str) -> None:
    extension = kind(name)
    if name.lower().endswith(".rels"):
        relations = package.tree(name, "a list of relations")
        targets = [unquote(relation.get("Target", "")) for relation in relations if relation.get("TargetMode")]
        reading.text("links", "\n".join(targets))
    elif extension in {".xml", ".vml"}:
        _read_xml(package, reading, name)
    else:
        hand_on(inner_of(package, name), reading)


def _read_xml(package: Package, reading: Reading, name: str) -> None:
    if not name.lower().startswith("customxml/"):
        reading.text(part_word(name), spoken(package.tree(name, part_word(name))))
        return
    root = package.tree(name, "custom XML")
    contents = tuple(xml_contents(root, reading.leaf))
    if not any(isinstance(content, Table) for content in contents):
        reading.text("custom XML", spoken(root))
        return
    for content in contents:
        if isinstance(content, Table):
            reading.contents.append(replace(content, name=f"custom XML {content.name}"))
        else:
            reading.contents.append(replace(content, where="custom XML", role=Role.CONTENT))


def hand_on(inner: Inner, reading: Reading) -> None:
    """A file of its own, but for metafiles: they are drawings of this document's own words."""
    if isinstance(inner.content, bytes) and is_metafile(inner.content):
        read_metafile(inner.content, reading)
    else:
        reading.inner.append(inner)


def part_word(name: str) -> str:
    """`xl/drawings/drawing2.xml` -> "drawing 2"; for people, never more than letters and a number of it."""
    found = re.search(r"([A-Za-z]{1,24})(\d{0,6})\.\w+$", name)
    return f"{found[1]} {found[2]}".strip() if found else "a part"


def inner_of(package: Package, name: str) -> Inner:
    """A member to be opened as a file of its own."""
    base = posixpath.basename(name)
    try:
        return Inner(name=base, content=package.read(name))
    except CannotLookError as error:
        return Inner(name=base, content=Unopened(obstacle=error.obstacle, note=error.note))
