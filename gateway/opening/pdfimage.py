"""Pictures on PDF pages: a scanned page is read by OCR as a whole, a picture beside text on its own. Never guesses."""

import ctypes
import hashlib
import re
from typing import Any

import pypdfium2
import pypdfium2.raw as pdfium

from gateway.opening import image
from gateway.opening.opener import Budget, CannotLookError
from gateway.opening.pdfpage import bare
from gateway.opening.reading import Reading
from rules.verdict import Obstacle

DPI = 200
_OBJECTS = 400  #: a page with so few objects is searched for pictures even if the file names none
STROKES = 40  #: vector drawings on a page without text that could be writing turned into outlines
WRITING = 120  #: segments of such drawings beside text: an SSN has more
_TALLEST = 48  #: points; of a line of letters
_BOX = 5  #: segments of a line or a box
_DRAWN = {pdfium.FPDF_PAGEOBJ_PATH, pdfium.FPDF_PAGEOBJ_FORM}
# Names may be escaped: /P#61tternType. Nothing is given back, so that no run of # makes these searches quadratic.
_IMAGE = re.compile(rb"/Subtype\s*+/Image\b|/S\w*+#[\w#]*+\s*+/I|/Subtype\s*+/I\w*+#")
_TILES = re.compile(rb"/PatternType\s*+1\b|/P\w*+#[\w#]*+\s*+1\b")  #: ISO 32000-1 8.7.3
BLANK = 3  #: characters: a page number alone is no text layer


def mentioned(content: bytes) -> bool:
    """Whether the file may hold image objects: their dictionaries are never compressed, names may be escaped (#49)."""
    return _IMAGE.search(content) is not None


def tiled(content: bytes) -> bool:
    """Whether areas may be filled with tiles. PDFium gives no text of them; their dictionaries are never compressed."""
    return _TILES.search(content) is not None


class Pictures:
    """Reads each distinct picture of one document once: a logo stands on every page."""

    def __init__(self, reading: Reading, budget: Budget, content: bytes) -> None:
        self._reading = reading
        self._budget = budget
        self._anywhere = mentioned(content)
        self._tiled = tiled(content)
        self._seen: set[bytes] = set()

    def read(self, page: Any, number: int, text: str) -> None:
        if len(text.strip()) < BLANK:
            self._read_whole(page, number)
        elif (self._anywhere or pdfium.FPDFPage_CountObjects(page.raw) <= _OBJECTS) and (
            {pdfium.FPDF_PAGEOBJ_IMAGE, pdfium.FPDF_PAGEOBJ_FORM} & set(_kinds(page))
        ):
            for picture in page.get_objects(filter=(pdfium.FPDF_PAGEOBJ_IMAGE,)):
                self._read_one(picture, number)
        if len(text.strip()) >= BLANK and (outlined(page) >= WRITING or (self._tiled and _DRAWN & set(_kinds(page)))):
            self._read_drawings(page, number)

    def _read_drawings(self, page: Any, number: int) -> None:
        """Letters turned into outlines or tiles beside a page's text, which is taken away first: it has been read."""
        read = {pdfium.FPDF_PAGEOBJ_TEXT, pdfium.FPDF_PAGEOBJ_IMAGE}
        for item in [item for item in page.get_objects(max_depth=1) if item.type in read]:
            page.remove_obj(item)
        where = f"page {number} drawings"
        with self._reading.attempt(where):
            self._reading.text(where, self._words(page))

    def _read_whole(self, page: Any, number: int) -> None:
        """A page without a text layer. Nothing drawn on it at all: it is blank."""
        kinds = [item.type for item in page.get_objects()]
        strokes = sum(kind == pdfium.FPDF_PAGEOBJ_PATH for kind in kinds)
        drawn = {pdfium.FPDF_PAGEOBJ_IMAGE, pdfium.FPDF_PAGEOBJ_TEXT, pdfium.FPDF_PAGEOBJ_SHADING}
        drawn |= {pdfium.FPDF_PAGEOBJ_PATH} if self._tiled else set()
        if not drawn & set(kinds) and strokes < STROKES:
            return
        try:
            words = self._words(page)
        except CannotLookError as error:
            if error.obstacle is not Obstacle.UNSUPPORTED:
                raise
            note = f"page {number} has no text layer and no OCR is installed"
            raise CannotLookError(Obstacle.UNSUPPORTED, note) from error
        self._reading.text(f"page {number}", words)

    def _words(self, page: Any) -> str:
        scale = DPI / 72
        width, height = page.get_size()
        image.count_pixels((int(width * scale), int(height * scale)), self._budget)
        shown = page.render(scale=scale, grayscale=True).to_pil()
        return "" if self._known(shown.tobytes()) else image.words_of(shown, self._budget)

    def _known(self, raw: bytes) -> bool:
        """Whether these bytes came before: a logo, a watermark. From now on they have."""
        digest = hashlib.sha256(raw).digest()
        known = digest in self._seen
        self._seen.add(digest)
        return known

    def _read_one(self, picture: Any, number: int) -> None:
        where = f"page {number} image"
        with self._reading.attempt(where):
            try:
                raw = bytes(picture.get_data())
            except pypdfium2.PdfiumError:
                return  # an image without data draws nothing
            if self._known(raw):
                return
            image.count_pixels(picture.get_px_size(), self._budget)
            self._reading.text(where, image.words_of(picture.get_bitmap(render=False).to_pil(), self._budget))


class _Object(ctypes.c_void_p):
    """Handed on as it is: ctypes makes a number of a plain pointer."""


_object_at = bare(pdfium.FPDFPage_GetObject, _Object)
_kind_of = bare(pdfium.FPDFPageObj_GetType)


def _kinds(page: Any) -> list[int]:
    """Kinds of the objects that stand on the page itself, in the order of their numbers."""
    raw = ctypes.cast(page.raw, ctypes.c_void_p)
    return [_kind_of(_object_at(raw, index)) for index in range(pdfium.FPDFPage_CountObjects(page.raw))]


def is_simple(path: Any) -> bool:
    """A line or a box: no letter."""
    return bool(pdfium.FPDFPath_CountSegments(path) <= _BOX)


def outlined(page: Any) -> int:
    """Segments of all drawings that could be letters: more than boxes, and no taller than a line of them."""
    segments, kinds = 0, _kinds(page)
    for index, kind in enumerate(kinds):
        if kind == pdfium.FPDF_PAGEOBJ_PATH:
            path = pdfium.FPDFPage_GetObject(page.raw, index)
            segments += 0 if is_simple(path) or not _is_low(path) else pdfium.FPDFPath_CountSegments(path)
    if pdfium.FPDF_PAGEOBJ_FORM in kinds:  # at any size: where a form puts them is its own affair
        nested = (item.raw for item in page.get_objects(filter=(pdfium.FPDF_PAGEOBJ_PATH,)) if item.level > 0)
        segments += sum(pdfium.FPDFPath_CountSegments(path) for path in nested if not is_simple(path))
    return segments


def _is_low(path: Any) -> bool:
    left, bottom, right, top = (ctypes.c_float() for _ in range(4))
    found = pdfium.FPDFPageObj_GetBounds(path, left, bottom, right, top)
    return not found or min(top.value - bottom.value, right.value - left.value) <= _TALLEST
