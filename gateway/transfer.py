"""Content-Transfer-Encoding: encoded bytes to content, in every reading where readers differ. Drops nothing unsaid."""

import binascii
import re
from dataclasses import dataclass
from enum import StrEnum

from rules.verdict import Obstacle


class Transfer(StrEnum):
    IDENTITY = "7bit"
    BASE64 = "base64"
    QUOTED_PRINTABLE = "quoted-printable"
    UUENCODE = "uuencode"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Decoded:
    """Content in its likeliest reading, the other readings, and why there are some."""

    content: bytes
    others: tuple[bytes, ...] = ()
    obstacle: Obstacle | None = None
    note: str = ""


_NAMES = {
    "": Transfer.IDENTITY,
    "7bit": Transfer.IDENTITY,
    "8bit": Transfer.IDENTITY,
    "binary": Transfer.IDENTITY,
    "7-bit": Transfer.IDENTITY,
    "8-bit": Transfer.IDENTITY,
    "8bits": Transfer.IDENTITY,
    "7bits": Transfer.IDENTITY,
    "none": Transfer.IDENTITY,
    "base64": Transfer.BASE64,
    "quoted-printable": Transfer.QUOTED_PRINTABLE,
    "x-uuencode": Transfer.UUENCODE,
    "x-uue": Transfer.UUENCODE,
    "uuencode": Transfer.UUENCODE,
    "uue": Transfer.UUENCODE,
}
_SPACE = b" \t\r\n\v\f"
_NOT_BASE64 = re.compile(rb"[^A-Za-z0-9+/=\s]")
_SOFT_BREAK_WITH_BLANKS = re.compile(rb"=[ \t]+(?=\r?\n|\Z)")
_BARE_CR = re.compile(rb"=[ \t]*\r(?!\n)")
_UU_BEGIN = re.compile(rb"^begin(?:-base64)? [0-7]{3,4} ?.*\r?\n", re.MULTILINE)


def named(token: str) -> Transfer:
    return _NAMES.get(token, Transfer.UNKNOWN)


def decoded(raw: bytes, extent: tuple[int, int], transfer: Transfer) -> Decoded:
    """Undo the transfer encoding of the bytes in `extent`."""
    start, end = extent
    match transfer:
        case Transfer.BASE64:
            return _base64(raw, start, end)
        case Transfer.QUOTED_PRINTABLE:
            return _quoted_printable(raw[start:end])
        case Transfer.UUENCODE:
            return _uuencode(raw[start:end])
        case Transfer.UNKNOWN:
            return _unknown(raw, start, end)
        case Transfer.IDENTITY:
            return Decoded(content=raw[start:end])


def within(raw: bytes, boundary: bytes, transfer: Transfer, extent: tuple[int, int]) -> list[str]:
    """A multipart may not be encoded (RFC 2045 6.4); a reader that decodes it all the same may find other parts."""
    if transfer in {Transfer.IDENTITY, Transfer.UNKNOWN}:
        return []
    mark = b"--" + boundary
    content = decoded(raw, extent, transfer).content
    same = (
        content.count(mark) == raw.count(mark, *extent)
        if transfer is Transfer.QUOTED_PRINTABLE
        else mark not in content
    )
    return [] if same else ["a multipart with a Content-Transfer-Encoding that changes its parts"]


def _base64(raw: bytes, start: int, end: int) -> Decoded:
    try:
        content = binascii.a2b_base64(memoryview(raw)[start:end])
    except binascii.Error:
        return _doubtful_base64(raw[start:end])
    space = raw.count(b"\n", start, end) + raw.count(b"\r", start, end)
    pad = raw.find(b"=", start, end)
    pads = 0 if pad < 0 else raw.count(b"=", pad, end)
    trailing = pad >= 0 and raw[pad:end].translate(None, _SPACE + b"=") != b""
    letters = end - start - space - pads
    if trailing or letters * 3 // 4 != len(content):  # cheap proof that nothing but line ends was skipped
        return _doubtful_base64(raw[start:end])
    return Decoded(content=content)


