"""Office files of before 2007 (OLE): DOC, PPT, XLS, and whatever an OLE object carries. Never runs macros.

Text is read by the formats' own tables (MS-DOC piece table; powerpoint.py); cells by calamine.
"""

import re
import struct
from collections.abc import Iterator

from gateway.message import Unopened
from gateway.opening import encrypted
from gateway.opening.art import pictures
from gateway.opening.biff import drawings, sheets_of
from gateway.opening.compound import Compound, compound
from gateway.opening.opener import Budget, CannotLookError, Inner, Leaf, Opening
from gateway.opening.powerpoint import read_presentation
from gateway.opening.reading import Reading
from gateway.opening.sheetparts import MARGIN_CODE
from gateway.opening.spreadsheet import read_all_sheets
from gateway.opening.written import written
from rules.content import Role
from rules.verdict import Obstacle

_FIELDS = re.compile(r"[\x13-\x15\x01\x02\x05\x08]")
_BOOK = ("workbook", "book")
_PICTURES = ("worddocument", "data", "pictures")  #: Word keeps floating ones in its text's stream
# What an OLE object says about itself; the object is in its other streams.
_DRESS = re.compile(
    r"\x01(ole|compobj|ole10itemname)|\x03.*|\x05.*|\x06.*|.*(vba|macros|project).*|_vba.*|[01]table|data|current user|"
    r"objectpool|pictures|revision log|user names|ctls|xctls|mso(datastore|envelope).*|\x02olepres.*|\x0ccompobj|"
    r"encryption|header|msodatastore|\x01oleprivate",
    re.IGNORECASE,
)


def open_legacy(leaf: Leaf, budget: Budget) -> Opening:
    """Any OLE file but mail and encrypted packages."""
    if encrypted.is_locked(leaf.content):
        plain = encrypted.unlocked(leaf.content, budget)
        if plain is None:
            return Opening(outcome=encrypted.LOCKED)
        leaf = Leaf(section=leaf.section, filename=leaf.filename, media_type=leaf.media_type, content=plain)
    reading = Reading(leaf)
    with reading.attempt("the file"):
        file = Compound(leaf.content, budget)
        read_streams(file, (), reading, budget)
        with reading.attempt("the properties"):
            reading.text("properties", "\n".join(file.properties()), Role.HEADING)
        with reading.attempt("the unused sectors"):
            reading.text("unused sectors", written(file.unused()))
        if not file.sound:
            reading.fail(Obstacle.CORRUPT, "the OLE file's directory is damaged")
    return reading.opening()


def read_streams(file: Compound, storage: tuple[str, ...], reading: Reading, budget: Budget) -> None:
    """What the file itself is, then every object embedded at any depth."""
    for folder in sorted({path[:-1] for path in file.paths}, key=lambda path: (len(path), path)):
        names = {path[-1].lower(): path[-1] for path in file.paths if path[:-1] == folder}
        own = folder == storage
        where = "document" if own else "embedded object"
        with reading.attempt(f"the {where}"):
            _read_folder(file, folder, names, reading, budget)


def _read_folder(
    file: Compound, folder: tuple[str, ...], names: dict[str, str], reading: Reading, budget: Budget
) -> None:
    known = _read_known(file, folder, names, reading, budget)
    for lower, name in names.items():
        if lower == "\x01ole10native":
            reading.inner.append(packed(file.read(*folder, name)[4:]))
        elif lower in {"package", "contents", "embeddedodf"}:
            reading.inner.append(Inner(name=name.lower(), content=file.read(*folder, name)))
        elif lower in _PICTURES and known:
            reading.inner.extend(pictures(file.read(*folder, name), budget))
        elif not known and not _is_dress(folder, lower):
            reading.fail(Obstacle.UNSUPPORTED, "an OLE object of unknown kind")


def _read_known(
    file: Compound, folder: tuple[str, ...], names: dict[str, str], reading: Reading, budget: Budget
) -> bool:
    """Whether it is a document, a presentation or a book."""
    if "worddocument" in names:
        read_doc(file, folder, reading)
    if "powerpoint document" in names:
        read_presentation(file.read(*folder, "PowerPoint Document"), reading)
    book = next((names[name] for name in _BOOK if name in names), None)
    if book:
        _read_book(file.read(*folder, book), reading, budget)
    return bool(book) or "worddocument" in names or "powerpoint document" in names


def _read_book(stream: bytes, reading: Reading, budget: Budget) -> None:
    """Cells by calamine, and what it leaves out by the records themselves (BIFF8; older books have only cells)."""
    sheets = sheets_of(stream) if stream[:6][4:] == b"\x00\x06" else []
    masked = {sheet.name: sheet.masked for sheet in sheets}
    read_all_sheets(compound({"Workbook": stream}), reading, budget, masked)
    for sheet in sheets:
        reading.text(f"{sheet.name}!header", MARGIN_CODE.sub(" ", "\n".join(sheet.margins)), Role.HEADING)
        reading.text(f"{sheet.name}!notes", "\n".join(sheet.notes))
    reading.inner.extend(pictures(drawings(stream), budget))


