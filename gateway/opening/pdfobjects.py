"""What a PDF holds where PDFium does not look: associated files, scripts, an application's own data, page templates.

pdfminer walks the objects, and only of documents in which a glance sees one of these names: most have none.
ISO 32000-1 7.7.4 (templates), 12.6.4.16 (scripts), 14.5 (page-piece data); ISO 32000-2 14.13 (associated files).
"""

import re
import zlib
from collections.abc import Iterator
from io import BytesIO
from typing import Any

from gateway.opening.opener import Budget, CannotLookError, Inner
from gateway.opening.reading import Reading
from rules.verdict import Obstacle

OBJECTS = 200_000  #: of one document
_SHOWN = 1 << 24  #: bytes of one object stream that are looked through
# Every file has an /EF, whatever leads to it. A name may be written with escapes: /J#53 is /JS.
_NAMES = re.compile(rb"/(?:EF|JS|PieceInfo|Templates)(?![A-Za-z0-9])")
_ESCAPED = re.compile(rb"/(?P<name>[A-Za-z]{0,8}#[0-9A-Fa-f]{2}(?:[A-Za-z]|#[0-9A-Fa-f]{2}){0,8})")
_ESCAPE = re.compile(rb"#([0-9A-Fa-f]{2})")
_HEAD = 4096  #: bytes between the type of an object stream and its data
_STREAM = re.compile(rb"stream\r?\n")


def read_unreached(content: bytes, budget: Budget, reading: Reading) -> None:
    """Add files, scripts and private data that no page and no list of attachments leads to."""
    with reading.attempt("what stands beside the pages"):
        if _glance(content, budget):
            _Walk(content, budget, reading).read()


def _glance(content: bytes, budget: Budget) -> bool:
    """Whether a name is there. An object stream that cannot be looked into may hold any. Looks at no byte twice."""
    if _named(content):
        return True
    place = 0
    while (mark := content.find(b"/ObjStm", place)) >= 0:
        start = _STREAM.search(content, mark, mark + _HEAD)
        place = content.find(b"endstream", start.end()) if start else -1
        if start is None or place < 0:
            return True
        shown = _inflated(content[start.end() : place])
        if shown is None or _named(shown):
            return True
        budget.expand(len(shown))
    return False


def _named(content: bytes) -> bool:
    if _NAMES.search(content):
        return True
    names = (
        _ESCAPE.sub(lambda code: bytes.fromhex(code[1].decode()), found["name"]) for found in _ESCAPED.finditer(content)
    )
    return any(_NAMES.fullmatch(b"/" + name) for name in names)


def _inflated(packed: bytes) -> bytes | None:
    """An object stream; None: with another filter, encrypted, too large, damaged, or with more behind it."""
    inflating = zlib.decompressobj()
    try:
        shown = inflating.decompress(packed, _SHOWN)
    except zlib.error:
        return None
    return shown if inflating.eof and not inflating.unused_data.strip() else None


class _Walk:
    """Every object of one document, once."""

    def __init__(self, content: bytes, budget: Budget, reading: Reading) -> None:
        self._document = _opened(content, budget.passwords)
        self._budget = budget
        self._reading = reading
        self._known = {inner.content for inner in reading.inner if isinstance(inner.content, bytes)}

    def read(self) -> None:
        numbers = {number for table in self._document.xrefs for number in table.get_objids()}
        if len(numbers) > OBJECTS:
            raise CannotLookError(Obstacle.LIMIT, f"more than {OBJECTS} objects")
        for number in sorted(numbers):
            with self._reading.attempt("an object"):
                for entries in _dictionaries(self._object(number)):
                    self._look(entries)

    def _object(self, number: int) -> Any:
        from pdfminer.pdftypes import PDFObjectNotFound  # noqa: PLC0415 - most documents need no pdfminer

        try:
            return self._document.getobj(number)
        except PDFObjectNotFound:  # listed as free, or never written
            return None

    def _look(self, entries: dict[str, Any]) -> None:
        if "EF" in entries:
            self._files(entries)
        if "JS" in entries:
            self._values("script", entries["JS"])
        if "PieceInfo" in entries:
            self._values("application data", entries["PieceInfo"])
        if "Templates" in entries:
            self._reading.fail(Obstacle.UNSUPPORTED, "the PDF has templates of pages")

    def _files(self, specification: dict[str, Any]) -> None:
        name = _resolved(specification.get("UF") or specification.get("F"))
        for stream in map(_resolved, _resolved(specification["EF"]).values()):
            self._file(_text(name) if isinstance(name, bytes) else None, self._data(stream))

    def _file(self, name: str | None, content: bytes) -> None:
        """What PDFium has listed is there already."""
        if content not in self._known:
            self._known.add(content)
            self._reading.inner.append(Inner(name=name, content=content))

    def _data(self, stream: Any) -> bytes:
        content = bytes(stream.get_data())
        self._budget.expand(len(content))
        return content

    def _values(self, where: str, value: Any) -> None:
        """Strings as text; streams are files of their own, told by their content."""
        strings, streams = _gathered(value)
        self._reading.text(where, "\n".join(map(_text, strings)))
        for stream in streams:
            self._file(None, self._data(stream))


def _opened(content: bytes, passwords: tuple[str, ...]) -> Any:
    """With the password that opened it for PDFium."""
    from pdfminer.pdfdocument import PDFDocument, PDFPasswordIncorrect  # noqa: PLC0415
    from pdfminer.pdfparser import PDFParser  # noqa: PLC0415

    for password in ("", *passwords):
        try:
            return PDFDocument(PDFParser(BytesIO(content)), password=password)
        except PDFPasswordIncorrect:
            continue
    raise CannotLookError(Obstacle.ENCRYPTED, "the PDF needs a password")


def _resolved(value: Any) -> Any:
    from pdfminer.pdftypes import resolve1  # noqa: PLC0415

    return resolve1(value)


def _dictionaries(value: Any) -> Iterator[dict[str, Any]]:
    """All of one object, nested ones too; what it refers to is an object of its own."""
    waiting = [value]
    while waiting:
        value = waiting.pop()
        value = getattr(value, "attrs", value)  # of a stream
        if isinstance(value, dict):
            yield value
            waiting.extend(value.values())
        elif isinstance(value, list):
            waiting.extend(value)


def _gathered(value: Any) -> tuple[list[bytes], list[Any]]:
    """Strings and streams that a value leads to, each object once."""
    strings: list[bytes] = []
    streams: list[Any] = []
    waiting, seen = [value], set[int]()
    while waiting:
        value = waiting.pop()
        if (number := getattr(value, "objid", None)) is not None:
            if number in seen:
                continue
            seen.add(number)
        value = _resolved(value)
        if isinstance(value, bytes):
            strings.append(value)
        elif isinstance(value, list):
            waiting.extend(reversed(value))
        elif isinstance(value, dict):
            waiting.extend(reversed(list(value.values())))
        elif hasattr(value, "get_data"):
            streams.append(value)
    return strings, streams


def _text(string: bytes) -> str:
    from pdfminer.utils import decode_text  # noqa: PLC0415

    return str(decode_text(string))
