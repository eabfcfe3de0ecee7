"""Workbooks: the values as people see them, and every place where a list survives its deletion."""

import datetime as dt
import io
import zipfile
from collections.abc import Callable
from typing import Any

import carriers
import pytest
from openings import cells, note, open_with, place_of, table_named, text_at
from openpyxl import Workbook
from openpyxl.comments import Comment
from openpyxl.workbook.defined_name import DefinedName

from gateway.message import Limits, Opened, Partial, Unopened
from gateway.opening.numberformat import digit_mask
from gateway.opening.spreadsheet import open_workbook
from rules.content import Role
from rules.verdict import Obstacle

MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
SECRET = carriers.people(1, 3)[0][0]


def book(fill: Callable[[Any], None]) -> bytes:
    workbook = Workbook()
    page = workbook.active
    assert page is not None
    page.title = "Main"
    page["A1"] = "Part"
    fill(workbook)
    return carriers.save(workbook)


def test_every_row_is_read_at_its_own_address() -> None:
    """A finding's place is what the reviewer and the breach form go by."""
    opening = open_with(open_workbook, carriers.write_xlsx(carriers.table(40)))
    table = table_named(opening, "Census")
    assert isinstance(opening.outcome, Opened)
    assert [tuple(row) for row in table.rows] == carriers.table(40)
    assert table.place(1, 0, 40, 0) == "Census!A2:A41"


def test_a_block_away_from_the_corner_keeps_its_address() -> None:
    """Readers drop empty margins; the address must not move with them."""

    def fill(workbook: Any) -> None:
        workbook["Main"]["A1"] = None
        workbook["Main"]["C7"] = "SSN"
        workbook["Main"]["D9"] = SECRET

    table = table_named(open_with(open_workbook, book(fill)), "Main")
    assert place_of(table, SECRET) == "Main!D9"


@pytest.mark.parametrize(
    ("value", "number_format", "shown"),
    [
        (12345670, r"000\-00\-0000", "012-34-5670"),
        (12345670, "000-00-0000", "012-34-5670"),
        (12345670, '000"-"00"-"0000', "012-34-5670"),
        (12345670, "[$-409]000-00-0000;@", "012-34-5670"),
        (12345670, "000000000", "012345670"),
        (12345670, "000 00 0000", "012 34 5670"),
        (2134, "00000", "02134"),
        (21340012, "00000-0000", "02134-0012"),
        (1234.5, "#,##0.00", "1234.5"),
        (12.0, "General", "12"),
        (0.25, "0%", "0.25"),
        (True, "General", "TRUE"),
        (dt.datetime(1961, 2, 3), "mm/dd/yyyy", "1961-02-03"),  # noqa: DTZ001 - cells know no zone
        (dt.datetime(1961, 2, 3, 4, 5), "mm/dd/yyyy hh:mm", "1961-02-03 04:05:00"),  # noqa: DTZ001 - cells know no zone
    ],
)
def test_a_number_reads_as_its_cell_shows_it(value: object, number_format: str, shown: str) -> None:
    """An SSN kept as a number has lost its zero and its dashes; only the format knows."""

    def fill(workbook: Any) -> None:
        workbook["Main"]["B2"] = value
        workbook["Main"]["B2"].number_format = number_format

    assert "B2" in place_of(table_named(open_with(open_workbook, book(fill)), "Main"), shown)


def test_masks_know_dates_and_amounts_from_digits() -> None:
    """A date or amount taken for a mask would turn into digits that nobody wrote."""
    for code in ("General", "0.00", "#,##0", "m/d/yy", "0%", "[h]:mm", "@", "0", '"$"#,##0_);("$"#,##0)', "# ?/?"):
        assert digit_mask(code) is None, code


@pytest.mark.parametrize("state", ["hidden", "veryHidden"])
def test_hidden_sheets_are_read_and_named(state: str) -> None:
    """The sheet nobody sees is where the whole census stays behind a summary."""

    def fill(workbook: Any) -> None:
        sheet = workbook.create_sheet("Payroll")
        sheet.sheet_state = state
        sheet["B2"] = SECRET

    opening = open_with(open_workbook, book(fill))
    assert SECRET in cells(opening)
    where = "hidden sheet name" if state == "hidden" else "very hidden sheet name"
    assert text_at(opening, where).content == "Payroll"


def test_hidden_rows_and_columns_are_read() -> None:
    def fill(workbook: Any) -> None:
        sheet = workbook["Main"]
        sheet["C5"] = SECRET
        sheet.row_dimensions[5].hidden = True
        sheet.column_dimensions["C"].hidden = True

    assert SECRET in cells(open_with(open_workbook, book(fill)))


def comment(workbook: Any) -> None:
    workbook["Main"]["B7"] = 1
    workbook["Main"]["B7"].comment = Comment(f"was {SECRET}", "A reviewer")


def margin(workbook: Any) -> None:
    workbook["Main"].oddFooter.center.text = f"Acme {SECRET}"


def name(workbook: Any) -> None:
    workbook.defined_names["kept"] = DefinedName("kept", attr_text=f'"{SECRET}"')


