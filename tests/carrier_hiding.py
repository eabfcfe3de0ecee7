"""Where a list hides in a file whose face says nothing, as data."""

import io
import zipfile
from collections.abc import Callable, Mapping, Sequence
from html import escape
from typing import Any

import carriers
import carriers_binary
import carriers_mail
from carrier_folder import Carrier, Writer, lines, pasted, write_xml
from carriers import Row, repacked, word_paragraph, word_part, word_table
from openpyxl import Workbook
from openpyxl.comments import Comment
from openpyxl.workbook.defined_name import DefinedName
from PIL import Image
from PIL.PngImagePlugin import PngInfo

# --- workbooks ------------------------------------------------------------------------------------------------------


def book(fill: Callable[[Any, Sequence[Row]], None]) -> Writer:
    """A workbook whose visible sheet says nothing, and `fill` puts the rows elsewhere."""

    def write(rows: Sequence[Row]) -> bytes:
        workbook = Workbook()
        page = workbook.active
        assert page is not None
        page.title = "Cover"
        page["A1"] = "Quarterly review"
        fill(workbook, rows)
        return carriers.save(workbook)

    return write


def _on_sheet(workbook: Any, rows: Sequence[Row], state: str = "visible") -> Any:
    page = workbook.create_sheet("Backup")
    for row in rows:
        page.append(list(row))
    page.sheet_state = state
    return page


def hidden_rows(workbook: Any, rows: Sequence[Row]) -> None:
    page = _on_sheet(workbook, rows)
    for number in range(1, len(rows) + 1):
        page.row_dimensions[number].hidden = True


def hidden_columns(workbook: Any, rows: Sequence[Row]) -> None:
    page = _on_sheet(workbook, rows)
    for letters in "ABCDEFGHI":
        page.column_dimensions[letters].hidden = True


def digits_only(workbook: Any, rows: Sequence[Row]) -> None:
    """Numbers of people as numbers, dressed up by their format."""
    page = _on_sheet(workbook, rows)
    for number, row in enumerate(rows[1:], start=2):
        digits = row[0].replace("-", "")
        if digits.isdigit():
            page.cell(number, 1, int(digits)).number_format = r"000\-00\-0000"


def formulas(workbook: Any, rows: Sequence[Row]) -> None:
    """Cells that nobody has calculated yet: the values stand in the formulas only."""
    page = workbook.create_sheet("Backup")
    for row in rows:
        page.append([f'="{text}"' for text in row])


def comments(workbook: Any, rows: Sequence[Row]) -> None:
    for number, line in enumerate(lines(rows), start=1):
        workbook["Cover"].cell(number, 3, "x").comment = Comment(line, "A reviewer")


def one_comment(workbook: Any, rows: Sequence[Row]) -> None:
    workbook["Cover"]["B7"].comment = Comment(pasted(rows), "A reviewer")


def margin(workbook: Any, rows: Sequence[Row]) -> None:
    workbook["Cover"].oddFooter.center.text = pasted(rows)


def names(workbook: Any, rows: Sequence[Row]) -> None:
    for number, line in enumerate(lines(rows)):
        workbook.defined_names[f"kept{number}"] = DefinedName(f"kept{number}", attr_text=f'"{line}"')


def properties(workbook: Any, rows: Sequence[Row]) -> None:
    workbook.properties.description = pasted(rows)


def with_parts(make: Callable[[Sequence[Row]], dict[str, bytes | str]]) -> Writer:
    plain = book(lambda *_: None)
    return lambda rows: repacked(plain(rows), make(rows))


RELATIONS = f'xmlns="{carriers.PACKAGE}/relationships"'
MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"


def _item(text: str) -> str:
    return f'<s v="{escape(text)}"/>'


def pivot(rows: Sequence[Row]) -> dict[str, bytes | str]:
    """Shared items for one column, records for the rest, as Excel writes them."""
    shared = "".join(f'<s v="{escape(row[1])}"/>' for row in rows[1:])
    fields = "".join(
        f'<cacheField name="{key}"><sharedItems>{shared if at == 1 else ""}</sharedItems></cacheField>'
        for at, key in enumerate(rows[0])
    )
    records = "".join(
        f'<r><s v="{row[0]}"/><x v="{number}"/>{"".join(map(_item, row[2:]))}</r>'
        for number, row in enumerate(rows[1:])
    )
    relation = f'<Relationship Id="rId1" Type="{carriers.R}/pivotCacheRecords" Target="pivotCacheRecords1.xml"/>'
    return {
        "xl/pivotCache/pivotCacheDefinition1.xml": f'<pivotCacheDefinition xmlns="{MAIN}" xmlns:r="{carriers.R}" '
        f'r:id="rId1"><cacheFields>{fields}</cacheFields></pivotCacheDefinition>',
        "xl/pivotCache/_rels/pivotCacheDefinition1.xml.rels": f"<Relationships {RELATIONS}>{relation}</Relationships>",
        "xl/pivotCache/pivotCacheRecords1.xml": f'<pivotCacheRecords xmlns="{MAIN}">{records}</pivotCacheRecords>',
    }


