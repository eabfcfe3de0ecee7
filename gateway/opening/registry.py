"""The table of formats, one line each, and the way in: message to parts. Knows no format itself."""

from collections.abc import Mapping

from gateway.message import Limits, OpenedMessage
from gateway.opening import (
    archive,
    cards,
    compressed,
    html,
    image,
    mail,
    outlook,
    pdf,
    signed,
    slides,
    spreadsheet,
    structured,
    text,
    tnef,
    word,
    zipped,
)
from gateway.opening.opener import Opener
from gateway.opening.walk import walk

OPENERS: Mapping[str, Opener] = {  # one line per type; several types may share an opener
    "text/plain": text.open_text,
    "text/csv": text.open_text,
    "text/tab-separated-values": text.open_text,
    "application/yaml": text.open_text,
    "text/html": html.open_html,
    "application/xml": structured.open_xml,
    "image/svg+xml": structured.open_xml,
    "application/json": structured.open_json,
    "text/vcard": cards.open_card,
    "text/calendar": cards.open_card,
    "application/pdf": pdf.open_pdf,
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": spreadsheet.open_workbook,
    "application/vnd.openxmlformats-officedocument.spreadsheetml.template": spreadsheet.open_workbook,
    "application/vnd.ms-excel.sheet.macroenabled.12": spreadsheet.open_workbook,
    "application/vnd.ms-excel.template.macroenabled.12": spreadsheet.open_workbook,
    "application/vnd.ms-excel.addin.macroenabled.12": spreadsheet.open_workbook,
    "application/vnd.ms-excel.sheet.binary.macroenabled.12": spreadsheet.open_binary_workbook,
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": word.open_word,
    "application/vnd.openxmlformats-officedocument.wordprocessingml.template": word.open_word,
    "application/vnd.ms-word.document.macroenabled.12": word.open_word,
    "application/vnd.ms-word.template.macroenabled.12": word.open_word,
    "application/vnd.openxmlformats-officedocument.presentationml.presentation": slides.open_slides,
    "application/vnd.openxmlformats-officedocument.presentationml.slideshow": slides.open_slides,
    "application/vnd.openxmlformats-officedocument.presentationml.template": slides.open_slides,
    "application/vnd.ms-powerpoint.presentation.macroenabled.12": slides.open_slides,
    "application/vnd.ms-powerpoint.slideshow.macroenabled.12": slides.open_slides,
    "application/vnd.ms-powerpoint.template.macroenabled.12": slides.open_slides,
    "image/png": image.open_image,
    "image/jpeg": image.open_image,
    "image/gif": image.open_image,
    "image/bmp": image.open_image,
    "image/tiff": image.open_image,
    "image/webp": image.open_image,
    "application/zip": zipped.open_zip,
    "application/x-tar": archive.open_tar,
    "application/x-7z-compressed": archive.open_7z,
    "application/vnd.rar": archive.open_rar,
    "application/gzip": compressed.open_compressed,
    "application/x-bzip2": compressed.open_compressed,
    "application/x-xz": compressed.open_compressed,
    "application/zstd": compressed.open_compressed,
    "application/mbox": mail.open_mbox,
    "application/vnd.ms-outlook": outlook.open_msg,
    "application/vnd.ms-tnef": tnef.open_tnef,
    "application/pkcs7-mime": signed.open_cms,
    "application/pkcs7-signature": signed.open_signature,
    "application/pgp-signature": signed.open_signature,
    "application/pgp-encrypted": signed.open_sealed,
}


def open_message(raw: bytes, limits: Limits) -> OpenedMessage:
    """Open every part of a message at every depth. Returns for any bytes; never raises for what the bytes hold."""
    return walk(raw, limits, OPENERS)
