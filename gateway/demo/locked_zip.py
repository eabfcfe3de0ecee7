"""A ZIP under the classic PKWARE cipher (APPNOTE 6.1), which the standard library reads but does not write.

For samples only: the cipher has been broken since 1994.
"""

import struct
from binascii import crc32

_TABLE = [0] * 256
for _index in range(256):
    _value = _index
    for _ in range(8):
        _value = _value >> 1 ^ (0xEDB88320 if _value & 1 else 0)
    _TABLE[_index] = _value


class _Cipher:
    def __init__(self, password: bytes) -> None:
        self.keys = [0x12345678, 0x23456789, 0x34567890]
        for byte in password:
            self._update(byte)

    def _update(self, byte: int) -> None:
        first, second, third = self.keys
        first = _TABLE[(first ^ byte) & 255] ^ first >> 8
        second = ((second + (first & 255)) * 134775813 + 1) & 0xFFFFFFFF
        third = _TABLE[(third ^ second >> 24) & 255] ^ third >> 8
        self.keys = [first, second, third]

    def encrypt(self, content: bytes) -> bytes:
        sealed = bytearray()
        for byte in content:
            mask = self.keys[2] & 0xFFFF | 2
            sealed.append(byte ^ (mask * (mask ^ 1) >> 8 & 255))
            self._update(byte)
        return bytes(sealed)


def locked_zip(name: str, content: bytes, password: bytes) -> bytes:
    """One stored, encrypted member."""
    crc, raw_name = crc32(content), name.encode()
    sealed = _Cipher(password).encrypt(bytes(11) + bytes([crc >> 24]) + content)
    encrypted, stored, date = 1, 0, 0x374D  # 2007-10-13; bit 0 of the flags says that a password is needed
    common = struct.pack("<HHHHLLLHH", encrypted, stored, 0, date, crc, len(sealed), len(content), len(raw_name), 0)
    local = b"PK\3\4" + struct.pack("<H", 20) + common + raw_name + sealed
    central = b"PK\1\2" + struct.pack("<HH", 20, 20) + common + struct.pack("<HHHLL", 0, 0, 0, 0, 0) + raw_name
    end = b"PK\5\6" + struct.pack("<HHHHLLH", 0, 0, 1, 1, len(central), len(local), 0)
    return local + central + end
