"""One list of made-up people, and a writer for each format that it travels in. Nothing here is anybody's data.

Pages and pictures are written by carriers_pages.py, what is no text by carriers_binary.py.
"""

import csv
import io
import random
import zipfile
from collections.abc import Sequence
from html import escape
from typing import Any

from openpyxl import Workbook

HEADER = ("SSN", "First Name", "Last Name", "Birth Date", "Address", "City", "State", "ZIP", "Balance")

FIRST = [
    "Alice",
    "Brian",
    "Carla",
    "Derek",
    "Elena",
    "Frank",
    "Grace",
    "Henry",
    "Irene",
    "James",
    "Karen",
    "Louis",
    "Maria",
    "Nathan",
    "Olivia",
    "Peter",
    "Quentin",
    "Rosa",
    "Samuel",
    "Teresa",
    "Ursula",
    "Victor",
    "Wanda",
    "Xavier",
    "Yvonne",
    "Zachary",
]
LAST = [
    "Abbott",
    "Barnes",
    "Castillo",
    "Dawson",
    "Ellison",
    "Fischer",
    "Goodwin",
    "Hampton",
    "Ingram",
    "Jennings",
    "Kirkland",
    "Lambert",
    "Mercado",
    "Norwood",
    "Ostrowski",
    "Pemberton",
    "Quigley",
    "Ramsey",
    "Sandoval",
    "Thornton",
    "Underhill",
    "Vasquez",
    "Whitfield",
    "Yarbrough",
    "Zimmerman",
]
STREETS = ("Maple Street", "Oak Avenue", "Harbor Road", "Mill Lane", "Prospect Street", "Chestnut Drive")
PLACES = (
    ("Boston", "MA", "021"),
    ("Worcester", "MA", "016"),
    ("Charlotte", "NC", "282"),
    ("Raleigh", "NC", "276"),
    ("Hartford", "CT", "061"),
    ("Albany", "NY", "122"),
    ("Columbus", "OH", "432"),
)
NEVER = {"123-45-6789", "078-05-1120", "219-09-9999"}

Row = tuple[str, ...]


def ssn(rng: random.Random) -> str:
    """A number of a shape that was issued: area 001-772 but 666, no zero group, no zero serial."""
    while True:
        area, group, serial = rng.randint(1, 728), rng.randint(1, 99), rng.randint(1, 9999)
        number = f"{area:03d}-{group:02d}-{serial:04d}"
        if area != 666 and number not in NEVER:
            return number


def people(n: int, seed: int = 7, *, states: Sequence[str] | None = None) -> list[Row]:
    """`n` distinct people, columns as in HEADER; `states` gives the state of each, in order, instead of chance."""
    rng = random.Random(seed)
    numbers: set[str] = set()
    rows: list[Row] = []
    while len(rows) < n:
        number = ssn(rng)
        if number in numbers:
            continue
        numbers.add(number)
        wanted = states[len(rows)] if states else None
        choice = [place for place in PLACES if wanted in {None, place[1]}] or [("Springfield", wanted or "", "627")]
        city, state, prefix = rng.choice(choice)
        rows.append(
            (
                number,
                rng.choice(FIRST),
                rng.choice(LAST),
                f"{rng.randint(1, 12):02d}/{rng.randint(1, 28):02d}/{rng.randint(1940, 2001)}",
                f"{rng.randint(1, 999)} {rng.choice(STREETS)}",
                city,
                state,
                f"{prefix}{rng.randint(1, 99):02d}",
                f"{rng.randint(100, 999999)}.{rng.randint(0, 99):02d}",
            )
        )
    return rows


def table(n: int = 40, seed: int = 7) -> list[Row]:
    """The list with its header row."""
    return [HEADER, *people(n, seed)]


def harmless(n: int = 40, seed: int = 7) -> list[Row]:
    """A twin of the same shape with nobody in it: parts and prices."""
    rng = random.Random(seed)
    rows = [("Part", "Colour", "Price")]
    rows += [(f"Bracket {i}", rng.choice(("red", "grey", "blue")), f"{rng.randint(1, 90)}.50") for i in range(n)]
    return rows


# --- text ---------------------------------------------------------------------------------------------------------


def write_csv(rows: Sequence[Row], *, delimiter: str = ",", encoding: str = "utf-8") -> bytes:
    out = io.StringIO()
    csv.writer(out, delimiter=delimiter).writerows(rows)
    return out.getvalue().encode(encoding)


def write_fixed(rows: Sequence[Row], *, encoding: str = "utf-8", newline: str = "\n") -> bytes:
    widths = [max(len(row[i]) for row in rows) + 2 for i in range(len(rows[0]))]
    lines = ["".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows]
    return (newline.join(lines) + newline).encode(encoding)


