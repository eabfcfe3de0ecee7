"""Unlocks ZIP entries with passwords that a reviewer gave: the classic cipher and WinZip's AES. Guesses none.

APPNOTE 6.1 for the classic cipher; https://www.winzip.com/en/support/aes-encryption/ for AES.
"""

import hmac
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from hashlib import pbkdf2_hmac

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

AES = 99  #: the method of an entry whose real one stands in its extra field
_STRENGTHS = {1: 16, 2: 24, 3: 32}  #: key bytes; the salt has half as many
_ROUNDS = 1000
_MAC = 10  #: bytes at the end
_BLOCKS = 1 << 14  #: of 16 bytes, deciphered at a time
_HEADER = 12  #: bytes of the classic cipher before the content


@dataclass(frozen=True, slots=True, kw_only=True)
class Locked:
    """An encrypted entry: its bytes as they stand, and what its headers say of them."""

    content: memoryview
    method: int
    extra: bytes
    check: int  #: the byte that ends the classic header once it is deciphered


def unlocked(entry: Locked, passwords: tuple[str, ...]) -> tuple[bytes, int, bool] | None:
    """Compressed bytes, their method, and whether they prove themselves; None when no password fits."""
    for word in _spellings(passwords):
        if entry.method == AES:
            found = _aes(entry, word)
        else:
            content = _classic(entry, word)
            found = None if content is None else (content, entry.method, False)
        if found is not None:
            return found
    return None


def _spellings(passwords: tuple[str, ...]) -> Iterator[bytes]:
    """Archivers disagree on what a letter beyond ASCII is in bytes."""
    for password in passwords:
        yield from dict.fromkeys(password.encode(name, "replace") for name in ("utf-8", "cp1252", "cp437"))


def _aes(entry: Locked, password: bytes) -> tuple[bytes, int, bool] | None:
    """AE-1 and AE-2: salt, two bytes to check the password by, content, ten bytes of HMAC."""
    fields = _aes_fields(entry.extra)
    if fields is None:
        return None
    strength, method = fields
    size = _STRENGTHS[strength]
    salt, rest = bytes(entry.content[: size // 2]), entry.content[size // 2 :]
    keys = pbkdf2_hmac("sha1", password, salt, _ROUNDS, 2 * size + 2)
    sealed = rest[2:-_MAC]
    if bytes(rest[:2]) != keys[-2:] or hmac.digest(keys[size:-2], sealed, "sha1")[:_MAC] != bytes(rest[-_MAC:]):
        return None
    return b"".join(_counted(keys[:size], sealed)), method, True


def _aes_fields(extra: bytes) -> tuple[int, int] | None:
    """Strength and real method, from the extra field 0x9901."""
    while len(extra) >= 4:
        kind, size = struct.unpack_from("<HH", extra)
        if kind == 0x9901 and size >= 7 and len(extra) >= 11:
            strength, method = struct.unpack_from("<BH", extra, 8)
            return (strength, method) if strength in _STRENGTHS else None
        extra = extra[4 + size :]
    return None


def _counted(key: bytes, sealed: memoryview) -> Iterator[bytes]:
    """CTR mode whose counter runs little-endian from 1, which no library has: the blocks are enciphered here."""
    cipher = Cipher(algorithms.AES(key), modes.ECB()).encryptor()  # noqa: S305 - a keystream, not the mode of the content
    for first in range(0, -(-len(sealed) // 16), _BLOCKS):
        piece = sealed[first * 16 : (first + _BLOCKS) * 16]
        count = -(-len(piece) // 16)
        counters = b"".join(number.to_bytes(16, "little") for number in range(first + 1, first + 1 + count))
        stream = int.from_bytes(cipher.update(counters)[: len(piece)], "big")
        yield (int.from_bytes(piece, "big") ^ stream).to_bytes(len(piece), "big")


@cache
def _table() -> tuple[int, ...]:
    """CRC-32 byte by byte, as the classic cipher mixes its keys."""
    values = []
    for value in range(256):
        for _ in range(8):
            value = value >> 1 ^ (0xEDB88320 if value & 1 else 0)  # noqa: PLW2901
        values.append(value)
    return tuple(values)


def _classic(entry: Locked, password: bytes) -> bytes | None:
    if len(entry.content) < _HEADER:
        return None
    keys = [0x12345678, 0x23456789, 0x34567890]
    for byte in password:
        _stir(keys, byte)
    header = _deciphered(entry.content[:_HEADER], keys)
    return _deciphered(entry.content[_HEADER:], keys) if header[-1] == entry.check else None


def _stir(keys: list[int], byte: int) -> None:
    table = _table()
    keys[0] = table[(keys[0] ^ byte) & 255] ^ keys[0] >> 8
    keys[1] = ((keys[1] + (keys[0] & 255)) * 134775813 + 1) & 0xFFFFFFFF
    keys[2] = table[(keys[2] ^ keys[1] >> 24) & 255] ^ keys[2] >> 8


def _deciphered(sealed: memoryview, keys: list[int]) -> bytes:
    """Byte by byte, as each one stirs the keys for the next."""
    table = _table()
    first, second, third = keys
    clear = bytearray(len(sealed))
    for place, byte in enumerate(sealed):
        mask = third & 0xFFFF | 2
        plain = byte ^ (mask * (mask ^ 1) >> 8 & 255)
        clear[place] = plain
        first = table[(first ^ plain) & 255] ^ first >> 8
        second = ((second + (first & 255)) * 134775813 + 1) & 0xFFFFFFFF
        third = table[(third ^ second >> 24) & 255] ^ third >> 8
    keys[:] = first, second, third
    return bytes(clear)
