"""What a picture's file says beside its pixels: comments, captions, its camera's and its programs' data.

Formats leave room for anything in between, so of those whose pixels are packed all bytes are searched for numbers:
among packed ones nine digits do not come by chance. Of a BMP, what stands before its pixels; of a TIFF, its fields.
"""

import re
from collections.abc import Iterator
from typing import Any

from gateway.opening.charset import decode
from gateway.opening.reading import Reading
from gateway.opening.written import written
from rules.content import Role

_CAMERA = 0x8769  #: the directory of a camera's fields within Exif's (CIPA DC-008 4.6.3)
_COMMENT, _CHARSET = 0x9286, 8  #: UserComment, and the bytes that name its characters
_WINDOWS = range(0x9C9B, 0x9CA0)  #: title, comment, author, keywords, subject in UTF-16
_VALUE = re.compile(r">([^<>]+)<|=\"([^\"<>]+)\"|='([^'<>]+)'")  #: of an element or an attribute of XMP


def read_notes(picture: Any, content: bytes, reading: Reading) -> None:
    """Of a picture that Pillow has opened, and decoded: a PNG may say more behind its pixels."""
    exif = picture.getexif()
    fields = [f"{key}: {text}" for key, text in picture.info.items() if isinstance(text, str) and key not in _XMP]
    fields += [text for text in exif.values() if isinstance(text, str)]
    reading.text("properties", "\n".join(fields), Role.HEADING)
    notes = "\n".join(dict.fromkeys(filter(None, map(str.strip, _notes(picture, exif)))))
    reading.text("notes", notes)
    reading.text("written in the file", written(_beside_pixels(picture, exif, content), [*fields, notes]))


def _beside_pixels(picture: Any, exif: Any, content: bytes) -> bytes:
    """Pixels as they are may look like digits, so they are left out; packed ones need not be."""
    if picture.format == "BMP":
        return content[: int.from_bytes(content[10:14], "little")]
    if picture.format == "TIFF":
        return b"\n".join(value for value in exif.values() if isinstance(value, bytes))
    return content


_XMP = ("xmp", "XML:com.adobe.xmp")


def _notes(picture: Any, exif: Any) -> Iterator[str]:
    for packet in (picture.info.get(key) for key in _XMP):
        if packet:
            text = packet if isinstance(packet, str) else decode(packet)
            yield from ("".join(value) for value in _VALUE.findall(text) if "://" not in "".join(value))
    if isinstance(comment := picture.info.get("comment"), bytes):
        yield decode(comment)
    for tag, value in (*exif.items(), *exif.get_ifd(_CAMERA).items()):
        if isinstance(value, str) and tag not in exif:
            yield value
        elif isinstance(value, bytes) and (tag == _COMMENT or tag in _WINDOWS):
            yield decode(value[_CHARSET:] if tag == _COMMENT else value).strip("\0")