def title(workbook: Any) -> None:
    workbook.properties.description = f"list of {SECRET}"


def sheet_of(cell: str) -> bytes:
    """A workbook whose only sheet is XML by hand."""
    plain = book(lambda _: None)
    xml = f'<worksheet xmlns="{MAIN}"><sheetData><row r="2">{cell}</row></sheetData></worksheet>'
    return carriers.repacked(plain, {"xl/worksheets/sheet1.xml": xml})


@pytest.mark.parametrize(
    ("formula", "shown"),
    [
        (f'"{SECRET}"', SECRET),
        (f'"{SECRET[:4]}"&amp;"{SECRET[4:]}"', SECRET),
        (f'CONCATENATE("{SECRET[:4]}","{SECRET[4:]}")', SECRET),
        (f'IF(A1="","{SECRET}","")', SECRET),
        (f'IF(A1=1,"{SECRET}","none")', f"{SECRET} none"),
        ("332206469", "332206469"),
    ],
)
@pytest.mark.parametrize("value", ["", "<v/>", "<v></v>"])
def test_a_formula_nobody_has_calculated_shows_what_it_spells(formula: str, shown: str, value: str) -> None:
    """Libraries write books so; Excel shows the value as soon as it opens them."""
    opening = open_with(open_workbook, sheet_of(f'<c r="C2"><f>{formula}</f>{value}</c>'))
    assert place_of(table_named(opening, "Main"), shown) == "Main!C2"


def test_words_in_a_calculated_formula_are_read_beside_its_value() -> None:
    opening = open_with(open_workbook, sheet_of(f'<c r="B2"><f>IF(A1=1,"{SECRET}",7)</f><v>7</v></c>'))
    assert "7" in cells(opening)
    assert SECRET in text_at(opening, "Main!formulas").content


@pytest.mark.parametrize(
    ("fill", "where", "role"),
    [
        (comment, "comment Main!B7", Role.CONTENT),
        (margin, "Main!header", Role.HEADING),
        (name, "defined names", Role.CONTENT),
        (title, "properties", Role.HEADING),
    ],
)
def test_words_beside_the_cells_are_read(fill: Callable[[Any], None], where: str, role: Role) -> None:
    """Each of these has carried data out of a company that had deleted the cells."""
    opening = open_with(open_workbook, book(fill))
    found = [text for text in opening.outcome.contents if getattr(text, "where", "") == where]  # type: ignore[union-attr]
    assert any(SECRET in text.content and text.role is role for text in found)  # type: ignore[union-attr]


PIVOT = f'<pivotCacheDefinition xmlns="{MAIN}" xmlns:r="{carriers.R}" r:id="rId1"><cacheFields>'
RECORDS = f'<pivotCacheRecords xmlns="{MAIN}"><r><s v="{SECRET}"/><x v="1"/></r></pivotCacheRecords>'
RECORDS_RELATION = (
    f'<Relationships xmlns="{carriers.PACKAGE}/relationships"><Relationship Id="rId1" '
    f'Type="{carriers.R}/pivotCacheRecords" Target="pivotCacheRecords1.xml"/></Relationships>'
)


@pytest.mark.parametrize(
    "members",
    [
        {
            "xl/pivotCache/pivotCacheDefinition1.xml": PIVOT
            + '<cacheField name="SSN"><sharedItems/></cacheField><cacheField name="State">'
            '<sharedItems><s v="MA"/><s v="NC"/></sharedItems></cacheField></cacheFields></pivotCacheDefinition>',
            "xl/pivotCache/_rels/pivotCacheDefinition1.xml.rels": RECORDS_RELATION,
            "xl/pivotCache/pivotCacheRecords1.xml": RECORDS,
        },
        {
            "xl/pivotCache/pivotCacheDefinition1.xml": PIVOT + f'<cacheField name="SSN"><sharedItems><s v="{SECRET}"/>'
            "</sharedItems></cacheField></cacheFields></pivotCacheDefinition>"
        },
        {
            "xl/externalLinks/externalLink1.xml": f'<externalLink xmlns="{MAIN}"><externalBook><sheetDataSet>'
            f'<sheetData sheetId="0"><row r="1"><cell r="B1" t="str"><v>{SECRET}</v></cell></row></sheetData>'
            "</sheetDataSet></externalBook></externalLink>"
        },
        {
            "xl/charts/chart1.xml": '<c:chart xmlns:c="urn:c"><c:ser><c:cat><c:strCache><c:pt idx="0">'
            f"<c:v>{SECRET}</c:v></c:pt></c:strCache></c:cat></c:ser></c:chart>"
        },
        {
            "xl/drawings/drawing1.xml": f'<x:wsDr xmlns:x="urn:x" xmlns:a="{carriers.A}"><a:t>{SECRET}</a:t></x:wsDr>',
        },
        {"customXml/item1.xml": f"<root><ssn>{SECRET}</ssn></root>"},
        {"docProps/custom.xml": f"<Properties><property name='x'><v>{SECRET}</v></property></Properties>"},
        {"xl/threadedComments/t.xml": f"<T><threadedComment ref='A1'><text>{SECRET}</text></threadedComment></T>"},
    ],
)
def test_caches_and_side_parts_are_read(members: dict[str, bytes | str]) -> None:
    """Pivot, chart and external caches keep copies of rows whose sheet was deleted."""
    opening = open_with(open_workbook, carriers.repacked(carriers.write_xlsx(carriers.harmless(3)), members))
    words = cells(opening) + [getattr(text, "content", "") for text in opening.outcome.contents]  # type: ignore[union-attr]
    assert any(SECRET in word for word in words)


