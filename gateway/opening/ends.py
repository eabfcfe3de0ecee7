"""Where documents and archives end by their own format. Raises CannotLookError where they do not say."""

import io
import re
import struct
import zipfile
import zlib

from gateway.opening.opener import CannotLookError
from rules.verdict import Obstacle

Extent = tuple[int, int]

_CHECKSUM_FOLLOWS = 8  #: general purpose bit 3 of a ZIP (APPNOTE 4.3.9)
_PDF_END = re.compile(rb"%%EOF\s*")
# Comments are counted, end with their line and may not begin with the next mark: no file makes this search quadratic.
_PDF_GOES_ON = re.compile(
    rb"(?:%(?!PDF-|%EOF)[^\r\n]{0,100}+\s++){0,8}+(?:\d+\s+\d+\s+obj|xref|startxref|trailer|endstream)"
)
_RTF_SIGN = re.compile(rb"\\bin(\d{1,9}) ?|\\[{}\\]|[{}]")
_RAR4_ARCHIVE, _RAR4_END, _RAR5_LOCKED, _RAR5_END = 0x73, 0x7B, 4, 5


def pdf(content: bytes) -> list[Extent]:
    """From the header to the mark behind which neither an update nor a stream goes on (ISO 32000-1 7.5.6).

    What goes on behind the last mark is an update that breaks off: readers pass over it, so it is not the PDF's.
    """
    start = max(content.find(b"%PDF-", 0, 1024), 0)
    end = 0
    for mark in _PDF_END.finditer(content, start):
        end = mark.end()
        if not _PDF_GOES_ON.match(content, end):
            break
    if not end:
        raise CannotLookError(Obstacle.CORRUPT, "a PDF without its end mark")
    return [(start, end)]


def rtf(content: bytes) -> list[Extent]:
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


def ole(content: bytes) -> list[Extent]:
    """To the last sector that its table of sectors has a use for (MS-CFB 2.3)."""
    import olefile  # noqa: PLC0415 - each message passes here, few need it

    try:
        with olefile.OleFileIO(io.BytesIO(content)) as file:
            used = max(number for number, following in enumerate(file.fat) if following != 0xFFFFFFFF)
            return [(0, (used + 2) * file.sectorsize)]
    except Exception as error:  # olefile raises whatever a broken file makes it raise
        raise CannotLookError(Obstacle.CORRUPT, "a file whose table of sectors is broken") from error


def zipped(content: bytes) -> list[Extent]:
    """Entries as the directory lists them, then the directory to its end mark."""
    try:
        archive = zipfile.ZipFile(io.BytesIO(content))
    except (zipfile.BadZipFile, OSError, NotImplementedError, EOFError) as error:
        raise CannotLookError(Obstacle.CORRUPT, "a zip without a directory") from error
    claimed = [(archive.start_dir, len(content))]
    end = content.rfind(b"PK\x05\x06")
    if end >= archive.start_dir and len(content) >= end + 22:
        claimed = [(archive.start_dir, end + 22 + struct.unpack_from("<H", content, end + 20)[0])]
    for entry in archive.infolist():
        start = entry.header_offset
        end = start + 30 + sum(struct.unpack_from("<HH", content, start + 26)) + entry.compress_size
        claimed.append((start, end + _descriptor(content, end, entry)))
    return claimed


def _descriptor(content: bytes, place: int, entry: zipfile.ZipInfo) -> int:
    """Bytes that follow an entry whose sizes were not known before: with or without a mark, sizes of four or eight."""
    if not entry.flag_bits & _CHECKSUM_FOLLOWS:
        return 0
    mark = 4 if content.startswith(b"PK\x07\x08", place) else 0
    wide = content[place + mark + 4 : place + mark + 12] == entry.compress_size.to_bytes(8, "little")
    return mark + (20 if wide else 12)


def seven(content: bytes) -> list[Extent]:
    offset, size = struct.unpack_from("<QQ", content, 12)
    return [(0, 32 + offset + size)]


def rar(content: bytes) -> list[Extent]:
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
