"""Ruled tables on PDF pages, by pdfplumber, where the lines of text do not tell the cells. Never the whole document."""

from io import BytesIO
from typing import Any

import re2

from gateway.opening.pdfpage import PageText
from gateway.opening.reading import Reading
from gateway.opening.words import Word, lines_of, text_of
from gateway.opening.wrapped import has_broken_number, unwrapped
from rules.verdict import Obstacle

PAGES = 10  #: a document; 0.1 s each, and outliers of 20 s with very many objects
FIRST = 20  #: pages that are considered at all
OBJECTS = 6000  #: characters and rules on one page
_PERSONAL = re2.compile(rb"[0-9]-[0-9]{2}-[0-9]{4}|[0-9]{9}")


class Tables:
    """pdfplumber is opened for the first page that needs it, and for most documents never."""

    def __init__(self, content: bytes, reading: Reading) -> None:
        self._content = content
        self._reading = reading
        self._read = 0
        self._plumber: Any = None
        self._header: list[Word] = []
        self._cut_off: list[Word] = []

    def unwrap(self, where: str, page: PageText, text: str) -> str:
        """Add the table whose numbers are broken over lines, under the header of a page before if need be; the rest."""
        if not self._cut_off and not has_broken_number(page.content):
            return text
        words = page.words()
        found = unwrapped([*_above(words, self._cut_off), *words], self._header)
        if found is None:
            return text
        self._cut_off = found.cut_off
        self._header = found.header or self._header
        self._reading.table(f"{where} wrapped", found.rows)
        if not found.certain:
            self._reading.fail(Obstacle.UNSUPPORTED, f"{where} has a table whose rows cannot be told apart for certain")
        return "\n".join(map(text_of, found.around))

    def finish(self) -> None:
        """Add the row that the last page breaks off."""
        if self._cut_off:
            self._reading.text("end", "\n".join(map(text_of, lines_of(self._cut_off))))
            self._reading.fail(Obstacle.UNSUPPORTED, "a table breaks off in the middle of a number")

    def read(self, number: int, text: str) -> None:
        """Add the page's ruled tables. Its text is read already, so a failure loses nothing and is not reported."""
        if number > FIRST or self._read >= PAGES or not ambiguous(text):
            return
        self._read += 1
        try:
            for index, rows in enumerate(self._tables(number), start=1):
                self._reading.table(f"page {number} table {index}", rows, also=f"page {number}")
        except Exception:  # noqa: BLE001 - pdfminer raises what it likes, and the text is complete without it
            self._read = PAGES

    def _tables(self, number: int) -> list[list[list[str]]]:
        import pdfplumber  # noqa: PLC0415 - a quarter of a second that few documents need

        if self._plumber is None:
            self._plumber = pdfplumber.open(BytesIO(self._content))
        page = self._plumber.pages[number - 1]
        try:
            if sum(map(len, page.objects.values())) > OBJECTS or not (page.rects or page.lines):
                return []
            tables = page.extract_tables()
        finally:
            page.close()
        return [[[(cell or "").replace("\n", " ") for cell in row] for row in table] for table in tables]


def ambiguous(text: str) -> bool:
    """Whether lines without a number stand between lines with numbers of people, as when a cell's text wraps."""
    places = [found.start() for found in _PERSONAL.finditer(text.encode("latin-1", "replace"))]
    if len(places) < 3:
        return False
    return text.count("\n", places[0], places[-1]) + 1 > 1.2 * len(places)


def _above(words: list[Word], cut_off: list[Word]) -> list[Word]:
    """What a page before has cut off, put where its lines would stand on this one."""
    if not words or not cut_off:
        return cut_off
    by = max(word.top for word in words) - min(word.bottom for word in cut_off) + cut_off[0].height * 0.05
    return [word._replace(bottom=word.bottom + by, top=word.top + by) for word in cut_off]
