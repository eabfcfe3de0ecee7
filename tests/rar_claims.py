"""A RAR 5 file whose header says what it likes of the file inside: how large it is, and what unpacking it needs."""

import struct
import zlib

from carriers_mail import rar_of

_FILE, _EXTRA, _DATA, _TIME, _CHECKSUM = 2, 1, 2, 2, 4
_DICTIONARY = 15 << 10  #: the bits of the method that say how large: 128 KiB, doubled so often


def rar_that_claims(content: bytes, *, size: int | None = None, dictionary: int | None = None) -> bytes:
    """The header is written anew with its checksum, for else it would just be broken."""
    archive = rar_of({"list.csv": content})
    start, body, end = _file_header(archive)
    flags, at = _number(archive, _number(archive, body)[1])
    for each in (_EXTRA, _DATA):
        at = _number(archive, at)[1] if flags & each else at
    flags, at = _number(archive, at)
    claimed, after = _number(archive, at)
    method = _number(archive, after)[1] + 4 * bool(flags & _TIME) + 4 * bool(flags & _CHECKSUM)
    asks, rest = _number(archive, method)
    asks = asks if dictionary is None else asks & ~_DICTIONARY | dictionary << 10
    head = archive[body:at] + _written(claimed if size is None else size)
    head += archive[after:method] + _written(asks) + archive[rest:end]
    head = _written(len(head)) + head
    return archive[:start] + struct.pack("<I", zlib.crc32(head)) + head + archive[end:]


def _file_header(archive: bytes) -> tuple[int, int, int]:
    """Where the header of the first file begins, where its fields do, and where it ends."""
    start = 8
    while True:
        length, body = _number(archive, start + 4)
        kind, at = _number(archive, body)
        if kind == _FILE:
            return start, body, body + length
        flags, at = _number(archive, at)
        at = _number(archive, at)[1] if flags & _EXTRA else at
        start = body + length + (_number(archive, at)[0] if flags & _DATA else 0)


def _number(content: bytes, place: int) -> tuple[int, int]:
    """RAR's vint: seven bits a byte, the lowest first; and where the next field begins."""
    value = shift = 0
    while True:
        value |= (content[place] & 127) << shift
        place, shift = place + 1, shift + 7
        if content[place - 1] < 128:
            return value, place


def _written(value: int) -> bytes:
    out = b""
    while value > 127:
        out, value = out + bytes([value & 127 | 128]), value >> 7
    return out + bytes([value])
