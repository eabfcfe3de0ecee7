"""What stands on a PDF page beside its text: notes, form fields, links, files pinned to it. Never runs a script."""

import ctypes
from collections.abc import Callable
from typing import Any

import pypdfium2.raw as pdfium

from gateway.opening.opener import Budget, Inner
from gateway.opening.reading import Reading
from rules.verdict import Obstacle

_KEYS = (b"Contents", b"V", b"DV", b"T", b"TU", b"Subj", b"RC")
NOTES = 20_000  #: annotations a page
OPTIONS = 1_000  #: of one form field
PACKETS = 100  #: of an XFA form


def read_notes(document: Any, page: Any, where: str, reading: Reading, budget: Budget) -> None:
    """Everything an annotation says, and the values of the form fields on the page."""
    count = pdfium.FPDFPage_GetAnnotCount(page.raw)
    lines: list[str] = []
    for index in _first(NOTES, count, f"notes on {where}", reading):
        note = pdfium.FPDFPage_GetAnnot(page.raw, index)
        if not note:
            continue
        try:
            lines.extend(_words(document, note, reading))
            _pinned(note, reading, budget)
        finally:
            pdfium.FPDFPage_CloseAnnot(note)
    reading.text(f"{where} notes and fields", "\n".join(filter(None, dict.fromkeys(lines))))


def _first(most: int, count: int, what: str, reading: Reading) -> range:
    """No more than so many are read, and when there are more that is said."""
    if count > most:
        reading.fail(Obstacle.LIMIT, f"more than {most} {what}")
    return range(min(most, count))


def _words(document: Any, note: Any, reading: Reading) -> list[str]:
    lines = [_string(pdfium.FPDFAnnot_GetStringValue, note, key) for key in _KEYS]
    if document.formenv is not None:
        form = document.formenv.raw
        lines.append(_string(pdfium.FPDFAnnot_GetFormFieldValue, form, note))
        options = _first(OPTIONS, pdfium.FPDFAnnot_GetOptionCount(form, note), "choices of a form field", reading)
        lines += [_string(pdfium.FPDFAnnot_GetOptionLabel, form, note, option) for option in options]
    link = pdfium.FPDFAnnot_GetLink(note)
    action = pdfium.FPDFLink_GetAction(link) if link else None
    if action:
        size = pdfium.FPDFAction_GetURIPath(document.raw, action, None, 0)
        buffer = ctypes.create_string_buffer(size)
        pdfium.FPDFAction_GetURIPath(document.raw, action, buffer, size)
        lines.append(buffer.value.decode("utf-8", "replace"))
    return lines


def _string(ask: Callable[..., int], *about: Any) -> str:
    """PDFium's way of handing over UTF-16: ask for the size, then for the text."""
    size = ask(*about, None, 0)
    if size <= 2:
        return ""
    buffer = (ctypes.c_ushort * (size // 2 + 1))()
    ask(*about, buffer, size)
    return bytes(memoryview(buffer))[: size - 2].decode("utf-16-le", "replace")


def _pinned(note: Any, reading: Reading, budget: Budget) -> None:
    """A file attached to a place on the page is not in the document's list of attachments."""
    if pdfium.FPDFAnnot_GetSubtype(note) != pdfium.FPDF_ANNOT_FILEATTACHMENT:
        return
    attachment = pdfium.FPDFAnnot_GetFileAttachment(note)
    if not attachment:
        return
    name = _string(pdfium.FPDFAttachment_GetName, attachment)
    size = ctypes.c_ulong()
    pdfium.FPDFAttachment_GetFile(attachment, None, 0, size)
    budget.expand(size.value)
    content = (ctypes.c_char * size.value)()
    pdfium.FPDFAttachment_GetFile(attachment, content, size.value, size)
    reading.inner.append(Inner(name=name or None, content=bytes(content)))


def read_xfa(document: Any, reading: Reading) -> None:
    """XFA forms keep their values in XML packets that no page shows."""
    for index in _first(PACKETS, pdfium.FPDF_GetXFAPacketCount(document.raw), "packets of an XFA form", reading):
        size = ctypes.c_ulong()
        if not pdfium.FPDF_GetXFAPacketContent(document.raw, index, None, 0, size):
            continue
        packet = (ctypes.c_char * size.value)()
        if pdfium.FPDF_GetXFAPacketContent(document.raw, index, packet, size.value, size):
            reading.inner.append(Inner(name=f"form-{index + 1}.xml", content=bytes(packet)))
