"""From MIME bytes to verdict, against the fastest reader of the same file and one pass of `re`."""

import csv
import gc
import io
import re
from collections.abc import Iterator
from email.message import EmailMessage
from email.policy import SMTP

import pypdfium2
from python_calamine import CalamineWorkbook
from reportlab.lib.pagesizes import letter
from reportlab.pdfgen.canvas import Canvas

from bench.table import Row, at_most, interleaved
from gateway.demo.sample import HEADER, participants, workbook
from gateway.inspection import inspect, prepare
from gateway.settings import load

SSN = re.compile(r"\b[0-9]{3}[-. ]?[0-9]{2}[-. ]?[0-9]{4}\b")


def measure() -> Iterator[Row]:
    """Three rows: a breach workbook, the same as a PDF, and cost against rows."""
    tools = prepare(load(None, {}))
    gc.collect()
    gc.freeze()  # as the parent of the workers does
    rows = participants(5135, 195)
    book = workbook("Acme Manufacturing, Inc.", "501234", rows)
    mail = _mail(book, "participants.xlsx")
    took = interleaved({"ours": lambda: inspect(mail, tools), "peer": lambda: _calamine(book)})
    yield at_most(
        "breach XLSX, 5,135 rows, to evidence; peer: calamine and one `re` pass", took["ours"], took["peer"], 2
    )

    pages = _pdf(rows)
    mail_pdf = _mail(pages, "participants.pdf")
    took = interleaved({"ours": lambda: inspect(mail_pdf, tools), "peer": lambda: _pdfium(pages)}, rounds=3)
    yield at_most("the same as a PDF; peer: pypdfium2 text", took["ours"], took["peer"], 1.5)

    small, large = (_mail(_csv(count), "people.csv") for count in (5000, 50_000))
    took = interleaved({"ours": lambda: inspect(large, tools), "peer": lambda: inspect(small, tools)}, rounds=3)
    yield at_most("50,000 rows of CSV; peer: 5,000 rows", took["ours"], took["peer"], 11)


def _mail(content: bytes, name: str) -> bytes:
    message = EmailMessage(policy=SMTP)
    message["From"], message["To"], message["Subject"] = "a@recordkeeper.example", "b@acme-mfg.example", "Census"
    message.set_content("As agreed.\n")
    message.add_attachment(content, maintype="application", subtype="octet-stream", filename=name)
    return message.as_bytes()


def _calamine(book: bytes) -> int:
    sheets = CalamineWorkbook.from_filelike(io.BytesIO(book))
    text = "\n".join(
        "\t".join(map(str, row)) for name in sheets.sheet_names for row in sheets.get_sheet_by_name(name).iter_rows()
    )
    return sum(1 for _ in SSN.finditer(text))


def _pdfium(content: bytes) -> int:
    document = pypdfium2.PdfDocument(content)
    try:
        return sum(len(page.get_textpage().get_text_range()) for page in document)
    finally:
        document.close()


def _pdf(rows: list[tuple[object, ...]]) -> bytes:
    """About 80 pages, columns at fixed places, a header on every page."""
    out = io.BytesIO()
    canvas = Canvas(out, pagesize=letter)
    columns = (30, 150, 220, 280, 390, 450, 480, 520)
    for start in range(0, len(rows), 65):
        canvas.setFont("Helvetica", 7)
        for offset, row in enumerate([HEADER, *rows[start : start + 65]]):
            for x, value in zip(columns, row, strict=True):
                canvas.drawString(x, 770 - 11 * offset, str(value))
        canvas.showPage()
    canvas.save()
    return out.getvalue()


def _csv(count: int) -> bytes:
    out = io.StringIO()
    csv.writer(out).writerows([HEADER, *participants(count, count // 20)])
    return out.getvalue().encode()