def _doubtful_base64(encoded: bytes) -> Decoded:
    """Missing padding harms nobody. Other signs, and padding in the middle, are read differently by each."""
    bare = encoded.translate(None, _SPACE)
    letters = bare.rstrip(b"=")
    if not _NOT_BASE64.search(letters) and b"=" not in letters and len(letters) % 4 != 1:
        return Decoded(content=_lenient(letters))
    skipping = b"".join(_lenient(piece) for piece in re.sub(rb"[^A-Za-z0-9+/=]", b"", bare).split(b"=") if piece)
    stopping = _lenient(re.split(rb"[^A-Za-z0-9+/]", bare, maxsplit=1)[0])
    urlsafe = _lenient(re.sub(rb"[^A-Za-z0-9+/]", b"", bare.translate(bytes.maketrans(b"-_", b"+/"))))
    by_line = b"".join(_lenient(re.sub(rb"[^A-Za-z0-9+/]", b"", line)) for line in encoded.splitlines())
    others = dict.fromkeys(each for each in (stopping, urlsafe, by_line, encoded) if each and each != skipping)
    return Decoded(
        content=skipping, others=tuple(others), obstacle=Obstacle.CORRUPT, note="base64 that readers decode differently"
    )


def _lenient(letters: bytes) -> bytes:
    whole = letters[: len(letters) - (len(letters) % 4 == 1)]
    return binascii.a2b_base64(whole + b"=" * (-len(whole) % 4))


def _quoted_printable(encoded: bytes) -> Decoded:
    if b"= " in encoded or b"=\t" in encoded:
        encoded = _SOFT_BREAK_WITH_BLANKS.sub(b"=", encoded)
    content = binascii.a2b_qp(encoded)
    if b"\r" in encoded and _BARE_CR.search(encoded):  # binascii drops all up to the next line feed
        other = binascii.a2b_qp(_BARE_CR.sub(b"=\r\n", encoded))
        note = "quoted-printable with a bare CR"
        return Decoded(content=other, others=(content, encoded), obstacle=Obstacle.CORRUPT, note=note)
    return Decoded(content=content)


def _uuencode(encoded: bytes) -> Decoded:
    begin = _UU_BEGIN.search(encoded)
    stop = re.compile(rb"^end\s*$", re.MULTILINE).search(encoded, begin.end() if begin else 0)
    if not begin or not stop:
        return Decoded(content=encoded, obstacle=Obstacle.CORRUPT, note="uuencode without begin or end")
    content, whole = uudecoded(encoded[begin.end() : stop.start()])
    around = encoded[: begin.start()] + encoded[stop.end() :]
    if not whole or around.strip():
        note = "uuencode with other lines in it or around it"
        return Decoded(content=content, others=(encoded,), obstacle=Obstacle.CORRUPT, note=note)
    return Decoded(content=content)


def uudecoded(lines: bytes) -> tuple[bytes, bool]:
    """Content of uuencoded lines, and whether every line was one."""
    content, whole = bytearray(), True
    for line in lines.splitlines():
        if not line.strip():
            continue
        try:
            content += binascii.a2b_uu(line)
        except binascii.Error:  # some encoders pad the last group wrongly: the length byte says how much counts
            try:
                content += binascii.a2b_uu(line[: (((line[0] - 32) & 63) * 4 + 5) // 3])
            except binascii.Error:
                whole = False
    return bytes(content), whole


def _unknown(raw: bytes, start: int, end: int) -> Decoded:
    """RFC 2045 6.4: nobody knows how; some readers show it as it is, some try the common encodings."""
    encoded = raw[start:end]
    note = "an unknown Content-Transfer-Encoding"
    guesses = {binascii.a2b_qp(encoded): None, _base64(raw, start, end).content: None}
    others = tuple(guess for guess in guesses if guess != encoded)
    return Decoded(content=encoded, others=others, obstacle=Obstacle.UNSUPPORTED, note=note)
