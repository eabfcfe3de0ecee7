"""The formats of old, OpenDocument, RTF and locked files: the list is found, or the file says why not."""

import io
import struct
import zlib
from collections.abc import Callable

import carriers
import carriers_pages
import pytest
from carriers import OD, od_table
from carriers_binary import biff, write_doc, write_ole_package, write_ppt, write_xls, write_xlsb, xlsb_numbers
from hypothesis import given, settings
from hypothesis import strategies as st
from msoffcrypto.format.ooxml import OOXMLFile
from openings import cells, note, open_with, table_named, tables, text_at, texts, words

from gateway.message import Limits, Opened, Partial, Unopened
from gateway.opening.compound import compound
from gateway.opening.encrypted import LOCKED, MANAGED, open_encrypted
from gateway.opening.legacy import open_legacy
from gateway.opening.opendocument import open_opendocument
from gateway.opening.opener import Opener
from gateway.opening.rtf import open_rtf
from gateway.opening.spreadsheet import open_binary_workbook
from rules.content import Role
from rules.verdict import Obstacle

ROWS = carriers.table(40)
SECRET = ROWS[1][0]
INSIDE = f"<office:document-content {OD}>{od_table(ROWS[:2], 'x')}</office:document-content>"
CSV = carriers.write_csv(ROWS)


@pytest.mark.parametrize(
    ("opener", "content", "name"),
    [
        (open_legacy, write_xls(ROWS), "Census"),
        (open_legacy, write_xls(ROWS, hidden=2), "Census"),
        (open_binary_workbook, write_xlsb(ROWS), "Census"),
        (open_legacy, write_doc(ROWS), "table 1"),
        (open_legacy, write_doc(ROWS, wide=True), "table 1"),
        (open_rtf, carriers.write_rtf(ROWS), "table 1"),
        (open_opendocument, carriers.write_ods(ROWS), "Census"),
        (open_opendocument, carriers.write_odt(ROWS), "Census"),
        (open_opendocument, carriers.write_odp(ROWS), "Census"),
    ],
)
def test_the_list_comes_back_whole(opener: Opener, content: bytes, name: str) -> None:
    """Payroll bureaus send what their program wrote in 1999."""
    opening = open_with(opener, content)
    assert isinstance(opening.outcome, Opened), note(opening)
    assert [tuple(row) for row in table_named(opening, name).rows] == ROWS


def test_text_around_an_old_table_is_read() -> None:
    assert text_at(open_with(open_legacy, write_doc(ROWS)), "document").content.split() == [
        "Dear",
        "trustee,",
        "Sincerely",
    ]


def test_slides_of_old_are_read() -> None:
    lines = ["  ".join(row) for row in ROWS]
    assert set(words(open_with(open_legacy, write_ppt(lines))).split("\n")) == set(lines)


def test_very_hidden_sheets_of_old_are_named_so() -> None:
    assert text_at(open_with(open_legacy, write_xls(ROWS, hidden=2)), "very hidden sheet name").content == "Census"


NUMBER = biff(0x203, struct.pack("<HHHd", 3, 1, 0, 12345670.0))
SHORT = biff(0x27E, struct.pack("<HHHI", 3, 1, 0, 12345670 << 2 | 2))
SEVERAL = biff(0xBD, struct.pack("<HHHIHIH", 3, 1, 0, 12345670 << 2 | 2, 0, 5 << 2 | 2, 2))


@pytest.mark.parametrize("more", [NUMBER, SHORT, SEVERAL])
def test_old_number_formats_put_the_zero_back(more: bytes) -> None:
    """An SSN kept as a number has lost its zero in an old book too."""
    assert "012-34-5670" in cells(open_with(open_legacy, write_xls(carriers.harmless(1), more=more)))


def test_margins_and_notes_of_an_old_book_are_read() -> None:
    note_text = biff(0x1B6, bytes(18)) + biff(0x3C, b"\0was " + SECRET.encode())
    header = biff(0x14, struct.pack("<HB", 8, 0) + b"&CAcme &")
    opening = open_with(open_legacy, write_xls(carriers.harmless(1), more=note_text + header))
    assert SECRET in text_at(opening, "Census!notes").content
    assert text_at(opening, "Census!header").role is Role.HEADING


def test_far_cells_of_an_old_book_allocate_nothing() -> None:
    far = biff(0x203, struct.pack("<HHHd", 65_535, 255, 0, 1.0))
    outcome = open_with(open_legacy, write_xls(carriers.harmless(1), more=far)).outcome
    assert getattr(outcome, "obstacle", None) is Obstacle.LIMIT