def chart(rows: Sequence[Row]) -> dict[str, bytes | str]:
    columns = "".join(
        "<c:cat><c:strRef><c:strCache>"
        + "".join(f'<c:pt idx="{at}"><c:v>{escape(text)}</c:v></c:pt>' for at, text in enumerate(column))
        + "</c:strCache></c:strRef></c:cat>"
        for column in zip(*rows, strict=True)
    )
    return {"xl/charts/chart1.xml": f'<c:chart xmlns:c="urn:c"><c:ser>{columns}</c:ser></c:chart>'}


def external(rows: Sequence[Row]) -> dict[str, bytes | str]:
    def cells(row: Row, number: int) -> str:
        places = (f"{column}{number}" for column in "ABCDEFGHI")
        pairs = zip(places, row, strict=False)
        return "".join(f'<cell r="{place}" t="str"><v>{escape(text)}</v></cell>' for place, text in pairs)

    body = "".join(f'<row r="{number}">{cells(row, number)}</row>' for number, row in enumerate(rows, start=1))
    return {
        "xl/externalLinks/externalLink1.xml": f'<externalLink xmlns="{MAIN}"><externalBook><sheetDataSet><sheetData '
        f'sheetId="0">{body}</sheetData></sheetDataSet></externalBook></externalLink>'
    }


def unreferenced(rows: Sequence[Row]) -> dict[str, bytes | str]:
    """Shared strings that no cell shows any more."""
    strings = "".join(f"<si><t>{escape(line)}</t></si>" for line in ("Quarterly review", *lines(rows)))
    relation = f'<Relationship Id="rId9" Type="{carriers.R}/sharedStrings" Target="sharedStrings.xml"/>'
    sheet = f'<Relationship Id="rId1" Type="{carriers.R}/worksheet" Target="worksheets/sheet1.xml"/>'
    cell = '<row r="1"><c r="A1" t="s"><v>0</v></c></row>'
    return {
        "xl/sharedStrings.xml": f'<sst xmlns="{MAIN}">{strings}</sst>',
        "xl/worksheets/sheet1.xml": f'<worksheet xmlns="{MAIN}"><sheetData>{cell}</sheetData></worksheet>',
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{carriers.PACKAGE}/relationships">{sheet}{relation}'
        "</Relationships>",
    }


def custom_xml(rows: Sequence[Row]) -> dict[str, bytes | str]:
    return {"customXml/item1.xml": write_xml(rows).split(b"?>")[1]}


def threaded(rows: Sequence[Row]) -> dict[str, bytes | str]:
    text = "".join(f"<threadedComment ref='A1'><text>{escape(line)}</text></threadedComment>" for line in lines(rows))
    return {"xl/threadedComments/threadedComment1.xml": f"<ThreadedComments>{text}</ThreadedComments>"}


# --- documents and slides -------------------------------------------------------------------------------------------


def paragraphs(rows: Sequence[Row]) -> str:
    return "".join(map(word_paragraph, lines(rows)))


def letter_with(part: str, root: str) -> Writer:
    return lambda rows: carriers.write_docx([], **{part: word_part(root, paragraphs(rows))})


def text_box(rows: Sequence[Row]) -> bytes:
    box = f"<w:p><w:r><w:pict><w:txbxContent>{paragraphs(rows)}</w:txbxContent></w:pict></w:r></w:p>"
    return carriers.write_docx([], body=box)


def deleted(rows: Sequence[Row]) -> bytes:
    runs = (f"<w:p><w:del><w:r><w:delText>{escape(line)}</w:delText></w:r></w:del></w:p>" for line in lines(rows))
    return carriers.write_docx([], body="".join(runs))


def inserted(rows: Sequence[Row]) -> bytes:
    runs = (f"<w:p><w:ins><w:r><w:t>{escape(line)}</w:t></w:r></w:ins></w:p>" for line in lines(rows))
    return carriers.write_docx([], body="".join(runs))


def in_a_package(rows: Sequence[Row]) -> bytes:
    return carriers_binary.write_ole_package(carriers.write_csv(rows), "list.csv")


def on_sheet(state: str) -> Writer:
    def fill(workbook: Any, rows: Sequence[Row]) -> None:
        _on_sheet(workbook, rows, state)

    return book(fill)


def embedded(name: str, write: Writer, into: Callable[..., bytes] = carriers.write_docx) -> Writer:
    return lambda rows: into([("",)] if into is carriers.write_pptx else [], **{name: write(rows)})


def slide_notes(rows: Sequence[Row]) -> bytes:
    body = "".join(map(carriers.slide_text, lines(rows)))
    return carriers.write_pptx([("",)], **{"ppt__notesSlides__notesSlide1.xml": carriers.slide(body, "notes")})


