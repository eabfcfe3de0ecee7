"""PDF: columns stay columns, and nothing on or behind a page goes unread."""

import io
import zlib
from collections.abc import Callable
from typing import Any

import carriers
import carriers_pages
import pypdfium2
import pytest
from carrier_unseen import beside_the_pages, on_tiles
from hypothesis import given, settings
from hypothesis import strategies as st
from openings import WITH_OCR, note, open_with, table_named, tables, text_at, texts, words
from outlines import write_outlines
from pypdfium2 import raw
from reportlab.lib.pdfencrypt import StandardEncryption
from reportlab.pdfgen.canvas import Canvas

from gateway.message import Limits, Opened, Unopened
from gateway.opening import image, pdfimage
from gateway.opening.pdf import open_pdf
from rules.content import Role
from rules.verdict import Obstacle

ROWS = carriers.table(40)
SECRET = ROWS[1][0]


def drawn(draw: Any, *, pages: int = 1) -> bytes:
    out = io.BytesIO()
    canvas = Canvas(out, invariant=True)
    for _ in range(pages):
        draw(canvas)
        canvas.showPage()
    canvas.save()
    return out.getvalue()


def split(line: str) -> tuple[str, ...]:
    return tuple(cell.strip() for cell in line.split("  ") if cell.strip())


@pytest.mark.parametrize(
    "options", [{}, {"ruled": True}, {"rotate": 90}, {"per_page": 12}, {"title": "Acme Savings Plan"}]
)
def test_rows_come_back_with_their_columns(options: dict[str, Any]) -> None:
    """A list of people is only told from a pile of words when each row keeps its cells apart."""
    opening = open_with(open_pdf, carriers_pages.write_pdf(ROWS, **options))
    lines = [split(line) for text in texts(opening) if text.role is Role.CONTENT for line in text.content.split("\n")]
    assert isinstance(opening.outcome, Opened)
    assert [line for line in lines if len(line) > 1] == ROWS


def test_a_page_turned_upside_down_keeps_its_cells_whole() -> None:
    """Read right to left then, but each number and name in one piece, row by row."""
    content = text_at(open_with(open_pdf, carriers_pages.write_pdf(ROWS, rotate=180)), "page 1").content
    assert {tuple(sorted(split(line))) for line in content.split("\n")} == {tuple(sorted(row)) for row in ROWS}


def test_columns_of_one_page_stand_under_each_other() -> None:
    """An empty cell must stay empty, or every cell right of it moves into a wrong column."""
    rows = [list(row) for row in carriers.table(12)]
    rows[5][3] = ""
    content = text_at(open_with(open_pdf, carriers_pages.write_pdf([tuple(row) for row in rows])), "page 1").content
    lines = content.split("\n")
    left = lines[0].index("Address")
    assert [line[left:].startswith(row[4]) for line, row in zip(lines, rows, strict=True)] == [True] * 13
    assert lines[5][lines[0].index("Birth Date") : left].strip() == ""


def test_a_page_drawn_column_by_column_is_read_row_by_row() -> None:
    """Some report writers draw all the numbers first and the names after them."""

    def draw(canvas: Canvas) -> None:
        for column in range(3):
            for line, row in enumerate(ROWS):
                canvas.drawString(40 + column * 120, 800 - line * 14, row[column])

    content = text_at(open_with(open_pdf, drawn(draw)), "page 1").content
    assert [split(line) for line in content.split("\n")] == [row[:3] for row in ROWS]


def test_typewriter_columns_keep_their_gaps() -> None:
    """PDFium melts a run of spaces into one; host reports are made of such runs."""
    report = carriers.write_fixed([row[:3] for row in ROWS]).decode().splitlines()

    def draw(canvas: Canvas) -> None:
        canvas.setFont("Courier", 9)
        for number, line in enumerate(report):
            canvas.drawString(40, 800 - number * 12, line)

    content = text_at(open_with(open_pdf, drawn(draw)), "page 1").content
    assert [split(line) for line in content.split("\n")] == [row[:3] for row in ROWS]