def test_pictures_and_embedded_files_are_handed_on() -> None:
    """A part that is a file of its own is judged as one; nothing in a package is passed over."""
    content = carriers.repacked(
        carriers.write_xlsx(carriers.harmless(3)),
        {"xl/media/image1.png": b"\x89PNG", "xl/embeddings/book.xlsx": b"PK", "xl/strange.bin": b"?"},
    )
    assert {inner.name for inner in open_with(open_workbook, content).inner} == {
        "image1.png",
        "book.xlsx",
        "strange.bin",
    }


def test_macros_alone_do_not_hold_a_workbook() -> None:
    """Half of finance's workbooks have macros; a macro holds no rows."""
    content = carriers.repacked(carriers.write_xlsx(carriers.harmless(3)), {"xl/vbaProject.bin": b"\xd0\xcf\x11\xe0"})
    opening = open_with(open_workbook, content)
    assert isinstance(opening.outcome, Opened)
    assert not list(opening.inner)


def test_write_protection_is_not_encryption() -> None:
    def fill(workbook: Any) -> None:
        workbook["Main"].protection.set_password("x")
        workbook["Main"]["A2"] = SECRET

    assert SECRET in cells(open_with(open_workbook, book(fill)))


def test_claimed_dimensions_allocate_nothing() -> None:
    """Two cells in opposite corners make a naive reader allocate 17 billion."""

    def fill(workbook: Any) -> None:
        workbook["Main"]["XFD1048576"] = SECRET

    opening = open_with(open_workbook, book(fill))
    assert isinstance(opening.outcome, Opened)
    assert any(
        place_of(table, SECRET) == "Main!XFD1048576" for table in opening.outcome.contents if hasattr(table, "rows")
    )


def test_one_long_text_shown_by_many_cells_is_bounded() -> None:
    """A book of 60 KB that copies into gigabytes."""
    cells = "".join(f'<row r="{row}"><c r="A{row}" t="s"><v>0</v></c></row>' for row in range(1, 10_001))
    whole = carriers.write_xlsx([["x"]])
    relation = f'<Relationship Id="r9" Type="{carriers.R}/sharedStrings" Target="sharedStrings.xml"/></Relationships>'
    with zipfile.ZipFile(io.BytesIO(whole)) as archive:
        relations = archive.read("xl/_rels/workbook.xml.rels").decode().replace("</Relationships>", relation)
    members: dict[str, bytes | str] = {
        "xl/worksheets/sheet1.xml": f'<worksheet xmlns="{MAIN}"><sheetData>{cells}</sheetData></worksheet>',
        "xl/sharedStrings.xml": f'<sst xmlns="{MAIN}"><si><t>{"A" * 200_000}</t></si></sst>',
        "xl/_rels/workbook.xml.rels": relations,
    }
    opening = open_with(open_workbook, carriers.repacked(whole, members))
    assert getattr(opening.outcome, "obstacle", None) is Obstacle.LIMIT


def test_a_sheet_that_cannot_be_read_makes_the_book_partial() -> None:
    """What was read counts, and what was not holds."""
    whole = carriers.write_xlsx(carriers.table(3))
    opening = open_with(open_workbook, carriers.repacked(whole, {"xl/worksheets/sheet1.xml": b"<worksheet><sheetDa"}))
    assert isinstance(opening.outcome, Partial | Unopened)
    assert opening.outcome.obstacle is Obstacle.CORRUPT
    assert "Census" not in note(opening)


def test_xml_entities_are_refused() -> None:
    """A billion laughs is an old joke; a value hidden in one entity is a newer one."""
    laughs = b'<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa">]><worksheet><sheetData>&a;</sheetData></worksheet>'
    whole = carriers.write_xlsx(carriers.table(3))
    opening = open_with(open_workbook, carriers.repacked(whole, {"xl/worksheets/sheet1.xml": laughs}))
    assert not isinstance(opening.outcome, Opened)


def test_inflated_bytes_are_bounded() -> None:
    """A sheet of zeros inflates a thousandfold whatever the directory says."""
    whole = carriers.repacked(carriers.write_xlsx(carriers.table(3)), {"xl/worksheets/sheet1.xml": bytes(3_000_000)})
    opening = open_with(open_workbook, whole, Limits(max_expanded=1_000_000))
    assert isinstance(opening.outcome, Partial | Unopened)
    assert opening.outcome.obstacle is Obstacle.LIMIT
