"""Draws a page or a picture for a reviewer's eyes, with everything covered that its text is shown without.

It runs in the confined worker. Words whose place is known are covered where the text view masks them. Of a page with
a text layer its pictures are left out, and so are notes and fields; of a scan only the words are left that were read
for certain. What cannot be placed exactly makes a page that is not drawn: unknown is not clean.
"""

import base64
import ctypes
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from itertools import compress
from typing import Any

import pypdfium2.raw as pdfium
from PIL import Image, ImageDraw

from gateway.message import Limits, Opened, Partial
from gateway.opening import image
from gateway.opening.opener import Budget, CannotLookError, Leaf, Opener, Opening
from gateway.opening.pdf import open_document
from gateway.opening.pdfimage import BLANK, DPI, WRITING, is_simple, outlined
from gateway.opening.pdfpage import PageText
from gateway.opening.reading import Reading
from gateway.opening.registry import OPENERS
from gateway.opening.walk import walk
from gateway.opening.words import Word
from gateway.review.shown import hidden_words
from gateway.review.view import DRAWN, PDF, Shop, find, is_page
from gateway.review.viewed import SIDE, Look, ViewedPicture, look_of, write_picture
from gateway.workers.workshop import Answer
from rules.content import Content, Table, Text
from rules.detect import Detector
from rules.mask import mask_text
from rules.normalise import fold
from rules.verdict import Finding

_EDGE = 0.15  #: of a word's height: slanted type leans out of its box
_INK, _PAPER = (70, 78, 92), (255, 255, 255)


class DoubtError(Exception):
    """Something cannot be placed, or not for certain; the text is for people and holds no content."""


def picture_job(raw: bytes, argument: Mapping[str, Any], shop: Shop) -> Answer:
    """One table or text of a part as a picture of the page it stands on."""
    try:
        drawn = draw(raw, look_of(argument), shop.limits, shop.detector)
    except DoubtError as doubt:
        drawn = ViewedPicture(note=str(doubt))
    except CannotLookError as error:
        drawn = ViewedPicture(note=error.note)
    return Answer(body=write_picture(drawn), risky=True)


def draw(raw: bytes, look: Look, limits: Limits, detector: Detector) -> ViewedPicture:
    """Raises DoubtError, CannotLookError."""
    leaf, contents = _opened(raw, look, limits)
    if look.content is None or look.content >= len(contents) or not is_page(leaf.media_type, contents[look.content]):
        raise DoubtError("there is no such page")
    text = contents[look.content]
    where = text.where if isinstance(text, Text) else ""
    hidden = _hidden(where, contents, detector.detect(contents).findings)
    budget = Budget(limits=limits, passwords=look.passwords)
    if leaf.media_type == PDF:
        drawn = _page(leaf.content, int(where.removeprefix("page ")), hidden, budget)
    else:
        drawn = _frame(leaf, int(where.removeprefix("image") or 1), hidden, budget)
    drawn.thumbnail((SIDE, SIDE))
    return ViewedPicture(width=drawn.width, height=drawn.height, pixels=base64.b64encode(drawn.tobytes()).decode())


def _opened(raw: bytes, look: Look, limits: Limits) -> tuple[Leaf, Sequence[Content]]:
    """The part's own bytes, and all that was read of it."""
    leaves: dict[str, Leaf] = {}

    def keeping(opener: Opener) -> Opener:
        def opened(leaf: Leaf, budget: Budget) -> Opening:
            leaves[leaf.section] = leaf
            return opener(leaf, budget)

        return opened

    openers = {kind: keeping(opener) if kind in DRAWN else opener for kind, opener in OPENERS.items()}
    part = find(walk(raw, limits, openers, look.passwords), look.section)
    if part is None or part.section not in leaves or not isinstance(part.outcome, Opened | Partial):
        raise DoubtError("this part is no page and no picture")
    return leaves[part.section], part.outcome.contents


def _hidden(where: str, contents: Sequence[Content], findings: Sequence[Finding]) -> frozenset[str]:
    """Every word that the text view shows otherwise than it is, on this page or in a table of it."""
    hidden: set[str] = set()
    for content in contents:
        name = content.name if isinstance(content, Table) else content.where
        if name == f"{where} wrapped":
            raise DoubtError("a table on it breaks its numbers over lines")
        if name == where or (isinstance(content, Table) and name.startswith(f"{where} ")):
            hidden |= hidden_words(content, findings)
    return frozenset(hidden)


