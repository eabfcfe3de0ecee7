"""The folder of carriers, as data: one list of people, one writer for each format it travels in.

Each is (file name, writer, where the list is said to stand). A writer takes rows, so that the benign twin of every
carrier is the same file with parts and prices in it.
"""

import bz2
import gzip
import io
import json
import lzma
import struct
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import carriers
import carriers_binary
import carriers_mail
import carriers_pages
from backports import zstd
from carriers import Row, repacked
from pypdfium2 import PdfDocument
from reportlab.lib.pagesizes import landscape, letter
from reportlab.pdfgen.canvas import Canvas

Writer = Callable[[Sequence[Row]], bytes]


@dataclass(frozen=True)
class Carrier:
    """`part` and `where` as the verdict names them; `where` is the beginning of it."""

    filename: str
    write: Writer
    where: str = ""
    part: str = "2"


def lines(rows: Sequence[Row]) -> list[str]:
    """Each row on a line of its own, as people paste it."""
    return [", ".join(row) for row in rows]


def pasted(rows: Sequence[Row]) -> str:
    return "\n".join(lines(rows))


# --- text ---------------------------------------------------------------------------------------------------------

DELIMITERS = {"comma": ",", "tab": "\t", "pipe": "|", "semicolon": ";"}
ENCODINGS = ("utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "latin-1", "cp1252")


def delimited(delimiter: str, encoding: str = "utf-8") -> Writer:
    return lambda rows: carriers.write_csv(
        [*rows, ("Café",)] if encoding in {"latin-1", "cp1252"} else rows, delimiter=delimiter, encoding=encoding
    )


def fixed(encoding: str = "utf-8", *, header: bool = True, newline: str = "\n") -> Writer:
    return lambda rows: carriers.write_fixed(rows[not header :], encoding=encoding, newline=newline)


def ebcdic_1047(rows: Sequence[Row]) -> bytes:
    """Python has no cp1047; of what stands here only the line end differs from cp037."""
    return carriers.write_fixed(rows, encoding="cp037", newline="\x85")


def report(rows: Sequence[Row]) -> bytes:
    """Pages of twelve rows, each with its title, its header again, and a form feed."""
    body = carriers.write_fixed(rows).decode().splitlines()
    pages = [body[start : start + 12] for start in range(1, len(body), 12)]
    text = ""
    for number, page in enumerate(pages, start=1):
        head = [f"RUN 10/16/2007{' ' * 40}QUARTERLY REPORT{' ' * 30}PAGE {number}", "", body[0], "-" * len(body[0])]
        text += "\n".join([*head, *page, "", ""]) + "\f"
    return text.encode()


# --- markup and records -------------------------------------------------------------------------------------------


def objects(rows: Sequence[Row]) -> list[dict[str, str]]:
    return [dict(zip(rows[0], row, strict=True)) for row in rows[1:]]


def write_json(rows: Sequence[Row]) -> bytes:
    return json.dumps({"rows": objects(rows)}, indent=1).encode()


def write_xml(rows: Sequence[Row]) -> bytes:
    def element(row: dict[str, str]) -> str:
        cells = "".join(f"<{key.replace(' ', '')}>{escape(text)}</{key.replace(' ', '')}>" for key, text in row.items())
        return f"<row>{cells}</row>"

    return f'<?xml version="1.0"?><rows>{"".join(map(element, objects(rows)))}</rows>'.encode()


def write_yaml(rows: Sequence[Row]) -> bytes:
    def record(row: dict[str, str]) -> str:
        return "- " + "  ".join(f'{key}: "{text}"\n' for key, text in row.items())

    return ("rows:\n" + "".join(map(record, objects(rows)))).encode()


def write_vcards(rows: Sequence[Row]) -> bytes:
    return "".join(_card(row) for row in objects(rows)).encode()


def _card(row: dict[str, str]) -> str:
    """As address books export it; what has no property of its own goes into the note."""
    last, first = row.get("Last Name", row.get("Part", "")), row.get("First Name", "")
    lines = ["BEGIN:VCARD", "VERSION:3.0", f"N:{last};{first};;;", f"FN:{first} {last}".strip()]
    if "Birth Date" in row:
        lines.append(f"BDAY:{row['Birth Date']}")
        lines.append(f"ADR;TYPE=HOME:;;{row['Address']};{row['City']};{row['State']};{row['ZIP']};USA")
        lines.append(f"X-SSN:{row['SSN']}")
    else:
        lines.append(f"NOTE:{row['Colour']} {row['Price']}")
    return "\r\n".join([*lines, "END:VCARD", ""])


def write_ics(rows: Sequence[Row]) -> bytes:
    text = "\\n".join(line.replace(",", "\\,") for line in lines(rows))
    head = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nBEGIN:VEVENT\r\nUID:1@recordkeeper.example\r\nSUMMARY:Review\r\n"
    return f"{head}DESCRIPTION:{text}\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n".encode()


def write_sylk(rows: Sequence[Row]) -> bytes:
    cells = [
        f'C;Y{row};X{column};K"{text.replace(";", ";;")}"\r\n'
        for row, line in enumerate(rows, start=1)
        for column, text in enumerate(line, start=1)
    ]
    return f"ID;PWXL;N;E\r\nP;PGeneral\r\n{''.join(cells)}E\r\n".encode()


def write_dif(rows: Sequence[Row]) -> bytes:
    lines = "".join("-1,0\nBOT\n" + "".join(f'1,0\n"{text}"\n' for text in row) for row in rows)
    return f'TABLE\n0,1\n"list"\nVECTORS\n0,{len(rows)}\n""\nDATA\n0,0\n""\n{lines}-1,0\nEOD\n'.encode()


def write_dbase(rows: Sequence[Row]) -> bytes:
    """dBase III; its last record is marked as deleted, which leaves it where it is."""
    names = [text.replace(" ", "_")[:10].encode().ljust(11, b"\0") for text in rows[0]]
    fields = b"".join(struct.pack("<11sc4xBB14x", name, b"C", 40, 0) for name in names) + b"\r"
    size = 1 + 40 * len(names)
    records = [" " + "".join(text.ljust(40) for text in row) for row in rows[1:]]
    records[-1] = "*" + records[-1][1:]
    head = struct.pack("<BBBBIHH20x", 3, 107, 10, 16, len(records), 32 + len(fields), size)
    return head + fields + "".join(records).encode("cp1252") + b"\x1a"


# --- workbooks ------------------------------------------------------------------------------------------------------


def _retyped(kind: str) -> Writer:
    """The same workbook under another main content type."""

    def write(rows: Sequence[Row]) -> bytes:
        content = carriers.write_xlsx(rows)
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            types = archive.read("[Content_Types].xml").decode()
        plain = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"
        return repacked(content, {"[Content_Types].xml": types.replace(plain, kind)})

    return write


# --- pages and pictures -----------------------------------------------------------------------------------------------


def drawn(draw: Callable[[Canvas, Sequence[Row]], None]) -> Writer:
    def write(rows: Sequence[Row]) -> bytes:
        out = io.BytesIO()
        canvas = Canvas(out, pagesize=landscape(letter), invariant=True)
        canvas.drawString(30, 560, "Quarterly review")
        draw(canvas, rows)
        canvas.showPage()
        canvas.save()
        return out.getvalue()

    return write


def fields(canvas: Canvas, rows: Sequence[Row]) -> None:
    for number, line in enumerate(lines(rows)):
        place = {"x": 30, "y": 540 - number * 12, "width": 600, "height": 11}
        canvas.acroForm.textfield(name=f"row{number}", value=line, maxlen=500, **place)


def remarks(canvas: Canvas, rows: Sequence[Row]) -> None:
    for number, line in enumerate(lines(rows)):
        canvas.textAnnotation(line, Rect=[30, 540 - number * 12, 50, 550 - number * 12])


def metadata(canvas: Canvas, rows: Sequence[Row]) -> None:
    canvas.setSubject(pasted(rows))


def pdf_with_file(rows: Sequence[Row]) -> bytes:
    document = PdfDocument(drawn(lambda *_: None)(rows))
    document.new_attachment("list.csv").set_data(carriers.write_csv(rows))
    out = io.BytesIO()
    document.save(out)
    document.close()
    return out.getvalue()


def columns(rows: Sequence[Row]) -> list[str]:
    """Typewriter lines for pictures: few columns, and wide gaps between them."""
    kept = [[row[at] for at in range(min(len(row), 4))] for row in rows]
    widths = [max(len(row[at]) for row in kept) + 3 for at in range(len(kept[0]))]
    return ["".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip() for row in kept]


def pictured(kind: str, **options: Any) -> Writer:
    return lambda rows: carriers_pages.write_image(columns(rows), kind, **options)


def frames(rows: Sequence[Row]) -> bytes:
    """A fax: the list goes over three pages."""
    texts = columns(rows)
    pages = [carriers_pages.picture(texts[start : start + 14], size=(1400, 800)) for start in range(0, len(texts), 14)]
    out = io.BytesIO()
    pages[0].save(out, "TIFF", save_all=True, append_images=pages[1:], compression="tiff_deflate")
    return out.getvalue()


def scanned(rows: Sequence[Row]) -> bytes:
    return carriers_pages.write_scanned_pdf(columns(rows))


# --- packed -----------------------------------------------------------------------------------------------------------


def nested_eml(rows: Sequence[Row]) -> bytes:
    inner = carriers_mail.write_eml(carriers.write_csv(rows), "list.csv")
    return carriers_mail.write_eml(inner, "inner.eml", kind="application/octet-stream")


def mailed(write: Callable[[bytes, str], bytes]) -> Writer:
    return lambda rows: write(carriers.write_csv(rows), "list.csv")


def packed(pack: Callable[[bytes], bytes]) -> Writer:
    return lambda rows: pack(carriers.write_csv(rows))


def nested(rows: Sequence[Row]) -> bytes:
    content, name = carriers.write_csv(rows), "list.csv"
    for level, pack in enumerate((_ZIP, _TAR, _SEVEN, _ZIP)):
        content, name = pack({name: content}), f"{level}.bin"
    return content


def rar(**options: Any) -> Writer:
    return packed(lambda csv: carriers_mail.rar_of({"list.csv": csv}, **options))


RARS: Mapping[str, Mapping[str, Any]] = {
    **{kind: {"kind": kind} for kind in ("rar13", "rar15", "rar20", "rar29", "rar50", "rar70")},
    "stored": {"store": True},
    "solid": {"solid": True},
}
_ZIP, _SEVEN, _TAR = carriers_mail.zip_of, carriers_mail.seven_of, carriers_mail.tar_of
_SHEET = "application/vnd.ms-excel."

FORMATS: Mapping[str, Carrier] = {
    "XLSX": Carrier("list.xlsx", carriers.write_xlsx, "Census!A1:I41"),
    "XLSM": Carrier("list.xlsm", _retyped(_SHEET + "sheet.macroEnabled.main+xml"), "Census!A1:I41"),
    "XLTX": Carrier(
        "list.xltx",
        _retyped("application/vnd.openxmlformats-officedocument.spreadsheetml.template.main+xml"),
        "Census!A1:I41",
    ),
    "XLSB": Carrier("list.xlsb", carriers_binary.write_xlsb, "Census!A1:I41"),
    "XLS": Carrier("list.xls", carriers_binary.write_xls, "Census!A1:I41"),
    "ODS": Carrier("list.ods", carriers.write_ods, "Census!A1:I41"),
    **{f"delimited, {name}": Carrier("list.csv", delimited(sign), "A1:I41") for name, sign in DELIMITERS.items()},
    **{f"CSV, {name}": Carrier("list.csv", delimited(",", name), "A1:I4") for name in ENCODINGS},
    "delimited without a telling name": Carrier("list", delimited("|"), "A1:I41"),
    "fixed width": Carrier("list.txt", fixed(), "text lines 1-41"),
    "fixed width without a header": Carrier("list.txt", fixed(header=False), "text lines 1-40"),
    "fixed width, EBCDIC cp037": Carrier("list.dat", fixed("cp037", newline="\x85"), "text lines 1-41"),
    "fixed width, EBCDIC cp1047": Carrier("list.dat", ebcdic_1047, "text lines 1-41"),
    "fixed width, EBCDIC without line ends": Carrier("list.dat", fixed("cp037", newline=""), "text lines 1-41"),
    "report": Carrier("report.txt", report, "text lines"),
    "DOCX": Carrier("list.docx", carriers.write_docx, "table 1!A1:I41"),
    "DOC": Carrier("list.doc", carriers_binary.write_doc, "table 1!A1:I41"),
    "RTF": Carrier("list.rtf", carriers.write_rtf, "table 1!A1:I41"),
    "ODT": Carrier("list.odt", carriers.write_odt, "Census!A1:I41"),
    "PPTX": Carrier("list.pptx", carriers.write_pptx, "slide 1"),
    "PPT": Carrier("list.ppt", lambda rows: carriers_binary.write_ppt(lines(rows)), "slides"),
    "ODP": Carrier("list.odp", carriers.write_odp, "Census!A1:I41"),
    "PDF": Carrier("list.pdf", carriers_pages.write_pdf, "page 1"),
    "PDF of several pages": Carrier("list.pdf", lambda rows: carriers_pages.write_pdf(rows, per_page=15), "page 1"),
    "PDF, turned": Carrier("list.pdf", lambda rows: carriers_pages.write_pdf(rows, rotate=90), "page 1"),
    "PDF, ruled": Carrier("list.pdf", lambda rows: carriers_pages.write_pdf(rows, ruled=True), "page 1"),
    "PDF, ruled, its cells wrapped": Carrier("list.pdf", carriers_pages.write_ruled_pdf, "page 1"),
    "PDF form": Carrier("form.pdf", drawn(fields), "page 1 notes and fields"),
    "PDF notes": Carrier("notes.pdf", drawn(remarks), "page 1 notes and fields"),
    "PDF properties": Carrier("properties.pdf", drawn(metadata), "properties"),
    "PDF embedded file": Carrier("file.pdf", pdf_with_file, "A1:I41", "2/list.csv"),
    "PDF, scanned": Carrier("scan.pdf", scanned, "page 1"),
    "HTML": Carrier("list.html", carriers.write_html, "table 1!A1:I41"),
    "XML": Carrier("list.xml", write_xml, ""),
    "JSON": Carrier("list.json", write_json, ""),
    "YAML": Carrier("list.yaml", write_yaml, ""),
    "vCard": Carrier("list.vcf", write_vcards, "cards!A1:"),
    "SYLK": Carrier("list.slk", write_sylk, "A1:I41"),
    "DIF": Carrier("list.dif", write_dif, "A1:I41"),
    "dBase": Carrier("list.dbf", write_dbase, "A1:I41"),
    "iCalendar": Carrier("list.ics", write_ics, "card"),
    "PNG": Carrier("list.png", pictured("PNG"), "image"),
    "JPEG": Carrier("list.jpg", pictured("JPEG", quality=90), "image"),
    "TIFF of several pages": Carrier("list.tif", frames, "image"),
    "BMP": Carrier("list.bmp", pictured("BMP"), "image"),
    "GIF": Carrier("list.gif", pictured("GIF"), "image"),
    "WEBP": Carrier("list.webp", pictured("WEBP", lossless=True), "image"),
    "EML": Carrier("mail.eml", mailed(carriers_mail.write_eml), "A1:I41", "2.2"),
    "MSG": Carrier("mail.msg", mailed(carriers_mail.write_msg), "A1:I41", "2/list.csv"),
    "TNEF": Carrier(
        "winmail.dat",
        mailed(carriers_mail.write_tnef),
        "A1:I41",
        "2/list.csv",
    ),
    "mbox": Carrier("box.mbox", mailed(carriers_mail.write_mbox), "A1:I41", "2/2/2"),
    "mail in a mail": Carrier("outer.eml", nested_eml, "A1:I41", "2.2.2"),
    "ZIP": Carrier("list.zip", packed(lambda csv: _ZIP({"list.csv": csv})), "A1:I41", "2/list.csv"),
    "7z": Carrier("list.7z", packed(lambda csv: _SEVEN({"list.csv": csv})), "A1:I41", "2/list.csv"),
    "TAR": Carrier("list.tar", packed(lambda csv: _TAR({"list.csv": csv})), "A1:I41", "2/list.csv"),
    "TAR.GZ": Carrier("list.tgz", packed(lambda csv: _TAR({"list.csv": csv}, "w:gz")), "A1:I41", "2/list.tar/list.csv"),
    "GZ": Carrier("list.csv.gz", packed(gzip.compress), "A1:I41", "2/list.csv"),
    "BZ2": Carrier("list.csv.bz2", packed(bz2.compress), "A1:I41", "2/list.csv"),
    "XZ": Carrier("list.csv.xz", packed(lzma.compress), "A1:I41", "2/list.csv"),
    "ZSTD": Carrier("list.csv.zst", packed(zstd.compress), "A1:I41", "2/list.csv"),
    **{f"RAR, {name}": Carrier("list.rar", rar(**options), "A1:I41", "2/list.csv") for name, options in RARS.items()},
    "nested": Carrier("outer.zip", nested, "A1:I41", "2/2.bin/1.bin/0.bin/list.csv"),
}
