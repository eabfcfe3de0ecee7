"""Loads, before the first worker is forked, what openers load late. A confined worker can read no file, nor code."""

import encodings
import importlib
import os
import pkgutil

import gateway.opening
from gateway.message import Limits
from gateway.opening.opener import Budget, Leaf

# Smallest files that make the libraries fetch what they fetch on first use.
_PDF = (
    b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj 2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj "
    b"3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 99 99]/Contents 4 0 R/Resources<</Font<</F<</Type/Font"
    b"/Subtype/Type1/BaseFont/Helvetica>>>>>>>>endobj "
    b"4 0 obj<</Length 30>>stream\nBT /F 9 Tf 9 9 Td (warm) Tj ET\nendstream endobj "
    b"trailer<</Root 1 0 R>>"
)
_LATE = (
    "charset_normalizer",
    "openpyxl.reader.strings",
    "openpyxl.worksheet._reader",
    "pdfplumber",
    "msoffcrypto.format.doc97",
    "msoffcrypto.format.ooxml",
    "msoffcrypto.format.ppt97",
    "msoffcrypto.format.xls97",
)


def warm() -> None:
    """Import every opener and codec, load the OCR engine, and run the openers that open files on first use."""
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # numpy's threads would make the fork unsafe
    openers = [f"gateway.opening.{module.name}" for module in pkgutil.iter_modules(gateway.opening.__path__)]
    for name in (*openers, *_LATE):
        importlib.import_module(name)
    from PIL import Image  # noqa: PLC0415 - this function is what waits for it

    from gateway.opening import image, pdf, spreadsheet  # noqa: PLC0415

    for module in pkgutil.iter_modules(encodings.__path__):
        if module.name not in {"mbcs", "oem", "cp65001"}:  # Windows only
            importlib.import_module(f"encodings.{module.name}")
    Image.init()
    image.warm()
    for opener, content in ((pdf.open_pdf, _PDF), (spreadsheet.open_workbook, b"")):
        opener(Leaf(section="0", filename=None, media_type="", content=content), Budget(limits=Limits()))
