"""Word documents and slides: the list is found wherever the writer, or the program, has put it."""

import carriers
import pytest
from carriers import W, slide, slide_table, slide_text, word_paragraph, word_part, word_table
from hypothesis import given, settings
from hypothesis import strategies as st
from openings import cells, open_with, table_named, tables, text_at, texts, words

from gateway.message import Limits, Opened, Partial, Unopened
from gateway.opening.slides import open_slides
from gateway.opening.word import open_word
from rules.content import Role
from rules.verdict import Obstacle

ROWS = carriers.table(40)
SECRET = ROWS[1][0]
A_BIT, THE_REST = SECRET[:6], SECRET[6:]
BOX = f"<w:p><w:r><w:pict><w:txbxContent>{word_paragraph(SECRET)}</w:txbxContent></w:pict></w:r></w:p>"
COMPATIBLE = "http://schemas.openxmlformats.org/markup-compatibility/2006"


def test_a_table_comes_back_row_by_row() -> None:
    opening = open_with(open_word, carriers.write_docx(ROWS))
    assert isinstance(opening.outcome, Opened)
    assert [tuple(row) for row in table_named(opening, "table 1").rows] == ROWS
    assert text_at(opening, "document").content == "Dear trustee, the list is below."


@pytest.mark.parametrize(
    ("parts", "where", "role"),
    [
        ({"word__header1.xml": word_part("hdr", word_paragraph(SECRET))}, "header", Role.HEADING),
        ({"word__footer2.xml": word_part("ftr", word_paragraph(SECRET))}, "footer", Role.HEADING),
        ({"word__footnotes.xml": word_part("footnotes", word_paragraph(SECRET))}, "footnotes", Role.CONTENT),
        ({"word__endnotes.xml": word_part("endnotes", word_paragraph(SECRET))}, "endnotes", Role.CONTENT),
        ({"word__comments.xml": word_part("comments", word_paragraph(SECRET))}, "comments", Role.CONTENT),
        ({"docProps__core.xml": f"<p><title>{SECRET}</title></p>"}, "properties", Role.HEADING),
        ({"customXml__item1.xml": f"<p><n>{SECRET}</n></p>"}, "custom XML", Role.CONTENT),
        ({"word__settings.xml": word_part("settings", f'<w:docVar w:name="x" w:val="{SECRET}"/>')}, "settings", None),
        ({"body": BOX}, "document", Role.CONTENT),
        ({"body": f"<w:sdt><w:sdtContent>{word_paragraph(SECRET)}</w:sdtContent></w:sdt>"}, "document", Role.CONTENT),
        ({"body": f"<w:p><w:r><w:instrText>INFO {SECRET}</w:instrText></w:r></w:p>"}, "document fields", Role.CONTENT),
    ],
)
def test_every_story_of_a_document_is_read(parts: dict[str, str], where: str, role: Role | None) -> None:
    """Each is a place that a reader of the body alone does not see."""
    opening = open_with(open_word, carriers.write_docx([], **parts))
    found = [text for text in texts(opening) if SECRET in text.content]
    assert [text.where for text in found] == [where]
    assert role in {None, found[0].role}


@pytest.mark.parametrize(
    ("run", "where"),
    [
        (f"<w:del><w:r><w:delText>{SECRET}</w:delText></w:r></w:del>", "document tracked changes"),
        (f"<w:ins><w:r><w:t>{SECRET}</w:t></w:r></w:ins>", "document"),
        (
            (
                f"<w:r><w:t>{A_BIT}</w:t></w:r><w:del><w:r><w:delText>{THE_REST}</w:delText></w:r></w:del>"
                "<w:ins><w:r><w:t>9-0000</w:t></w:r></w:ins>"
            ),
            "document tracked changes",
        ),
        (
            (
                f"<w:r><w:t>{A_BIT}</w:t></w:r><w:del><w:r><w:delText>9-0000</w:delText></w:r></w:del>"
                f"<w:ins><w:r><w:t>{THE_REST}</w:t></w:r></w:ins>"
            ),
            "document",
        ),
    ],
)
def test_tracked_changes_are_read_as_they_are_and_as_they_were(run: str, where: str) -> None:
    """Deleted text travels with the file until somebody accepts the change."""
    opening = open_with(open_word, carriers.write_docx([], body=f"<w:p>{run}</w:p>"))
    assert SECRET in text_at(opening, where).content