def with_a_freed_sector(content: bytes, deleted: bytes) -> bytes:
    """One that the table of sectors has free, before the last that it has in use."""
    sector, used = 4096, len(content) // 4096 - 1
    longer = bytearray(content + deleted.ljust(sector, b"\0") + bytes(sector))
    struct.pack_into("<I", longer, sector + 4 * (used + 1), 0xFFFFFFFE)
    return bytes(longer)


@pytest.mark.parametrize("encoding", ["cp1252", "utf-16-le"])
@pytest.mark.parametrize("write", [write_doc, write_xls])
def test_what_was_deleted_from_an_old_file_is_read(write: Callable[..., bytes], encoding: str) -> None:
    """Programs of the time did not wipe it."""
    content = with_a_freed_sector(write(carriers.harmless(4)), "Ada Poe 219-09-9999\r".encode(encoding))

    assert text_at(open_with(open_legacy, content), "unused sectors").content.strip() == "Ada Poe 219-09-9999"


def test_what_a_fast_save_left_in_an_old_document_is_read() -> None:
    """Word 97 wrote changes behind the text, and took the old pieces off its table only."""
    content = bytearray(write_doc(carriers.harmless(4)))
    left, place = b"Ada Poe 219-09-9999\r", content.index(b"\xec\xa5") + 1500  # of the document's stream
    content[place : place + len(left)] = left

    opening = open_with(open_legacy, bytes(content))

    assert words(opening).count("219-09-9999") == 1


def test_a_packed_file_comes_out_of_its_object() -> None:
    """A CSV dragged into a letter is an OLE package."""
    (inner,) = open_with(open_legacy, write_ole_package(CSV, "list.csv")).inner
    assert (inner.name, inner.content) == ("list.csv", CSV)


def test_an_object_of_unknown_kind_is_not_clean() -> None:
    opening = open_with(open_legacy, compound({"Strange": b"?" * 9000}))
    assert getattr(opening.outcome, "obstacle", None) is Obstacle.UNSUPPORTED
    assert "Strange" not in note(opening)


def test_number_formats_of_a_binary_book_put_the_zero_back() -> None:
    """An SSN kept as 12345670 is shown as people know it."""
    content = write_xlsb(carriers.table(2), numbers=xlsb_numbers(12345670, 332206469, 98765430))
    (table,) = tables(open_with(open_binary_workbook, content))
    assert list(table.rows[3])[:3] == ["012-34-5670", "332-20-6469", "098-76-5430"]


def test_far_cells_of_a_binary_book_allocate_nothing() -> None:
    """calamine aborts the process for this one."""
    opening = open_with(open_binary_workbook, write_xlsb(ROWS, far=True))
    assert getattr(opening.outcome, "obstacle", None) is Obstacle.LIMIT


# --- RTF ------------------------------------------------------------------------------------------------------------


PICTS = {
    "as Word writes it": r"{{\pict\pngblip\picw20 {0}}}",
    "behind properties in groups of groups": r"{{\pict{{\*\picprop{{\sp{{\sn wzName}}{{\sv }}}}}}\picw20\pngblip {0}}}",
}


@pytest.mark.parametrize("written", PICTS.values(), ids=PICTS)
def test_a_picture_in_rtf_comes_out(written: str) -> None:
    picture = carriers_pages.write_image(["nothing"], "PNG")

    opening = open_with(open_rtf, (r"{\rtf1\ansi " + written.format(picture.hex()) + r"\par}").encode())

    assert [inner.content for inner in opening.inner] == [picture]


def test_a_picture_in_rtf_that_is_no_digits_is_not_passed_over() -> None:
    opening = open_with(open_rtf, rb"{\rtf1\ansi Hello. {\pict\pngblip\bin9 \x89PNG....}\par}")

    assert isinstance(opening.outcome, Partial)


def test_a_file_packed_in_rtf_comes_out() -> None:
    opening = open_with(open_rtf, carriers.write_rtf_with(CSV))
    assert [(inner.name, inner.content) for inner in opening.inner] == [("list.csv", CSV)]
    assert "Enclosed." in words(opening)