def test_rows_of_a_ruled_table_come_back_though_their_cells_wrap() -> None:
    """pdfplumber sees the rules; from the lines alone a wrapped address belongs to the row above or below."""
    rows = carriers.table(8)
    opening = open_with(open_pdf, carriers_pages.write_ruled_pdf(rows))
    table = table_named(opening, "page 1 table 1")
    assert [[cell.replace(" ", "") for cell in row] for row in table.rows] == [
        [cell.replace(" ", "") for cell in row] for row in rows
    ]


def test_a_table_whose_lines_tell_its_rows_is_not_read_twice() -> None:
    opening = open_with(open_pdf, carriers_pages.write_pdf(carriers.table(8), ruled=True))
    assert tables(opening) == []


def test_prose_stays_prose() -> None:
    def draw(canvas: Canvas) -> None:
        canvas.drawString(40, 700, "Ordinary prose that just goes on and on, and says nothing at all.")

    assert "  " not in text_at(open_with(open_pdf, drawn(draw)), "page 1").content


def test_the_letterhead_is_given_once_with_its_page() -> None:
    """A number in it would be counted twice."""
    opening = open_with(open_pdf, carriers_pages.write_pdf(ROWS, title="Acme Savings Plan"))
    assert [text.where for text in texts(opening) if "Acme Savings Plan" in text.content] == ["page 1"]


def fields(canvas: Canvas) -> None:
    canvas.drawString(40, 700, "Please fill in.")
    canvas.acroForm.textfield(name="number", value=SECRET, x=40, y=600)


def remark(canvas: Canvas) -> None:
    canvas.drawString(40, 700, "See note.")
    canvas.textAnnotation(f"was {SECRET}", Rect=[0, 0, 10, 10])


def link(canvas: Canvas) -> None:
    canvas.drawString(40, 700, "See there.")
    canvas.linkURL(f"https://example.test/?id={SECRET}", (0, 0, 10, 10))


def properties(canvas: Canvas) -> None:
    canvas.drawString(40, 700, "Nothing to see.")
    canvas.setSubject(f"about {SECRET}")


def outline(canvas: Canvas) -> None:
    canvas.drawString(40, 700, "Nothing to see.")
    canvas.bookmarkPage("here")
    canvas.addOutlineEntry(f"about {SECRET}", "here")


@pytest.mark.parametrize("draw", [fields, remark, link, properties, outline])
def test_what_stands_beside_the_text_is_read(draw: Any) -> None:
    opening = open_with(open_pdf, drawn(draw))
    assert isinstance(opening.outcome, Opened)
    assert SECRET in words(opening)


def test_embedded_files_are_handed_on() -> None:
    document = pypdfium2.PdfDocument(carriers_pages.write_pdf(ROWS))
    attachment = document.new_attachment("list.csv")
    attachment.set_data(carriers.write_csv(ROWS))
    out = io.BytesIO()
    document.save(out)
    document.close()
    (inner,) = open_with(open_pdf, out.getvalue()).inner
    assert inner.name == "list.csv"
    assert inner.content == carriers.write_csv(ROWS)


def test_a_template_of_a_page_is_not_passed_over() -> None:
    """No page shows it until a script asks for it, so nobody has read what stands on it."""
    content = beside_the_pages("/Names<</Templates<</Names[(a)3 0 R]>>>>")(carriers.people(3))

    assert note(open_with(open_pdf, content)) == "the PDF has templates of pages"


def test_a_file_is_handed_on_once_however_many_lead_to_it() -> None:
    content = beside_the_pages("/Names<</EmbeddedFiles<</Names[(a)6 0 R]>>>>/AF[6 0 R]")(carriers.people(3))

    opening = open_with(open_pdf, content)

    assert [inner.name for inner in opening.inner] == ["list.txt"]


