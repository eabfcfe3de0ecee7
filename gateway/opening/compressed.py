"""Single compressed streams: gzip, bzip2, xz, zstd. Counts every byte before it is kept; nothing is written to disk."""

import bz2
import lzma
import sys
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

from gateway.message import Opened
from gateway.opening.opener import Budget, CannotLookError, Inner, Leaf, Opening
from rules.verdict import Obstacle

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

LARGEST_FILE = 1 << 28  #: bytes of one unpacked file; larger ones would not fit into the worker with their texts

_PIECE = 1 << 18
_MOST_MEMBERS = 10_000
_SUFFIXES = (".gz", ".bz2", ".xz", ".zst", ".lzma", ".z")


class Inflater(Protocol):
    """The common face of the decompressors of bz2, lzma and zstd."""

    @property
    def eof(self) -> bool: ...
    @property
    def needs_input(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, max_length: int, /) -> bytes: ...


@dataclass(slots=True)
class bounded:  # noqa: N801 - reads as a verb where it is used
    """One stream, piece by piece under the budget. `whole` and `rest` are known when the pieces are spent."""

    packed: memoryview
    make: Callable[[], Inflater]
    budget: Budget
    whole: bool = False
    rest: bytes | memoryview = b""

    def pieces(self) -> Iterator[bytes]:
        inflater, place, size = self.make(), 0, 0
        try:
            while not inflater.eof:
                feed = b""
                if inflater.needs_input:
                    if place >= len(self.packed):
                        return
                    feed = bytes(self.packed[place : place + _PIECE])
                    place += len(feed)
                piece = inflater.decompress(feed, _PIECE)
                self.budget.expand(len(piece))
                size += len(piece)
                refuse_large(size)
                yield piece
        except (zlib.error, OSError, ValueError, EOFError, lzma.LZMAError, zstd.ZstdError):
            return
        unused = len(inflater.unused_data)
        self.whole, self.rest = True, self.packed[place - unused :]


def refuse_large(size: int) -> None:
    if size > LARGEST_FILE:
        raise CannotLookError(Obstacle.LIMIT, f"a file larger than {LARGEST_FILE} bytes when unpacked")


class _Gzip:
    """zlib's gzip inflater with the face of bz2's."""

    def __init__(self) -> None:
        self._inner = zlib.decompressobj(zlib.MAX_WBITS | 16)

    @property
    def eof(self) -> bool:
        return self._inner.eof

    @property
    def needs_input(self) -> bool:
        return not self._inner.unconsumed_tail

    @property
    def unused_data(self) -> bytes:
        return self._inner.unused_data

    def decompress(self, data: bytes, max_length: int, /) -> bytes:
        return self._inner.decompress(self._inner.unconsumed_tail + data, max_length)


def zstd_inflater() -> Inflater:
    return zstd.ZstdDecompressor(options={zstd.DecompressionParameter.window_log_max: 27})


_MAKERS: dict[str, Callable[[], Inflater]] = {
    "application/gzip": _Gzip,
    "application/x-bzip2": bz2.BZ2Decompressor,
    "application/x-xz": lambda: lzma.LZMADecompressor(memlimit=1 << 28),
    "application/zstd": zstd_inflater,
}


def open_compressed(leaf: Leaf, budget: Budget) -> Opening:
    """The one file inside, all members of the stream joined; what follows them makes it partial."""
    return Opening(outcome=Opened(), inner=_inner(leaf, budget))


def _inner(leaf: Leaf, budget: Budget) -> Iterator[Inner]:
    name = (leaf.filename or "").rpartition("/")[2]
    lower = name.lower()
    if lower.endswith(".tgz"):
        name = name[:-4] + ".tar"
    elif suffix := next((each for each in _SUFFIXES if lower.endswith(each)), None):
        name = name[: -len(suffix)]
    content, trouble = _members(memoryview(leaf.content), _MAKERS[leaf.media_type], budget)
    if content or trouble is None:
        yield Inner(name=name or None, content=content)
    if trouble:
        raise trouble


def _members(packed: memoryview, make: Callable[[], Inflater], budget: Budget) -> tuple[bytes, CannotLookError | None]:
    content = bytearray()
    for _ in range(_MOST_MEMBERS):
        stream = bounded(packed, make, budget)
        for piece in stream.pieces():
            content += piece
        if not stream.whole:
            return bytes(content), CannotLookError(Obstacle.CORRUPT, "a compressed stream that breaks off")
        packed = memoryview(bytes(stream.rest).lstrip(b"\0"))  # padding, as tapes and xz have it
        if not packed:
            return bytes(content), None
    return bytes(content), CannotLookError(Obstacle.LIMIT, f"more than {_MOST_MEMBERS} streams in one file")
