"""Numbers written in bytes that no reader shows: deleted, unused, or a program's own.

For packed or unused bytes only: in plain pixels and tables of numbers nine digits come by chance.
"""

import re
from collections.abc import Iterable

import re2

# RE2 first: most files hold no such number, and are megabytes.
_SIGN = re2.compile(
    rb"[0-9]{3}[-. ]?[0-9]{2}[-. ]?[0-9]{4}|"
    rb"(?:[0-9]\x00){3}(?:[-. ]\x00)?(?:[0-9]\x00){2}(?:[-. ]\x00)?(?:[0-9]\x00){4}"
)
_WRITTEN = re.compile(rb"[\t\n\r -~]{9,}|(?:[\t\n\r -~]\0){9,}")  # ASCII, and the same in UTF-16
# Packed pixels of one colour repeat a byte, which may be a digit's.
_NUMBER = re.compile(r"(?<![0-9A-Za-z])(?!\d{0,3}(\d)\1{5})\d{3}([-. ]?)\d{2}\2\d{4}(?![0-9A-Za-z])")


def written(content: bytes, known: Iterable[str] = ()) -> str:
    """Each run of letters that holds a number which none of the `known` texts has."""
    if not _SIGN.search(content):
        return ""
    seen = {number for text in known for number in _numbers(text)}
    runs = (found[0].replace(b"\0", b"").decode("ascii") for found in _WRITTEN.finditer(content))
    return "\n".join(run for run in runs if not _numbers(run) <= seen)


def _numbers(text: str) -> set[str]:
    return {found[0] for found in _NUMBER.finditer(text)}
