"""Bytes of a text to its characters, whatever the encoding. Never fails; never drops what it cannot name."""

import codecs
import io
import re
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_NO_CHARSET = frozenset({"idna", "punycode", "unicode-escape", "raw-unicode-escape", "undefined", "mbcs", "oem"})
_SHIFTING = re.compile(r"utf-?7|iso-?2022|hz|euc|cp037|cp1047|cp500|cp1140|ibm|ebcdic", re.IGNORECASE)
_MEANT = {"iso8859-1": ("cp1252", "latin-1"), "ascii": ("cp1252", "latin-1")}  #: as every browser and mailer reads them
_SAMPLE = 1 << 16
_PIECE = 1 << 15  #: bytes decoded at a time
_MANY = 0.3  #: share of bytes above 127 from which an ASCII superset is not the obvious guess
_EBCDIC_PRINTABLE = bytes([0x40, 0x05, 0x0D, 0x15, 0x25, *range(0x4A, 0x51), *range(0x5A, 0x62), *range(0x6A, 0x70)])
_EBCDIC_LETTERS = bytes(
    byte for row in (0x80, 0x90, 0xC0, 0xD0, 0xE0, 0xF0) for byte in range(row + (row != 0xF0), row + 10)
)
_OTHER_LINE_ENDS = re.compile(r"[\x85\u2028\u2029]")
_CONTROLS = bytes({*range(32)} - {7, 8, 9, 10, 11, 12, 13, 26, 27}) + b"\x7f"


class Encoding(NamedTuple):
    """One way in which bytes may have to be read."""

    name: str
    errors: str = "strict"
    mark: int = 0  #: bytes of the byte order mark


def decode(content: bytes, charset: str | None = None) -> str:
    """The text, its line ends as line feeds."""
    text = _decoded(content, charset)
    return text if text.isascii() else _OTHER_LINE_ENDS.sub("\n", text)


def lines_as_read(pieces: Iterable[bytes], encoding: Encoding) -> Iterator[str]:
    """The same for what is too long to be had at once: texts that together are what `decode` gives."""
    for text in _characters(pieces, encoding):
        yield text if text.isascii() else _OTHER_LINE_ENDS.sub("\n", text)


def encoding_of(pieces: Callable[[], Iterable[bytes]], sample: bytes) -> Encoding:
    """The encoding that `decode` would find; `pieces` gives all bytes anew each time, `sample` is their beginning."""
    return next(each for each in _encodings(sample, None) if _fits(pieces(), each))


def is_text(content: bytes) -> bool:
    """Tell text in any of our encodings from anything else."""
    sample = content[:_SAMPLE]
    if content.startswith(tuple(mark for mark, _ in _MARKS)) or _is_wide(content) or ebcdic(sample):
        return True
    if b"\0" in content:
        return False
    return len(sample.translate(None, _CONTROLS)) >= len(sample) * 0.98


def wide(content: bytes) -> str | None:
    """UTF-16 or UTF-32 without a byte order mark: digits and Latin letters leave their zeros in fixed places."""
    sample = content[:4096]
    if len(sample) < 4 or b"\0" not in sample:
        return None
    zeros = [sample[place::4].count(0) * 4 / len(sample) > 0.6 for place in range(4)]
    patterns = {
        (False, True, True, True): "utf-32-le",
        (True, True, True, False): "utf-32-be",
        (False, True, False, True): "utf-16-le",
        (True, False, True, False): "utf-16-be",
    }
    return patterns.get((zeros[0], zeros[1], zeros[2], zeros[3]))


def _is_wide(content: bytes) -> bool:
    name = wide(content)
    return name is not None and _fits(_cut(content[: len(content) // 4 * 4]), Encoding(name))


def ebcdic(sample: bytes) -> str | None:
    """cp1047 where its line feed or brackets stand, else cp037; None when the bytes do not look like EBCDIC."""
    if len(sample) < 8 or sample.isascii():
        return None
    known = len(sample) - len(sample.translate(None, _EBCDIC_PRINTABLE + _EBCDIC_LETTERS))
    letters = len(sample) - len(sample.translate(None, _EBCDIC_LETTERS))
    if known < len(sample) * 0.97 or letters < len(sample) * _MANY or b" " in sample or b"\n" in sample:
        return None
    return "cp1047" if b"\xad" in sample or b"\xbd" in sample else "cp037"


def _decoded(content: bytes, charset: str | None) -> str:
    for encoding in _encodings(content, charset):
        text = ""  # a string that nobody else knows grows in place, so there is no second
        try:
            for characters in _characters(_cut(content), encoding):
                text += characters
        except (UnicodeError, ValueError, LookupError):
            continue
        return text
    raise AssertionError("the last encoding replaces what it cannot read")


def _encodings(sample: bytes, charset: str | None) -> Iterator[Encoding]:
    """What a text may be written in, the likeliest first: the first that fits all of it. The last always does."""
    for mark, name in _MARKS:
        if sample.startswith(mark):
            yield Encoding(name, "replace", len(mark))
            return
    declared = _codec(charset)
    if declared and _SHIFTING.match(declared):
        yield Encoding(declared)
    for each in (wide(sample), "utf-8", ebcdic(sample[:_SAMPLE]), *_MEANT.get(declared or "", (declared,))):
        if each:
            yield Encoding(each)
    yield Encoding(_guess(sample), "replace")


def _codec(charset: str | None) -> str | None:
    """Python's name of a declared charset, if it is one; its codecs also hold things that are none, like rot13."""
    try:
        found = codecs.lookup((charset or "").strip())
    except (LookupError, ValueError, UnicodeError, ImportError):
        return None
    text = getattr(found, "_is_text_encoding", True)
    return found.name if text and found.name.replace("_", "-") not in _NO_CHARSET else None


def _cut(content: bytes) -> Iterator[bytes]:
    return (content[start : start + _PIECE] for start in range(0, len(content), _PIECE))


def _characters(pieces: Iterable[bytes], encoding: Encoding) -> Iterator[str]:
    """In pieces, line ends as line feeds."""
    moved = encoding.name == "cp1047"  # Python has no cp1047: it is cp037 with six signs and the line end moved
    codec = codecs.getincrementaldecoder("cp037" if moved else encoding.name)(encoding.errors)
    decoder = io.IncrementalNewlineDecoder(codec, translate=True)
    mark = encoding.mark
    for piece in pieces:
        yield decoder.decode(piece[mark:].translate(_CP1047_TO_CP037) if moved else piece[mark:])
        mark = 0
    yield decoder.decode(b"", final=True)


def _fits(pieces: Iterable[bytes], encoding: Encoding) -> bool:
    try:
        for _ in _characters(pieces, encoding):
            pass
    except (UnicodeError, ValueError, LookupError):
        return False
    return True


def _guess(content: bytes) -> str:
    """Western unless there is much above ASCII: what is ASCII, digits above all, reads the same either way."""
    sample = content[:_SAMPLE]
    high = len(sample) - len(sample.translate(None, bytes(range(128, 256))))
    if high > len(sample) * _MANY:
        from charset_normalizer import from_bytes  # noqa: PLC0415 - each message passes here, few need it

        if (best := from_bytes(sample[:8192]).best()) is not None:
            return best.encoding
    return "cp1252"  # which is Latin-1 with letters where that has control characters


_MOVED = {0xAD: 0xBA, 0xBD: 0xBB, 0xBA: 0xAD, 0xBB: 0xBD, 0x5F: 0xB0, 0xB0: 0x5F}
_CP1047_TO_CP037 = bytes(_MOVED.get(byte, byte) for byte in range(256))
