"""What stands before, between and behind the bytes that a file's own format claims: two files in one, as polyglots are.

Each reader takes from such a file what it knows by its own mark, so every piece is opened.
Of what has no end of its own only a ZIP behind it is told, and in a text a PDF.
"""

import io
import re
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping

from gateway.opening.look_in import appended_zip
from gateway.opening.opener import Inner

Extent = tuple[int, int]

_FEWEST = 16  #: bytes; a list does not fit into less
_DESCRIPTOR = 24  #: bytes that may follow an entry of a ZIP (APPNOTE 4.3.9)
_PADDING = b"\0 \t\r\n\x1a"
_PDF_END = re.compile(rb"%%EOF\s*")
_PDF_GOES_ON = re.compile(rb"\d+\s+\d+\s+obj|xref|startxref|trailer|endstream|%(?!PDF-)|\Z")
_JPEG_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
_RTF_SIGN = re.compile(rb"\\bin(\d{1,9}) ?|\\[{}\\]|[{}]")
_RAR4_ARCHIVE, _RAR4_END, _RAR5_LOCKED, _RAR5_END = 0x73, 0x7B, 4, 5
_TIFF_SIZES = {3: 2, 4: 4, 5: 8, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4}  #: bytes of a value, by its type; else one
_TIFF_LEADS = {273, 279, 324, 325, 330, 513, 514, 34665, 34853}  #: tags of places and sizes
_TEXT = re.compile(r"text/|application/(xml|json|yaml|x-sylk|x-dif)|image/svg")
_ZIPPED = re.compile(r"application/(zip|vnd\.(openxmlformats|oasis|ms-(excel|word|powerpoint)\..*macroenabled).*)")


def beside(media_type: str, content: bytes) -> Iterator[Inner]:
    """Each piece that is no part of the format and no padding."""
    claims = _CLAIMS.get(media_type) or (_zip if _ZIPPED.match(media_type) else None)
    if claims is None:
        late = _late_pdf if _TEXT.match(media_type) else appended_zip
        if (behind := late(content) or appended_zip(content)) is not None:
            yield Inner(name="behind", content=behind)
        return
    try:
        claimed = claims(content)
    except (struct.error, IndexError, ValueError, OverflowError):
        return  # broken off: its opener says so
    yield from pieces(content, claimed)


def _late_pdf(content: bytes) -> bytes | None:
    """A PDF written out in a text: some readers look for its mark however far behind it stands."""
    start = content.find(b"%PDF-1.")
    return content[start:] if start >= 0 and content.find(b"%%EOF", start) > 0 else None


def pieces(content: bytes, claimed: list[Extent]) -> Iterator[Inner]:
    """What nothing claims, as files of their own; padding is nothing."""
    place = 0
    for start, end in sorted(claimed):
        yield from _piece(content, place, start)
        place = max(place, end)
    yield from _piece(content, place, len(content))


def _piece(content: bytes, start: int, end: int) -> Iterator[Inner]:
    piece = content[start:end]
    if end - start >= _FEWEST and len(piece.strip(_PADDING)) >= _FEWEST:
        name = "before" if start == 0 else "behind" if end == len(content) else "between"
        yield Inner(name=name, content=piece.lstrip(_PADDING))


def _pdf(content: bytes) -> list[Extent]:
    """From the header to the mark behind which neither an update nor a stream goes on (ISO 32000-1 7.5.6)."""
    start = max(content.find(b"%PDF-", 0, 1024), 0)
    for mark in _PDF_END.finditer(content, start):
        if not _PDF_GOES_ON.match(content, mark.end()):
            return [(start, mark.end())]
    return [(start, len(content))]


def _png(content: bytes) -> list[Extent]:
    place = 8
    while place + 12 <= len(content):
        size, kind = struct.unpack_from(">I4s", content, place)
        place += 12 + size
        if kind == b"IEND":
            return [(0, place)]
    return [(0, len(content))]


