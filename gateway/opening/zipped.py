"""ZIP archives, by their directory; without one, by the heads of their entries. Trusts no size."""

import bz2
import io
import lzma
import struct
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass

import inflate64

from gateway.message import Opened, Partial, Unopened
from gateway.opening import ziplock
from gateway.opening.compressed import Inflater, bounded, refuse_large, zstd_inflater
from gateway.opening.opener import Budget, CannotLookError, Inner, Leaf, Opening
from rules.content import Content, Role, Text
from rules.verdict import Obstacle

_LOCAL = b"PK\x03\x04"
_END = b"PK\x05\x06"
_ENCRYPTED, _CHECKSUM_FOLLOWS = 1, 8  #: general purpose bits 0 and 3
_MOST_ENTRIES = 65_535


def open_zip(leaf: Leaf, budget: Budget) -> Opening:
    """Every entry is handed on, encrypted ones by name only. Entries that no directory lists are `beside` it."""
    _refuse_floods(leaf.content, budget)
    try:
        archive = zipfile.ZipFile(io.BytesIO(leaf.content))
    except (zipfile.BadZipFile, ValueError, struct.error, EOFError, OSError, NotImplementedError, IndexError):
        return _without_directory(leaf, budget)
    entries = archive.infolist()
    comments = [
        each.decode("utf-8", "replace") for each in (archive.comment, *(entry.comment for entry in entries)) if each
    ]
    contents: tuple[Content, ...] = (
        (Text(part=leaf.section, where="comments", role=Role.HEADING, content="\n".join(comments)),) if comments else ()
    )
    files = (_inner(leaf.content, entry, budget) for entry in entries if not entry.is_dir() or entry.file_size)
    return Opening(outcome=Opened(contents=contents), inner=files)


def _refuse_floods(content: bytes, budget: Budget) -> None:
    """Zipfile reads the whole directory at once: count its entries before it does."""
    most = min(budget.limits.max_parts, _MOST_ENTRIES)
    end = content.rfind(_END, max(0, len(content) - 66_000))
    if end < 0 or len(content) < end + 22:
        return
    entries, size = struct.unpack_from("<HI", content, end + 10)
    directory = content.count(b"PK\x01\x02", max(0, end - size) if size < end else 0, end)
    if min(entries, directory) > most or directory > _MOST_ENTRIES:
        raise CannotLookError(Obstacle.LIMIT, f"more than {most} files")


@dataclass(frozen=True, slots=True)
class _Place:
    """An entry as its local header has it."""

    name: bytes
    method: int
    flags: int
    start: int  #: of its compressed bytes


def _place(content: bytes, offset: int) -> _Place:
    if content[offset : offset + 4] != _LOCAL or len(content) < offset + 30:
        raise CannotLookError(Obstacle.CORRUPT, "an entry without its header")
    flags, method = struct.unpack_from("<HH", content, offset + 6)
    name, extra = struct.unpack_from("<HH", content, offset + 26)
    return _Place(content[offset + 30 : offset + 30 + name], method, flags, offset + 30 + name + extra)


def _inner(content: bytes, entry: zipfile.ZipInfo, budget: Budget) -> Inner:
    name = entry.filename
    try:
        place = _place(content, entry.header_offset)
        refuse_large(entry.file_size)
        packed = memoryview(content)[place.start : place.start + entry.compress_size]
        if (entry.flag_bits | place.flags) & _ENCRYPTED:
            return Inner(name=name, content=_unlocked(packed, entry, budget))
        unpacked, rest = _unpacked(packed, entry.compress_type, budget)
    except CannotLookError as error:
        if error.obstacle is Obstacle.LIMIT:
            raise
        return Inner(name=name, content=Unopened(obstacle=error.obstacle, note=error.note))
    if entry.compress_type != place.method or rest or len(unpacked) != entry.file_size:
        return _corrupt(name, "an entry of another size or method than it claims")
    if zlib.crc32(unpacked) != entry.CRC:
        return _corrupt(name, "an entry whose checksum is wrong")
    return Inner(name=name, content=unpacked)


