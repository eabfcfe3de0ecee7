"""Looks into containers to tell what they are: zip directory, OLE root, CMS and PGP heads; libmagic for the rest."""

import io
import re
import struct
import zipfile
from functools import cache
from importlib import import_module
from typing import Any

try:  # now, in the parent: libmagic is searched for by programs and temporary files, which no worker may have
    import magic
except ImportError:  # the system has none; which one is bound is decided on import
    import_module("pylibmagic")
    import magic

ZIP = "application/zip"
OLE = "application/x-ole-storage"
ENCRYPTED_OFFICE = "application/encrypted"

_MOST_ENTRIES = 20_000  #: beyond which the zip directory is not read just to tell a type
_LARGEST_LIST = 1 << 20
_OOXML = (
    (b"vnd.ms-excel.sheet.binary.macroEnabled.main", "application/vnd.ms-excel.sheet.binary.macroenabled.12"),
    (b"vnd.ms-excel.sheet.macroEnabled.main", "application/vnd.ms-excel.sheet.macroenabled.12"),
    (b"vnd.ms-excel.template.macroEnabled.main", "application/vnd.ms-excel.template.macroenabled.12"),
    (b"vnd.ms-excel.addin.macroEnabled.main", "application/vnd.ms-excel.addin.macroenabled.12"),
    (b"spreadsheetml.template.main", "application/vnd.openxmlformats-officedocument.spreadsheetml.template"),
    (b"spreadsheetml.sheet.main", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
    (b"vnd.ms-word.document.macroEnabled.main", "application/vnd.ms-word.document.macroenabled.12"),
    (b"vnd.ms-word.template.macroEnabledTemplate.main", "application/vnd.ms-word.template.macroenabled.12"),
    (b"wordprocessingml.template.main", "application/vnd.openxmlformats-officedocument.wordprocessingml.template"),
    (b"wordprocessingml.document.main", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"),
    (b"vnd.ms-powerpoint.presentation.macroEnabled.main", "application/vnd.ms-powerpoint.presentation.macroenabled.12"),
    (b"vnd.ms-powerpoint.slideshow.macroEnabled.main", "application/vnd.ms-powerpoint.slideshow.macroenabled.12"),
    (b"vnd.ms-powerpoint.template.macroEnabled.main", "application/vnd.ms-powerpoint.template.macroenabled.12"),
    (b"presentationml.slideshow.main", "application/vnd.openxmlformats-officedocument.presentationml.slideshow"),
    (b"presentationml.template.main", "application/vnd.openxmlformats-officedocument.presentationml.template"),
    (b"presentationml.presentation.main", "application/vnd.openxmlformats-officedocument.presentationml.presentation"),
)
_OLE_STREAMS = (
    ("encryptedpackage", ENCRYPTED_OFFICE),
    ("worddocument", "application/msword"),
    ("workbook", "application/vnd.ms-excel"),
    ("book", "application/vnd.ms-excel"),
    ("powerpoint document", "application/vnd.ms-powerpoint"),
    ("pp97_dualstorage", "application/vnd.ms-powerpoint"),
    ("__properties_version1.0", "application/vnd.ms-outlook"),
    ("__nameid_version1.0", "application/vnd.ms-outlook"),
    ("visiodocument", "application/vnd.visio"),
)


def zipped(content: bytes) -> str:
    """The office format a zip is, or plain zip."""
    end = content.rfind(b"PK\x05\x06", max(0, len(content) - 66_000))
    entries = struct.unpack_from("<H", content, end + 10)[0] if 0 <= end <= len(content) - 22 else 0
    if entries > _MOST_ENTRIES:
        return ZIP
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            names = set(archive.namelist())
            if "[Content_Types].xml" in names:
                types = archive.open("[Content_Types].xml").read(_LARGEST_LIST)
                return next((name for mark, name in _OOXML if mark in types), ZIP)
            if "mimetype" in names:
                return _declared_inside(archive.open("mimetype").read(200))
    except Exception:  # noqa: BLE001 - a broken zip is a zip: its opener says what is wrong
        return ZIP
    return ZIP


def _declared_inside(mimetype: bytes) -> str:
    """ODF and EPUB name themselves in their first entry."""
    name = mimetype.decode("ascii", "replace").strip().lower()
    return name if name.startswith("application/vnd.oasis.opendocument.") else ZIP


def ole(content: bytes) -> str:
    import olefile  # noqa: PLC0415 - each message passes here, few need it

    try:
        with olefile.OleFileIO(io.BytesIO(content)) as file:
            roots = {entry[0].lower() for entry in file.listdir(streams=True, storages=True)}
    except Exception:  # noqa: BLE001 - olefile raises whatever a broken file makes it raise
        return OLE
    return next((name for stream, name in _OLE_STREAMS if stream in roots), OLE)


def cms(content: bytes) -> str | None:
    """A CMS structure: SEQUENCE, then an object id of PKCS #7 or of S/MIME's additions."""
    if content[:1] != b"0" or not content.find(b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07", 2, 16) >= 0:
        smime = content[:1] == b"0" and content.find(b"\x06\x0b\x2a\x86\x48\x86\xf7\x0d\x01\x09\x10\x01", 2, 18) >= 0
        return "application/pkcs7-mime" if smime else None
    from asn1crypto import cms as asn1  # noqa: PLC0415 - each message passes here, few need it

    try:
        info = asn1.ContentInfo.load(content)
        detached = info["content_type"].native == "signed_data" and not info["content"]["encap_content_info"]["content"]
    except Exception:  # noqa: BLE001 - told by its head; its opener says what is wrong
        return "application/pkcs7-mime"
    return "application/pkcs7-signature" if detached else "application/pkcs7-mime"


_PGP = re.compile(
    rb"[\x84-\x87].{1,4}?\x03|\xc1.{1,2}\x03|\x8c.\x04|\xc3.[\x04-\x06]|\xa3[\x01-\x03]|[\x90\xc4]\x0d\x03", re.DOTALL
)
_PGP_BARE = re.compile(rb"(?:[\x88\x98].|[\x89\x99]..|[\x8a\x9a].{4}|[\xc2\xc6].{1,5}?)[\x03-\x06]", re.DOTALL)


def pgp(content: bytes) -> str | None:
    """RFC 9580 4.2: a session key (tag 1 or 3), compressed (8) or announced signature (4) comes first.

    Where a signature (2) or a public key (6) does, there may be nothing else.
    """
    if _PGP.match(content):
        return "application/pgp-encrypted"
    if not _PGP_BARE.match(content):
        return None
    from gateway.opening import openpgp  # noqa: PLC0415 - each message passes here, few need it

    return openpgp.bare(content)


def old_tar(content: bytes) -> bool:
    """A tar of before ustar has no signature, but the checksum of its first header."""
    if len(content) < 512 or not content[0]:
        return False
    digits = content[148:156].strip(b" \0")
    if not re.fullmatch(rb"[0-7]{3,7}", digits):
        return False
    return int(digits, 8) == sum(content[:148]) + 8 * 32 + sum(content[156:512])


def zip_at_end(content: bytes) -> str | None:
    """A self-extracting archive: a program before, a zip directory at the end."""
    if content.startswith(b"MZ") and zipfile.is_zipfile(io.BytesIO(content)):
        return ZIP
    return None


def appended_zip(content: bytes) -> bytes | None:
    """A zip behind something else, as unzippers find it: its end record closes the file and leads to its directory."""
    end = content.rfind(b"PK\x05\x06", max(0, len(content) - 66_000))
    if end < 0 or len(content) - end < 22 or content.startswith((b"PK", b"MZ", b"\xd0\xcf\x11\xe0")):
        return None
    size, offset, comment = struct.unpack_from("<IIH", content, end + 12)
    start = end - size - offset
    if end + 22 + comment != len(content) or start < 0 or content[end - size : end - size + 4] != b"PK\x01\x02":
        return None
    first = content.find(b"PK\x03\x04")
    return content[first if 0 <= first < end else start :]


def by_magic(content: bytes) -> str:
    return str(_magic().from_buffer(content[:65536]))


@cache
def _magic() -> Any:
    return magic.Magic(mime=True)