def _jpeg(content: bytes) -> list[Extent]:
    """Segments have lengths; behind a start of scan comes data in which FF is followed by zero or a restart."""
    place = 2
    while marker := _JPEG_MARKER.search(content, place):
        kind = content[marker.start() + 1]
        if kind == 0xD9:
            return [(0, marker.end())]
        place = marker.end() + struct.unpack_from(">H", content, marker.end())[0]
    return [(0, len(content))]


def _gif(content: bytes) -> list[Extent]:
    flags = content[10]
    place = 13 + (3 << (flags & 7) + 1 if flags & 0x80 else 0)
    while content[place] != 0x3B:
        if content[place] == 0x2C:
            flags = content[place + 9]
            place += 11 + (3 << (flags & 7) + 1 if flags & 0x80 else 0)
        else:
            place += 2
        while content[place]:
            place += content[place] + 1
        place += 1
    return [(0, place + 1)]


def _bmp(content: bytes) -> list[Extent]:
    size, start = struct.unpack_from("<I4xI", content, 2)
    return [(0, size if start < size <= len(content) else len(content))]


def _riff(content: bytes) -> list[Extent]:
    (size,) = struct.unpack_from("<I", content, 4)
    return [(0, 8 + size + size % 2)]


def _boxes(content: bytes) -> list[Extent]:
    """Boxes of an ISO media file, less those that hold anything one likes (ISO 14496-12 8.1.2, 11.1)."""
    claimed, place = [], 0
    while place + 8 <= len(content):
        size, kind = struct.unpack_from(">I4s", content, place)
        if size == 1:
            (size,) = struct.unpack_from(">Q", content, place + 8)
        size = size or len(content) - place
        if size < 8 or not kind.isascii():
            break
        if kind not in {b"free", b"skip", b"uuid"}:
            claimed.append((place, place + size))
        place += size
    return claimed


def _seven(content: bytes) -> list[Extent]:
    offset, size = struct.unpack_from("<QQ", content, 12)
    return [(0, 32 + offset + size)]


def _rar(content: bytes) -> list[Extent]:
    """Blocks up to the one that ends the archive. Locked lists of files cannot be followed, nor those of RAR 1.3."""
    walk = {b"\x1a\x07\x01": _rar5, b"\x1a\x07\x00": _rar4}.get(content[4:7])
    end = walk(content) if walk else None
    return [(0, len(content) if end is None else end)]


def _rar4(content: bytes) -> int | None:
    place = 7
    while place + 7 <= len(content):
        check, kind, flags, size = struct.unpack_from("<HBHH", content, place)
        if (kind == _RAR4_ARCHIVE and flags & 0x80) or size < 7:
            return None
        if zlib.crc32(content[place + 2 : place + size]) & 0xFFFF != check and kind != _RAR4_ARCHIVE:
            return place
        data = struct.unpack_from("<I", content, place + 7)[0] if flags & 0x8000 else 0
        place += size + int(data)
        if kind == _RAR4_END:
            break
    return place


def _rar5(content: bytes) -> int | None:
    place = 8
    while place + 7 <= len(content):
        size, head = _number(content, place + 4)
        kind, after = _number(content, head)
        flags, after = _number(content, after)
        _, after = _number(content, after) if flags & 1 else (0, after)
        data, _ = _number(content, after) if flags & 2 else (0, after)
        if zlib.crc32(content[place + 4 : head + size]) != struct.unpack_from("<I", content, place)[0]:
            return place
        if kind == _RAR5_LOCKED:
            return None
        place = head + size + data
        if kind == _RAR5_END:
            break
    return place


def _number(content: bytes, place: int) -> tuple[int, int]:
    """RAR 5's numbers: seven bits a byte, the lowest first; and the place behind."""
    number = shift = 0
    while True:
        byte = content[place]
        number |= (byte & 0x7F) << shift
        shift, place = shift + 7, place + 1
        if byte < 0x80 or shift > 63:
            return number, place


