"""Where a list stands and is not shown, as data: drawings, descriptions, masters, and what a page does not print."""

import io
import re
import zlib
from collections.abc import Mapping, Sequence
from html import escape

import carriers
from carrier_folder import Carrier, Writer, lines, pasted
from carrier_hiding import with_parts
from carriers import Row
from reportlab.lib.pagesizes import landscape, letter
from reportlab.pdfgen.canvas import Canvas

# --- drawings and controls ------------------------------------------------------------------------------------------


def in_drawing(shape: str, line: str) -> Writer:
    """`line` for each row, inside `shape`, in the drawing of a sheet."""
    spaces = f'xmlns:xdr="http://schemas.openxmlformats.org/drawingml/2006/spreadsheetDrawing" xmlns:a="{carriers.A}"'

    def make(rows: Sequence[Row]) -> dict[str, bytes | str]:
        body = shape.format("".join(line.format(*halves(text)) for text in lines(rows)), described(rows))
        return {"xl/drawings/drawing1.xml": f"<xdr:wsDr {spaces}>{body}</xdr:wsDr>"}

    return with_parts(make)


def halves(line: str) -> tuple[str, str]:
    """Word processors cut what they keep wherever somebody's cursor was: here in the middle of the number."""
    return escape(line[:6]), escape(line[6:])


def described(rows: Sequence[Row]) -> str:
    """The list as one attribute."""
    return escape(pasted(rows)).replace("\n", "&#10;")


RUNS = "<a:p><a:r><a:t>{}</a:t></a:r><a:r><a:t>{}</a:t></a:r></a:p>"


def list_box(rows: Sequence[Row]) -> dict[str, bytes | str]:
    items = "".join(f'<item val="{escape(line)}"/>' for line in lines(rows))
    space = "http://schemas.microsoft.com/office/spreadsheetml/2009/9/main"
    control = f'<formControlPr xmlns="{space}" objectType="List"><itemLst>{items}</itemLst></formControlPr>'
    return {"xl/ctrlProps/ctrlProp1.xml": control}


# --- slides and documents ---


def smart_art(rows: Sequence[Row]) -> bytes:
    points = "".join(f"<dgm:pt><dgm:t>{RUNS.format(*halves(line))}</dgm:t></dgm:pt>" for line in lines(rows))
    spaces = f'xmlns:dgm="http://schemas.openxmlformats.org/drawingml/2006/diagram" xmlns:a="{carriers.A}"'
    model = f"<dgm:dataModel {spaces}><dgm:ptLst>{points}</dgm:ptLst></dgm:dataModel>"
    return carriers.write_pptx([("",)], **{"ppt__diagrams__data1.xml": model})


def slide_part(name: str, root: str, show: str = "") -> Writer:
    def write(rows: Sequence[Row]) -> bytes:
        body = carriers.slide("".join(map(carriers.slide_text, lines(rows))), root)
        return carriers.write_pptx([("",)], **{name: body.replace(f"<p:{root} ", f"<p:{root} {show} ", 1)})

    return write


def slide_picture(rows: Sequence[Row]) -> bytes:
    picture = f'<p:pic><p:nvPicPr><p:cNvPr id="4" name="Picture 3" descr="{described(rows)}"/></p:nvPicPr></p:pic>'
    return carriers.write_pptx([("",)], **{"ppt__slides__slide2.xml": carriers.slide(picture)})


def in_word(body: str) -> Writer:
    return lambda rows: carriers.write_docx([], body=body.format(described(rows)))


WORD_PICTURE = '<w:p><w:r><w:drawing><x:docPr xmlns:x="urn:wp" name="Picture 1" descr="{}"/></w:drawing></w:r></w:p>'
WORD_SHAPE = '<w:p><w:r><w:pict><v:shape xmlns:v="urn:schemas-microsoft-com:vml" alt="{}"/></w:pict></w:r></w:p>'
WORD_TABLE = '<w:tbl><w:tblPr><w:tblDescription w:val="{}"/></w:tblPr><w:tr><w:tc><w:p/></w:tc></w:tr></w:tbl>'


# --- pages --------------------------------------------------------------------------------------------------------


def page(rows: Sequence[Row], *, mode: int = 0, level: float = 0, before: str = "", after: str = "") -> bytes:
    """A page that says nothing, and the list on it, drawn so that nobody sees it."""
    out = io.BytesIO()
    canvas = Canvas(out, pagesize=landscape(letter), invariant=True, pageCompression=0)
    canvas.drawString(30, 590, "Quarterly review")
    canvas._code.append(before)
    for number, line in enumerate(lines(rows)):
        text = canvas.beginText(30, 570 - 10 * number)
        text.setFont("Helvetica", 7)
        text.setTextRenderMode(mode)
        text.setFillGray(level)
        text.textLine(line)
        canvas.drawText(text)
    canvas._code.append(after)
    canvas.save()
    return out.getvalue()


def layer_switched_off(rows: Sequence[Row]) -> bytes:
    content = page(rows, before="/OC /Layer BDC", after="EMC")
    layer = b"<</Type/OCG/Name(Draft)>>"
    content = content.replace(b"/Resources <<", b"/Resources << /Properties <</Layer 90 0 R>> ", 1)
    content = content.replace(b"/Type /Catalog", b"/OCProperties <</OCGs [90 0 R]/D <</OFF [90 0 R]>>>> /Type /Catalog")
    place = content.rfind(b"xref\n", 0, content.rfind(b"startxref"))
    return content[:place] + b"90 0 obj " + layer + b" endobj\n" + content[place:]


