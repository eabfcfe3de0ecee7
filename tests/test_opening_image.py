"""Pictures: read by OCR where there is one, held where there is none, and let go when they can hold no writing."""

import io
import re
from typing import Any

import carriers
import carriers_pages
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openings import WITH_OCR, open_with, words
from PIL import Image, ImageDraw, ImageFont, PngImagePlugin

from gateway.message import Limits, Opened, Unopened
from gateway.opening import image
from gateway.opening.image import NO_OCR, open_image
from gateway.opening.opener import Budget, Leaf
from rules.verdict import Obstacle

PEOPLE = carriers.people(6, 3)
LINES = ["   ".join(row) for row in PEOPLE]


def saved(picture: Any, kind: str = "PNG", **options: Any) -> bytes:
    out = io.BytesIO()
    picture.save(out, kind, **options)
    return out.getvalue()


def logo(size: tuple[int, int]) -> Any:
    picture = Image.new("RGB", size, "white")
    ImageDraw.Draw(picture).ellipse((4, 4, size[0] - 4, size[1] - 4), fill="navy")
    return picture


@WITH_OCR
@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF", "BMP", "GIF", "WEBP"])
def test_every_kind_of_picture_is_read(kind: str) -> None:
    """A photograph of a screen carries as many people as the screen."""
    opening = open_with(open_image, carriers_pages.write_image(LINES, kind))
    assert isinstance(opening.outcome, Opened)
    assert all(row[0] in words(opening) for row in PEOPLE)


@WITH_OCR
def test_every_frame_is_read() -> None:
    """A fax is one TIFF with the list on its third page."""
    pages = [
        carriers_pages.picture(["cover sheet"]),
        carriers_pages.picture(["still nothing"]),
        carriers_pages.picture(LINES),
    ]
    assert PEOPLE[0][0] in words(open_with(open_image, saved(pages[0], "TIFF", save_all=True, append_images=pages[1:])))


def screenshot(rows: list[list[str]], rule: int) -> Any:
    """Cells of a spreadsheet as a screen shows them, with lines of this grey between."""
    picture = Image.new("L", (10 + 170 * len(rows[0]), 20 + 34 * len(rows)), 255)
    pen = ImageDraw.Draw(picture)
    for y, row in enumerate(rows):
        for x, cell in enumerate(row):
            left, top = 5 + 170 * x, 10 + 34 * y
            pen.rectangle((left, top, left + 170, top + 34), outline=rule)
            pen.text((left + 6, top + 6), cell, fill=0, font=ImageFont.load_default(18))
    return picture


@WITH_OCR
@pytest.mark.parametrize("rule", [0, 120, 160, 212], ids=["black", "dark", "grey", "as in Excel"])
def test_a_table_with_lines_between_its_cells_is_read_cell_by_cell(rule: int) -> None:
    rows = [["Name", "SSN", "Born"], *([*row[:2], "04/21/1954"] for row in PEOPLE)]
    lines = words(open_with(open_image, saved(screenshot(rows, rule)))).splitlines()
    assert [re.split(r" {2,}", line) for line in lines if line] == rows


@WITH_OCR
def test_a_headline_keeps_its_letters() -> None:
    """Its stems are as long as a line, and thicker."""
    picture = Image.new("L", (1100, 260), 255)
    ImageDraw.Draw(picture).text((20, 20), "Hill", fill=0, font=ImageFont.load_default(160))
    assert "Hill" in words(open_with(open_image, saved(picture)))


@WITH_OCR
@pytest.mark.parametrize("turn", [90, 180, 270])
def test_a_page_on_its_side_is_turned(turn: int) -> None:
    picture = carriers_pages.picture(LINES[:4]).rotate(turn, expand=True)
    assert PEOPLE[0][0] in words(open_with(open_image, saved(picture)))


@WITH_OCR
def test_white_writing_on_nothing_is_read() -> None:
    """A transparent picture meant for a dark page."""
    ink = carriers_pages.picture(LINES[:3])
    picture = Image.new("RGBA", ink.size, "white")
    picture.putalpha(ink.point(lambda level: 255 - level))
    assert PEOPLE[0][0] in words(open_with(open_image, saved(picture)))


def test_words_in_a_pictures_own_fields_are_read() -> None:
    fields = PngImagePlugin.PngInfo()
    fields.add_text("Comment", PEOPLE[0][0])
    assert PEOPLE[0][0] in words(open_with(open_image, saved(logo((60, 60)), pnginfo=fields)))


@pytest.mark.parametrize("installed", [True, False])
@pytest.mark.parametrize(
    "content",
    [
        saved(Image.new("RGB", (1, 1), "white")),
        saved(Image.new("RGB", (1200, 900), "white")),
        saved(Image.linear_gradient("L").resize((800, 600))),
        saved(logo((600, 400))),
        saved(logo((600, 400)), "JPEG"),
    ],
)
def test_a_picture_without_writing_is_opened(
    content: bytes, *, installed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Logos stand in every business mail; a hold for each would teach reviewers to click."""
    if not installed:
        monkeypatch.setattr(image, "warm", lambda: None)
    opening = open_with(open_image, content)
    assert opening.outcome == Opened()


def test_a_picture_with_writing_and_no_ocr_is_not_clean(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(image, "warm", lambda: None)
    opening = open_with(open_image, carriers_pages.write_image(LINES))
    assert opening.outcome == Unopened(obstacle=Obstacle.UNSUPPORTED, note=NO_OCR)


def test_a_very_small_picture_with_strokes_is_a_logo(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(image, "warm", lambda: None)
    opening = open_with(open_image, saved(carriers_pages.picture(["Acme"]).resize((120, 40))))
    assert isinstance(opening.outcome, Opened)


def test_too_many_pixels_are_refused_unread() -> None:
    """50,000 x 50,000 white pixels are 300 KB of PNG and 2.5 GB of memory."""
    content = bytearray(saved(Image.new("1", (8, 8))))
    content[16:24] = (50_000).to_bytes(4, "big") * 2
    outcome = open_with(open_image, bytes(content)).outcome
    assert isinstance(outcome, Unopened)
    assert outcome.obstacle in {Obstacle.LIMIT, Obstacle.CORRUPT}


@WITH_OCR
def test_recognition_ends_where_its_time_does() -> None:
    """Forty textures in one file of clip art take longer than a message has."""
    leaf = Leaf(section="2", filename=None, media_type="", content=carriers_pages.write_image(LINES))
    outcome = open_image(leaf, Budget(limits=Limits(), recognising=image.SECONDS - 0.001)).outcome

    assert isinstance(outcome, Unopened)
    assert outcome.obstacle is Obstacle.TIMEOUT


SEEDS = [saved(logo((40, 30)), kind) for kind in ("PNG", "JPEG", "TIFF", "BMP", "GIF", "WEBP")]


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(SEEDS), st.binary(max_size=40), st.integers(0, 400), st.integers(0, 40))
def test_any_bytes_get_an_answer(seed: bytes, junk: bytes, at: int, gone: int) -> None:
    """A broken picture is held with a reason; it never ends the worker."""
    for content in (junk, seed[:at] + junk + seed[at + gone :]):
        open_with(open_image, content)