def slide_comments(rows: Sequence[Row]) -> bytes:
    body = "".join(f"<p:cm><p:text>{escape(line)}</p:text></p:cm>" for line in lines(rows))
    part = f'<p:cmLst xmlns:p="{carriers.P}">{body}</p:cmLst>'
    return carriers.write_pptx([("",)], **{"ppt__comments__comment1.xml": part})


# --- all of them --------------------------------------------------------------------------------------------------

HIDING: Mapping[str, Carrier] = {
    "hidden sheet": Carrier("a.xlsx", on_sheet("hidden"), "Backup!A1:I41"),
    "very hidden sheet": Carrier("a.xlsx", on_sheet("veryHidden"), "Backup!A1:I41"),
    "hidden rows": Carrier("a.xlsx", book(hidden_rows), "Backup!A1:I41"),
    "hidden columns": Carrier("a.xlsx", book(hidden_columns), "Backup!A1:I41"),
    "hidden sheet, XLS": Carrier("a.xls", lambda rows: carriers_binary.write_xls(rows, hidden=2), "Census!A1:I41"),
    "numbers under a format": Carrier("a.xlsx", book(digits_only), "Backup!A1:I41"),
    "formulas nobody calculated": Carrier("a.xlsx", book(formulas), "Backup!A1:I41"),
    "a comment for each row": Carrier("a.xlsx", book(comments), "comment"),
    "one comment": Carrier("a.xlsx", book(one_comment), "comment Cover!B7"),
    "threaded comments": Carrier("a.xlsx", with_parts(threaded), "threadedComment"),
    "sheet footer": Carrier("a.xlsx", book(margin), "Cover!header"),
    "defined names": Carrier("a.xlsx", book(names), "defined names"),
    "document properties": Carrier("a.xlsx", book(properties), "properties"),
    "custom XML": Carrier("a.xlsx", with_parts(custom_xml), "custom XML"),
    "pivot cache": Carrier("a.xlsx", with_parts(pivot), "pivot cache 1!A1:I41"),
    "chart cache": Carrier("a.xlsx", with_parts(chart), "chart 1!A1:I41"),
    "external link cache": Carrier("a.xlsx", with_parts(external), "externalLink 1 sheet 1!A1:I41"),
    "unreferenced shared strings": Carrier("a.xlsx", with_parts(unreferenced), "shared texts that no cell shows"),
    "text box": Carrier("a.docx", text_box, "document lines "),
    "header": Carrier("a.docx", letter_with("word__header1.xml", "hdr"), "header"),
    "footer": Carrier("a.docx", letter_with("word__footer1.xml", "ftr"), "footer"),
    "footnotes": Carrier("a.docx", letter_with("word__footnotes.xml", "footnotes"), "footnotes"),
    "comments": Carrier("a.docx", letter_with("word__comments.xml", "comments"), "comments"),
    "tracked deletions": Carrier("a.docx", deleted, "document tracked changes"),
    "tracked insertions": Carrier("a.docx", inserted, "document"),
    "table in a header": Carrier(
        "a.docx",
        lambda rows: carriers.write_docx([], **{"word__header1.xml": word_part("hdr", word_table(rows))}),
        "header table 1!A1:I41",
    ),
    "workbook in a document": Carrier(
        "a.docx", embedded("word__embeddings__book.xlsx", carriers.write_xlsx), "Census!A1:I41", "2/book.xlsx"
    ),
    "OLE package in a document": Carrier(
        "a.docx",
        embedded(
            "word__embeddings__oleObject1.bin",
            in_a_package,
        ),
        "A1:I41",
        "2/oleObject1.bin/list.csv",
    ),
    "file in RTF": Carrier(
        "a.rtf", lambda rows: carriers.write_rtf_with(carriers.write_csv(rows)), "A1:I41", "2/list.csv"
    ),
    "slide notes": Carrier("a.pptx", slide_notes, "notes 1"),
    "slide comments": Carrier("a.pptx", slide_comments, "comment"),
    "workbook in slides": Carrier(
        "a.pptx",
        embedded("ppt__embeddings__book.xlsx", carriers.write_xlsx, carriers.write_pptx),
        "Census!A1:I41",
        "2/book.xlsx",
    ),
    "zip behind a picture": Carrier(
        "a.png",
        lambda rows: _blank() + carriers_mail.zip_of({"list.csv": carriers.write_csv(rows)}),
        "A1:I41",
        "2/behind/list.csv",
    ),
    "comment of a zip": Carrier("a.zip", lambda rows: _commented(pasted(rows)), "comments"),
    "words of a picture": Carrier("a.png", lambda rows: _captioned(pasted(rows)), "properties"),
}


def _blank() -> bytes:
    out = io.BytesIO()
    Image.new("L", (64, 64), 255).save(out, "PNG")
    return out.getvalue()


def _captioned(text: str) -> bytes:
    out, info = io.BytesIO(), PngInfo()
    info.add_text("Description", text)
    Image.new("L", (64, 64), 255).save(out, "PNG", pnginfo=info)
    return out.getvalue()


def _commented(text: str) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("readme.txt", "Quarterly review")
        archive.comment = text.encode()
    return out.getvalue()
