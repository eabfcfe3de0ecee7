"""What stands before, between and behind the bytes that a file's own format claims: two files in one, as polyglots are.

Each reader takes from such a file what it knows by its own mark, so every piece is opened.
Of what has no end of its own only a ZIP behind it is told, and in a text a PDF.
"""

import re
import struct
from collections.abc import Callable, Iterator, Mapping

from gateway.opening import ends, picture_ends
from gateway.opening.ends import Extent
from gateway.opening.look_in import appended_zip
from gateway.opening.opener import CannotLookError, Inner
from rules.verdict import Obstacle

_FEWEST = 9  #: bytes; an SSN does not fit into less
_FEW = 16  #: bytes; a piece that is shorter holds an SSN or nothing: no file, no number in wider characters
_PADDING = b"\0 \t\r\n\x1a"
_DIGITS = b"0123456789\xf0\xf1\xf2\xf3\xf4\xf5\xf6\xf7\xf8\xf9"  #: of ASCII and of EBCDIC
_TEXT = re.compile(r"text/|application/(xml|json|yaml|x-sylk|x-dif)|image/svg")
_ZIPPED = re.compile(r"application/(zip|vnd\.(openxmlformats|oasis|ms-(excel|word|powerpoint)\..*macroenabled).*)")


def beside(media_type: str, content: bytes) -> Iterator[Inner]:
    """Each piece that is no part of the format and no padding. Raises CannotLookError where the format has no end."""
    claims = _CLAIMS.get(media_type) or (ends.zipped if _ZIPPED.match(media_type) else None)
    if claims is None:
        late = _late_pdf if _TEXT.match(media_type) else appended_zip
        if (behind := late(content) or appended_zip(content)) is not None:
            yield Inner(name="behind", content=behind)
        return
    try:
        claimed = claims(content)
    except (struct.error, IndexError, ValueError, OverflowError) as error:
        raise CannotLookError(Obstacle.CORRUPT, "a file that breaks off before its end") from error
    yield from pieces(content, claimed)


def _late_pdf(content: bytes) -> bytes | None:
    """A PDF written out in a text: some readers look for its mark however far behind it stands."""
    start = content.find(b"%PDF-1.")
    return content[start:] if start >= 0 and content.find(b"%%EOF", start) > 0 else None


def pieces(content: bytes, claimed: list[Extent]) -> Iterator[Inner]:
    """What nothing claims, as files of their own; padding is nothing."""
    place = 0
    for start, end in sorted(claimed):
        yield from _piece(content, place, start)
        place = max(place, end)
    yield from _piece(content, place, len(content))


def _piece(content: bytes, start: int, end: int) -> Iterator[Inner]:
    piece = content[start:end].strip(_PADDING) if end - start >= _FEWEST else b""
    if len(piece) < _FEWEST or (len(piece) < _FEW and len(piece) - len(piece.translate(None, _DIGITS)) < _FEWEST):
        return
    name = "before" if start == 0 else "behind" if end == len(content) else "between"
    yield Inner(name=name, content=content[start:end].lstrip(_PADDING))


_CLAIMS: Mapping[str, Callable[[bytes], list[Extent]]] = {
    "application/msword": ends.ole,
    "application/pdf": ends.pdf,
    "application/rtf": ends.rtf,
    "application/vnd.ms-excel": ends.ole,
    "application/vnd.ms-outlook": ends.ole,
    "application/vnd.ms-powerpoint": ends.ole,
    "application/vnd.rar": ends.rar,
    "application/x-7z-compressed": ends.seven,
    "image/avif": picture_ends.boxes,
    "image/bmp": picture_ends.bmp,
    "image/gif": picture_ends.gif,
    "image/jp2": picture_ends.boxes,
    "image/jpeg": picture_ends.jpeg,
    "image/png": picture_ends.png,
    "image/tiff": picture_ends.tiff,
    "image/webp": picture_ends.webp,
}
