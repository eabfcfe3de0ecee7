"""Text turned into outlines, as programs for drawing write it: no letters for anybody but a reader."""

import ctypes
from typing import Any

import pypdfium2
from pypdfium2 import raw
from reportlab.pdfgen.canvas import Canvas


def write_outlines(canvas: Canvas, lines: list[str], *, at: tuple[float, float], size: float = 14) -> None:
    """A path for each letter."""
    document = pypdfium2.PdfDocument.new()
    font = raw.FPDFText_LoadStandardFont(document.raw, b"Helvetica")
    for row, line in enumerate(lines):
        left, width = at[0], ctypes.c_float()
        for letter in line:
            _glyph(canvas, raw.FPDFFont_GetGlyphPath(font, ord(letter), size), (left, at[1] - row * size * 1.5), size)
            raw.FPDFFont_GetGlyphWidth(font, ord(letter), size, width)
            left += width.value
    raw.FPDFFont_Close(font)
    document.close()


def _glyph(canvas: Canvas, glyph: Any, at: tuple[float, float], size: float) -> None:
    """PDFium gives its points in parts of the size."""
    path, curve = canvas.beginPath(), []
    for index in range(raw.FPDFGlyphPath_CountGlyphSegments(glyph) if glyph else 0):
        segment = raw.FPDFGlyphPath_GetGlyphPathSegment(glyph, index)
        x, y = ctypes.c_float(), ctypes.c_float()
        raw.FPDFPathSegment_GetPoint(segment, x, y)
        point = (at[0] + size * x.value, at[1] + size * y.value)
        match raw.FPDFPathSegment_GetType(segment):
            case raw.FPDF_SEGMENT_MOVETO:
                path.moveTo(*point)
            case raw.FPDF_SEGMENT_LINETO:
                path.lineTo(*point)
            case _:
                curve.append(point)
                if len(curve) == 3:
                    path.curveTo(*curve[0], *curve[1], *curve[2])
                    curve.clear()
        if raw.FPDFPathSegment_GetClose(segment):
            path.close()
    canvas.drawPath(path, stroke=0, fill=1)
