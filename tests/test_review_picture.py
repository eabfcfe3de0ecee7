"""A page as a picture: what its text is shown without is covered, and what cannot be placed is not drawn at all."""

import io
from base64 import b64decode
from collections.abc import Callable
from email import message_from_bytes, policy
from typing import Any

import carriers
import carriers_pages
import pypdfium2
import pytest
from openings import WITH_OCR
from outlines import write_outlines
from PIL import Image
from reportlab.lib.utils import ImageReader
from reportlab.pdfgen.canvas import Canvas
from review_room import DETECTOR, a_message

from gateway.message import Limits
from gateway.opening import image
from gateway.opening.opener import Budget
from gateway.review.picture import DoubtError, draw
from gateway.review.view import view_part
from gateway.review.viewed import SIDE, Look, ViewedPicture, ViewedText

SSN = ("212-48-6397", "417-05-2284", "531-77-9046")
NAMES = ("Maria Mercado", "Louis Abbott", "Teresa Barnes")
LINES = ("Harbor Savings Plan", "Name            SSN          State")
ROWS = tuple(f"{name:<16}{number}  NC" for name, number in zip(NAMES, SSN, strict=True))
SECRETS = [word for secret in (*NAMES, *SSN) for word in secret.replace("-", " ").split() if len(word) > 2]


def typed(*lines: str, extra: Callable[[Canvas], None] = lambda _: None, rotate: int = 0) -> bytes:
    out = io.BytesIO()
    canvas = Canvas(out, invariant=True, pagesize=(560, 400))
    canvas.setFont("Courier", 16)
    for number, line in enumerate(lines):
        canvas.drawString(40, 350 - 30 * number, line)
    extra(canvas)
    canvas.setPageRotation(rotate)
    canvas.showPage()
    canvas.save()
    return out.getvalue()


def with_file(content: bytes, kind: tuple[str, str]) -> bytes:
    message = message_from_bytes(a_message(), policy=policy.default)
    [attached] = message.iter_attachments()  # type: ignore[attr-defined]
    attached.set_content(content, maintype=kind[0], subtype=kind[1], filename="list.dat")
    return message.as_bytes()


def page_of(raw: bytes) -> int:
    """Which text of part 2 the view offers as a picture."""
    shown = view_part(raw, Look(section="2"), Limits(), DETECTOR)
    [page] = [content for content in shown.contents if isinstance(content, ViewedText) and content.page]
    return page.stretch.content


def drawn(content: bytes, kind: tuple[str, str] = ("application", "pdf")) -> Any:
    raw = with_file(content, kind)
    return pixels(draw(raw, Look(section="2", content=page_of(raw)), Limits(), DETECTOR))


def pixels(picture: ViewedPicture) -> Any:
    assert max(picture.width, picture.height) <= SIDE
    return Image.frombytes("RGB", (picture.width, picture.height), b64decode(picture.pixels))


def as_it_is(content: bytes, kind: tuple[str, str]) -> Any:
    if kind[0] == "image":
        return Image.open(io.BytesIO(content)).convert("RGB")
    return pypdfium2.PdfDocument(content)[0].render(scale=2).to_pil()


def words(picture: Any) -> str:
    """What somebody who looks at it can read."""
    return image.words_of(picture, Budget(limits=Limits()))


def scanned(*lines: str) -> bytes:
    return carriers_pages.write_scanned_pdf(lines)


@WITH_OCR
@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (typed(*LINES, *ROWS), ("application", "pdf")),
        (typed(*LINES, *ROWS, rotate=180), ("application", "pdf")),
        (scanned(*LINES, *ROWS), ("application", "pdf")),
        (carriers_pages.write_image((*LINES, *ROWS)), ("image", "png")),
    ],
    ids=["typed", "upside down", "scanned", "picture"],
)
def test_what_the_text_is_shown_without_is_covered(content: bytes, kind: tuple[str, str]) -> None:
    """The reviewer knows the letterhead again, and reads no number and no name."""
    read, bare = words(drawn(content, kind)), words(as_it_is(content, kind))

    assert "State" in read
    assert [secret for secret in SECRETS if secret in read] == []
    assert len([secret for secret in SECRETS if secret in bare]) > len(SECRETS) / 2


@WITH_OCR
def test_of_a_page_with_text_pictures_and_notes_are_left_out() -> None:
    """What stands in them is read, but nobody knows where it would stand on the page."""
    hidden = ImageReader(carriers_pages.picture(["Her number is 212-48-6397"]))

    def extra(canvas: Canvas) -> None:
        canvas.drawImage(hidden, 40, 60, width=400, height=60)
        canvas.freeTextAnnotation("Call 417-05-2284", (40, 200, 400, 240))

    read = words(drawn(typed("Dear Dana,", "enclosed is the card of your colleague.", extra=extra)))

    assert "colleague" in read
    assert "6397" not in read
    assert "2284" not in read


def test_a_number_broken_over_lines_makes_a_page_that_is_not_drawn() -> None:
    """Which pieces belong together is worked out for its text; on the picture each stands by itself."""
    with pytest.raises(DoubtError, match="breaks its numbers"):
        drawn(carriers_pages.write_wrapped_pdf([carriers.HEADER, *carriers.people(8)]))


def test_drawings_that_may_be_writing_make_a_page_that_is_not_drawn() -> None:
    """A font turned into outlines has no letters for anybody but a reader."""

    def outlines(canvas: Canvas) -> None:
        for number in range(60):
            canvas.bezier(40 + 8 * number, 60, 44 + 8 * number, 90, 40 + 8 * number, 90, 47 + 8 * number, 60)
            canvas.ellipse(40 + 8 * number, 100, 46 + 8 * number, 112)

    with pytest.raises(DoubtError, match="may be writing"):
        drawn(typed("A letter of some words", extra=outlines))


def test_one_number_turned_into_outlines_is_enough() -> None:
    """Eleven drawings of a few curves each."""
    with pytest.raises(DoubtError, match="may be writing"):
        drawn(typed("A letter", extra=lambda canvas: write_outlines(canvas, ["212-48-6397"], at=(40, 100))))


@pytest.mark.parametrize("content", [None, 0, 99])
def test_what_is_no_page_is_not_drawn(content: int | None) -> None:
    raw = with_file(carriers.write_csv(carriers.table(3)), ("text", "csv"))

    with pytest.raises(DoubtError):
        draw(raw, Look(section="2", content=content), Limits(), DETECTOR)


@pytest.mark.parametrize(
    "claim",
    [
        {"width": 2, "height": 2, "pixels": "AAAA"},
        {"width": 5000, "height": 5000, "pixels": ""},
        {"width": 1, "height": 1, "pixels": "AAAA", "note": "x"},
        {},
    ],
)
def test_a_worker_cannot_make_up_a_picture(claim: dict[str, Any]) -> None:
    """Only pixels come out of it, as many as it says; never a file that a browser would decode."""
    with pytest.raises(ValueError, match=r"too large|no picture"):
        ViewedPicture(**claim)