def test_a_label_in_one_box_stands_over_the_number_in_the_next() -> None:
    box = "<w:p><w:r><w:pict><w:txbxContent>{}</w:txbxContent></w:pict></w:r></w:p>"
    body = word_paragraph("Form") + "".join(map(box.format, map(word_paragraph, ("Name", "Ada", "SSN", SECRET))))
    opening = open_with(open_word, carriers.write_docx([], body=body))
    lines = [line for line in text_at(opening, "document").content.split("\n") if line]
    assert lines[-5:] == ["Form", "Name", "Ada", "SSN", SECRET]


@pytest.mark.parametrize(
    "field",
    [
        f'<w:sdt><w:sdtPr><w:tag w:val="ssn"/></w:sdtPr><w:sdtContent>{word_paragraph(SECRET)}</w:sdtContent></w:sdt>',
        f'<w:p><w:fldSimple w:instr=" MERGEFIELD ssn "><w:r><w:t>{SECRET}</w:t></w:r></w:fldSimple></w:p>',
        f'<w:p><w:r><w:ffData><w:name w:val="ssn"/><w:default w:val="{SECRET}"/></w:ffData></w:r></w:p>',
    ],
)
def test_a_value_stands_beside_the_name_of_its_field(field: str) -> None:
    opening = open_with(open_word, carriers.write_docx([], body=field))
    assert f"ssn: {SECRET}" in text_at(opening, "document fields").content.split("\n")


def test_a_number_in_pieces_is_one_number() -> None:
    """Word splits a line into runs at every change of spelling state, and keeps dashes unbreakable."""
    area, group, serial = SECRET.split("-")
    runs = f"<w:r><w:t>{area}</w:t><w:noBreakHyphen/><w:t>{group}</w:t></w:r><w:r><w:t>-{serial}</w:t></w:r>"
    assert SECRET in words(open_with(open_word, carriers.write_docx([], body=f"<w:p>{runs}</w:p>")))


def test_nested_tables_are_tables_of_their_own() -> None:
    """Letters are laid out in one big table, and the list is a table in one of its cells."""
    body = f"<w:tbl><w:tr><w:tc>{word_paragraph('left')}{word_table(ROWS)}<w:p/></w:tc></w:tr></w:tbl>"
    opening = open_with(open_word, carriers.write_docx([], body=body))
    assert [next(iter(table.rows[0])) for table in tables(opening)] == ["left", "SSN"]


def test_merged_cells_keep_the_columns_right_of_them_in_place() -> None:
    wide = f'<w:tc><w:tcPr><w:gridSpan w:val="2"/></w:tcPr>{word_paragraph("Name")}</w:tc>'
    body = f"<w:tbl><w:tr>{wide}<w:tc>{word_paragraph('SSN')}</w:tc></w:tr></w:tbl>"
    (table,) = tables(open_with(open_word, carriers.write_docx([], body=body)))
    assert list(table.rows[0]) == ["Name", "", "SSN"]


def test_the_copy_for_older_programs_is_not_a_second_list() -> None:
    body = (
        f'<w:p><w:r><m:AlternateContent xmlns:m="{COMPATIBLE}"><m:Choice>{BOX}</m:Choice>'
        f"<m:Fallback>{BOX}</m:Fallback></m:AlternateContent></w:r></w:p>"
    )
    assert words(open_with(open_word, carriers.write_docx([], body=body))).count(SECRET) == 1


