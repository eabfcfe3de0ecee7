"""One PDF page's text as lines with columns. PDFium gives the words; geometry is asked only where it decides something.

Asking PDFium for every character's box costs five times the text itself, so a sample of the gaps tells what kind of
page this is: prose, cells drawn one by one, or something mixed that is then measured wholly.
"""

import ctypes
import re
from collections.abc import Callable, Sequence
from itertools import accumulate, repeat
from typing import Any, NamedTuple

import numpy as np
import pypdfium2.raw as pdfium
from numpy.typing import NDArray

from gateway.opening.layout import Span, align
from gateway.opening.words import Word

# A gap between words is a quarter to six tenths of the type size (monospaced: six); what is wider parts columns.
_COLUMN, _CELL = 0.75, 0.45
_SAMPLE = 12
_SMALL = 400  #: gaps; a page with fewer is measured wholly

_SPOT_CHECKS = 40
_REPEATED = 3  #: lines at the height of another
_MARK = "\0"
_WORD = re.compile(r"\S+")

_Places = NDArray[np.intp]


def bare(function: Any, result: Any = ctypes.c_int) -> Callable[..., Any]:
    """A call of PDFium's for single characters, three times as fast: ctypes converts no argument and keeps the GIL.

    Pages must be given as c_void_p, numbers as int.
    """
    return ctypes.PYFUNCTYPE(result)(ctypes.cast(function, ctypes.c_void_p).value or 0)


_is_generated = bare(pdfium.FPDFText_IsGenerated)
_loose_box = bare(pdfium.FPDFText_GetLooseCharBox)
_is_unknown = bare(pdfium.FPDFText_HasUnicodeMapError)


class _Box(NamedTuple):
    left: float
    right: float
    bottom: float
    top: float


