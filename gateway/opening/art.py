"""Pictures in DOC, XLS and PPT (MS-ODRAW 2.2.23), found by their record heads wherever the file keeps them."""

import re
import zlib
from collections.abc import Iterator

from gateway.opening.compressed import LARGEST_FILE
from gateway.opening.metafile import bitmap_file, is_metafile
from gateway.opening.opener import Budget, Inner

_HEAD = re.compile(rb"[\x1a\x1b\x1d-\x1f\x29\x2a]\xf0")  #: the kind of record; instance before it, size behind it
_METAFILES, _DIB = {0x1A, 0x1B}, 0x1F
_MARKS = re.compile(rb"\x89PNG\r\n\x1a\n|\xff\xd8\xff|II\*\0|MM\0\*")
_IDS = (16, 32)  #: one MD4 of the picture before it, or two
_PLAIN, _DEFLATED, _NO_FILTER = 0xFE, 0x00, 0xFE


def pictures(stream: bytes, budget: Budget) -> Iterator[Inner]:
    """What merely looks like a head has no picture behind it, and is passed over."""
    position = 0
    while found := _HEAD.search(stream, position):
        size = int.from_bytes(stream[found.end() : found.end() + 4], "little")
        start = found.end() + 4
        body = stream[start : start + size]
        content = _picture(found[0][0], body, budget) if 17 < size == len(body) else None
        position = start + size if content else found.start() + 1
        if content:
            yield Inner(name=None, content=content)


def _picture(kind: int, body: bytes, budget: Budget) -> bytes | None:
    if kind in _METAFILES:
        return _metafile(body, budget)
    if kind == _DIB:
        place = next((size + 1 for size in _IDS if body[size + 1 : size + 5] == b"\x28\0\0\0"), None)
        return None if place is None else bitmap_file(body[place:])
    mark = _MARKS.search(body, 0, 64)
    return body[mark.start() :] if mark else None


def _metafile(body: bytes, budget: Budget) -> bytes | None:
    """Behind the ids 34 bytes: sizes, then how it is compressed, and a filter that is none (MS-ODRAW 2.2.31)."""
    for place in _IDS:
        head, packed = body[place : place + 34], body[place + 34 :]
        if len(head) < 34 or head[33] != _NO_FILTER or head[32] not in {_PLAIN, _DEFLATED}:
            continue
        content = packed if head[32] == _PLAIN else _inflated(packed)
        budget.expand(len(content))
        if is_metafile(content):
            return content
    return None


def _inflated(packed: bytes) -> bytes:
    try:
        return zlib.decompressobj().decompress(packed, LARGEST_FILE)
    except zlib.error:
        return b""
