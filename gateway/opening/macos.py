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

_DATA_FORK, _RESOURCE_FORK = 1, 2
_ENTRIES = 100
_LARGEST_FORK = 1 << 20  #: bytes; icons and previews are smaller, and what is larger is a file of its own kind
_NARROW = re.compile(rb"[\x20-\x7e\t\r\n]{4,}")
_WIDE = re.compile(rb"(?:\0[\x20-\x7e]){4,}")


def open_applefile(leaf: Leaf, budget: Budget) -> Opening:
    """RFC 1740: a header, then entries; the data fork is the file itself, if it is in here."""
    del budget
    reading = Reading(leaf)
    with reading.attempt("the file's attributes"):
        (count,) = struct.unpack_from(">H", leaf.content, 24)
        for number in range(min(count, _ENTRIES)):
            kind, start, size = struct.unpack_from(">III", leaf.content, 26 + 12 * number)
            entry = leaf.content[start : start + size]
            if len(entry) < size:
                raise CannotLookError(Obstacle.CORRUPT, "the file's attributes break off")
            if kind == _DATA_FORK:
                reading.inner.append(Inner(name=None, content=entry))
                continue
            if kind == _RESOURCE_FORK and size > _LARGEST_FORK:
                reading.fail(Obstacle.UNSUPPORTED, "a resource fork larger than attributes are")
            reading.text("attributes", _words(entry), Role.HEADING)
        if count > _ENTRIES:
            raise CannotLookError(Obstacle.LIMIT, f"more than {_ENTRIES} attributes")
    return reading.opening()


def open_store(leaf: Leaf, budget: Budget) -> Opening:
    """Names of the files in a folder, and where their icons stand."""
    del budget
    reading = Reading(leaf)
    reading.text("names", _words(leaf.content), Role.HEADING)
    return reading.opening()


def _words(content: bytes) -> str:
    words = [found.decode("ascii") for found in _NARROW.findall(content)]
    words += [found.decode("utf-16-be") for found in _WIDE.findall(content)]
    return "\n".join(words)
