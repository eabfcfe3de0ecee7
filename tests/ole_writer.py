"""Writes small OLE files (MS-CFB), as no library in reach does: enough for MSG and for hiding places in DOC and XLS."""

import struct
from collections.abc import Mapping
from dataclasses import dataclass, field

Tree = Mapping[str, "bytes | Tree"]

_FREE, _END, _FAT = 0xFFFFFFFF, 0xFFFFFFFE, 0xFFFFFFFD
_SECTOR, _MINI, _CUTOFF = 512, 64, 4096


@dataclass
class _Entry:
    name: str
    kind: int
    content: bytes = b""
    child: int = _FREE
    right: int = _FREE
    start: int = _END


@dataclass
class _Sectors:
    """Pieces of one size and the table that chains them."""

    size: int
    pieces: list[bytes] = field(default_factory=list)
    table: list[int] = field(default_factory=list)

    def put(self, content: bytes) -> int:
        start, count = len(self.table), -(-len(content) // self.size)
        for number in range(count):
            self.pieces.append(content[number * self.size : (number + 1) * self.size].ljust(self.size, b"\0"))
            self.table.append(start + number + 1 if number + 1 < count else _END)
        return start if count else _END


def ole_file(tree: Tree) -> bytes:
    """Nested mappings are storages, bytes are streams."""
    entries = [_Entry("Root Entry", 5)]
    _lay(tree, 0, entries)
    sectors, minis = _Sectors(_SECTOR), _Sectors(_MINI)
    for entry in entries[1:]:
        if entry.kind == 2:
            entry.start = (minis if len(entry.content) < _CUTOFF else sectors).put(entry.content)
    entries[0].content = b"".join(minis.pieces)
    entries[0].start = sectors.put(entries[0].content)
    mini_table = sectors.put(_numbers(minis.table))
    first = sectors.put(b"".join(map(_directory_entry, entries)))
    fat_count = 1
    while len(sectors.table) + fat_count > fat_count * 128:
        fat_count += 1
    places = list(range(len(sectors.table), len(sectors.table) + fat_count))
    fat = _numbers(sectors.table + [_FAT] * fat_count)
    head = struct.pack("<8s16xHHHHH6x", bytes.fromhex("d0cf11e0a1b11ae1"), 0x3E, 3, 0xFFFE, 9, 6)
    head += struct.pack("<IIIIIIIII", 0, fat_count, first, 0, _CUTOFF, mini_table, -(-len(minis.table) // 128), _END, 0)
    return head + struct.pack("<109I", *places, *[_FREE] * (109 - fat_count)) + b"".join(sectors.pieces) + fat


def _numbers(table: list[int]) -> bytes:
    return struct.pack(f"<{len(table)}I", *table) + b"\xff" * (-len(table) * 4 % _SECTOR)


def _lay(tree: Tree, parent: int, entries: list[_Entry]) -> None:
    """Siblings as a list that leans to the right: a legal, if unbalanced, tree."""
    last = None
    for name in sorted(tree, key=lambda each: (len(each), each.upper())):
        value = tree[name]
        index = len(entries)
        entries.append(_Entry(name, 2, value) if isinstance(value, bytes) else _Entry(name, 1))
        if last is None:
            entries[parent].child = index
        else:
            entries[last].right = index
        last = index
        if not isinstance(value, bytes):
            _lay(value, index, entries)


def _directory_entry(entry: _Entry) -> bytes:
    name = (entry.name + "\0").encode("utf-16-le")
    links = struct.pack("<HBBIII", len(name), entry.kind, 1, _FREE, entry.right, entry.child)
    return struct.pack("<64s16s36xIQ", name, links, entry.start, len(entry.content))