def _zip(content: bytes) -> list[Extent]:
    """Entries as the directory lists them, then the directory to its end mark."""
    try:
        archive = zipfile.ZipFile(io.BytesIO(content))
    except (zipfile.BadZipFile, OSError, NotImplementedError, EOFError):
        return [(0, len(content))]
    claimed = [(archive.start_dir, len(content))]
    end = content.rfind(b"PK\x05\x06")
    if end >= archive.start_dir and len(content) >= end + 22:
        claimed = [(archive.start_dir, end + 22 + struct.unpack_from("<H", content, end + 20)[0])]
    for entry in archive.infolist():
        start = entry.header_offset
        names = sum(struct.unpack_from("<HH", content, start + 26))
        claimed.append((start, start + 30 + names + entry.compress_size + _descriptor(entry)))
    return claimed


def _descriptor(entry: zipfile.ZipInfo) -> int:
    return _DESCRIPTOR if entry.flag_bits & 8 else 0


def _ole(content: bytes) -> list[Extent]:
    """To the last sector that its table of sectors has a use for (MS-CFB 2.3)."""
    import olefile  # noqa: PLC0415 - each message passes here, few need it

    try:
        with olefile.OleFileIO(io.BytesIO(content)) as file:
            used = max(number for number, following in enumerate(file.fat) if following != 0xFFFFFFFF)
            return [(0, (used + 2) * file.sectorsize)]
    except Exception:  # noqa: BLE001 - its opener says what is wrong
        return [(0, len(content))]


def _rtf(content: bytes) -> list[Extent]:
    """To the brace that closes the first one; the control word bin says how many bytes to step over."""
    depth = after = 0
    for sign in _RTF_SIGN.finditer(content):
        if sign.start() < after:
            continue
        if sign[1]:
            after = sign.end() + int(sign[1])
        elif sign[0] in b"{}":
            depth += 1 if sign[0] == b"{" else -1
            if depth == 0:
                return [(0, sign.end())]
    return [(0, len(content))]


def _tiff(content: bytes) -> list[Extent]:
    """To the end of whatever the directories lead to; between their pieces may be old ones, which nothing shows."""
    order = "<" if content.startswith(b"II") else ">"
    if struct.unpack_from(order + "H", content, 2)[0] != 42:  # BigTIFF
        return [(0, len(content))]
    end, waiting, seen = 8, [struct.unpack_from(order + "I", content, 4)[0]], set[int]()
    while waiting:
        place = waiting.pop()
        if place in seen or place < 8:
            continue
        seen.add(place)
        (count,) = struct.unpack_from(order + "H", content, place)
        values = {}
        for entry in range(place + 2, place + 2 + 12 * count, 12):
            tag, kind, number, _ = struct.unpack_from(order + "HHII", content, entry)
            size = _TIFF_SIZES.get(kind, 1) * number
            start = entry + 8 if size <= 4 else struct.unpack_from(order + "I", content, entry + 8)[0]
            end = max(end, start + size)
            if tag in _TIFF_LEADS:
                values[tag] = struct.unpack_from(f"{order}{number}{'H' if kind == 3 else 'I'}", content, start)
        for starts, sizes in ((273, 279), (324, 325), (513, 514)):
            spans = zip(values.get(starts, ()), values.get(sizes, ()), strict=False)
            end = max([end, *(start + size for start, size in spans)])
        waiting += [*values.get(330, ()), *values.get(34665, ()), *values.get(34853, ())]
        following = place + 2 + 12 * count
        end = max(end, following + 4)
        waiting.append(struct.unpack_from(order + "I", content, following)[0])
    return [(0, end)]


_CLAIMS: Mapping[str, Callable[[bytes], list[Extent]]] = {
    "application/msword": _ole,
    "application/pdf": _pdf,
    "application/rtf": _rtf,
    "application/vnd.ms-excel": _ole,
    "application/vnd.ms-outlook": _ole,
    "application/vnd.ms-powerpoint": _ole,
    "application/vnd.rar": _rar,
    "application/x-7z-compressed": _seven,
    "image/avif": _boxes,
    "image/bmp": _bmp,
    "image/gif": _gif,
    "image/jp2": _boxes,
    "image/jpeg": _jpeg,
    "image/png": _png,
    "image/tiff": _tiff,
    "image/webp": _riff,
}