def test_embedded_files_pictures_and_links_come_out() -> None:
    relation = (
        f'<Relationships xmlns="{carriers.PACKAGE}/relationships"><Relationship Id="r1" Type="{carriers.R}/hyperlink" '
        f'Target="https://example.test/{SECRET}" TargetMode="External"/></Relationships>'
    )
    opening = open_with(
        open_word,
        carriers.write_docx(
            [],
            **{
                "word__embeddings__list.xlsx": b"PK",
                "word__media__image1.png": b"png",
                "word__afchunk1.mht": b"x",
                "word___rels__document.xml.rels": relation,
            },
        ),
    )
    assert {inner.name for inner in opening.inner} == {"list.xlsx", "image1.png", "afchunk1.mht"}
    assert SECRET in text_at(opening, "links").content


def test_a_header_that_is_damaged_makes_the_document_partial() -> None:
    opening = open_with(open_word, carriers.write_docx(ROWS, **{"word__header1.xml": "<w:hdr"}))
    assert isinstance(opening.outcome, Partial)
    assert opening.outcome.obstacle is Obstacle.CORRUPT
    assert SECRET in cells(opening)


def test_slides_tables_notes_and_comments_are_read() -> None:
    opening = open_with(
        open_slides,
        carriers.write_pptx(
            ROWS[:3],
            **{
                "ppt__slides__slide2.xml": slide(slide_table(ROWS)),
                "ppt__notesSlides__notesSlide1.xml": slide(slide_text("say " + ROWS[4][0]), "notes"),
                "ppt__comments__comment1.xml": f"<c><t>{ROWS[5][0]}</t></c>",
                "ppt__slideMasters__slideMaster1.xml": slide(slide_text("Acme Savings Plan"), "sldMaster"),
                "ppt__tags__tag1.xml": f'<l><t name="x" val="{ROWS[6][0]}"/></l>',
                "ppt__embeddings__book.xlsx": b"PK",
            },
        ),
    )
    assert isinstance(opening.outcome, Opened)
    assert [tuple(row) for row in table_named(opening, "slide 2 table 1").rows] == ROWS
    assert text_at(opening, "slide 1").content == "Quarterly review"
    assert ROWS[4][0] in text_at(opening, "notes 1").content
    assert text_at(opening, "comments").content == ROWS[5][0]
    assert text_at(opening, "master 1").role is Role.HEADING
    assert ROWS[6][0] in text_at(opening, "tags").content
    assert [inner.name for inner in opening.inner] == ["book.xlsx"]


@pytest.mark.parametrize("opener", [open_word, open_slides])
def test_no_package_is_no_document(opener: object) -> None:
    for content in (b"", b"PK\x03\x04", carriers.zipped({"x": b""}), carriers.write_csv(ROWS)):
        assert isinstance(open_with(opener, content).outcome, Unopened)  # type: ignore[arg-type]


DOCUMENT = carriers.write_docx(carriers.table(3))
SLIDES = carriers.write_pptx(carriers.table(3))


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=60), st.integers(0, 1500), st.integers(0, 60))
def test_any_bytes_get_an_answer(junk: bytes, at: int, gone: int) -> None:
    """A broken document is held with a reason; it never ends the worker."""
    for opener, whole in ((open_word, DOCUMENT), (open_slides, SLIDES)):
        for content in (junk, whole[:at] + junk + whole[at + gone :]):
            open_with(opener, content, Limits(max_expanded=1 << 22))


@settings(max_examples=40, deadline=None)
@given(st.text(alphabet='<>w:ptrc/ "=&;x1', max_size=120))
def test_any_markup_gets_an_answer(markup: str) -> None:
    inside = f'<w:document xmlns:w="{W}"><w:body>{markup}</w:body></w:document>'
    open_with(open_word, carriers.repacked(DOCUMENT, {"word/document.xml": inside}))
