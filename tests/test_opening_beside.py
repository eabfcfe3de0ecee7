"""Two files in one: each reader takes from it what it knows by its own mark, so we open every piece."""

import bz2
import gzip
import io
import lzma
import struct
import zipfile
from collections.abc import Callable, Mapping

import carriers
import carriers_binary
import carriers_mail
import pytest
from carriers_mail import rar_of, seven_of, tar_of, zip_of
from opening_messages import open_attachment, words

from gateway.message import Opened, OpenedMessage

ROWS, PRICES = carriers.table(4), carriers.harmless(4)
LIST = carriers.write_csv(ROWS)
NUMBERS = [row[0] for row in ROWS[1:]]
MEMO = b"Dear all, please find the prices of this quarter below."


def picture(kind: str) -> bytes:
    return carriers.write_image(["hello"], kind)


OUTER: Mapping[str, tuple[str, Callable[[], bytes]]] = {
    "PDF": ("a.pdf", lambda: carriers.write_pdf(PRICES)),
    "PNG": ("a.png", lambda: picture("PNG")),
    "JPEG": ("a.jpg", lambda: picture("JPEG")),
    "GIF": ("a.gif", lambda: picture("GIF")),
    "BMP": ("a.bmp", lambda: picture("BMP")),
    "WEBP": ("a.webp", lambda: picture("WEBP")),
    "TIFF": ("a.tif", lambda: picture("TIFF")),
    "XLSX": ("a.xlsx", lambda: carriers.write_xlsx(PRICES)),
    "DOCX": ("a.docx", lambda: carriers.write_docx(PRICES)),
    "ODS": ("a.ods", lambda: carriers.write_ods(PRICES)),
    "XLS": ("a.xls", lambda: carriers_binary.write_xls(PRICES)),
    "DOC": ("a.doc", lambda: carriers_binary.write_doc(PRICES)),
    "RTF": ("a.rtf", lambda: carriers.write_rtf(PRICES)),
    "ZIP": ("a.zip", lambda: zip_of({"prices.csv": MEMO})),
    "7z": ("a.7z", lambda: seven_of({"prices.csv": MEMO})),
    "TAR": ("a.tar", lambda: tar_of({"prices.csv": MEMO})),
    "RAR": ("a.rar", lambda: rar_of({"prices.csv": MEMO})),
    "RAR 4": ("a.rar", lambda: rar_of({"prices.csv": MEMO}, kind="rar29")),
    "RAR 1.3": ("a.rar", lambda: rar_of({"prices.csv": MEMO}, kind="rar13")),
    "gzip": ("a.gz", lambda: gzip.compress(MEMO)),
    "bzip2": ("a.bz2", lambda: bz2.compress(MEMO)),
    "xz": ("a.xz", lambda: lzma.compress(MEMO)),
}
PIECES: Mapping[str, bytes] = {
    "text": b"\n" + LIST,
    "ZIP": zip_of({"list.csv": LIST}),
    "7z": seven_of({"list.csv": LIST}),
    "RAR": rar_of({"list.csv": LIST}),
    "PDF": carriers.write_pdf(ROWS),
    "gzip": gzip.compress(LIST),
}


def seen_or_doubted(message: OpenedMessage) -> bool:
    """Law 1: found, or said not to have been looked at."""
    return all(number in words(message) for number in NUMBERS) or not all(
        isinstance(part.outcome, Opened) for part in message.parts
    )


@pytest.mark.parametrize("piece", PIECES)
@pytest.mark.parametrize("outer", OUTER)
def test_a_list_behind_another_file_is_found_or_doubted(outer: str, piece: str) -> None:
    name, write = OUTER[outer]

    assert seen_or_doubted(open_attachment(write() + PIECES[piece], name))


@pytest.mark.parametrize("piece", ["text", "ZIP", "PDF"])
@pytest.mark.parametrize("outer", OUTER)
def test_a_list_before_another_file_is_found_or_doubted(outer: str, piece: str) -> None:
    name, write = OUTER[outer]

    assert seen_or_doubted(open_attachment(PIECES[piece] + write(), name))