def _page(content: bytes, number: int, hidden: frozenset[str], budget: Budget) -> Any:
    with open_document(content, budget.passwords) as document, closing(document[number - 1]) as page:
        with closing(page.get_textpage()) as textpage:
            text = PageText(textpage)
            typed = len(text.content.strip()) >= BLANK and not text.unreadable()
            words = _placed(text) if typed else []
        if not typed:
            return _scan(_rendered(page, DPI / 72, budget, grayscale=True).to_pil(), hidden, budget)
        _leave_out_pictures(page)
        scale = min(SIDE / max(page.get_size()), DPI / 72)
        bitmap = _rendered(page, scale, budget)
        drawn, position = bitmap.to_pil().convert("RGB"), bitmap.get_posconv(page)
        marker = ImageDraw.Draw(drawn)
        for word in _covered(words, hidden):
            edge = min(word.height, word.right - word.left) * _EDGE
            corners = [
                position.to_bitmap(word.left - edge, word.bottom - edge),
                position.to_bitmap(word.right + edge, word.top + edge),
            ]
            (left, right), (top, bottom) = (sorted(axis) for axis in zip(*corners, strict=True))
            marker.rectangle((left, top, right, bottom), fill=_INK)
        return drawn


def _placed(text: PageText) -> Sequence[Word]:
    try:
        return text.tokens()
    except LookupError:
        raise DoubtError("not every word on it can be placed") from None


def _rendered(page: Any, scale: float, budget: Budget, *, grayscale: bool = False) -> Any:
    width, height = page.get_size()
    image.count_pixels((int(width * scale), int(height * scale)), budget)
    # Notes and fields say what the page's text does not.
    return page.render(scale=scale, grayscale=grayscale, may_draw_forms=False, draw_annots=False)


def _leave_out_pictures(page: Any) -> None:
    """Nobody knows where in them the words stand. Nor in drawings, which may be writing turned into outlines."""
    if outlined(page) >= WRITING:
        raise DoubtError("its drawings may be writing")
    items = list(page.get_objects(max_depth=15))
    leaving = [item for item in items if _may_say_something(item)]
    inside = any(item.level > 0 for item in leaving)  # what it stands in, it cannot be taken out of
    for item in items:
        if item.level == 0 and (item in leaving or (inside and item.type == pdfium.FPDF_PAGEOBJ_FORM)):
            page.remove_obj(item)


def _may_say_something(item: Any) -> bool:
    """All but text, and plain lines and boxes: what fills one may be a pattern made of writing."""
    if item.type != pdfium.FPDF_PAGEOBJ_PATH:
        return item.type in {pdfium.FPDF_PAGEOBJ_IMAGE, pdfium.FPDF_PAGEOBJ_SHADING}
    fill, stroke = ctypes.c_int(), ctypes.c_int()
    known = pdfium.FPDFPath_GetDrawMode(item.raw, fill, stroke)
    return not known or fill.value != pdfium.FPDF_FILLMODE_NONE or not is_simple(item.raw)


def _covered(words: Sequence[Word], hidden: frozenset[str]) -> Iterator[Word]:
    """Those of the words that the text view hides. Raises DoubtError when one of these is nowhere to be found."""
    missing = set(hidden)
    for word in words:
        pieces = fold(word.text).split()
        missing -= set(pieces)
        if not hidden.isdisjoint(pieces) or mask_text(word.text) != word.text:
            yield word
    if missing:
        raise DoubtError("not every word that has to be covered can be placed")


def _frame(leaf: Leaf, number: int, hidden: frozenset[str], budget: Budget) -> Any:
    for found, frame in enumerate(image.frames(leaf.content, budget, Reading(leaf)), start=1):
        if found == number:
            return _scan(frame, hidden, budget)
    raise DoubtError("there is no such picture")


def _scan(picture: Any, hidden: frozenset[str], budget: Budget) -> Any:
    """White paper, and on it what was read for certain."""
    grey = image.flat(picture)
    words = image.printed(grey, budget)
    covered = set(_covered([word.word for word in words], hidden))
    drawn = Image.new("RGB", grey.size, _PAPER)
    marker = ImageDraw.Draw(drawn)
    boxes = [(int(word.left), int(word.bottom), int(word.right) + 1, int(word.top) + 1) for _, word in words]
    clear = [sure and word not in covered for sure, word in words]
    for box in compress(boxes, clear):
        drawn.paste(grey.crop(box), box[:2])
    for box, shown in zip(boxes, clear, strict=True):
        if not shown:
            marker.rectangle(box, fill=_INK)
    return drawn
