"""SYLK, DIF and dBase: a number is under its header, deleted records are there, and nothing that is written is lost."""

from carrier_folder import write_dbase, write_dif, write_sylk
from opening_messages import obstacle, open_attachment, part, tables, words

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