def write_html(rows: Sequence[Row]) -> bytes:
    body = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<html><body><p>Enclosed.</p><table>{body}</table></body></html>".encode()


def write_rtf(rows: Sequence[Row]) -> bytes:
    lines = (r"\trowd " + "".join(f"{cell}\\cell " for cell in row) + r"\row" for row in rows)
    return ("{\\rtf1\\ansi\\deff0{\\fonttbl{\\f0 Arial;}}\n" + "\n".join(lines) + "\n}").encode("ascii")


def write_rtf_with(content: bytes, *, before: str = "Enclosed.", label: str = "list.csv") -> bytes:
    """A letter with a file packed in it, as Word writes an OLE Package."""
    native = package(content, label)
    stream = ole1("Package", native)
    return (f"{{\\rtf1\\ansi {before}{{\\object\\objemb{{\\*\\objdata {stream.hex()}}}}}\\par}}").encode("ascii")


def package(content: bytes, label: str) -> bytes:
    """The \\x01Ole10Native body of a packed file."""
    name = label.encode() + b"\0"
    size = len(content).to_bytes(4, "little")
    return b"\x02\x00" + name + name + b"\0\0\x03\0" + len(name).to_bytes(4, "little") + name + size + content


def ole1(kind: str, native: bytes) -> bytes:
    """An OLE 1.0 ObjectHeader (MS-OLEDS 2.2.5) with its native data."""
    name = kind.encode() + b"\0"
    head = (0x0501).to_bytes(4, "little") + (2).to_bytes(4, "little") + len(name).to_bytes(4, "little") + name
    return head + bytes(8) + len(native).to_bytes(4, "little") + native


# --- workbooks ------------------------------------------------------------------------------------------------------


def write_xlsx(rows: Sequence[Sequence[Any]], *, sheet: str = "Census") -> bytes:
    book = Workbook()
    page = book.active
    assert page is not None
    page.title = sheet
    for row in rows:
        page.append(list(row))
    return save(book)


def save(book: Any) -> bytes:
    """Bytes of anything with openpyxl's `save`."""
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def zipped(members: dict[str, bytes | str], *, first_stored: bool = False) -> bytes:
    """A ZIP by hand; `first_stored` leaves the first member uncompressed, as OpenDocument wants its mimetype."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for index, (name, content) in enumerate(members.items()):
            stored = first_stored and index == 0
            archive.writestr(name, content, zipfile.ZIP_STORED if stored else zipfile.ZIP_DEFLATED)
    return out.getvalue()


def repacked(content: bytes, members: dict[str, bytes | str]) -> bytes:
    """The same ZIP with `members` added or replaced."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        old: dict[str, bytes | str] = {name: archive.read(name) for name in archive.namelist()}
    return zipped(old | members)


# --- documents and slides -------------------------------------------------------------------------------------------

W = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
A = "http://schemas.openxmlformats.org/drawingml/2006/main"
P = "http://schemas.openxmlformats.org/presentationml/2006/main"
R = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
PACKAGE = "http://schemas.openxmlformats.org/package/2006"
DOCUMENT_TYPE = "application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"
SLIDES_TYPE = "application/vnd.openxmlformats-officedocument.presentationml.presentation.main+xml"


def content_types(main: str, kind: str) -> str:
    return (
        f'<Types xmlns="{PACKAGE}/content-types"><Default Extension="xml" ContentType="application/xml"/>'
        '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        f'<Override PartName="/{main}" ContentType="{kind}"/></Types>'
    )


def relationships(target: str) -> str:
    return (
        f'<Relationships xmlns="{PACKAGE}/relationships">'
        f'<Relationship Id="rId1" Type="{R}/officeDocument" Target="{target}"/></Relationships>'
    )


def word_paragraph(text: str) -> str:
    return f'<w:p><w:r><w:t xml:space="preserve">{escape(text)}</w:t></w:r></w:p>'


def word_table(rows: Sequence[Row]) -> str:
    body = "".join(
        "<w:tr>" + "".join(f"<w:tc>{word_paragraph(cell)}</w:tc>" for cell in row) + "</w:tr>" for row in rows
    )
    return f"<w:tbl>{body}</w:tbl>"


def word_part(root: str, body: str) -> str:
    return f'<w:{root} xmlns:w="{W}" xmlns:r="{R}">{body}</w:{root}>'


