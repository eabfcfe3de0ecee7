"""The breach worksheet as a PDF, for a file that somebody signs."""

import io
from collections.abc import Sequence
from xml.sax.saxutils import escape

from reportlab.lib import colors
from reportlab.lib.pagesizes import letter
from reportlab.lib.styles import getSampleStyleSheet
from reportlab.platypus import Flowable, Paragraph, SimpleDocTemplate, Spacer, Table, TableStyle

from gateway.report import Worksheet, lines

_STYLES = getSampleStyleSheet()
_GRID = TableStyle([("GRID", (0, 0), (-1, -1), 0.25, colors.grey), ("VALIGN", (0, 0), (-1, -1), "TOP")])


def pdf(sheet: Worksheet) -> bytes:
    """US letter, one table a section."""
    out = io.BytesIO()
    title = f"Breach worksheet {sheet.id}"
    document = SimpleDocTemplate(out, pagesize=letter, title=title, author="Countersign")
    story: list[Flowable] = [_paragraph(title, "Title"), _paragraph(f"Made {sheet.made_at}", "Normal")]
    for heading, rows in lines(sheet):
        story += [_paragraph(heading, "Heading2"), _table(rows, document.width), Spacer(1, 6)]
    document.build(story)
    return out.getvalue()


def _paragraph(text: str, style: str) -> Paragraph:
    return Paragraph(escape(text), _STYLES[style])


def _table(rows: Sequence[Sequence[str]], width: float) -> Table:
    columns = len(rows[0])
    cells = [[_paragraph(cell, "BodyText") for cell in row] for row in rows]
    return Table(cells, colWidths=[width / columns] * columns, style=_GRID)
