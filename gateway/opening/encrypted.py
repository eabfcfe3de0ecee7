"""Encrypted office files: a reviewer's passwords are tried, and the one that Excel itself tries. Guesses none.

Excel locks a write-protected book with the password VelvetSweatshop and opens it unasked (MS-OFFCRYPTO 2.4.2.3 note).
"""

import io
import re
from typing import Any

import msoffcrypto

from gateway.message import Opened, Unopened
from gateway.opening.compound import Compound
from gateway.opening.opener import Budget, Inner, Leaf, Opening
from rules.verdict import Obstacle

EVERYBODYS = "VelvetSweatshop"
_SPINS = 200_000  #: rounds of hashing that are worth trying; Office writes 100,000
_CONTROL = "".join(map(chr, range(32)))
_RIGHTS = ("drmcontent", "drmviewercontent", "drmencryptedtransform", "drmencrypteddataspace")

LOCKED = Unopened(obstacle=Obstacle.ENCRYPTED, note="the file needs a password")
MANAGED = Unopened(obstacle=Obstacle.ENCRYPTED, note="the file is rights-managed")


def open_encrypted(leaf: Leaf, budget: Budget) -> Opening:
    """An OLE file around an EncryptedPackage."""
    compound = Compound(leaf.content, budget)
    if any(name.lstrip(_CONTROL).lower() in _RIGHTS for path in compound.paths for name in path):
        return Opening(outcome=MANAGED)
    if not compound.has("EncryptionInfo") or _spins(compound.read("EncryptionInfo")) > _SPINS:
        return Opening(outcome=LOCKED)
    content = unlocked(leaf.content, budget)
    if content is None:
        return Opening(outcome=LOCKED)
    return Opening(outcome=Opened(), inner=(Inner(name=leaf.filename, content=content),))


def _spins(info: bytes) -> int:
    found = re.search(rb'spinCount="(\d{1,10})"', info)
    return int(found[1]) if found else 0


def is_locked(content: bytes) -> bool:
    """Whether msoffcrypto sees encryption in a DOC, XLS or PPT. A damaged one is judged by its own reader."""
    try:
        return bool(msoffcrypto.OfficeFile(io.BytesIO(content)).is_encrypted())
    except Exception:  # noqa: BLE001 - it asserts and raises freely on damaged files
        return False


def unlocked(content: bytes, budget: Budget) -> bytes | None:
    """The plain file, if everybody's password or one of the reviewer's opens it."""
    for password in (EVERYBODYS, *budget.passwords):
        if (plain := _decrypted(content, password)) is not None:
            budget.expand(len(plain))
            return plain
    return None


def _decrypted(content: bytes, password: str) -> bytes | None:
    out = io.BytesIO()
    try:
        file: Any = msoffcrypto.OfficeFile(io.BytesIO(content))
        if file.format == "ooxml":
            file.load_key(password=password, verify_password=True)
        else:
            file.load_key(password=password)
        file.decrypt(out)
    except Exception:  # noqa: BLE001 - wrong password, or damaged: either way nobody can look
        return None
    return out.getvalue()
