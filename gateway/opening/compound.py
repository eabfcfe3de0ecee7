"""OLE compound files (MS-CFB): streams by path, and a new file around a stream taken out of another. No links."""

import io
import struct
from typing import Any

import olefile

from gateway.opening.opener import Budget, CannotLookError
from rules.verdict import Obstacle

_SECTOR = 4096
_FREE, _END, _FAT = 0xFFFFFFFF, 0xFFFFFFFE, 0xFFFFFFFD


class Compound:
    """Streams of an OLE file, counted against the budget: several may claim the same sectors."""

    def __init__(self, content: bytes, budget: Budget) -> None:
        try:
            self._file: Any = olefile.OleFileIO(io.BytesIO(content))
            self.paths = [tuple(path) for path in self._file.listdir(streams=True, storages=False)]
        except Exception as error:  # olefile raises what a broken file makes it raise
            raise CannotLookError(Obstacle.CORRUPT, "the OLE file is damaged") from error
        self._content = content
        self._budget = budget
        self._by_lower = {tuple(name.lower() for name in path): path for path in self.paths}

    @property
    def sound(self) -> bool:
        """Whether the directory is whole; olefile steps over what is wrong with it, streams included."""
        return bool(self.paths) and not self._file.parsing_issues

    def has(self, *path: str) -> bool:
        return tuple(name.lower() for name in path) in self._by_lower

    def read(self, *path: str) -> bytes:
        known = self._by_lower.get(tuple(name.lower() for name in path))
        if known is None:
            raise CannotLookError(Obstacle.CORRUPT, "a stream of the OLE file is missing")
        try:
            self._budget.expand(self._file.get_size(list(known)))
            content: bytes = self._file.openstream(list(known)).read()
        except CannotLookError:
            raise
        except Exception as error:
            raise CannotLookError(Obstacle.CORRUPT, "a stream of the OLE file is damaged") from error
        return content

    def unused(self) -> bytes:
        """Sectors that belong to nothing any more, between those that do: programs do not wipe what is deleted."""
        size, table = self._file.sectorsize, self._file.fat
        last = max((number for number, following in enumerate(table) if following != _FREE), default=0)
        free = (number for number in range(last) if table[number] == _FREE)
        return b"".join(self._content[(number + 1) * size : (number + 2) * size] for number in free)

    def properties(self) -> list[str]:
        """Title, author, company and the like."""
        try:
            metadata = self._file.get_metadata()
        except Exception as error:
            raise CannotLookError(Obstacle.CORRUPT, "the properties are damaged") from error
        names = [name for name in metadata.SUMMARY_ATTRIBS + metadata.DOCSUM_ATTRIBS if name != "thumbnail"]
        found = [getattr(metadata, name, None) for name in names]
        texts = [item.decode("cp1252", "replace") if isinstance(item, bytes) else item for item in found]
        return [text for text in texts if isinstance(text, str) and text.strip()]


def compound(streams: dict[str, bytes]) -> bytes:
    """A compound file of version 4 with `streams` at its root, each at least a sector long (no mini stream)."""
    padded = {name: content.ljust(_SECTOR, b"\0") for name, content in streams.items()}
    lengths = [-(-len(content) // _SECTOR) for content in padded.values()]
    directory = -(-(len(padded) + 1) * 128 // _SECTOR)
    tables = 1
    while tables * (_SECTOR // 4) < tables + directory + sum(lengths) + 1:
        tables += 1
    if tables > 109:
        raise CannotLookError(Obstacle.LIMIT, "an embedded file is too large")
    fat = [_FAT] * tables + _chain(tables, directory)
    starts = []
    # calamine refuses a root without a mini stream, so there is an empty sector of one.
    for length in [*lengths, 1]:
        starts.append(len(fat))
        fat += _chain(len(fat), length)
    fat += [_FREE] * (tables * (_SECTOR // 4) - len(fat))
    header = struct.pack(
        "<8s16s6H10I", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", b"", 0x3E, 4, 0xFFFE, 12, 6, 0, 0,
        directory, tables, tables, 0, 4096, _END, 0, _END, 0,
    )  # fmt: skip
    header += struct.pack("<109I", *range(tables), *[_FREE] * (109 - tables))
    body = b"".join(
        content.ljust(length * _SECTOR, b"\0") for content, length in zip(padded.values(), lengths, strict=True)
    )
    entries = _directory(list(zip(padded, starts, map(len, padded.values()), strict=False)), starts[-1])
    return (
        header.ljust(_SECTOR, b"\0")
        + struct.pack(f"<{len(fat)}I", *fat)
        + entries.ljust(directory * _SECTOR, b"\0")
        + body
        + bytes(_SECTOR)
    )


def _chain(start: int, length: int) -> list[int]:
    return [*range(start + 1, start + length), _END] if length else []


def _directory(streams: list[tuple[str, int, int]], mini: int) -> bytes:
    """Root, then the streams as a chain of right siblings in the order that MS-CFB 2.6.4 asks for."""
    streams = sorted(streams, key=lambda stream: (len(stream[0]), stream[0].upper()))
    entries = [_entry("Root Entry", 5, _FREE, 1 if streams else _FREE, mini, 64)]
    for number, (name, start, size) in enumerate(streams, start=1):
        right = number + 1 if number < len(streams) else _FREE
        entries.append(_entry(name, 2, right, _FREE, start, size))
    return b"".join(entries)


def _entry(name: str, kind: int, right: int, child: int, start: int, size: int) -> bytes:
    encoded = name.encode("utf-16-le")
    return struct.pack("<64sHBBIII36xIQ", encoded, len(encoded) + 2, kind, 1, _FREE, right, child, start, size)
