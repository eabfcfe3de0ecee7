"""Writes small Windows metafiles: texts and bitmaps, no drawing."""

import io
import struct

from PIL import Image


def emf(*records: bytes) -> bytes:
    head = struct.pack("<II", 1, 108) + bytes(32) + b" EMF\0\0\1\0" + bytes(60)
    return head + b"".join(records) + struct.pack("<IIIII", 14, 20, 0, 16, 20)


def emf_text(text: str) -> bytes:
    encoded = text.encode("utf-16-le")
    encoded += bytes(-len(encoded) % 4)
    return struct.pack("<II36xII24x", 84, 76 + len(encoded), len(text), 76) + encoded


def emf_bitmap(picture: Image.Image) -> bytes:
    out = io.BytesIO()
    picture.save(out, "BMP")
    content = out.getvalue()
    start = struct.unpack_from("<I", content, 10)[0]
    head, bits = content[14:start], content[start:]
    body = struct.pack("<40xIIII16x", 80, len(head), 80 + len(head), len(bits)) + head + bits
    return struct.pack("<II", 81, len(body) + 8) + body


def wmf(*records: bytes) -> bytes:
    return struct.pack("<HHHIHIH", 1, 9, 0x300, 0, 0, 0, 0) + b"".join(records) + struct.pack("<IH", 3, 0)


def wmf_text(text: str) -> bytes:
    encoded = text.encode("cp1252")
    padded = encoded + bytes(len(encoded) % 2)
    return struct.pack("<IHHHHH", (14 + len(padded)) // 2, 0x0A32, 0, 0, len(encoded), 0) + padded
