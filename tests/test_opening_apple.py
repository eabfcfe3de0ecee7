"""What macOS puts beside and around files."""

import io
import struct

import pytest
from carriers_mail import zip_of
from opening_messages import (
    ROSTER,
    clean,
    obstacle,
    open_attachment,
    part,
    tables,
    words,
)
from openings import WITH_OCR
from PIL import Image

from rules.verdict import Obstacle

CSV = ROSTER.encode()
SSN = "219-09-9999"


def apple(*entries: tuple[int, bytes], magic: int = 0x00051607) -> bytes:
    """RFC 1740's header and entries."""
    place, table = 26 + 12 * len(entries), b""
    for kind, content in entries:
        table += struct.pack(">III", kind, place, len(content))
        place += len(content)
    head = struct.pack(">II16xH", magic, 0x00020000, len(entries))
    return head + table + b"".join(content for _, content in entries)


def test_what_macos_puts_into_a_zip_does_not_hold_it() -> None:
    """The Finder adds an AppleDouble for every file, and often its folder's layout."""
    finder = (9, bytes(32) + b"com.apple.quarantine\0" + b"0081;47147e00;Safari;")
    store = b"\x00\x00\x00\x01Bud1" + bytes(30) + "list.csv".encode("utf-16-be")
    files = {"list.csv": CSV, "__MACOSX/._list.csv": apple(finder, (2, bytes(286))), ".DS_Store": store}

    message = open_attachment(zip_of(files), "a.zip")

    assert clean(message), message.parts
    assert "com.apple.quarantine" in words(message)
    assert "list.csv" in words(message)


@WITH_OCR
def test_a_zipped_photo_with_what_the_finder_puts_beside_it_is_clean() -> None:
    attributes = b"ATTR" + bytes(30) + b"com.apple.metadata:kMDItemWhereFroms\0bplist00" + bytes(70)
    beside = apple((9, bytes(34) + attributes), (2, b"\0\0\1\0" + bytes(282)))
    photo = io.BytesIO()
    Image.new("RGB", (320, 240), "steelblue").save(photo, "JPEG")

    message = open_attachment(zip_of({"IMG_0412.jpg": photo.getvalue(), "__MACOSX/._IMG_0412.jpg": beside}), "a.zip")

    assert [each.media_type for each in message.parts[2:]] == ["image/jpeg", "application/applefile"]
    assert clean(message), message.parts


def test_an_applesingle_gives_its_file_and_a_large_fork_is_not_clean() -> None:
    single = open_attachment(apple((1, CSV), magic=0x00051600), "list")
    fork = open_attachment(apple((2, b"?" * (1 << 17))), "._list")
    outside = open_attachment(apple() + CSV, "._list")

    assert [len(table.rows) for table in tables(single)] == [4]
    assert obstacle(part(fork, "2")) is Obstacle.UNSUPPORTED
    assert SSN in words(outside)


@pytest.mark.parametrize("cut", [20, 27, 40, 60])
def test_an_applefile_that_breaks_off_is_not_clean(cut: int) -> None:
    assert obstacle(part(open_attachment(apple((9, bytes(50)))[:cut], "._list"), "2")) is not None