def _is_dress(folder: tuple[str, ...], name: str) -> bool:
    return any(_DRESS.fullmatch(part.lower()) for part in (*folder, name)) and not (
        folder and folder[-1].lower() == "objectpool"
    )


def packed(native: bytes) -> Inner:
    """A file in an OLE Package: label, path, then its bytes. Other native data is handed on as it is."""
    if native[:2] == b"\x02\x00":
        try:
            end = native.index(b"\0", 2)
            label = native[2:end].decode("cp1252", "replace")
            position = native.index(b"\0", end + 1) + 5  # path, then four bytes of flags
            (length,) = struct.unpack_from("<I", native, position)
            position += 4 + length
            (size,) = struct.unpack_from("<I", native, position)
            content = native[position + 4 : position + 4 + size]
            if len(content) == size:
                return Inner(name=label or None, content=content)
        except (ValueError, struct.error):
            pass
        return Inner(name=None, content=Unopened(obstacle=Obstacle.CORRUPT, note="a packed file is damaged"))
    return Inner(name=None, content=native)


def read_doc(file: Compound, folder: tuple[str, ...], reading: Reading) -> None:
    """All text of a Word 6 to 2003 file: body, notes, headers and boxes follow each other in one run."""
    stream = file.read(*folder, "WordDocument")
    version, flags = struct.unpack_from("<H", stream, 2)[0], struct.unpack_from("<H", stream, 10)[0]
    if flags & 0x100:
        raise CannotLookError(Obstacle.ENCRYPTED, "the document needs a password")
    if version < 0xC1:  # Word 6 and 95
        first, last = struct.unpack_from("<II", stream, 24)
        text = stream[first:last].decode("cp1252", "replace")
    else:
        table = file.read(*folder, "1Table" if flags & 0x200 else "0Table")
        text = "".join(_pieces(stream, table))
    _read_runs(text, reading)
    reading.text("deleted text", written(stream, [text]))


def _pieces(stream: bytes, table: bytes) -> Iterator[str]:
    """MS-DOC 2.4.1: the FIB's pair 33 is the Clx; its piece table says where each run of text lies."""
    position = 32
    (words,) = struct.unpack_from("<H", stream, position)
    position += 2 + 2 * words
    (longs,) = struct.unpack_from("<H", stream, position)
    position += 2 + 4 * longs + 2
    start, size = struct.unpack_from("<II", stream, position + 33 * 8)
    clx = table[start : start + size]
    position = 0
    while position < len(clx) and clx[position] == 1:
        position += 3 + int.from_bytes(clx[position + 1 : position + 3], "little")
    if clx[position : position + 1] != b"\x02":
        raise CannotLookError(Obstacle.CORRUPT, "the document's text table is damaged")
    (length,) = struct.unpack_from("<I", clx, position + 1)
    plc = clx[position + 5 : position + 5 + length]
    count = (len(plc) - 4) // 12
    ends = struct.unpack_from(f"<{count + 1}I", plc)
    for index in range(count):
        (place,) = struct.unpack_from("<I", plc, 4 * (count + 1) + 8 * index + 2)
        characters = ends[index + 1] - ends[index]
        if not 0 <= characters <= len(stream):
            raise CannotLookError(Obstacle.CORRUPT, "the document's text table is damaged")
        if place & 0x40000000:
            offset = (place & 0x3FFFFFFF) // 2
            yield stream[offset : offset + characters].decode("cp1252", "replace")
        else:
            yield stream[place : place + 2 * characters].decode("utf-16-le", "replace")


def _read_runs(text: str, reading: Reading) -> None:
    """Paragraphs end with CR; table cells and rows with BEL."""
    text = _FIELDS.sub(" ", text).replace("\x1e", "-").replace("\x1f", "").replace("\x0b", "\n").replace("\x0c", "\n")
    lines: list[str] = []
    number = 0
    for run in re.split(r"(?:\r|\A)(?=[^\r]*\x07)|(?<=\x07)(?=[^\x07]*\r)", text):
        if "\x07" not in run:
            lines += run.split("\r")
            continue
        number += 1
        reading.table(f"table {number}", _rows(run.split("\x07")))
    reading.text("document", "\n".join(lines))


def _rows(cells: list[str]) -> list[list[str]]:
    """A row's end is one more empty cell; the first width at which every row ends so is the table's."""
    if cells and not cells[-1].strip("\r"):
        cells = cells[:-1]
    for width in range(2, min(len(cells), 64) + 1):
        if not any(cells[width - 1 :: width]) and len(cells) % width == 0:
            return [cells[start : start + width - 1] for start in range(0, len(cells), width)]
    rows: list[list[str]] = [[]]
    for cell in cells:
        if cell or not rows[-1]:
            rows[-1].append(cell)
        else:
            rows.append([])
    return [row for row in rows if row]
