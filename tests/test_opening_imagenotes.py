"""A picture's file has room for more than pixels: what is written there travels with it, whichever room it is."""

import io
import struct
import zlib
from collections.abc import Mapping
from typing import Any

import pytest
from opening_messages import clean, open_attachment, words
from PIL import Image
from PIL.TiffImagePlugin import ImageFileDirectory_v2

SECRET = "219-09-9999"
LIST = f"Ada Poe {SECRET}, Ben Roe 457-55-5462".encode()
CAMERA, COMMENT, WINDOWS_COMMENT = 0x8769, 0x9286, 0x9C9C


def saved(kind: str, **options: Any) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (64, 64), "white").save(out, kind, **options)
    return out.getvalue()


def segment(marker: int, content: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(content) + 2) + content


def chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def exif(tag: int, value: bytes, directory: int | None = None) -> Any:
    fields = Image.Exif()
    (fields if directory is None else fields.get_ifd(directory))[tag] = value
    return fields


def fields(tag: int, value: bytes) -> ImageFileDirectory_v2:
    directory = ImageFileDirectory_v2()
    directory.tagtype[tag] = 7  # UNDEFINED: bytes as they are
    directory[tag] = value
    return directory


JPEG, PNG, GIF, BMP = saved("JPEG"), saved("PNG"), saved("GIF"), saved("BMP")
XMP = b'<x:xmpmeta><rdf:Description photoshop:Headline="%s"/></x:xmpmeta>' % LIST
ROOMS: Mapping[str, bytes] = {
    "comment of a JPEG": JPEG[:2] + segment(0xFE, LIST) + JPEG[2:],
    "first of two comments": JPEG[:2] + segment(0xFE, LIST) + segment(0xFE, b"hello") + JPEG[2:],
    "segment of a program": JPEG[:2] + segment(0xE9, LIST) + JPEG[2:],
    "behind the pixels of a JPEG": JPEG[:-2] + LIST + JPEG[-2:],
    "caption in XMP": saved("JPEG", xmp=XMP),
    "comment of a camera": saved("JPEG", exif=exif(COMMENT, b"ASCII\0\0\0" + LIST, CAMERA)),
    "comment of a camera in UTF-16": saved(
        "JPEG", exif=exif(COMMENT, b"UNICODE\0" + LIST.decode().encode("utf-16"), CAMERA)
    ),
    "comment of Windows": saved("JPEG", exif=exif(WINDOWS_COMMENT, LIST.decode().encode("utf-16-le"))),
    "comment of a GIF": saved("GIF", comment=LIST),
    "extension of a GIF": GIF[:-1] + b"!\xff\x0bPROGRAM 1.0" + bytes([len(LIST)]) + LIST + b"\0;",
    "chunk of a program": PNG[:-12] + chunk(b"liSt", LIST) + PNG[-12:],
    "text behind the pixels": PNG[:-12] + chunk(b"tEXt", b"Comment\0" + LIST) + PNG[-12:],
    "packed text behind the pixels": PNG[:-12] + chunk(b"zTXt", b"Comment\0\0" + zlib.compress(LIST)) + PNG[-12:],
    "caption in XMP of a PNG": PNG[:33] + chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + XMP) + PNG[33:],
    "caption in XMP of a WebP": saved("WEBP", xmp=XMP),
    "caption in XMP of a TIFF": saved("TIFF", tiffinfo={700: XMP}),
    "captions of Photoshop in a TIFF": saved("TIFF", tiffinfo=fields(34377, b"8BIM\4\4" + LIST)),
    "field of a program in a TIFF": saved("TIFF", tiffinfo=fields(65000, LIST)),
    "before the pixels of a BMP": BMP[:10] + struct.pack("<I", 54 + len(LIST)) + BMP[14:54] + LIST + BMP[54:],
}


@pytest.mark.parametrize("room", ROOMS)
def test_a_list_in_any_room_of_a_picture_is_read(room: str) -> None:
    assert SECRET in words(open_attachment(ROOMS[room], "a.bin"))


def test_what_is_read_already_is_not_read_twice() -> None:
    assert words(open_attachment(ROOMS["comment of a GIF"], "a.gif")).count(SECRET) == 1


@pytest.mark.parametrize("kind", ["BMP", "TIFF", "PNG", "JPEG", "GIF"])
def test_pixels_are_no_numbers(kind: str) -> None:
    """The grey that most pages are written in is the digit three."""
    out = io.BytesIO()
    Image.new("RGB", (200, 200), "#333333").save(out, kind)
    message = open_attachment(out.getvalue(), "a.bin")

    assert clean(message)
    assert "333333" not in words(message)
