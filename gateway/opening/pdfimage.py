"""Pictures on PDF pages: a scanned page is read by OCR as a whole, a picture beside text on its own. Never guesses."""

import hashlib
import re
from collections.abc import Iterator
from typing import Any

import pypdfium2
import pypdfium2.raw as pdfium

from gateway.opening import image
from gateway.opening.opener import Budget, CannotLookError
from gateway.opening.reading import Reading
from rules.verdict import Obstacle

DPI = 200
_OBJECTS = 400  #: a page with so few objects is searched for pictures even if the file names none
STROKES = 40  #: vector drawings on a page without text that could be writing turned into outlines
_IMAGE = re.compile(rb"/Subtype\s*/Image\b|/S[\w#]*#[\w#]*\s*/I|/Subtype\s*/I[\w#]*#")
BLANK = 3  #: characters: a page number alone is no text layer


def mentioned(content: bytes) -> bool:
    """Whether the file may hold image objects: their dictionaries are never compressed, names may be escaped (#49)."""
    return _IMAGE.search(content) is not None


class Pictures:
    """Reads each distinct picture of one document once: a logo stands on every page."""

    def __init__(self, reading: Reading, budget: Budget, *, anywhere: bool) -> None:
        self._reading = reading
        self._budget = budget
        self._anywhere = anywhere
        self._seen: set[bytes] = set()

    def read(self, page: Any, number: int, text: str) -> None:
        if len(text.strip()) < BLANK:
            self._read_whole(page, number)
        elif (self._anywhere or pdfium.FPDFPage_CountObjects(page.raw) <= _OBJECTS) and (
            {pdfium.FPDF_PAGEOBJ_IMAGE, pdfium.FPDF_PAGEOBJ_FORM} & set(_kinds(page))
        ):
            for picture in page.get_objects(filter=(pdfium.FPDF_PAGEOBJ_IMAGE,)):
                self._read_one(picture, number)

    def _read_whole(self, page: Any, number: int) -> None:
        """A page without a text layer. Nothing drawn on it at all: it is blank."""
        kinds = [item.type for item in page.get_objects()]
        strokes = sum(kind == pdfium.FPDF_PAGEOBJ_PATH for kind in kinds)
        drawn = {pdfium.FPDF_PAGEOBJ_IMAGE, pdfium.FPDF_PAGEOBJ_TEXT, pdfium.FPDF_PAGEOBJ_SHADING}
        if not drawn & set(kinds) and strokes < STROKES:
            return
        scale = DPI / 72
        width, height = page.get_size()
        image.count_pixels((int(width * scale), int(height * scale)), self._budget)
        try:
            words = image.words_of(page.render(scale=scale, grayscale=True).to_pil(), self._budget)
        except CannotLookError as error:
            if error.obstacle is not Obstacle.UNSUPPORTED:
                raise
            note = f"page {number} has no text layer and no OCR is installed"
            raise CannotLookError(Obstacle.UNSUPPORTED, note) from error
        self._reading.text(f"page {number}", words)

    def _read_one(self, picture: Any, number: int) -> None:
        where = f"page {number} image"
        with self._reading.attempt(where):
            try:
                raw = bytes(picture.get_data())
            except pypdfium2.PdfiumError:
                return  # an image without data draws nothing
            digest = hashlib.sha256(raw).digest()
            if digest in self._seen:
                return
            self._seen.add(digest)
            image.count_pixels(picture.get_px_size(), self._budget)
            self._reading.text(where, image.words_of(picture.get_bitmap(render=False).to_pil(), self._budget))


def _kinds(page: Any) -> Iterator[int]:
    """Kinds of the objects that stand on the page itself; PDFium's own calls, because a page has thousands."""
    for index in range(pdfium.FPDFPage_CountObjects(page.raw)):
        yield pdfium.FPDFPageObj_GetType(pdfium.FPDFPage_GetObject(page.raw, index))
