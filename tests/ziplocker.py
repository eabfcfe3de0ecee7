"""Writes one-entry ZIPs under WinZip's AES (AE-2), as nothing in reach does."""

import hmac
import os
import struct
import zlib
from hashlib import pbkdf2_hmac

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

DEFLATED = 8


def aes_zip(name: str, content: bytes, password: bytes, *, strength: int = 3) -> bytes:
    size, salt = 8 + 8 * strength, os.urandom(4 + 4 * strength)
    keys = pbkdf2_hmac("sha1", password, salt, 1000, 2 * size + 2)
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    packed = packer.compress(content) + packer.flush()
    cipher = Cipher(algorithms.AES(keys[:size]), modes.ECB()).encryptor()  # noqa: S305 - CTR by hand, little-endian
    blocks = -(-len(packed) // 16)
    stream = b"".join(cipher.update(number.to_bytes(16, "little")) for number in range(1, blocks + 1))
    sealed = bytes(a ^ b for a, b in zip(packed, stream, strict=False))
    sealed = salt + keys[-2:] + sealed + hmac.digest(keys[size:-2], sealed, "sha1")[:10]
    extra = struct.pack("<HHH2sBH", 0x9901, 7, 2, b"AE", strength, DEFLATED)
    raw = name.encode()
    common = struct.pack("<HHHHLLLHH", 1, 99, 0, 0x374D, 0, len(sealed), len(content), len(raw), len(extra))
    local = b"PK\3\4" + struct.pack("<H", 51) + common + raw + extra + sealed
    central = b"PK\1\2" + struct.pack("<HH", 51, 51) + common + struct.pack("<HHHLL", 0, 0, 0, 0, 0) + raw + extra
    return local + central + b"PK\5\6" + struct.pack("<HHHHLLH", 0, 0, 1, 1, len(central), len(local), 0)
