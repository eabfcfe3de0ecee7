"""A situation of `situations/mail` as the mail it would be: real MIME, real attachments, a file of each kind."""

import io
from collections.abc import Mapping, Sequence
from email.message import EmailMessage
from email.policy import SMTP
from typing import Any
from zlib import crc32

import carriers
from carriers import Row, people, word_paragraph, word_part
from openpyxl import Workbook
from reportlab.lib.pagesizes import landscape, letter
from reportlab.pdfgen.canvas import Canvas

Situation = Mapping[str, Any]
SENDER = "sam@recordkeeper.example"
BODY = "Hello,\n\nas agreed. Please call if anything is unclear.\n\nKind regards,\nSam\n"


def mail_of(situation: Situation) -> bytes:
    message = EmailMessage(policy=SMTP)
    message["From"] = f"Sam Ortiz <{SENDER}>"
    for field in ("to", "cc", "bcc"):
        if field in situation:
            message[field.capitalize()] = ", ".join(situation[field])
    message["Subject"] = situation.get("subject", "as discussed")
    if "html" in situation:
        message.set_content(f"<html><body>{situation['html']}</body></html>", subtype="html")
    else:
        message.set_content(situation.get("body", BODY))
    for file in situation.get("files", ()):
        message.add_attachment(content_of(file), maintype="application", subtype="octet-stream", filename=file["name"])
    return message.as_bytes()


def content_of(file: Situation) -> bytes:
    """The file, of the kind that its name says."""
    return WRITERS[file["name"].rpartition(".")[2]](file)


def rows_of(sheet: Situation) -> list[Row]:
    """Title rows, a gap, the header and the people; `columns` are further ones, whose values take turns."""
    if "rows" in sheet:
        return [tuple(row) for row in sheet["rows"]]
    columns: Mapping[str, Sequence[str]] = sheet.get("columns", {})
    persons = people(sheet["people"], seed=sheet.get("seed", crc32(str(sheet).encode())))
    turns = [tuple(values[index % len(values)] for values in columns.values()) for index in range(len(persons))]
    title = [tuple(row) for row in sheet.get("title", ())]
    return [
        *title,
        *([()] if title else []),
        (*carriers.HEADER, *columns),
        *(person + turn for person, turn in zip(persons, turns, strict=True)),
    ]


def _workbook(file: Situation) -> bytes:
    book = Workbook()
    book.remove(book.active)  # type: ignore[arg-type]
    sheets = file.get("sheets", {file.get("sheet", "Sheet1"): file})
    for name, content in sheets.items():
        page = book.create_sheet(name)
        for row in rows_of(content):
            page.append(list(row))
        page.oddHeader.center.text = file.get("header")
    for name, value in file.get("props", {}).items():
        setattr(book.properties, name, value)
    return carriers.save(book)


def _document(file: Situation) -> bytes:
    parts = {"word__header1.xml": word_part("hdr", word_paragraph(file["header"]))} if "header" in file else {}
    body = "".join(map(word_paragraph, file.get("text", ())))
    return carriers.write_docx(rows_of(file), body=body, **parts)


def _pages(file: Situation) -> bytes:
    out = io.BytesIO()
    page = Canvas(out, pagesize=landscape(letter), invariant=True)
    lines: list[Row] = [
        *((line,) for line in file["text"]),
        *rows_of(file),
        *((line,) for line in file.get("after", ())),
    ]
    page.setFont("Helvetica", 7)
    for number, row in enumerate(lines):
        for column, cell in enumerate(row):
            page.drawString(30 + 80 * column, 580 - 12 * number, cell)
    page.save()
    return out.getvalue()


def _message(file: Situation) -> bytes:
    return mail_of(file["mail"])


def _archive(file: Situation) -> bytes:
    return carriers.zipped({member["name"]: content_of(member) for member in file["members"]})


WRITERS = {
    "xlsx": _workbook,
    "csv": lambda file: carriers.write_csv(rows_of(file)),
    "docx": _document,
    "pdf": _pages,
    "zip": _archive,
    "eml": _message,
}
