"""PDF: text of every page, form fields, notes, properties, embedded files; pictures and pages without text by OCR.

PDFium reads; pdfplumber looks for tables on the few pages where lines do not tell the cells (pdftable.py). Never
executes what a document carries, and tries no password but a reviewer's.
"""

import hashlib
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pypdfium2
import pypdfium2.raw as pdfium

from gateway.message import Unopened
from gateway.opening import pdfimage, pdfnotes, pdfobjects, pdftable
from gateway.opening.opener import Budget, CannotLookError, Inner, Leaf, Opening
from gateway.opening.pdfpage import PageText
from gateway.opening.reading import Reading
from rules.content import Role
from rules.verdict import Obstacle

PAGES = 10_000
REVISIONS = 50
_XMP = re.compile(rb"<x:xmpmeta.*?</x:xmpmeta>", re.DOTALL)
_END = re.compile(rb"startxref\s{1,4}(\d{1,12})\s{1,4}%%EOF")
_TABLE = re.compile(rb"\s{0,4}(?:xref\s|\d{1,10} \d{1,5} obj)")
_BETWEEN_TAGS = re.compile(r"<[^>]*>")


def open_pdf(leaf: Leaf, budget: Budget) -> Opening:
    reading = Reading(leaf)
    with reading.attempt("the PDF"), open_document(leaf.content, budget.passwords) as document:
        _read_properties(document, leaf.content, reading)
        forms = document.get_formtype() != pdfium.FORMTYPE_NONE
        if forms:
            document.init_forms()
        if len(document) > PAGES:
            raise CannotLookError(Obstacle.LIMIT, f"more than {PAGES} pages")
        pictures = pdfimage.Pictures(reading, budget, leaf.content)
        tables = pdftable.Tables(leaf.content, reading)
        known: set[str] = set()
        for number in range(1, len(document) + 1):
            with reading.attempt(f"page {number}"):
                known.add(_read_page(document, number, budget, reading, (pictures, tables)))
        tables.finish()
        with reading.attempt("the embedded files"):
            reading.inner.extend(_attachments(document, budget))
        pdfobjects.read_unreached(leaf.content, budget, reading)
        _read_revisions(leaf.content, budget, reading, known)
    return reading.opening()


@contextmanager
def open_document(content: bytes, passwords: tuple[str, ...]) -> Iterator[Any]:
    """The open document. An owner's password only forbids printing and the like: such a file opens with none."""
    tries = (_opened(content, password) for password in (None, *passwords))
    document = next((document for document in tries if document is not None), None)
    if document is None:
        raise CannotLookError(Obstacle.ENCRYPTED, "the PDF needs a password")
    try:
        yield document
    finally:
        document.close()  # closes its pages and forms too


def _opened(content: bytes, password: str | None) -> Any | None:
    """None when it needs another password."""
    try:
        return pypdfium2.PdfDocument(content, password=password)
    except pypdfium2.PdfiumError as error:
        if getattr(error, "err_code", None) in {pdfium.FPDF_ERR_PASSWORD, pdfium.FPDF_ERR_SECURITY}:
            return None
        raise CannotLookError(Obstacle.CORRUPT, "the PDF is damaged") from error


def _read_page(
    document: Any,
    number: int,
    budget: Budget,
    reading: Reading,
    extras: tuple[pdfimage.Pictures, pdftable.Tables],
) -> str:
    """Everything on one page; returns its text."""
    pictures, tables = extras
    page = document[number - 1]
    where = f"page {number}"
    try:
        with _page_text(page, budget) as (words, text):
            reading.text(where, tables.unwrap(where, words, text))
            unreadable = words.unreadable()
        pdfnotes.read_notes(document, page, where, reading, budget)
        tables.read(number, text)
        pictures.read(page, number, "" if unreadable else text)
        return text
    finally:
        page.close()


@contextmanager
def _page_text(page: Any, budget: Budget) -> Iterator[tuple[PageText, str]]:
    """A page's words and its lines."""
    textpage = page.get_textpage()
    try:
        words = PageText(textpage)
        text = words.lines()
        budget.expand(len(text))
        yield words, text
    finally:
        textpage.close()


def _read_revisions(content: bytes, budget: Budget, reading: Reading, known: set[str]) -> None:
    """What earlier states of the file said and its last one does not: saving appends (ISO 32000-1 7.5.6)."""
    ends = _revisions(content)
    if len(ends) > REVISIONS:
        reading.fail(Obstacle.LIMIT, f"more than {REVISIONS} revisions")
    shown = _pictures_of(content, budget) if ends else set()
    for revision, end in enumerate(ends[:REVISIONS], start=1):
        with reading.attempt(f"revision {revision}"):
            budget.expand(end)
            if not _pictures_of(content[:end], budget) <= shown:
                reading.fail(Obstacle.UNSUPPORTED, "pictures of an earlier revision, which are not read")
            with open_document(content[:end], budget.passwords) as document:
                reading.inner.extend(each for each in _attachments(document, budget) if each not in reading.inner)
                for number, page in enumerate(document, start=1):
                    where = f"revision {revision} page {number}"
                    with _page_text(page, budget) as (_, text):
                        if text not in known:
                            known.add(text)
                            reading.text(where, text)
                            pdfnotes.read_notes(document, page, where, reading, budget)
                    page.close()


def _pictures_of(content: bytes, budget: Budget) -> set[bytes]:
    """Digests of the pictures on all pages, as they are stored."""
    found = set[bytes]()
    with open_document(content, budget.passwords) as document:
        for page in document:
            pictures = page.get_objects(filter=(pdfium.FPDF_PAGEOBJ_IMAGE,))
            found.update(hashlib.sha256(bytes(picture.get_data())).digest() for picture in pictures)
            page.close()
    return found


def _revisions(content: bytes) -> list[int]:
    """Where each state but the last ends. A mark whose table of objects is elsewhere belongs to a file inside."""
    base = max(content.find(b"%PDF-", 0, 1024), 0)
    marks = list(_END.finditer(content))[:-1]
    return [mark.end() for mark in marks if _TABLE.match(content, base + min(int(mark[1]), mark.start()))]


def _read_properties(document: Any, content: bytes, reading: Reading) -> None:
    lines = [value for value in document.get_metadata_dict(skip_empty=True).values() if value]
    for packet in _XMP.findall(content)[:20]:
        words = _BETWEEN_TAGS.sub("\n", packet.decode("utf-8", "replace"))
        lines += [line.strip() for line in words.splitlines() if line.strip()]
    reading.text("properties", "\n".join(dict.fromkeys(lines)), Role.HEADING)
    with reading.attempt("the outline"):
        titles = [bookmark.get_title() for bookmark in document.get_toc()]
        reading.text("outline", "\n".join(titles))
    with reading.attempt("the form's data"):
        pdfnotes.read_xfa(document, reading)


def _attachments(document: Any, budget: Budget) -> Iterator[Inner]:
    for index in range(document.count_attachments()):
        attachment = document.get_attachment(index)
        name = attachment.get_name() or None
        yield attached(name, attachment, budget)


def attached(name: str | None, attachment: Any, budget: Budget) -> Inner:
    """One embedded file; one that PDFium cannot inflate is still listed."""
    try:
        content = bytes(attachment.get_data())
        budget.expand(len(content))
    except pypdfium2.PdfiumError:
        return Inner(name=name, content=Unopened(obstacle=Obstacle.CORRUPT, note="an embedded file is damaged"))
    return Inner(name=name, content=content)
