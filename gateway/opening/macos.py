"""What macOS puts beside files: AppleDouble (`._list.csv`, in every ZIP the Finder makes) and `.DS_Store`.

They hold attributes and layouts, no rows; their words are read all the same, as nothing says what else is in them.
"""

import re
import struct

from gateway.opening.opener import Budget, CannotLookError, Inner, Leaf, Opening
from gateway.opening.reading import Reading
from rules.content import Role
from rules.verdict import Obstacle

SINGLE, DOUBLE, STORE = b"\x00\x05\x16\x00", b"\x00\x05\x16\x07", b"\x00\x00\x00\x01Bud1"

_DATA_FORK = 1
_ENTRIES = 100
_LARGEST = 1 << 16  #: bytes beside the file itself; an ordinary `._` has five thousand
_NARROW = re.compile(rb"[\x20-\x7e\t\r\n]{4,}")
_WIDE = re.compile(rb"(?:\0[\x20-\x7e]){4,}")


def open_applefile(leaf: Leaf, budget: Budget) -> Opening:
    """RFC 1740: a header, then entries. The data fork is the file itself, if it is in here; all else is attributes."""
    reading = Reading(leaf)
    beside = bytearray(leaf.content)
    with reading.attempt("the file's attributes"):
        (count,) = struct.unpack_from(">H", leaf.content, 24)
        for number in range(min(count, _ENTRIES)):
            kind, start, size = struct.unpack_from(">III", leaf.content, 26 + 12 * number)
            if start + size > len(leaf.content):
                raise CannotLookError(Obstacle.CORRUPT, "the file's attributes break off")
            if kind == _DATA_FORK:
                budget.expand(size)
                reading.inner.append(Inner(name=None, content=leaf.content[start : start + size]))
                beside[start : start + size] = bytes(size)
        if count > _ENTRIES:
            raise CannotLookError(Obstacle.LIMIT, f"more than {_ENTRIES} attributes")
    _read_attributes(bytes(beside).strip(b"\0"), reading)
    return reading.opening()


def open_store(leaf: Leaf, budget: Budget) -> Opening:
    """Names of the files in a folder, and where their icons stand."""
    del budget
    reading = Reading(leaf)
    _read_attributes(leaf.content, reading)
    return reading.opening()


def _read_attributes(content: bytes, reading: Reading) -> None:
    reading.text("attributes", _words(content), Role.HEADING)
    if len(content) > _LARGEST:
        reading.fail(Obstacle.UNSUPPORTED, "more than attributes take")


def _words(content: bytes) -> str:
    words = [found.decode("ascii") for found in _NARROW.findall(content)]
    words += [found.decode("utf-16-be") for found in _WIDE.findall(content)]
    return "\n".join(words)