@pytest.mark.parametrize(
    "group",
    [
        r"{\header {0}\par}",
        r"{\footer {0}}",
        r"{\footnote {0}}",
        r"{\*\annotation {0}}",
        r"{\info{\title {0}}}",
        r"{\deleted {0}}",
        r"{\v {0}}",
        r"{\shp{\*\shpinst{\shptxt {0}\par}}}",
    ],
)
def test_rtf_groups_that_readers_pass_over_are_read(group: str) -> None:
    source = r"{\rtf1\ansi Hello. " + group.replace("{0}", SECRET) + r" Bye.\par}"
    assert SECRET in words(open_with(open_rtf, source.encode()))


def test_an_object_that_cannot_be_unpacked_is_not_clean() -> None:
    source = rb"{\rtf1 {\object{\*\objdata 0105\foo 0000}}}"
    assert getattr(open_with(open_rtf, source).outcome, "obstacle", None) is Obstacle.UNSUPPORTED


# --- OpenDocument ---------------------------------------------------------------------------------------------------


def sheet(body: str) -> bytes:
    content = (
        f"<office:document-content {OD}><office:body><office:spreadsheet>{body}</office:spreadsheet></office:body>"
    )
    return carriers.repacked(carriers.write_ods(ROWS), {"content.xml": content + "</office:document-content>"})


def test_repeated_empty_rows_move_the_address_and_cost_nothing() -> None:
    row = f'<table:table-row><table:table-cell table:number-columns-repeated="2"/><table:table-cell><text:p>{SECRET}'
    empty = '<table:table-row table:number-rows-repeated="1048000"><table:table-cell/></table:table-row>'
    table = f'<table:table table:name="Far">{empty}{row}</text:p></table:table-cell></table:table-row></table:table>'
    found = table_named(open_with(open_opendocument, sheet(table)), "Far")
    assert found.place(0, 2, 0, 2) == "Far!C1048001"
    assert list(found.rows[0]) == ["", "", SECRET]


def test_a_million_repeated_rows_are_counted_first() -> None:
    cell = '<table:table-cell table:number-columns-repeated="16000"><text:p>x</text:p></table:table-cell>'
    row = f'<table:table-row table:number-rows-repeated="1000000">{cell}</table:table-row>'
    opening = open_with(open_opendocument, sheet(f"<table:table>{row}</table:table>"))
    assert getattr(opening.outcome, "obstacle", None) is Obstacle.LIMIT


def test_what_the_cell_shows_is_what_is_read() -> None:
    """The program has already put the zero and the dashes in."""
    cell = '<table:table-cell office:value-type="float" office:value="12345670"><text:p>012-34-5670</text:p>'
    table = f"<table:table><table:table-row>{cell}</table:table-cell></table:table-row></table:table>"
    assert cells(open_with(open_opendocument, sheet(table))) == ["012-34-5670"]


@pytest.mark.parametrize(
    ("parts", "where"),
    [
        (
            {"styles.xml": f"<office:document-styles {OD}><text:p>{SECRET}</text:p></office:document-styles>"},
            "header and footer",
        ),
        (
            {"meta.xml": f"<office:document-meta {OD}><dc:title>{SECRET}</dc:title></office:document-meta>"},
            "properties",
        ),
        (
            {"Object 1/content.xml": INSIDE},
            "",
        ),
        ({"other.xml": f"<x><y>{SECRET}</y></x>"}, "custom XML"),
    ],
)
def test_side_parts_of_an_open_document_are_read(parts: dict[str, bytes | str], where: str) -> None:
    opening = open_with(open_opendocument, carriers.repacked(carriers.write_odt(carriers.harmless(3)), parts))
    assert isinstance(opening.outcome, Opened)
    assert SECRET in words(opening)
    assert not where or any(text.where == where for text in texts(opening) if SECRET in text.content)


def test_notes_and_deleted_text_of_an_open_document_are_read() -> None:
    body = (
        f"<office:text><text:tracked-changes><text:changed-region><text:deletion><text:p>{ROWS[1][0]}</text:p>"
        "</text:deletion></text:changed-region></text:tracked-changes>"
        f"<text:p>Hello<office:annotation><text:p>{ROWS[2][0]}</text:p></office:annotation>"
        f"<text:note><text:note-body><text:p>{ROWS[3][0]}</text:p></text:note-body></text:note></text:p></office:text>"
    )
    content = f"<office:document-content {OD}><office:body>{body}</office:body></office:document-content>"
    found = words(
        open_with(open_opendocument, carriers.repacked(carriers.write_odt(ROWS[:1]), {"content.xml": content}))
    )
    assert all(row[0] in found for row in ROWS[1:4])


