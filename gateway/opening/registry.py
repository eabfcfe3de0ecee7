"""The table of formats, one line each, and the way in: message to parts. Knows no format itself."""

from collections.abc import Mapping

from gateway.message import Limits, OpenedMessage
from gateway.opening import archive, cards, compressed, html, mail, outlook, signed, structured, text, tnef, zipped
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
