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
import carriers_pages
import pytest
from carriers_mail import rar_of, seven_of, tar_of, zip_of
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from opening_messages import clean, open_attachment, words

from gateway.message import Opened, OpenedMessage
from gateway.opening.beside import beside
from gateway.opening.identify import identify

ROWS, PRICES = carriers.table(4), carriers.harmless(4)
LIST = carriers.write_csv(ROWS)
NUMBERS = [row[0] for row in ROWS[1:]]
MEMO = b"Dear all, please find the prices of this quarter below."


def picture(kind: str) -> bytes:
    return carriers_pages.write_image(["hello"], kind)


OUTER: Mapping[str, tuple[str, Callable[[], bytes]]] = {
    "PDF": ("a.pdf", lambda: carriers_pages.write_pdf(PRICES)),
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
    "PDF": carriers_pages.write_pdf(ROWS),
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


def telephone(fields: Mapping[str, bytes]) -> bytes:
    """A photo as Samsung's telephones write it: fields behind the end, then their directory."""
    photo, directory, places = picture("JPEG"), b"", []
    for number, (name, value) in enumerate(fields.items()):
        sign = struct.pack("<HH", 0, 0x0A01 + number)
        places.append((len(photo), sign, 8 + len(name) + len(value)))
        photo += sign + struct.pack("<I", len(name)) + name.encode() + value
    for place, sign, size in places:
        directory += sign + struct.pack("<II", len(photo) - place, size)
    directory = b"SEFH" + struct.pack("<II", 107, len(fields)) + directory
    return photo + directory + struct.pack("<I", len(directory)) + b"SEFT"


TELEPHONE = {"Image_UTC_Data": b"1764369480123", "MCC_Data": b"310", "Color_Display_P3": b"\x01\0\0\0"}


def test_what_a_telephone_puts_behind_a_photo_is_no_secret() -> None:
    assert clean(open_attachment(telephone(TELEPHONE), "photo.jpg"))


@pytest.mark.parametrize("spoil", [telephone, lambda fields: telephone(fields).replace(b"SEFH", b"SEFX")])
def test_a_list_among_a_telephone_s_fields_is_found_or_doubted(spoil: Callable[[Mapping[str, bytes]], bytes]) -> None:
    message = open_attachment(spoil(TELEPHONE | {"Gallery_DC_Data": LIST}), "photo.jpg")

    assert seen_or_doubted(message)


def test_updates_of_a_pdf_belong_to_it() -> None:
    first = carriers_pages.write_pdf(PRICES)
    update = b"\n9 0 obj\n<<>>\nendobj\nxref\n0 0\ntrailer\n<</Size 9/Root 1 0 R/Prev 0>>\nstartxref\n9\n%%EOF\n"

    assert "2/behind" not in {part.section for part in open_attachment(first + update, "a.pdf").parts}


def test_a_mail_is_one_message_whatever_it_is_called() -> None:
    assert seen_or_doubted(open_attachment(carriers_mail.write_eml(LIST, "list.csv"), "a.bin"))


OWN_END = (
    "PDF",
    "PNG",
    "JPEG",
    "GIF",
    "BMP",
    "WEBP",
    "TIFF",
    "XLSX",
    "DOCX",
    "ODS",
    "XLS",
    "DOC",
    "RTF",
    "ZIP",
    "7z",
    "RAR",
)
NUMBER = "219-09-9999"


@pytest.mark.parametrize("outer", OWN_END)
def test_a_number_anywhere_behind_the_end_is_in_a_piece(outer: str) -> None:
    name, write = OUTER[outer]
    content = write()
    media_type = identify(content, "", name)

    @settings(max_examples=25, deadline=None)
    @given(st.sampled_from((b"", b"\0" * 40, b"\r\n", b"% x\n", b"1 0 obj\n")) | st.binary(max_size=20))
    def found(before: bytes) -> None:
        assume(b"PK\5\6" not in before)  # a second end of a ZIP: it has no directory, and that is said
        [piece] = beside(media_type, content + before + NUMBER.encode() + b"\n")
        assert isinstance(piece.content, bytes)
        assert NUMBER.encode() in piece.content

    found()


@pytest.mark.parametrize("outer", OWN_END)
def test_one_number_behind_another_file_is_found_or_doubted(outer: str) -> None:
    name, write = OUTER[outer]
    message = open_attachment(write() + b"219099999", name)

    assert "219099999" in words(message) or not clean(message)


def gif_without_its_trailer() -> bytes:
    return picture("GIF")[:-1] + LIST


def png_without_its_end() -> bytes:
    return picture("PNG")[:-12] + LIST


def png_whose_last_chunk_has_content() -> bytes:
    content = picture("PNG")
    return content[:-12] + struct.pack(">I", len(LIST)) + b"IEND" + LIST + content[-4:]


def jpeg_without_its_end() -> bytes:
    return picture("JPEG")[:-2] + LIST


def bmp_that_says_it_is_longer() -> bytes:
    content = picture("BMP")
    return content[:2] + struct.pack("<I", len(content) + len(LIST)) + content[6:] + LIST


def bmp_of_no_size() -> bytes:
    content = picture("BMP")
    return content[:2] + bytes(4) + content[6:] + LIST


def bmp_with_a_list_before_its_pixels() -> bytes:
    content = picture("BMP")
    start = struct.unpack_from("<I", content, 10)[0]
    gap = LIST.ljust(2000)
    return content[:10] + struct.pack("<I", start + len(gap)) + content[14:start] + gap + content[start:]


def webp_with_a_strange_chunk() -> bytes:
    content = picture("WEBP") + b"LIST" + struct.pack("<I", len(LIST)) + LIST
    return content[:4] + struct.pack("<I", len(content) - 8) + content[8:]


def pdf_and_a_comment() -> bytes:
    return carriers_pages.write_pdf(PRICES) + b"% x\n" + LIST


def pdf_and_a_row_of_comments() -> bytes:
    """A search that splits the row in every way never ends."""
    return carriers_pages.write_pdf(PRICES) + b"% " * 500 + b"\n" + LIST


def pdf_and_an_update_that_breaks_off() -> bytes:
    return carriers_pages.write_pdf(PRICES) + b"9 0 obj\n" + LIST


def pdf_without_its_end() -> bytes:
    return carriers_pages.write_pdf(PRICES).replace(b"%%EOF", b"") + LIST


def zip_whose_sizes_follow() -> bytes:
    """Readers step over what stands between an entry's sizes and the directory."""
    out = io.BytesIO()

    class Pipe(io.RawIOBase):
        def writable(self) -> bool:
            return True

        def write(self, content: bytes) -> int:  # type: ignore[override]
            return out.write(content)

    with zipfile.ZipFile(Pipe(), "w") as archive:  # type: ignore[arg-type]
        archive.writestr("prices.csv", MEMO)
    content = out.getvalue()
    start = content.find(b"PK\1\2")
    end = content.rfind(b"PK\5\6")
    moved = content[start : end + 16] + struct.pack("<I", start + len(LIST)) + content[end + 20 :]
    return content[:start] + LIST + moved


@pytest.mark.parametrize(
    "glue",
    [
        gif_without_its_trailer,
        png_without_its_end,
        png_whose_last_chunk_has_content,
        jpeg_without_its_end,
        bmp_that_says_it_is_longer,
        bmp_of_no_size,
        bmp_with_a_list_before_its_pixels,
        webp_with_a_strange_chunk,
        pdf_and_a_comment,
        pdf_and_a_row_of_comments,
        pdf_and_an_update_that_breaks_off,
        pdf_without_its_end,
        zip_whose_sizes_follow,
    ],
    ids=lambda glue: glue.__name__,
)
def test_what_no_longer_says_where_it_ends_hides_nothing(glue: Callable[[], bytes]) -> None:
    assert seen_or_doubted(open_attachment(glue(), "a.bin"))


@pytest.mark.parametrize("kind", ["GIF", "PNG", "BMP", "JPEG"])
def test_a_few_bytes_of_a_program_s_own_are_no_piece(kind: str) -> None:
    assert list(beside(f"image/{kind.lower()}", picture(kind) + b"\1\2by gimp\3\4")) == []


def test_a_gif_without_a_trailer_and_a_bmp_without_its_size_are_whole() -> None:
    """Programs forget them."""
    bmp = bytearray(picture("BMP"))
    bmp[2:6] = bytes(4)

    assert [*beside("image/gif", picture("GIF")[:-1]), *beside("image/bmp", bytes(bmp))] == []
