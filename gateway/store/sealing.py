"""Seals what is kept of a message, so that a changed, cut, swapped or moved piece of it is refused. Pure.

AES-256-GCM twice: a data key seals one thing of one message, once; a master key wraps data keys. Keys and nonces come
in as arguments.
"""

import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from gateway.errors import SealError

KEY = 32  #: bytes of a master key or a data key
NONCE = 12  #: bytes
PIECE = 1 << 18  #: bytes of plain text in one piece

_CHANGED = "what is kept of this message was changed or damaged, or belongs to another; restore it from a backup"


class Kind(StrEnum):
    """What a data key seals, or what another key is for."""

    CONTENT = "content"
    VERDICT = "verdict"
    ADDRESSES = "addresses"  #: of no message: hashes addresses


@dataclass(frozen=True, slots=True)
class Label:
    """Whose data key or pieces these are: authenticated with them, so that they open nowhere else."""

    message_id: str
    kind: Kind

    def bound(self, purpose: str, rest: bytes = b"") -> bytes:
        fields = ("countersign 1", purpose, self.kind.value, self.message_id)
        return b"".join(struct.pack(">I", len(field.encode())) + field.encode() for field in fields) + rest


def wrap(master: bytes, nonce: bytes, label: Label, data_key: bytes) -> bytes:
    """A data key that only `master` opens. `nonce` must be random: under one master key it may never come twice."""
    return nonce + AESGCM(master).encrypt(nonce, data_key, label.bound("key"))


def unwrap(master: bytes, label: Label, wrapped: bytes) -> bytes:
    """Raises SealError."""
    return _decrypt(master, wrapped[:NONCE], wrapped[NONCE:], label.bound("key"))


def seal(data_key: bytes, label: Label, plain: bytes) -> Iterator[bytes]:
    """Pieces, one at least. The key is for this once: a second text under it would share its nonces."""
    cipher, view = AESGCM(data_key), memoryview(plain)
    count = max(1, -(-len(plain) // PIECE))
    for position in range(count):
        piece = view[position * PIECE : (position + 1) * PIECE]
        yield cipher.encrypt(_nonce(position), piece, _place(label, position, last=position == count - 1))


def unseal(data_key: bytes, label: Label, pieces: Iterable[bytes]) -> bytes:
    """All of it, or SealError: never a part."""
    opened: list[bytes] = []
    rest = iter(pieces)
    piece = next(rest, None)
    while piece is not None:
        following, position = next(rest, None), len(opened)
        opened.append(_decrypt(data_key, _nonce(position), piece, _place(label, position, last=following is None)))
        piece = following
    if not opened:
        raise SealError(_CHANGED)
    return b"".join(opened)


def seal_whole(data_key: bytes, label: Label, plain: bytes) -> bytes:
    """In a single piece, however long."""
    return AESGCM(data_key).encrypt(_nonce(0), plain, _place(label, 0, last=True))


def unseal_whole(data_key: bytes, label: Label, sealed: bytes) -> bytes:
    """Raises SealError."""
    return unseal(data_key, label, [sealed])


def _nonce(position: int) -> bytes:
    return position.to_bytes(NONCE, "big")


def _place(label: Label, position: int, *, last: bool) -> bytes:
    return label.bound("piece", struct.pack(">Q?", position, last))


def _decrypt(key: bytes, nonce: bytes, sealed: bytes, bound: bytes) -> bytes:
    try:
        return AESGCM(key).decrypt(nonce, sealed, bound)
    except (InvalidTag, ValueError):  # ValueError: cut so short that there is no tag or nonce
        raise SealError(_CHANGED) from None