def write_docx(rows: Sequence[Row], *, body: str = "", **parts: bytes | str) -> bytes:
    """`body` is WordprocessingML put after the table; `parts` are further members ("word__header1.xml")."""
    text = word_paragraph("Dear trustee, the list is below.") + (word_table(rows) if rows else "") + body
    members: dict[str, bytes | str] = {
        "[Content_Types].xml": content_types("word/document.xml", DOCUMENT_TYPE),
        "_rels/.rels": relationships("word/document.xml"),
        "word/document.xml": word_part("document", f"<w:body>{text}</w:body>"),
    }
    return zipped(members | {name.replace("__", "/"): content for name, content in parts.items()})


def slide(body: str, root: str = "sld") -> str:
    return (
        f'<p:{root} xmlns:p="{P}" xmlns:a="{A}" xmlns:r="{R}"><p:cSld><p:spTree>{body}</p:spTree></p:cSld></p:{root}>'
    )


def slide_text(text: str) -> str:
    return f"<p:sp><p:txBody><a:p><a:r><a:t>{escape(text)}</a:t></a:r></a:p></p:txBody></p:sp>"


def slide_table(rows: Sequence[Row]) -> str:
    cell = "<a:tc><a:txBody><a:p><a:r><a:t>{}</a:t></a:r></a:p></a:txBody></a:tc>"
    body = "".join("<a:tr>" + "".join(cell.format(escape(text)) for text in row) + "</a:tr>" for row in rows)
    return (
        f"<p:graphicFrame><a:graphic><a:graphicData><a:tbl>{body}</a:tbl></a:graphicData></a:graphic></p:graphicFrame>"
    )


def write_pptx(rows: Sequence[Row], **parts: bytes | str) -> bytes:
    members: dict[str, bytes | str] = {
        "[Content_Types].xml": content_types("ppt/presentation.xml", SLIDES_TYPE),
        "_rels/.rels": relationships("ppt/presentation.xml"),
        "ppt/presentation.xml": f'<p:presentation xmlns:p="{P}"/>',
        "ppt/slides/slide1.xml": slide(slide_text("Quarterly review") + slide_table(rows)),
    }
    return zipped(members | {name.replace("__", "/"): content for name, content in parts.items()})


OFFICE = "urn:oasis:names:tc:opendocument:xmlns:office:1.0"
OD = (
    f'xmlns:office="{OFFICE}" xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0" '
    'xmlns:table="urn:oasis:names:tc:opendocument:xmlns:table:1.0" '
    'xmlns:draw="urn:oasis:names:tc:opendocument:xmlns:drawing:1.0" '
    'xmlns:presentation="urn:oasis:names:tc:opendocument:xmlns:presentation:1.0" '
    'xmlns:style="urn:oasis:names:tc:opendocument:xmlns:style:1.0" '
    'xmlns:meta="urn:oasis:names:tc:opendocument:xmlns:meta:1.0" xmlns:dc="http://purl.org/dc/elements/1.1/"'
)


def od_table(rows: Sequence[Row], name: str) -> str:
    cell = '<table:table-cell office:value-type="string"><text:p>{}</text:p></table:table-cell>'
    body = "".join(
        "<table:table-row>" + "".join(cell.format(escape(text)) for text in row) + "</table:table-row>" for row in rows
    )
    return f'<table:table table:name="{name}">{body}</table:table>'


def _opendocument(kind: str, body: str, **parts: bytes | str) -> bytes:
    media = f"application/vnd.oasis.opendocument.{kind}"
    entry = f'<manifest:file-entry manifest:full-path="/" manifest:media-type="{media}"/>'
    manifest = f'<manifest:manifest xmlns:manifest="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0">{entry}'
    members: dict[str, bytes | str] = {
        "mimetype": media,
        "META-INF/manifest.xml": manifest + "</manifest:manifest>",
        "content.xml": f"<office:document-content {OD}><office:body>{body}</office:body></office:document-content>",
    }
    return zipped(members | {name.replace("__", "/"): part for name, part in parts.items()}, first_stored=True)


def write_odt(rows: Sequence[Row], **parts: bytes | str) -> bytes:
    text = f"<office:text><text:p>Dear trustee,</text:p>{od_table(rows, 'Census')}</office:text>"
    return _opendocument("text", text, **parts)


def write_ods(rows: Sequence[Row], **parts: bytes | str) -> bytes:
    return _opendocument("spreadsheet", f"<office:spreadsheet>{od_table(rows, 'Census')}</office:spreadsheet>", **parts)


def write_odp(rows: Sequence[Row], **parts: bytes | str) -> bytes:
    page = f'<draw:page draw:name="page1"><draw:frame>{od_table(rows, "Census")}</draw:frame></draw:page>'
    return _opendocument("presentation", f"<office:presentation>{page}</office:presentation>", **parts)