def test_a_password_to_read_cannot_be_looked_behind() -> None:
    opening = open_with(open_pdf, carriers_pages.write_pdf(ROWS, encrypt=StandardEncryption("user", "owner")))
    assert opening.outcome == Unopened(obstacle=Obstacle.ENCRYPTED, note="the PDF needs a password")


def test_a_password_to_print_hides_nothing() -> None:
    opening = open_with(open_pdf, carriers_pages.write_pdf(ROWS, encrypt=StandardEncryption("", "owner")))
    assert SECRET in words(opening)


def test_a_blank_page_is_opened() -> None:
    assert isinstance(open_with(open_pdf, drawn(lambda _: None, pages=3)).outcome, Opened)


def test_a_scanned_page_is_read_by_ocr_or_holds() -> None:
    """A list that was printed and scanned is still the list."""
    scan = carriers_pages.write_scanned_pdf(["   ".join(row) for row in ROWS[1:9]])
    opening = open_with(open_pdf, scan)
    if image.warm() is None:
        assert note(opening) == "page 1 has no text layer and no OCR is installed"
    else:
        assert isinstance(opening.outcome, Opened)
        assert all(row[0] in words(opening) for row in ROWS[1:9])


def test_a_scan_without_ocr_is_not_clean(monkeypatch: pytest.MonkeyPatch) -> None:
    """The installation decides what can be read, never what counts as read."""
    monkeypatch.setattr(image, "warm", lambda: None)
    opening = open_with(open_pdf, carriers_pages.write_scanned_pdf(["   ".join(row) for row in ROWS[1:9]]))
    assert getattr(opening.outcome, "obstacle", None) is Obstacle.UNSUPPORTED
    assert note(opening) == "page 1 has no text layer and no OCR is installed"


def test_a_picture_beside_text_is_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    """A screen shot pasted under a paragraph is where the list is."""
    monkeypatch.setattr(image, "warm", lambda: None)

    def draw(canvas: Canvas) -> None:
        canvas.drawString(40, 700, "The list is below, thank you.")
        canvas.drawInlineImage(
            carriers_pages.picture(["   ".join(row) for row in ROWS[1:5]]).convert("RGB"), 40, 300, 500, 90
        )

    assert getattr(open_with(open_pdf, drawn(draw)).outcome, "obstacle", None) is Obstacle.UNSUPPORTED


def test_many_pixels_are_refused_before_they_are_drawn() -> None:
    def draw(canvas: Canvas) -> None:
        canvas.setPageSize((14_000, 14_000))
        canvas.rect(0, 0, 9000, 9000)
        for number in range(60):
            canvas.line(number, 0, 9000, number)

    opening = open_with(open_pdf, drawn(draw))
    assert getattr(opening.outcome, "obstacle", None) is Obstacle.LIMIT


WHOLE = carriers_pages.write_pdf(carriers.table(5))


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=300), st.integers(0, len(WHOLE)), st.integers(0, 60))
def test_any_bytes_get_an_answer(junk: bytes, at: int, gone: int) -> None:
    """A broken file is held with a reason; it never ends the worker."""
    for content in (junk, b"%PDF-1.4\n" + junk, WHOLE[:at] + junk + WHOLE[at + gone :]):
        open_with(open_pdf, content, Limits(max_expanded=1 << 22))


def updated(content: bytes, change: Callable[[pypdfium2.PdfDocument], object]) -> bytes:
    """As editors save: what was there stays, the change is appended."""
    document, out = pypdfium2.PdfDocument(content), io.BytesIO()
    change(document)
    document.save(out, flags=raw.FPDF_INCREMENTAL)
    document.close()
    return out.getvalue()


def first_page_replaced(document: pypdfium2.PdfDocument) -> None:
    document.new_page(300, 300)
    document.del_page(0)


