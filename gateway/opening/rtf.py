"""RTF: text, tables, margins and notes by striprtf; objects and pictures are taken out first. Never fetches links."""

import re
import struct

from striprtf.striprtf import rtf_to_text

from gateway.opening.legacy import packed
from gateway.opening.ooxml import hand_on
from gateway.opening.opener import Budget, Inner, Leaf, Opening
from gateway.opening.reading import Reading
from rules.content import Role
from rules.verdict import Obstacle

_CELL = "\x1f"
_CELLS = re.compile(r"\\(?:nest)?cell(?![a-z])[ ]?")
_OBJECT = re.compile(r"\{\\\*\\objdata\b([0-9A-Fa-f\s]*)\}")
_PICTURE = re.compile(r"\{\\pict(?![a-z])")
_BRACE = re.compile(r"\\[{}\\]|[{}]")
_CONTROL = re.compile(r"\\\*?[a-z]+-?\d*[ ]?")
_COPY = re.compile(r"\{\\nonshppict")
# Groups that striprtf passes over; made paragraphs, they are read like any other.
_PASSED_OVER = re.compile(
    r"(?:\\\*)?\\(?:header[lrf]?|footer[lrf]?|footnote|annotation|atnauthor|info|title|subject|author|manager|company|"
    r"operator|category|keywords|comment|doccomm|hlinkbase|docvar|shptxt|shpinst|shp|do|dptxbxtext|fldinst|bkmkstart|"
    r"propname|staticval|userprops|ffdeftext|ffl)(?![a-z])-?\d*[ ]?"
)
_INFO = re.compile(r"\{\\(?:title|subject|author|manager|company|keywords|doccomm)\b ?([^{}\\]*)\}")


def open_rtf(leaf: Leaf, budget: Budget) -> Opening:
    reading = Reading(leaf)
    with reading.attempt("the document"):
        budget.expand(len(leaf.content))
        source = leaf.content.decode("latin-1")
        reading.text("properties", "\n".join(_INFO.findall(source)), Role.HEADING)
        source = _take_objects(source, reading)
        source = _take_pictures(source, reading)
        source = _CELLS.sub(_CELL, source)
        source = _PASSED_OVER.sub(r"\\par ", source)
        _read_lines(rtf_to_text(source, errors="replace"), reading)  # type: ignore[no-untyped-call]
    return reading.opening()


def _take_objects(source: str, reading: Reading) -> str:
    for digits in _OBJECT.findall(source):
        with reading.attempt("an embedded object"):
            reading.inner.append(_native(bytes.fromhex("".join(digits.split()))))
    source = _OBJECT.sub("", source)
    if "\\objdata" in source:  # control words among the digits: nobody's word processor writes that
        reading.fail(Obstacle.UNSUPPORTED, "an embedded object is written in an unusual way")
    return source


def _native(stream: bytes) -> Inner:
    """MS-OLEDS 2.2.5: version, format, three counted names, then the object's own bytes."""
    position = 8
    names = []
    for _ in range(3):
        (length,) = struct.unpack_from("<I", stream, position)
        names.append(stream[position + 4 : position + 4 + length].rstrip(b"\0"))
        position += 4 + length
    (size,) = struct.unpack_from("<I", stream, position)
    native = stream[position + 4 : position + 4 + size]
    return packed(native)


def _take_pictures(source: str, reading: Reading) -> str:
    """Pictures as files of their own. Old programs' copies of them (nonshppict) show the same once more."""
    kept, place = [], 0
    for found in _PICTURE.finditer(source):
        if found.start() < place:
            continue
        own, end = _group(source, found.start())
        if not _COPY.search(source, max(found.start() - 20, 0), found.start()):
            _take_picture(own, reading)
        kept.append(source[place : found.start()])
        place = end
    return "".join([*kept, source[place:]])


def _group(source: str, start: int) -> tuple[str, int]:
    """What stands in a group but in none within it, and where it ends."""
    own, depth, place = [], 0, start
    for brace in _BRACE.finditer(source, start):
        if depth == 1:
            own.append(source[place : brace.start()])
        depth += {"{": 1, "}": -1}.get(brace[0], 0)
        place = brace.end()
        if depth == 0:
            break
    return "".join(own), place


def _take_picture(group: str, reading: Reading) -> None:
    """Its digits stand behind control words; its properties are groups within."""
    digits = "".join(_CONTROL.sub("", group).split())
    with reading.attempt("a picture"):
        if digits:
            hand_on(Inner(name=None, content=bytes.fromhex(digits)), reading)


def _read_lines(text: str, reading: Reading) -> None:
    lines: list[str] = []
    rows: list[list[str]] = []
    number = 0
    for line in [*text.split("\n"), ""]:
        if _CELL in line:
            cells = [cell.strip() for cell in line.split(_CELL)]
            rows.append(cells[:-1] if not cells[-1] else cells)
            continue
        if rows:
            number += 1
            reading.table(f"table {number}", rows)
            rows = []
        lines.append(line)
    reading.text("document", "\n".join(lines))
