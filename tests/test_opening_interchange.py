"""SYLK, DIF and dBase: a number is under its header, deleted records are there, and nothing that is written is lost."""

import re
import struct
from collections.abc import Callable, Mapping

import openings
import pytest
from carrier_folder import write_dbase, write_dif, write_sylk
from hypothesis import given, settings
from hypothesis import strategies as st
from opening_messages import obstacle, open_attachment, part, tables, words

from gateway.message import Opened
from gateway.opening.charset import decode
from gateway.opening.dbase import open_dbase
from gateway.opening.interchange import open_dif, open_sylk
from gateway.opening.opener import Opener
from rules.verdict import Obstacle

ROWS = [("SSN", "Last Name", "State"), ("219099999", "Poe; Ada", "NC"), ("457555462", "Roe", "MA")]


def test_a_number_without_dashes_stands_under_its_header() -> None:
    """In the lines of the file it is one of many numbers."""
    for content, name in ((write_sylk(ROWS), "a.slk"), (write_dif(ROWS), "a.dif")):
        assert [list(row) for row in tables(open_attachment(content, name))[0].rows] == [list(row) for row in ROWS]


def test_a_deleted_record_is_read() -> None:
    [table] = tables(open_attachment(write_dbase(ROWS), "a.dbf"))

    assert [row[0] for row in table.rows] == ["SSN", "219099999", "457555462"]


def test_a_record_that_the_header_does_not_count_is_read() -> None:
    content = bytearray(write_dbase(ROWS))
    content[4:8] = bytes(4)

    assert "457555462" in words(open_attachment(bytes(content), "a.dbf"))


def test_a_table_whose_fields_do_not_fit_is_not_opened() -> None:
    content = bytearray(write_dbase(ROWS))
    content[10] += 1

    assert obstacle(part(open_attachment(bytes(content), "a.dbf"), "2")) is Obstacle.CORRUPT


def test_what_stands_beside_the_cells_is_read() -> None:
    content = (
        b'ID;PX;N\nC;Y1;X1;K"a";A"219-09-9999"\nC;Y1;X1;K"457-55-5462"\nNN;NMine;E219-09-9998\nE\nBen Roe 219-09-9997\n'
    )

    found = words(open_attachment(content, "a.slk"))

    assert all(number in found for number in ("219-09-9999", "457-55-5462", "219-09-9998", "219-09-9997"))


def test_a_list_with_ids_is_no_sylk() -> None:
    [table] = tables(
        open_attachment(b"ID;Phone;Name\n1;555-0100;Ada Poe\n2;555-0101;Ben Roe\n3;555-0102;Cy Moe\n", "a.csv")
    )

    assert table.rows[0] == ["ID", "Phone", "Name"]


def dbase_of(kind: str, field: bytes) -> bytes:
    """One record of one field; its columns are called after the letter of its type."""
    head = struct.pack("<BBBBIHH20x", 0x30, 107, 10, 16, 1, 65, 1 + len(field))
    return head + struct.pack("<11sc4xBB14x", b"SSN", kind.encode(), len(field), 0) + b"\r " + field + b"\x1a"


@pytest.mark.parametrize(
    ("kind", "field"),
    [
        ("B", struct.pack("<d", 219099999)),
        ("B", b"219099999  "),
        ("Y", struct.pack("<q", 2190999990000)),
        ("I", struct.pack("<i", 219099999)),
        ("T", struct.pack("<ii", 2459000, 219099999)),
        ("M", struct.pack("<i", 219099999)),
        ("M", b" 219099999"),
        ("G", b"219099999 "),
        ("W", b"219099999\0\0"),
        ("Q", b"219099999\x09"),
    ],
)
def test_a_number_is_seen_in_a_field_of_any_type(kind: str, field: bytes) -> None:
    """FoxPro keeps numbers as doubles; a memo's field may hold its text, though it should hold its place."""
    [table] = tables(open_attachment(dbase_of(kind, field), "a.dbf"))

    assert "219099999" in table.rows[1][0]


@pytest.mark.parametrize(
    ("kind", "field", "shown"),
    [
        ("M", bytes(4), ""),
        ("M", b" " * 10, ""),
        ("T", struct.pack("<ii", 2458851, 0), "2020-01-02"),
        ("T", struct.pack("<ii", 2458851, 34_200_000), "2020-01-02 9:30:00"),
        ("Y", struct.pack("<q", -15000), "-1.50"),
        ("B", struct.pack("<d", 0.1), "0.1"),
    ],
)
def test_what_a_program_shows_is_shown(kind: str, field: bytes, shown: str) -> None:
    [table] = tables(open_attachment(dbase_of(kind, field), "a.dbf"))

    assert table.rows == [["SSN"], [shown]]


@pytest.mark.parametrize(
    "record",
    [
        "-1,0\n219-09-9999",
        "1,219-09-9999\nBOT",
        "1,219-09-9999\n219-09-9999",
        "0,219-09-9999\nNA",
        "0,1\n219-09-9999",
        "-1,219-09-9999\nBOT",
        "-1,219-09-9999\nEOD",
        "-1,0\nEOD\n219-09-9999",
        "219-09-9999",
    ],
)
@pytest.mark.parametrize("place", ["\nDATA\n", "BOT\n", 'MA"\n'])
def test_no_line_of_a_dif_is_passed_over(place: str, record: str) -> None:
    before, mark, behind = write_dif(ROWS[:1] + ROWS[2:]).decode().partition(place)

    assert "219-09-9999" in words(open_attachment(f"{before}{mark}{record}\n{behind}".encode(), "a.dif"))


def test_a_dif_that_lacks_its_last_line_is_read_to_the_end() -> None:
    assert "219-09-9999" in words(open_attachment(write_dif(ROWS) + b"1,0\n219-09-9999", "a.dif"))


FILES: Mapping[str, tuple[Callable[..., bytes], Opener]] = {
    "SYLK": (write_sylk, open_sylk),
    "DIF": (write_dif, open_dif),
    "dBase": (write_dbase, open_dbase),
}


@pytest.mark.parametrize("name", FILES)
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_every_number_of_a_damaged_file_is_read_or_doubted(name: str, data: st.DataObject) -> None:
    write, opener = FILES[name]
    content = write(ROWS)
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(0, len(content)))
        gone = data.draw(st.integers(0, 20))
        put = data.draw(st.sampled_from((b"219099998", b"\n219099997\n", b";219099996", b'"', b"\n", b"\0", b"V", b"")))
        content = content[:place] + put + content[place + gone :]
    try:
        opening = openings.open_with(opener, content)
    except Exception:  # noqa: BLE001 - the walk holds the part then
        return

    seen = openings.words(opening) + "\n".join("".join(row) for table in openings.tables(opening) for row in table.rows)
    seen += "\n".join(decode(inner.content) for inner in opening.inner if isinstance(inner.content, bytes))
    numbers = re.findall(r"(?<!\d)\d{9}(?!\d)", decode(content))
    assert not isinstance(opening.outcome, Opened) or all(number in seen for number in numbers)
