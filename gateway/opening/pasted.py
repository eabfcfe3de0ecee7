"""Files pasted into a text as uuencode or base64. Decodes nothing that no opener knows."""

import binascii
import re
import string
from collections.abc import Iterator

import re2

from gateway.opening.identify import recognised
from gateway.opening.opener import CannotLookError, Inner
from gateway.transfer import uudecoded
from rules.verdict import Obstacle

_UU_BEGIN = re.compile(r"^([>|: \t]{0,100})begin [0-7]{3,4} (.+)\n", re.MULTILINE)  #: or quoted
_BASE64 = re.compile(  # possessive: else a place to go back to is kept for each of a million lines
    r"(?<![A-Za-z0-9+/])[A-Za-z0-9+/]{40,}+(?:[ \t]*\n[> \t]*[A-Za-z0-9+/]{40,}+)*+"
    r"(?:[ \t]*(?:\n[> \t]*)?[A-Za-z0-9+/]*={0,2}(?![A-Za-z0-9+/]))?"
)
_SHORTEST = 100  #: letters on one line; keys and addresses of pages are shorter, a list is not
_RUN, _PIECE = 40, 1 << 18
_LONG_RUN = re2.compile(rb"[A-Za-z0-9+/]{%d}" % _RUN)  #: a glance, ten times faster: most texts have none
_GUESSED = {
    "application/pgp-encrypted",
    "application/pgp-keys",
    "application/pgp-signature",
}  #: a key's two bytes are any
_LETTERS = string.ascii_letters + string.digits + "+/"
_NO_LETTERS = bytes(set(range(256)).difference(_LETTERS.encode()))
_FEWEST_LETTERS = 13  #: different ones; a list of five numbers has more


def blocks(text: str) -> Iterator[Inner]:
    """Each pasted file, in order. A base64 block counts when what comes out is a known format or a text."""
    yield from _uuencoded(text)
    if not _has_long_run(text):
        return
    for found in _BASE64.finditer(text):
        if len(found[0]) < _SHORTEST and "\n" not in found[0].strip():
            continue
        content = _base64(text, *found.span())
        if content and (kind := recognised(content)) and (kind not in _GUESSED or "\n" in found[0].strip()):
            yield Inner(name=None, content=content)


def _has_long_run(text: str) -> bool:
    """In pieces that overlap, so that there is no second copy of a large text."""
    pieces = (text[start : start + _PIECE + _RUN - 1] for start in range(0, len(text), _PIECE))
    return any(_LONG_RUN.search(piece.encode("latin-1", "replace")) for piece in pieces)


def _uuencoded(text: str) -> Iterator[Inner]:
    place = text.find("begin ")  # looking for lines that begin so takes ten times longer
    while place >= 0 and (begin := _UU_BEGIN.search(text, text.rfind("\n", 0, place) + 1)):
        end = text.find(f"\n{begin[1]}end", begin.end() - 1)
        place = len(text) if end < 0 else end + len(begin[1]) + 4
        lines = _unquoted(text[begin.end() : place if end < 0 else end], begin[1])
        content, whole = uudecoded(lines.encode("ascii", "replace"))
        if content or not lines.strip():
            yield Inner(name=begin[2].strip(), content=content)
        if content and (end < 0 or not whole):
            raise CannotLookError(Obstacle.CORRUPT, "a uuencoded file that is not whole")
        place = text.find("begin ", place)


def _unquoted(lines: str, quoting: str) -> str:
    """The space behind the marks may be gone where nothing follows it."""
    marks = quoting.rstrip()
    space = quoting[len(marks) :]
    return re.sub(f"^{re.escape(marks)}(?:{re.escape(space)})?", "", lines, flags=re.MULTILINE) if quoting else lines


def _base64(text: str, start: int, end: int) -> bytes:
    """What the block encodes; nothing when it is a few letters over and over: numbered lines that somebody drew."""
    if sum(text.find(letter, start, end) >= 0 for letter in _LETTERS) < _FEWEST_LETTERS:
        return b""
    letters = text[start:end].encode("ascii", "ignore").translate(None, _NO_LETTERS)
    letters = letters[: len(letters) - 1] if len(letters) % 4 == 1 else letters
    return binascii.a2b_base64(letters + b"=" * (-len(letters) % 4))
