"""OpenPGP (RFC 9580): what is only signed or compressed is handed on, what is encrypted is said to be."""

import bz2
import re
import struct
import zlib
from base64 import b64decode
from collections.abc import Iterator
from typing import NamedTuple

from gateway.message import Opened, Partial, Unopened
from gateway.opening.charset import decode, is_text
from gateway.opening.compressed import LARGEST_FILE, bounded
from gateway.opening.opener import Budget, Inner, Leaf, Opening
from rules.content import Text
from rules.verdict import Obstacle

_COMPRESSED, _LITERAL = 8, 11
_SIGNATURE, _PUBLIC_KEY, _USER = 2, 6, 13
_OF_KEYS = {2, 6, 10, 12, 13, 14, 21}  #: with subkeys and trust; a photo or a secret is not among them
_OF_SIGNATURES = {2, 10, 21}
_WITHOUT_WORDS = {2, 4, 10, 21}  #: signatures, what announces them, markers, padding
_SEALED = Unopened(obstacle=Obstacle.ENCRYPTED, note="PGP encryption")
_DEEPEST = 4  #: compressed packets within each other
_LARGEST = 1 << 16  #: bytes of signatures or keys; an ordinary key has some thousand
_RUN = re.compile(rb"[\x20-\x7e]{8,}")
_ARMOUR = re.compile(rb"-----BEGIN PGP MESSAGE-----\r?\n(?:\w[^\r\n]*\r?\n)*\r?\n([A-Za-z0-9+/\r\n]+=*)")


class _Packet(NamedTuple):
    tag: int
    body: bytes


def open_pgp(leaf: Leaf, budget: Budget) -> Opening:
    """Whatever is not plainly signed content counts as encrypted."""
    armoured = _ARMOUR.search(leaf.content)
    try:
        content = b64decode(armoured[1] + b"==") if armoured else leaf.content
        texts = list(_literals(content, budget, 0))
    except (ValueError, struct.error, IndexError, zlib.error):
        return Opening(outcome=_SEALED)
    return Opening(outcome=Opened(), inner=texts) if texts else Opening(outcome=_SEALED)


def bare(content: bytes) -> str | None:
    """The type of public keys or detached signatures that are not armoured; None when anything else is among them."""
    try:
        tags = {packet.tag for packet in _packets(content)}
    except (ValueError, struct.error, IndexError):
        return None
    if _SIGNATURE in tags and tags <= _OF_SIGNATURES:
        return "application/pgp-signature"
    return "application/pgp-keys" if _PUBLIC_KEY in tags and tags <= _OF_KEYS else None


def open_bare(leaf: Leaf, budget: Budget) -> Opening:
    """Whose key it is, and what else is written: a signature may say things (RFC 9580 5.2.3.24), armour a comment."""
    del budget
    content = leaf.content
    if is_text(content):
        words = decode(content)
    elif bare(content) is None:
        return Opening(
            outcome=Unopened(obstacle=Obstacle.UNSUPPORTED, note="more than PGP's signatures and public keys")
        )
    else:
        runs = [[packet.body] if packet.tag == _USER else _RUN.findall(packet.body) for packet in _packets(content)]
        words = "\n".join(decode(run) for found in runs for run in found)
    contents = (Text(part=leaf.section, where="text", role=leaf.role, content=words),)
    if len(content) > _LARGEST:
        note = "more than keys and signatures take"
        return Opening(outcome=Partial(contents=contents, obstacle=Obstacle.UNSUPPORTED, note=note))
    return Opening(outcome=Opened(contents=contents))


def _literals(content: bytes, budget: Budget, depth: int) -> Iterator[Inner]:
    """Raises ValueError for any packet that could hide words."""
    for packet in _packets(content):
        if packet.tag == _LITERAL:
            size = packet.body[1]
            name = packet.body[2 : 2 + size].decode("utf-8", "replace")
            yield Inner(name=name or None, content=packet.body[6 + size :])
        elif packet.tag == _COMPRESSED and depth < _DEEPEST:
            yield from _literals(_unpacked(packet.body, budget), budget, depth + 1)
        elif packet.tag not in _WITHOUT_WORDS:
            raise ValueError


def _packets(content: bytes) -> Iterator[_Packet]:
    """RFC 9580 4.2: lengths of today and of old, and content in pieces."""
    place = 0
    while place < len(content):
        head, place = content[place], place + 1
        if not head & 0x80:
            raise ValueError
        if head & 0x40:
            tag, body, more = head & 63, b"", True
            while more:
                size, place, more = _size(content, place)
                body += content[place : place + size]
                place += size
        else:
            tag, wide = head >> 2 & 15, head & 3
            count = (1, 2, 4, 0)[wide]
            size = int.from_bytes(content[place : place + count], "big") if count else len(content) - place
            body = content[place + count : place + count + size]
            place += count + size
        if place > len(content):
            raise ValueError
        yield _Packet(tag, body)


def _size(content: bytes, place: int) -> tuple[int, int, bool]:
    """A length, where what it counts begins, and whether another piece follows."""
    first = content[place]
    if first < 192:
        return first, place + 1, False
    if first < 224:
        return (first - 192 << 8) + content[place + 1] + 192, place + 2, False
    if first < 255:
        return 1 << (first & 31), place + 1, True
    return struct.unpack_from(">I", content, place + 1)[0], place + 5, False


_WINDOWS = {1: -15, 2: 15}  #: raw deflate, zlib
_BZIP2 = 3


def _unpacked(body: bytes, budget: Budget) -> bytes:
    method, packed = body[0], body[1:]
    if method in _WINDOWS:
        stream = zlib.decompressobj(_WINDOWS[method])
        content = stream.decompress(packed, LARGEST_FILE)
        budget.expand(len(content))
        whole = stream.eof
    elif method == _BZIP2:
        pieces = bounded(memoryview(packed), bz2.BZ2Decompressor, budget)
        content = b"".join(pieces.pieces())
        whole = pieces.whole
    else:
        whole = False
    if not whole:
        raise ValueError
    return content