def test_an_encrypted_open_document_cannot_be_looked_into() -> None:
    uri = "urn:oasis:names:tc:opendocument:xmlns:manifest:1.0"
    manifest = (
        f'<m:manifest xmlns:m="{uri}"><m:file-entry m:full-path="content.xml"><m:encryption-data/></m:file-entry>'
        "</m:manifest>"
    )
    content = carriers.repacked(
        carriers.write_odt(ROWS), {"META-INF/manifest.xml": manifest, "content.xml": zlib.compress(b"")}
    )
    outcome = open_with(open_opendocument, content).outcome
    assert isinstance(outcome, Unopened)
    assert outcome.obstacle is Obstacle.ENCRYPTED


def test_a_manifest_of_openoffice_org_names_no_namespace() -> None:
    """LibreOffice ships such templates to this day."""
    doctype = '<!DOCTYPE manifest:manifest PUBLIC "-//OpenOffice.org//DTD Manifest 1.0//EN" "Manifest.dtd">'
    entry = '<manifest:file-entry manifest:media-type="text/xml" manifest:full-path="content.xml"/>'
    manifest = f"{doctype}<manifest:manifest>{entry}</manifest:manifest>"

    opening = open_with(
        open_opendocument, carriers.repacked(carriers.write_odt(ROWS), {"META-INF/manifest.xml": manifest})
    )

    assert isinstance(opening.outcome, Opened)
    assert all(row[0] in words(opening) for row in ROWS[1:])


# --- locked files ---------------------------------------------------------------------------------------------------


def locked(password: str) -> bytes:
    out = io.BytesIO()
    OOXMLFile(io.BytesIO(carriers.write_xlsx(ROWS))).encrypt(password, out)
    return out.getvalue()


def test_a_locked_workbook_cannot_be_looked_into() -> None:
    assert open_with(open_encrypted, locked("open sesame")).outcome == LOCKED


def test_a_workbook_locked_with_everybodys_password_is_opened() -> None:
    """Excel opens it without asking, so its reader is anyone."""
    opening = open_with(open_encrypted, locked("VelvetSweatshop"))
    assert isinstance(opening.outcome, Opened)
    (inner,) = opening.inner
    assert isinstance(inner.content, bytes)
    assert inner.content.startswith(b"PK")


def test_a_rights_managed_file_cannot_be_looked_into() -> None:
    managed = compound({"\x09DRMContent": b"x" * 9000, "EncryptedPackage": b"x" * 9000})
    assert open_with(open_encrypted, managed).outcome == MANAGED


def test_a_locked_document_of_old_cannot_be_looked_into() -> None:
    outcome = open_with(open_legacy, write_doc(ROWS, locked=True)).outcome
    assert isinstance(outcome, Partial | Unopened)
    assert outcome.obstacle is Obstacle.ENCRYPTED
    assert not tables(open_with(open_legacy, write_doc(ROWS, locked=True)))


# --- anything at all ------------------------------------------------------------------------------------------------

SMALL = carriers.table(3)
SEEDS: list[tuple[Callable[..., object], bytes]] = [
    (open_legacy, write_xls(SMALL)),
    (open_legacy, write_doc(SMALL)),
    (open_legacy, write_ppt([row[0] for row in SMALL])),
    (open_legacy, write_ole_package(b"a,b", "x.csv")),
    (open_binary_workbook, write_xlsb(SMALL)),
    (open_rtf, carriers.write_rtf_with(b"a,b")),
    (open_rtf, carriers.write_rtf(SMALL)),
    (open_opendocument, carriers.write_ods(SMALL)),
    (open_encrypted, compound({"EncryptedPackage": b"x" * 9000, "EncryptionInfo": b"\x04\0\x04\0" + b"x" * 90})),
]


@settings(max_examples=120, deadline=None)
@given(st.sampled_from(SEEDS), st.binary(max_size=40), st.floats(0, 1), st.integers(0, 40))
def test_any_bytes_get_an_answer(seed: tuple[Opener, bytes], junk: bytes, at: float, gone: int) -> None:
    """A broken file is held with a reason; it never ends the worker."""
    opener, whole = seed
    cut = int(at * len(whole))
    for content in (junk, whole[:cut] + junk + whole[cut + gone :]):
        try:
            list(open_with(opener, content, Limits(max_expanded=1 << 22)).inner)
        except Exception as error:  # noqa: BLE001 - what the registry turns into "could not look"
            assert type(error).__name__ == "CannotLookError"  # noqa: PT017
