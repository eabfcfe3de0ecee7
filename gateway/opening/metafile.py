"""Windows metafiles (EMF, WMF): the texts they draw and the bitmaps they carry. Office puts one beside every object.

Never draws anything: outlines and curves are not looked at, as no program writes a list in them.
"""

import struct
from collections.abc import Iterator

from gateway.opening.opener import Budget, CannotLookError, Inner, Leaf, Opening
from gateway.opening.reading import Reading
from rules.verdict import Obstacle

RECORDS = 500_000
_PLACEABLE = b"\xd7\xcd\xc6\x9a"  #: MS-WMF 2.3.2.3
# Where in a record the offsets of its bitmap header stand (MS-EMF 2.3.1): header, its size, bits, their size.
_EMF_BITMAPS = {76: 84, 77: 84, 80: 48, 81: 48, 114: 84}
_WMF_BITMAPS = {0x0940: 24, 0x0B41: 26, 0x0F43: 28, 0x0D33: 24}  #: MS-WMF 2.3.1; where the bitmap begins


def open_metafile(leaf: Leaf, budget: Budget) -> Opening:
    reading = Reading(leaf)
    with reading.attempt("the metafile"):
        budget.expand(len(leaf.content))
        read_metafile(leaf.content, reading)
    return reading.opening()


def is_metafile(content: bytes) -> bool:
    """Libmagic has no media type for EMF, nor for a WMF without its placeable header."""
    emf = content[:4] == b"\x01\0\0\0" and content[40:44] == b" EMF"
    return emf or content.startswith((_PLACEABLE, b"\x01\0\x09\0\0\x03", b"\x01\0\x09\0\0\x01"))


def read_metafile(content: bytes, reading: Reading) -> None:
    """A picture inside a document, read as a text of that document."""
    items = _emf(content) if content[40:44] == b" EMF" else _wmf(content)
    texts = [item for item in items if _keep(item, reading)]
    reading.text("image", "\n".join(str(text) for text in texts))


def _keep(item: str | bytes, reading: Reading) -> bool:
    """Texts stay; a bitmap is handed on as a file of its own."""
    if isinstance(item, str):
        return True
    reading.inner.append(Inner(name=None, content=item))
    return False


def _emf(content: bytes) -> Iterator[str | bytes]:
    position = count = 0
    while position + 8 <= len(content):
        kind, size = struct.unpack_from("<II", content, position)
        record = content[position : position + size]
        count += 1
        if size < 8 or len(record) < size or count > RECORDS:
            raise CannotLookError(Obstacle.CORRUPT, "the metafile is damaged")
        if kind == 14:  # EMR_EOF
            return
        if kind in {83, 84}:  # EMR_EXTTEXTOUTA and W
            characters, offset = struct.unpack_from("<II", record, 44)
            wide = kind == 84
            text = record[offset : offset + characters * (2 if wide else 1)]
            yield text.decode("utf-16-le" if wide else "cp1252", "replace")
        elif kind == 108:  # EMR_SMALLTEXTOUT
            characters, options = struct.unpack_from("<I4xI", record, 16)
            start = 36 if options & 0x100 else 52  # without a clipping rectangle
            narrow = options & 0x200
            text = record[start : start + characters * (1 if narrow else 2)]
            yield text.decode("cp1252" if narrow else "utf-16-le", "replace")
        elif kind in _EMF_BITMAPS and size >= _EMF_BITMAPS[kind] + 16:
            head, head_size, bits, bits_size = struct.unpack_from("<IIII", record, _EMF_BITMAPS[kind])
            if head and bits_size:
                yield _bitmap(record[head : head + head_size], record[bits : bits + bits_size])
        position += size
    raise CannotLookError(Obstacle.CORRUPT, "the metafile is cut off")


def _wmf(content: bytes) -> Iterator[str | bytes]:
    position = 22 if content.startswith(_PLACEABLE) else 0
    if content[position : position + 2] not in {b"\x01\0", b"\x02\0"}:
        raise CannotLookError(Obstacle.CORRUPT, "the metafile is damaged")
    position += 18
    while position + 6 <= len(content):
        words, kind = struct.unpack_from("<IH", content, position)
        size = words * 2
        record = content[position : position + size]
        if size < 6 or len(record) < size:
            raise CannotLookError(Obstacle.CORRUPT, "the metafile is damaged")
        if kind == 0:
            return
        if kind == 0x0521:  # META_TEXTOUT
            (length,) = struct.unpack_from("<H", record, 6)
            yield record[8 : 8 + length].decode("cp1252", "replace")
        elif kind == 0x0A32:  # META_EXTTEXTOUT
            _, _, length, options = struct.unpack_from("<HHHH", record, 6)
            start = 22 if options & 6 else 14  # with a rectangle
            yield record[start : start + length].decode("cp1252", "replace")
        elif kind in _WMF_BITMAPS and size > _WMF_BITMAPS[kind] + 40:
            yield bitmap_file(record[_WMF_BITMAPS[kind] :])
        position += size
    raise CannotLookError(Obstacle.CORRUPT, "the metafile is cut off")


def bitmap_file(bitmap: bytes) -> bytes:
    """A BMP file around a device-independent bitmap in one piece."""
    head = struct.unpack_from("<I", bitmap)[0] + _palette(bitmap)
    return _bitmap(bitmap[:head], bitmap[head:])


def _palette(bitmap: bytes) -> int:
    """Bytes of the colour table behind a BITMAPINFOHEADER."""
    if len(bitmap) < 40:
        raise CannotLookError(Obstacle.CORRUPT, "a bitmap of the metafile is damaged")
    depth, used = struct.unpack_from("<H", bitmap, 14)[0], struct.unpack_from("<I", bitmap, 32)[0]
    return 4 * min(used or (1 << depth if depth <= 8 else 0), 256)


def _bitmap(head: bytes, bits: bytes) -> bytes:
    """A BMP file around a device-independent bitmap."""
    return struct.pack("<2sIII", b"BM", 14 + len(head) + len(bits), 0, 14 + len(head)) + head + bits