FOUND = ("PDF", "PNG", "JPEG", "GIF", "BMP", "WEBP", "XLSX", "DOCX", "ODS", "XLS", "DOC", "ZIP", "7z", "RAR", "RAR 4")


@pytest.mark.parametrize("outer", FOUND)
def test_an_archive_behind_it_is_opened(outer: str) -> None:
    name, write = OUTER[outer]

    assert all(number in words(open_attachment(write() + PIECES["7z"], name)) for number in NUMBERS)


@pytest.mark.parametrize("outer", OUTER)
@pytest.mark.parametrize("padding", [b"\0" * 600, b"\r\n\r\n" + b" " * 30])
def test_padding_is_nothing(outer: str, padding: bytes) -> None:
    if outer in {"bzip2", "xz", "gzip"} and b"\0" not in padding:
        pytest.skip("their own readers complain of it")
    name, write = OUTER[outer]

    assert {part.section for part in open_attachment(write() + padding, name).parts} <= {
        "1",
        "2",
        "2/prices.csv",
        "2/a",
    }


def between_entries() -> bytes:
    """Readers go by the directory, and step over what no entry claims."""
    content = zip_of({"first.txt": MEMO, "second.txt": MEMO})
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        second, start = archive.infolist()[1].header_offset, archive.start_dir
    moved = bytearray(content[:second] + LIST + content[second:])
    end = moved.rfind(b"PK\5\6")
    struct.pack_into("<I", moved, end + 16, start + len(LIST))
    entry = moved.find(b"PK\1\2", moved.find(b"PK\1\2") + 4)
    struct.pack_into("<I", moved, entry + 42, second + len(LIST))
    return bytes(moved)


def two_directories() -> bytes:
    """What is listed by the first is not by the second, which readers take."""
    return zip_of({"list.csv": LIST}) + zip_of({"prices.csv": MEMO})


def after_the_end_of_a_tar() -> bytes:
    return tar_of({"prices.csv": MEMO}) + LIST


def tar_behind_a_tar() -> bytes:
    return tar_of({"prices.csv": MEMO}) + tar_of({"list.csv": LIST})


def gzip_behind_gzip() -> bytes:
    return gzip.compress(MEMO) + gzip.compress(LIST)


def stream_padding() -> bytes:
    return lzma.compress(MEMO) + b"\0" * 8 + lzma.compress(LIST)


@pytest.mark.parametrize(
    "glue",
    [between_entries, two_directories, after_the_end_of_a_tar, tar_behind_a_tar, gzip_behind_gzip, stream_padding],
    ids=lambda glue: glue.__name__,
)
def test_what_an_archive_does_not_list_is_found_all_the_same(glue: Callable[[], bytes]) -> None:
    message = open_attachment(glue(), "a.bin")

    assert all(number in words(message) for number in NUMBERS)


def test_a_photo_and_its_preview_are_one_file() -> None:
    """Pictures inside a picture's own segments are no second file."""
    thumbnail = picture("JPEG")
    segment = b"\xff\xe1" + struct.pack(">H", len(thumbnail) + 2) + thumbnail
    photo = picture("JPEG")

    message = open_attachment(photo[:2] + segment + photo[2:], "a.jpg")

    assert {part.section for part in message.parts} == {"1", "2"}


def test_updates_of_a_pdf_belong_to_it() -> None:
    first = carriers.write_pdf(PRICES)
    update = b"\n9 0 obj\n<<>>\nendobj\nxref\n0 0\ntrailer\n<</Size 9/Root 1 0 R/Prev 0>>\nstartxref\n9\n%%EOF\n"

    assert "2/behind" not in {part.section for part in open_attachment(first + update, "a.pdf").parts}


def test_a_mail_is_one_message_whatever_it_is_called() -> None:
    assert seen_or_doubted(open_attachment(carriers_mail.write_eml(LIST, "list.csv"), "a.bin"))