def test_a_picture_that_an_update_took_away_is_not_clean() -> None:
    """A scan deleted from the file is one revision behind."""
    opening = open_with(open_pdf, updated(carriers_pages.write_scanned_pdf(["Ada Poe"]), first_page_replaced))

    assert note(opening) == "pictures of an earlier revision, which are not read"


def test_a_picture_that_an_update_left_is_read_once() -> None:
    opening = open_with(
        open_pdf, updated(carriers_pages.write_scanned_pdf(["Ada Poe"]), lambda each: each.new_page(9, 9))
    )

    assert "earlier revision" not in note(opening)


def test_a_file_that_an_update_took_away_is_opened() -> None:
    document = pypdfium2.PdfDocument(carriers_pages.write_pdf(carriers.table(2)))
    document.new_attachment("list.csv").set_data(b"Name,SSN\n")
    out = io.BytesIO()
    document.save(out)
    document.close()

    opening = open_with(open_pdf, updated(out.getvalue(), lambda each: raw.FPDFDoc_DeleteAttachment(each.raw, 0)))

    assert [inner.name for inner in opening.inner] == ["list.csv"]


@WITH_OCR
@pytest.mark.parametrize("formed", [False, True])
def test_letters_turned_into_outlines_beside_text_are_read(formed: bool) -> None:
    """A typed page number must not make a list drawn as curves one that nobody looks at."""

    def letter(canvas: Canvas) -> None:
        canvas.drawString(40, 800, "Page 1 of 1")
        if formed:
            canvas.beginForm("list")
        write_outlines(canvas, [f"Dana Whitlock {SECRET}"], at=(40, 700))
        if formed:
            canvas.endForm()
            canvas.doForm("list")

    opening = open_with(open_pdf, drawn(letter))

    assert SECRET in text_at(opening, "page 1 drawings").content
    assert "Page 1 of 1" not in text_at(opening, "page 1 drawings").content


@WITH_OCR
@pytest.mark.parametrize(("typed", "where"), [("Page 1", "page 1 drawings"), ("", "page 1")])
def test_writing_on_tiles_is_read_once(typed: str, where: str) -> None:
    """An area filled with tiles is one box for PDFium, and a watermark is on every page."""
    opening = open_with(open_pdf, on_tiles(f"Dana Whitlock {SECRET}", typed))

    assert [text.where for text in texts(opening) if SECRET in text.content] == [where]
    assert "Page 1" not in text_at(opening, where).content


def test_names_with_escapes_are_seen_and_a_long_run_of_them_is_passed_over_once() -> None:
    """A search that steps back in the run takes hours."""
    assert pdfimage.tiled(b"<</P#61tternType 1>>")
    assert pdfimage.mentioned(b"<</S#75btype/Image>>")
    assert pdfimage.mentioned(b"<</Subtype/Im#61ge>>")
    assert not pdfimage.tiled(b"/P" + b"#" * 1_000_000)
    assert not pdfimage.mentioned(b"/S" + b"#" * 1_000_000)


def test_lines_and_boxes_beside_text_are_no_letters() -> None:
    """A ruled table of forty pages must not cost forty readings."""

    def ruled(canvas: Canvas) -> None:
        canvas.drawString(40, 800, "Fund prices")
        canvas.grid([40 + 20 * n for n in range(20)], [100 + 15 * n for n in range(40)])

    assert [text.where for text in texts(open_with(open_pdf, drawn(ruled))) if "drawings" in text.where] == []


def test_an_object_stream_is_inflated_once_however_often_it_is_announced() -> None:
    """Each mark on the way to one stream had it inflated anew: a small file took minutes."""
    packed = zlib.compress(bytes(1 << 20))
    stream = b"<</Type/ObjStm>>" * 200 + b"stream\n" + packed + b"\nendstream\n"
    content = carriers_pages.write_pdf(carriers.harmless(4)).replace(b"xref\n", stream + b"xref\n", 1)

    assert note(open_with(open_pdf, content, Limits(max_expanded=1 << 22))) == ""
