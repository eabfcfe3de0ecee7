"""A gzip file that unpacks to itself, for ever: Russ Cox's program of literals and repeats, and a checksum that fits.

https://research.swtch.com/zip has the program; its pieces here are five bytes each. The checksum stands in the file
that it is of; CRC-32 is affine, so the one that fits is the solution of 32 linear equations.
"""

import struct
import zlib

_UNIT = 5
_HEAD = b"\x1f\x8b\x08\x08\0\0\0\0\0\xff" + b"nest\0"


def _literal(size: int) -> bytes:
    """A stored block's header: `size` bytes follow."""
    return struct.pack("<BHH", 0, size, size ^ 0xFFFF)


def _repeat(size: int, *, last: bool = False) -> bytes:
    """Say the last `size` bytes again, 13 or 17 to 20 of them, in exactly forty bits of fixed Huffman codes."""
    code, extra, first = (7, 2, 13) if size < 17 else (8, 3, 17)
    bits = ("1" if last else "0") + "10"
    for length in (10, size - 10):
        bits += f"{length - 2:07b}{code:05b}" + f"{size - first:0{extra}b}"[::-1]
    bits = (bits + "0000000").ljust(40, "0")
    return int(bits[::-1], 2).to_bytes(_UNIT, "little")


def _with(checksum: int, size: int) -> bytes:
    tail = struct.pack("<II", checksum, size)
    one, four, first, end = _literal(5), _literal(20), _literal(len(_HEAD) + 5), _literal(len(tail) + 5)
    again, empty, close = _repeat(20), _literal(0), _repeat(len(tail) + 5, last=True)
    program = first + _HEAD + first + again + one + again + one + one + four + again + one + one + four + again
    program += four + again + four + again + four + again + four + again + empty + empty + end + again
    return _HEAD + program + empty + empty + end + close + tail + close + tail


def quine() -> bytes:
    size = len(_with(0, 0))
    start = zlib.crc32(_with(0, size))
    # What each bit of the checksum in the file does to the checksum of the file, and to itself.
    rows = [(zlib.crc32(_with(1 << bit, size)) ^ start ^ (1 << bit), 1 << bit) for bit in range(32)]
    checksum, wanted = 0, start
    for bit in range(32):
        pivot = next((row for row in rows if row[0] >> bit & 1), None)
        if pivot is None:
            continue
        rows.remove(pivot)
        rows = [(a ^ pivot[0], b ^ pivot[1]) if a >> bit & 1 else (a, b) for a, b in rows]
        if wanted >> bit & 1:
            wanted, checksum = wanted ^ pivot[0], checksum ^ pivot[1]
    if wanted:
        raise ValueError("no checksum fits")
    return _with(checksum, size)
