"""The list as pages and pictures: PDF drawn in several ways, scans, photographs of text."""

import io
import random
from collections.abc import Sequence
from html import escape
from typing import Any

from carriers import HEADER, Row
from PIL import Image, ImageDraw, ImageFont
from reportlab.lib.colors import black
from reportlab.lib.pagesizes import landscape, letter
from reportlab.lib.styles import ParagraphStyle
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import Paragraph, SimpleDocTemplate, Table, TableStyle


def write_pdf(
    rows: Sequence[Row],
    *,
    per_page: int = 65,
    title: str = "",
    ruled: bool = False,
    rotate: int = 0,
    encrypt: Any = None,
) -> bytes:
    """A roster drawn cell by cell at fixed columns, as report writers do."""
    out = io.BytesIO()
    page = Canvas(out, pagesize=landscape(letter), invariant=True, encrypt=encrypt)
    widest = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))] if rows else []
    edges = [30.0]
    for width in widest:
        edges.append(edges[-1] + width * 4.4 + 8)
    for start in range(0, max(len(rows), 1), per_page):
        page.setFont("Helvetica", 7)
        if title:
            page.drawString(30, 590, title)
        for offset, row in enumerate(rows[start : start + per_page]):
            for left, cell in zip(edges, row, strict=False):
                page.drawString(left, 575 - offset * 8.5, cell)
            if ruled:
                for left in edges:
                    page.rect(left - 2, 573 - offset * 8.5, 0.1, 8.5)
        if rotate:
            page.setPageRotation(rotate)
        page.showPage()
    page.save()
    return out.getvalue()


def write_ruled_pdf(rows: Sequence[Row]) -> bytes:
    """A ruled table whose cells wrap: the lines of its text do not tell the rows."""
    style = ParagraphStyle("cell", fontSize=7, leading=8)
    table = Table([[Paragraph(escape(cell), style) for cell in row] for row in rows], colWidths=[55] * len(rows[0]))
    table.setStyle(TableStyle([("GRID", (0, 0), (-1, -1), 0.5, black)]))
    out = io.BytesIO()
    SimpleDocTemplate(out, pagesize=letter, invariant=1, title=" ", author=" ").build([table])
    return out.getvalue()


def write_wrapped_pdf(
    rows: Sequence[Row],
    *,
    align: str = "TOP",
    order: Sequence[int] = range(len(HEADER)),
    number: str = "{}- {}- {}",
    width: float = 34,
    row_height: float | None = None,
) -> bytes:
    """A table without rules in narrow columns; its cells break over lines, the numbers where `number` has a space."""
    style = ParagraphStyle("cell", fontSize=8, leading=9.6, splitLongWords=1)
    widths = (width, 45, 50, 44, 52, 52, 32, 32, 50)

    def wrapped(row: Row) -> list[str]:
        return [number.format(*row[i].split("-")) if row[i].count("-") == 2 else row[i] for i in order]

    table = Table(
        [[Paragraph(escape(text), style) for text in wrapped(row)] for row in rows],
        colWidths=[widths[i] for i in order],
        rowHeights=row_height,
        repeatRows=1,
    )
    table.setStyle(TableStyle([("VALIGN", (0, 0), (-1, -1), align)]))
    out = io.BytesIO()
    letterhead = Paragraph("Participants of the plan", style)
    SimpleDocTemplate(out, pagesize=letter, invariant=1, title=" ", author=" ").build([letterhead, table])
    return out.getvalue()


def picture(lines: Sequence[str], *, size: tuple[int, int] | None = None, dots: int = 28) -> Any:
    """A Pillow image of the lines, black on white."""
    font = ImageFont.load_default(dots)
    width = max((int(font.getlength(line)) for line in lines), default=0) + 60
    image = Image.new("L", size or (width, len(lines) * int(dots * 1.6) + 60), 255)
    draw = ImageDraw.Draw(image)
    for number, line in enumerate(lines):
        draw.text((30, 30 + number * int(dots * 1.6)), line, font=font, fill=0)
    return image


def write_texture() -> bytes:
    """A picture of strokes that are no writing, over which Tesseract writes a warning."""
    chance, image = random.Random(1), Image.new("L", (900, 600), 255)
    for _ in range(400):
        left, top, level = chance.randrange(900), chance.randrange(600), chance.randrange(255)
        image.paste(level, (left, top, left + chance.randrange(60), top + chance.randrange(3)))
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()


def write_image(lines: Sequence[str], kind: str = "PNG", **options: Any) -> bytes:
    out = io.BytesIO()
    picture(lines).save(out, kind, **options)
    return out.getvalue()


def write_scanned_pdf(lines: Sequence[str]) -> bytes:
    out = io.BytesIO()
    picture(lines).save(out, "PDF", resolution=150)
    return out.getvalue()