def revised(rows: Sequence[Row]) -> bytes:
    """The list was taken off the page and the file saved again: saving appends."""
    old = page(rows)
    number, root, size, table = (
        int(re.findall(mark, old)[-1])
        for mark in (rb"/Contents (\d+)", rb"/Root (\d+)", rb"/Size (\d+)", rb"startxref\s+(\d+)")
    )
    words = b"BT /F1 9 Tf 30 580 Td (Quarterly review) Tj ET"
    new = b"%d 0 obj <</Length %d>>\nstream\n%s\nendstream endobj\n" % (number, len(words), words)
    tail = b"xref\n%d 1\n%010d 00000 n \n" % (number, len(old))
    tail += b"trailer <</Size %d/Root %d 0 R/Prev %d>>\nstartxref\n%d\n%%%%EOF\n" % (size, root, table, len(old + new))
    return old + new + tail


def beside_the_pages(entries: str) -> Writer:
    """`entries` of the catalogue lead to the list (object 5) or its file specification (object 6); no page does."""

    def write(rows: Sequence[Row]) -> bytes:
        stream = zlib.compress("\n".join(lines(rows)).encode())
        objects = [
            f"<</Type/Catalog/Pages 2 0 R {entries}>>".encode(),
            b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
            b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 612 792]/Contents 4 0 R/Resources<<>>>>",
            b"<</Length 0>>stream\n\nendstream",
            b"<</Type/EmbeddedFile/Filter/FlateDecode/Length %d>>stream\n%s\nendstream" % (len(stream), stream),
            b"<</Type/Filespec/F(list.txt)/EF<</F 5 0 R>>>>",
        ]
        return as_pdf(objects)

    return write


def as_pdf(objects: Sequence[bytes]) -> bytes:
    """Object 1 is the catalogue."""
    out, places = b"%PDF-1.7\n", []
    for number, body in enumerate(objects, start=1):
        places.append(len(out))
        out += b"%d 0 obj%s endobj\n" % (number, body)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    head = b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    tail = b"trailer<</Size %d/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, len(out))
    return out + head + table + tail


def on_tiles(line: str, typed: str) -> bytes:
    """`line` stands on the tile that an area of the page is filled with, `typed` on the page itself."""
    words = b"BT /F1 14 Tf 40 300 Td (%s) Tj ET"
    tile, page = words % line.encode(), words % typed.encode() + b" /Pattern cs /P1 scn 0 0 600 400 re f"
    fonts = b"/Font<</F1<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>>>"
    resources = b"/Resources<</Pattern<</P1 5 0 R>>%s>>" % fonts
    kind = b"/PatternType 1/PaintType 1/TilingType 1/BBox[0 0 600 500]/XStep 600/YStep 500/Matrix[1 0 0 1 0 50]"
    return as_pdf(
        [
            b"<</Type/Catalog/Pages 2 0 R>>",
            b"<</Type/Pages/Kids[3 0 R 3 0 R]/Count 2>>",
            b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 600 500]/Contents 4 0 R%s>>" % resources,
            b"<</Length %d>>stream\n%s\nendstream" % (len(page), page),
            b"<<%s/Resources<<%s>>/Length %d>>stream\n%s\nendstream" % (kind, fonts, len(tile), tile),
        ]
    )


# --- all of them ---

UNSEEN: Mapping[str, Carrier] = {
    "picture on a sheet": Carrier(
        "a.xlsx", in_drawing('<xdr:pic><xdr:cNvPr id="2" name="Picture 1" descr="{1}"/></xdr:pic>', ""), "drawing 1"
    ),
    "text box on a sheet": Carrier("a.xlsx", in_drawing("<xdr:sp>{0}</xdr:sp>", RUNS), "drawing 1"),
    "list box on a sheet": Carrier("a.xlsx", with_parts(list_box), "ctrlProp 1"),
    "picture in a document": Carrier("a.docx", in_word(WORD_PICTURE), "document fields"),
    "shape in a document": Carrier("a.docx", in_word(WORD_SHAPE), "document fields"),
    "what a table is said to show": Carrier("a.docx", in_word(WORD_TABLE), "document fields"),
    "slide master": Carrier("a.pptx", slide_part("ppt__slideMasters__slideMaster1.xml", "sldMaster"), "master 1"),
    "slide layout": Carrier("a.pptx", slide_part("ppt__slideLayouts__slideLayout1.xml", "sldLayout"), "layout 1"),
    "hidden slide": Carrier("a.pptx", slide_part("ppt__slides__slide2.xml", "sld", 'show="0"'), "slide 2"),
    "picture on a slide": Carrier("a.pptx", slide_picture, "slide 2"),
    "SmartArt": Carrier("a.pptx", smart_art, "data 1"),
    "invisible on a page": Carrier("a.pdf", lambda rows: page(rows, mode=3), "page 1"),
    "white on a page": Carrier("a.pdf", lambda rows: page(rows, level=1), "page 1"),
    "beside a page": Carrier("a.pdf", lambda rows: page(rows, before="q 1 0 0 1 2000 0 cm", after="Q"), "page 1"),
    "clipped off a page": Carrier("a.pdf", lambda rows: page(rows, before="q 0 0 1 1 re W n", after="Q"), "page 1"),
    "layer switched off": Carrier("a.pdf", layer_switched_off, "page 1"),
    "associated file of a PDF": Carrier("a.pdf", beside_the_pages("/AF[6 0 R]"), "A1:I41", part="2/list.txt"),
    "script of a PDF": Carrier(
        "a.pdf", beside_the_pages("/OpenAction<</S/JavaScript/J#53 5 0 R>>"), "A1:I41", part="2/1"
    ),
    "private data of a PDF": Carrier(
        "a.pdf", beside_the_pages("/PieceInfo<</App<</Private 5 0 R>>>>"), "A1:I41", part="2/1"
    ),
    "earlier revision of a PDF": Carrier("a.pdf", revised, "revision 1 page 1"),
}
