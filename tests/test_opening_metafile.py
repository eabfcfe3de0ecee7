"""Metafiles: the preview that Office draws of every embedded object holds its rows as text."""

import io

import carriers
import carriers_pages
import pytest
from hypothesis import given
from hypothesis import strategies as st
from metafiles import emf, emf_bitmap, emf_text, wmf, wmf_text
from openings import open_with, words
from PIL import Image

from gateway.message import Opened, Unopened
from gateway.opening.metafile import open_metafile
from gateway.opening.opener import Opening
from gateway.opening.word import open_word

LINES = ["  ".join(row) for row in carriers.people(5, 3)]


@pytest.mark.parametrize("content", [emf(*map(emf_text, LINES)), wmf(*map(wmf_text, LINES))])
def test_drawn_text_is_read(content: bytes) -> None:
    opening = open_with(open_metafile, content)
    assert isinstance(opening.outcome, Opened)
    assert words(opening).split("\n") == LINES


def test_the_preview_of_an_object_is_read_with_its_document() -> None:
    """Every embedded sheet has one; held for its picture, each letter with a chart would wait for a reviewer."""
    document = carriers.write_docx([], **{"word__media__image1.emf": emf(*map(emf_text, LINES))})
    opening = open_with(open_word, document)
    assert isinstance(opening.outcome, Opened)
    assert not list(opening.inner)
    assert LINES[0] in words(opening)


def test_a_bitmap_in_a_metafile_is_handed_on_as_a_picture() -> None:
    """A screen shot pasted into a letter is a metafile around a bitmap."""
    picture = carriers_pages.picture(["Acme"]).convert("RGB")
    (inner,) = open_with(open_metafile, emf(emf_bitmap(picture))).inner
    assert isinstance(inner.content, bytes)
    assert Image.open(io.BytesIO(inner.content)).size == picture.size


def test_a_metafile_that_is_cut_off_is_not_clean() -> None:
    assert isinstance(open_with(open_metafile, emf(emf_text("x"))[:-8]).outcome, Unopened)


@given(st.binary(max_size=200), st.integers(0, 300))
def test_any_bytes_get_an_answer(junk: bytes, at: int) -> None:
    whole = emf(emf_text("x"), emf_bitmap(Image.new("1", (8, 8))))
    for content in (junk, whole[:at] + junk + whole[at:], wmf(wmf_text("x")) + junk):
        assert isinstance(open_with(open_metafile, content), Opening)
