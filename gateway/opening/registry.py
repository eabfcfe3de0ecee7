"""The table of formats, one line each, and the way in: message to parts. Knows no format itself."""

from collections.abc import Mapping
from importlib import import_module

from gateway.message import Limits, OpenedMessage
from gateway.opening.opener import Budget, Leaf, Opener, Opening
from gateway.opening.walk import walk


def late(name: str) -> Opener:
    """`module.function` of this package, imported with its libraries when the first part of its kind comes.

    All of them together take half a second to import. `serve` does it in its idle parent (`warm`); `scan` of one mail
    should not wait for what opens archives and pictures.
    """
    module, function = name.split(".")

    def opened(leaf: Leaf, budget: Budget) -> Opening:
        opener: Opener = getattr(import_module(f"gateway.opening.{module}"), function)
        return opener(leaf, budget)

    return opened


OPENERS: Mapping[str, Opener] = {  # one line per type; several types may share an opener
    "text/plain": late("text.open_text"),
    "text/csv": late("text.open_text"),
    "text/tab-separated-values": late("text.open_text"),
    "application/postscript": late("text.open_postscript"),
    "application/yaml": late("structured.open_yaml"),
    "text/html": late("html.open_html"),
    "application/xml": late("structured.open_xml"),
    "image/svg+xml": late("structured.open_xml"),
    "application/json": late("structured.open_json"),
    "text/vcard": late("cards.open_card"),
    "text/calendar": late("cards.open_card"),
    "application/pdf": late("pdf.open_pdf"),
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": late("spreadsheet.open_workbook"),
    "application/vnd.openxmlformats-officedocument.spreadsheetml.template": late("spreadsheet.open_workbook"),
    "application/vnd.ms-excel.sheet.macroenabled.12": late("spreadsheet.open_workbook"),
    "application/vnd.ms-excel.template.macroenabled.12": late("spreadsheet.open_workbook"),
    "application/vnd.ms-excel.addin.macroenabled.12": late("spreadsheet.open_workbook"),
    "application/vnd.ms-excel.sheet.binary.macroenabled.12": late("spreadsheet.open_binary_workbook"),
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": late("word.open_word"),
    "application/vnd.openxmlformats-officedocument.wordprocessingml.template": late("word.open_word"),
    "application/vnd.ms-word.document.macroenabled.12": late("word.open_word"),
    "application/vnd.ms-word.template.macroenabled.12": late("word.open_word"),
    "application/vnd.openxmlformats-officedocument.presentationml.presentation": late("slides.open_slides"),
    "application/vnd.openxmlformats-officedocument.presentationml.slideshow": late("slides.open_slides"),
    "application/vnd.openxmlformats-officedocument.presentationml.template": late("slides.open_slides"),
    "application/vnd.ms-powerpoint.presentation.macroenabled.12": late("slides.open_slides"),
    "application/vnd.ms-powerpoint.slideshow.macroenabled.12": late("slides.open_slides"),
    "application/vnd.ms-powerpoint.template.macroenabled.12": late("slides.open_slides"),
    "image/png": late("image.open_image"),
    "image/jpeg": late("image.open_image"),
    "image/gif": late("image.open_image"),
    "image/bmp": late("image.open_image"),
    "image/tiff": late("image.open_image"),
    "image/webp": late("image.open_image"),
    "image/avif": late("image.open_image"),
    "image/jp2": late("image.open_image"),
    "image/emf": late("metafile.open_metafile"),
    "image/wmf": late("metafile.open_metafile"),
    "image/x-svm": late("starview.open_starview"),
    "application/zip": late("zipped.open_zip"),
    "application/x-tar": late("archive.open_tar"),
    "application/x-7z-compressed": late("archive.open_7z"),
    "application/vnd.rar": late("rar.open_rar"),
    "application/gzip": late("compressed.open_compressed"),
    "application/x-bzip2": late("compressed.open_compressed"),
    "application/x-xz": late("compressed.open_compressed"),
    "application/zstd": late("compressed.open_compressed"),
    "application/mbox": late("mail.open_mbox"),
    "application/vnd.ms-outlook": late("outlook.open_msg"),
    "application/vnd.ms-tnef": late("tnef.open_tnef"),
    "application/pkcs7-mime": late("signed.open_cms"),
    "application/pkcs7-signature": late("signed.open_signature"),
    "application/pgp-signature": late("openpgp.open_bare"),
    "application/pgp-keys": late("openpgp.open_bare"),
    "application/pgp-encrypted": late("openpgp.open_pgp"),
    "application/vnd.oasis.opendocument.text": late("opendocument.open_opendocument"),
    "application/vnd.oasis.opendocument.spreadsheet": late("opendocument.open_opendocument"),
    "application/vnd.oasis.opendocument.presentation": late("opendocument.open_opendocument"),
    "application/vnd.oasis.opendocument.graphics": late("opendocument.open_opendocument"),
    "application/vnd.oasis.opendocument.text-template": late("opendocument.open_opendocument"),
    "application/vnd.oasis.opendocument.spreadsheet-template": late("opendocument.open_opendocument"),
    "application/vnd.oasis.opendocument.presentation-template": late("opendocument.open_opendocument"),
    "application/vnd.oasis.opendocument.text-master": late("opendocument.open_opendocument"),
    "application/vnd.oasis.opendocument.graphics-template": late("opendocument.open_opendocument"),
    "application/vnd.oasis.opendocument.chart": late("opendocument.open_opendocument"),
    "application/vnd.oasis.opendocument.formula": late("opendocument.open_opendocument"),
    "application/msword": late("legacy.open_legacy"),
    "application/vnd.ms-excel": late("legacy.open_legacy"),
    "application/vnd.ms-powerpoint": late("legacy.open_legacy"),
    "application/x-ole-storage": late("legacy.open_legacy"),
    "application/applefile": late("macos.open_applefile"),
    "application/x-apple-ds-store": late("macos.open_store"),
    "application/encrypted": late("encrypted.open_encrypted"),
    "application/x-sylk": late("interchange.open_sylk"),
    "application/x-dif": late("interchange.open_dif"),
    "application/x-dbf": late("dbase.open_dbase"),
    "application/rtf": late("rtf.open_rtf"),
}


def open_message(raw: bytes, limits: Limits, passwords: tuple[str, ...] = ()) -> OpenedMessage:
    """Open every part of a message at every depth. Returns for any bytes; never raises for what the bytes hold."""
    return walk(raw, limits, OPENERS, passwords)