def _unlocked(packed: memoryview, entry: zipfile.ZipInfo, budget: Budget) -> bytes | Unopened:
    """An encrypted entry; the time of a file stands for its checksum where that follows the content (APPNOTE 4.4.4)."""
    sealed = Unopened(obstacle=Obstacle.ENCRYPTED, note="an encrypted entry")
    if not budget.passwords:
        return sealed
    hour, minute, second = entry.date_time[3:]
    check = (hour << 11 | minute << 5 | second // 2) >> 8 if entry.flag_bits & _CHECKSUM_FOLLOWS else entry.CRC >> 24
    locked = ziplock.Locked(content=packed, method=entry.compress_type, extra=entry.extra, check=check)
    found = ziplock.unlocked(locked, budget.passwords)
    if found is None:
        return sealed
    clear, method, proven = found
    unpacked, _ = _unpacked(memoryview(clear), method, budget)
    if len(unpacked) != entry.file_size or not (proven or zlib.crc32(unpacked) == entry.CRC):
        return sealed  # one in 256 wrong passwords passes the classic cipher's own check
    return unpacked


def _corrupt(name: str, note: str) -> Inner:
    return Inner(name=name, content=Unopened(obstacle=Obstacle.CORRUPT, note=note))


def _unpacked(packed: memoryview, method: int, budget: Budget) -> tuple[bytes, bool]:
    """Content, and whether bytes were left over."""
    if method == zipfile.ZIP_STORED:
        budget.expand(len(packed))
        return bytes(packed), False
    make = _METHODS.get(method)
    if make is None:
        raise CannotLookError(Obstacle.UNSUPPORTED, f"zip method {method}")
    stream = bounded(packed, make, budget)
    content = b"".join(stream.pieces())
    if not stream.whole:
        raise CannotLookError(Obstacle.CORRUPT, "an entry that breaks off")
    return content, bool(stream.rest)


class _ZipLzma:
    """APPNOTE 5.8.8: two version bytes, the size of the properties, the properties, a raw LZMA stream."""

    def __init__(self) -> None:
        self._head = b""
        self._inner: lzma.LZMADecompressor | None = None
        self.unused_data = b""

    @property
    def eof(self) -> bool:  # the stream may lack its end mark
        return self._inner is not None and (self._inner.eof or self._inner.needs_input)

    @property
    def needs_input(self) -> bool:
        return self._inner is None or self._inner.needs_input

    def decompress(self, packed: bytes, most: int) -> bytes:
        if self._inner is not None:
            return self._inner.decompress(packed, most)
        self._head += packed
        if len(self._head) < 9:
            return b""
        size = int.from_bytes(self._head[2:4], "little")
        digit, dictionary = struct.unpack_from("<BI", self._head, 4)
        filters = [
            {
                "id": lzma.FILTER_LZMA1,
                "lc": digit % 9,
                "lp": digit // 9 % 5,
                "pb": digit // 45,
                "dict_size": min(max(dictionary, 4096), 1 << 26),
            }
        ]
        self._inner = lzma.LZMADecompressor(lzma.FORMAT_RAW, filters=filters)
        return self._inner.decompress(self._head[4 + size :], most)


class Deflate:
    """zlib's raw inflater with the face of bz2's and lzma's."""

    def __init__(self) -> None:
        self._inner = zlib.decompressobj(-zlib.MAX_WBITS)

    @property
    def eof(self) -> bool:
        return self._inner.eof

    @property
    def needs_input(self) -> bool:
        return not self._inner.unconsumed_tail

    @property
    def unused_data(self) -> bytes:
        return self._inner.unused_data

    def decompress(self, packed: bytes, most: int) -> bytes:
        return self._inner.decompress(self._inner.unconsumed_tail + packed, most)


class _Deflate64:
    """Inflate64 knows no bound for its output, so it is fed little at a time: 64 bytes give 2 MB at the most."""

    _FEED = 64

    def __init__(self) -> None:
        self._inner = inflate64.Inflater()
        self._waiting = b""

    @property
    def eof(self) -> bool:
        return bool(self._inner.eof)

    @property
    def needs_input(self) -> bool:
        return not self._waiting

    @property
    def unused_data(self) -> bytes:
        return b""

    def decompress(self, packed: bytes, most: int) -> bytes:
        del most
        self._waiting += packed
        feed, self._waiting = self._waiting[: self._FEED], self._waiting[self._FEED :]
        return bytes(self._inner.inflate(feed))


_METHODS: dict[int, Callable[[], Inflater]] = {
    zipfile.ZIP_DEFLATED: Deflate,
    zipfile.ZIP_BZIP2: bz2.BZ2Decompressor,
    zipfile.ZIP_LZMA: _ZipLzma,
    9: _Deflate64,
    93: zstd_inflater,
    95: lzma.LZMADecompressor,
}


def _without_directory(leaf: Leaf, budget: Budget) -> Opening:
    """Broken off or tampered with: read what the local headers lead to, and call it partial."""
    offsets: list[int] = []
    found = leaf.content.find(_LOCAL)
    while found >= 0 and len(offsets) < budget.limits.max_parts:
        offsets.append(found)
        found = leaf.content.find(_LOCAL, found + 4)
    if not offsets:
        raise CannotLookError(Obstacle.CORRUPT, "a zip without a directory")
    outcome = Partial(contents=(), obstacle=Obstacle.CORRUPT, note="a zip without a directory")
    ends = [*offsets[1:], len(leaf.content)]
    inner = (_stray(leaf.content, offset, end, budget) for offset, end in zip(offsets, ends, strict=True))
    return Opening(outcome=outcome, inner=inner)


def _stray(content: bytes, offset: int, end: int, budget: Budget) -> Inner:
    """An entry that no directory lists. If its size follows it, it ends with its stream, or where the next begins."""
    name = "unlisted"
    try:
        place = _place(content, offset)
        name = place.name.decode("utf-8", "replace")
        size = struct.unpack_from("<I", content, offset + 18)[0]
        if place.flags & _ENCRYPTED:
            return Inner(name=name, content=Unopened(obstacle=Obstacle.ENCRYPTED, note="an encrypted entry"))
        follows = size == 0 and (place.flags & _CHECKSUM_FOLLOWS or place.method)
        packed = memoryview(content)[place.start : end if follows else place.start + size]
        return Inner(name=name, content=_unpacked(packed, place.method, budget)[0])
    except CannotLookError as error:
        if error.obstacle is Obstacle.LIMIT:
            raise
        return Inner(name=name, content=Unopened(obstacle=error.obstacle, note=error.note))
