"""The same list in what mail itself is made of: archives, mailboxes, Outlook's formats, and places of a message."""

import base64
import binascii
import io
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Mapping
from email.message import EmailMessage
from typing import Any

import py7zr
import rars
from ole_writer import ole_file


def zip_of(files: Mapping[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def tar_of(files: Mapping[str, bytes], mode: str = "w") -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode) as archive:  # type: ignore[call-overload]
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()


def seven_of(files: Mapping[str, bytes], password: str | None = None, *, hide: bool = False) -> bytes:
    buffer = io.BytesIO()
    with py7zr.SevenZipFile(buffer, "w", password=password, header_encryption=hide) as archive:
        for name, content in files.items():
            archive.writestr(content, name)
    return buffer.getvalue()


def rar_of(files: Mapping[str, bytes], kind: str = "rar50", **options: Any) -> bytes:
    """`kind` is the version that first wrote it so; packed, unless `options` say `store`."""
    archive = rars.RarBuilder(kind, **options)
    for name, content in files.items():
        archive.add_bytes(content, name)
    return archive.to_bytes()


def tnef_record(level: int, number: int, content: bytes) -> bytes:
    head = struct.pack("<BHHI", level, number, 6, len(content))
    return head + content + struct.pack("<H", sum(content) & 0xFFFF)


def mapi(*properties: tuple[int, int, bytes]) -> bytes:
    """(type, number, value) in MS-OXTNEF's form."""
    block = struct.pack("<I", len(properties))
    for kind, number, value in properties:
        block += struct.pack("<HHII", kind, number, 1, len(value)) + value + bytes(-len(value) % 4)
    return block


def tnef(*records: bytes) -> bytes:
    return bytes.fromhex("789f3e22") + b"\x01\x00" + b"".join(records)


def write_tnef(content: bytes, name: str, body: str = "see the list") -> bytes:
    """winmail.dat as Exchange writes it: a subject, a body, one attachment."""
    return tnef(
        tnef_record(1, 0x9003, mapi((0x001F, 0x0037, wide("Quarterly file\0")))),
        tnef_record(1, 0x800C, body.encode() + b"\0"),
        tnef_record(2, 0x9002, bytes(14)),
        tnef_record(2, 0x800F, content),
        tnef_record(2, 0x9005, mapi((0x001F, 0x3707, wide(name + "\0")))),
    )


def wide(text: str) -> bytes:
    return text.encode("utf-16-le")


def write_msg(content: bytes, name: str, body: str = "see the list") -> bytes:
    """An Outlook message with one attachment."""
    return ole_file(
        {
            "__properties_version1.0": bytes(32),
            "__substg1.0_0037001F": wide("Quarterly file"),
            "__substg1.0_1000001F": wide(body),
            "__attach_version1.0_#00000000": {"__substg1.0_3707001F": wide(name), "__substg1.0_37010102": content},
        }
    )


def write_eml(content: bytes, name: str, body: str = "As agreed.\n", kind: str = "application/octet-stream") -> bytes:
    """A message with CRLF lines."""
    message = EmailMessage()
    message["From"], message["To"] = "sam@recordkeeper.example", "hr@acme-mfg.example"
    message["Subject"], message["Message-ID"] = "A file", "<one@recordkeeper.example>"
    message.set_content(body)
    maintype, _, subtype = kind.partition("/")
    message.add_attachment(content, maintype=maintype, subtype=subtype, filename=name)
    message.set_boundary(f"b{zlib.crc32(content):08x}")  # the same bytes every time
    return message.as_bytes().replace(b"\n", b"\r\n")


def write_mbox(content: bytes, name: str) -> bytes:
    one = write_eml(content, name).replace(b"\r\n", b"\n")
    return b"".join(
        b"From sam@recordkeeper.example Tue Oct 16 2007\n" + each + b"\n" for each in (b"Subject: x\n\ny\n", one)
    )


def uuencoded(content: bytes, name: str) -> str:
    lines = [binascii.b2a_uu(content[place : place + 45]).decode() for place in range(0, len(content), 45)]
    return f"begin 644 {name}\n{''.join(lines)}`\nend\n"


def base64_block(content: bytes) -> str:
    return base64.encodebytes(content).decode()


def mail_of(head: str, body: str) -> bytes:
    """A message by hand, its lines ended as on the wire."""
    fields = "From: sam@recordkeeper.example\nTo: hr@acme-mfg.example\nMessage-ID: <one@recordkeeper.example>\n"
    return (f"{fields}Subject: A file\nMIME-Version: 1.0\n{head}\n\n{body}").replace("\n", "\r\n").encode()