class PageText:
    """Text of one page and the boxes of its characters."""

    def __init__(self, textpage: Any) -> None:
        self._raw = ctypes.cast(textpage.raw, ctypes.c_void_p)
        self._rect = pdfium.FS_RECTF()
        self._pointer = ctypes.byref(self._rect)
        self.content: str = textpage.get_text_range()
        self._measurable = len(self.content) == textpage.count_chars()

    def lines(self) -> str:
        """The page line by line, top to bottom, columns at least two spaces apart."""
        if not self._measurable:
            return self.content.replace("\r\n", "\n")
        lines = self._marked().split("\r\n")
        starts = list(accumulate((len(line) + 2 for line in lines), initial=0))
        if self._columns_first(lines, starts):
            return self._by_height(lines, starts)
        texts = [line.split(_MARK) for line in lines]

        def span(row: int, column: int) -> Span:
            start = starts[row] + sum(len(text) + 1 for text in texts[row][:column])
            return self._span(start, start + len(texts[row][column]))

        return align(texts, span)

    def words(self) -> list[Word]:
        """Each word with its place, for the pages where lines do not tell. Cells that touch are parted all the same.

        None at all when one cannot be placed: a word must not get lost.
        """
        words: list[Word | None] = []
        for found in _WORD.finditer(self.content) if self._measurable else ():
            start, before = found.start(), None
            for at in range(*found.span()):
                box = self._box(at)
                if box and before and _apart(before, box):
                    words.append(self._word(start, at))
                    start = at
                before = box or before
            words.append(self._word(start, found.end()))
        placed = [word for word in words if word is not None]
        return placed if len(placed) == len(words) else []

    def tokens(self) -> list[Word]:
        """What stands between spaces, each with all its characters inside its box.

        Raises LookupError when one of them cannot be placed, or a font does not say what it means.
        """
        if not self._measurable:
            raise LookupError
        tokens = []
        for found in _WORD.finditer(self.content):
            boxes = [box for at in range(*found.span()) if (box := self._box(at)) is not None]
            if len(boxes) < len(found[0]) or any(_is_unknown(self._raw, at) == 1 for at in range(*found.span())):
                raise LookupError
            left, bottom = min(box.left for box in boxes), min(box.bottom for box in boxes)
            right, top = max(box.right for box in boxes), max(box.top for box in boxes)
            tokens.append(Word(left, right, bottom, top, found[0]))
        return tokens

    def _word(self, start: int, end: int) -> Word | None:
        first, last = self._box(start), self._box(end - 1)
        if first is None or last is None:
            return None
        return Word(first.left, last.right, first.bottom, first.top, self.content[start:end])

    def unreadable(self) -> bool:
        """Whether most characters come from fonts that do not say what they mean: then the text is noise."""
        places = range(0, len(self.content), len(self.content) // _SPOT_CHECKS + 1)
        unknown = sum(_is_unknown(self._raw, place) == 1 for place in places)
        return bool(unknown * 2 > len(places))

    def _marked(self) -> str:
        """The text, each space that parts columns turned into a mark, so that every character keeps its number."""
        content = self.content.replace(_MARK, " ")
        characters = np.frombuffer(bytearray(content, "utf-32-le", "surrogatepass"), np.dtype("<u4"))
        characters[self._cuts(np.flatnonzero(characters == ord(" ")))] = ord(_MARK)
        return characters.tobytes().decode("utf-32-le", "surrogatepass")

    def _cuts(self, spaces: _Places) -> _Places:
        """Those of the spaces that part columns."""
        if len(spaces) > _SMALL:
            made_up = np.fromiter(map(_is_generated, repeat(self._raw), spaces.tolist()), bool, len(spaces))
            between, drawn = np.compress(made_up, spaces), np.compress(~made_up, spaces)
            wide_drawn, wide_between = self._share(drawn), self._share(between)
            if wide_drawn == 0 and wide_between in {0, 1}:
                return between if wide_between else between[:0]
        return np.compress(np.fromiter(map(self._is_wide, spaces.tolist()), bool, len(spaces)), spaces)

    def _share(self, spaces: _Places) -> float:
        sample = spaces[:: len(spaces) // _SAMPLE + 1].tolist()
        return sum(map(self._is_wide, sample)) / len(sample) if sample else 0

    def _is_wide(self, space: int) -> bool:
        before, after = self._box(space - 1), self._box(space + 1)
        if before is None or after is None:
            return False
        gap = max(after.left - before.right, before.left - after.right)
        size = max(before.top - before.bottom, after.top - after.bottom)
        if abs(before.bottom - after.bottom) > size and abs(before.left - after.left) < size:  # writing on its side
            gap = max(after.bottom - before.top, before.bottom - after.top)
            size = max(before.right - before.left, after.right - after.left)
        generated = _is_generated(self._raw, space)
        return gap > size * (_CELL if generated else _COLUMN)

    def _box(self, index: int) -> _Box | None:
        if not 0 <= index < len(self.content):
            return None
        # The loose box is the character's advance and the type's height, so a thin letter makes no wide gap.
        if not _loose_box(self._raw, index, self._pointer):
            return None
        rect = self._rect
        return _Box(rect.left, rect.right, rect.bottom, rect.top)

    def _span(self, start: int, end: int) -> Span:
        first, last = self._box(start), self._box(end - 1)
        return (first.left if first else 0.0, last.right if last else 0.0)

    def _columns_first(self, lines: Sequence[str], starts: Sequence[int]) -> bool:
        """Whether the page was drawn column by column: then several lines of PDFium's stand at one height."""
        heights = set()
        known = 0
        for line, start in zip(lines, starts, strict=False):
            if line and _loose_box(self._raw, start, self._pointer):
                known += 1
                heights.add(round(self._rect.bottom))
        return known - len(heights) >= _REPEATED

    def _by_height(self, lines: Sequence[str], starts: Sequence[int]) -> str:
        """Segments of one height together, left to right, whatever order they were drawn in."""
        pieces = []
        for line, begin in zip(lines, starts, strict=False):
            start = begin
            for text in line.split(_MARK):
                if text and (box := self._box(start)) is not None:
                    pieces.append((box, text, self._span(start, start + len(text))))
                start += len(text) + 1
        pieces.sort(key=lambda piece: (-piece[0].bottom, piece[0].left))
        rows: list[list[tuple[_Box, str, Span]]] = []
        for piece in pieces:
            box = piece[0]
            if rows and rows[-1][0][0].bottom - box.bottom < (box.top - box.bottom) * 0.4:
                rows[-1].append(piece)
            else:
                rows.append([piece])
        for row in rows:
            row.sort(key=lambda piece: piece[0].left)
        return align([[text for _, text, _ in row] for row in rows], lambda row, column: rows[row][column][2])


def _apart(before: _Box, box: _Box) -> bool:
    """Whether two characters of one word stand where no word has them."""
    size = box.top - box.bottom
    return abs(box.left - before.right) > size / 2 or abs(box.bottom - before.bottom) > size / 2
