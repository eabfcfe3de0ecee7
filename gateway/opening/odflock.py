"""Unlocks OpenDocument files with passwords that a reviewer gave. Guesses none.

OpenDocument 1.3 part 2, 3.4: each member is deflated, then enciphered under a key of its own; the manifest tells how to
derive that. LibreOffice since 24.2 puts the whole document into one member, with Argon2id and AES-GCM.
"""

import hashlib
import io
import zipfile
from base64 import b64decode
from collections.abc import Mapping
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.decrepit.ciphers.algorithms import Blowfish
from cryptography.hazmat.decrepit.ciphers.modes import CFB
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from gateway.opening.compressed import bounded
from gateway.opening.ooxml import Package, local
from gateway.opening.opener import Budget, CannotLookError
from gateway.opening.zipped import Deflate
from rules.verdict import Obstacle

WHOLE = "encrypted-package"  #: the member that is a document of its own
_MOST_ROUNDS, _MOST_MEMORY, _MOST_LANES = 1_000_000, 1 << 18, 16  #: KiB
_HEAD = 1024  #: bytes that the checksum is of

Entry = dict[str, str]


def locked(manifest: Any) -> dict[str, Entry]:
    """Each enciphered member, and all that the manifest says of its key."""
    return {entry["full-path"]: entry for entry in map(_entry, manifest) if "initialisation-vector" in entry}


def _entry(node: Any) -> Entry:
    """The attributes of an entry and of what is in it; their names are all different."""
    return {key.rpartition("}")[2]: text for each in node.iter() if local(each) for key, text in each.items()}


def unlocked(package: Package, entries: Mapping[str, Entry], budget: Budget) -> bytes | None:
    """The document without its locks, as a package; None when no password fits."""
    sealed = {name: package.read(name) for name in entries if package.find(name)}
    for password in budget.passwords:
        clear = _opened(sealed, entries, password, budget)
        if clear is not None:
            return clear[WHOLE] if WHOLE in clear else _packed(clear, package)
    return None


def _opened(
    sealed: Mapping[str, bytes], entries: Mapping[str, Entry], password: str, budget: Budget
) -> dict[str, bytes] | None:
    clear = {}
    for name, content in sealed.items():
        deflated = _deciphered(content, entries[name], password)
        if deflated is None:
            return None
        if deflated.startswith(b"PK\x03\x04"):  # a whole document is packed already
            clear[name] = deflated
            continue
        stream = bounded(memoryview(deflated), Deflate, budget)
        clear[name] = b"".join(stream.pieces())
        if not stream.whole:
            raise CannotLookError(Obstacle.CORRUPT, "a locked part that breaks off")
    return clear or None


def _packed(clear: Mapping[str, bytes], package: Package) -> bytes:
    """With what was never enciphered, but for the manifest, which would call it so."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name in package.names:
            if name != "META-INF/manifest.xml":
                archive.writestr(name, clear[name] if name in clear else package.read(name))
    return out.getvalue()


def _deciphered(content: bytes, entry: Entry, password: str) -> bytes | None:
    """Deflated bytes; None when the password is wrong."""
    key, vector = _key(entry, password), b64decode(entry["initialisation-vector"])
    method = entry.get("algorithm-name", "").lower()
    if method.endswith("gcm"):
        try:
            return AESGCM(key).decrypt(vector, content.removeprefix(vector), None)
        except InvalidTag:
            return None
    if method.endswith("cbc"):
        padded = _plain(Cipher(algorithms.AES(key), modes.CBC(vector)), content)
        clear = padded[: -padded[-1]] if padded else b""
    elif "blowfish" in method:
        clear = _plain(Cipher(Blowfish(key), CFB(vector)), content)
    else:
        raise CannotLookError(Obstacle.ENCRYPTED, "a cipher that is not known")
    return clear if _fits(clear, entry) else None


def _plain(cipher: Any, content: bytes) -> bytes:
    decryptor = cipher.decryptor()
    clear: bytes = decryptor.update(content) + decryptor.finalize()
    return clear


def _fits(clear: bytes, entry: Entry) -> bool:
    """By the checksum of its beginning."""
    name = "sha256" if "sha256" in entry.get("checksum-type", "").lower() else "sha1"
    head = clear[:_HEAD] if entry.get("checksum-type", "").lower().endswith("1k") else clear
    return hashlib.new(name, head).digest() == b64decode(entry.get("checksum", ""))


def _key(entry: Entry, password: str) -> bytes:
    start = "sha256" if "sha256" in entry.get("start-key-generation-name", "").lower() else "sha1"
    secret, salt = hashlib.new(start, password.encode()).digest(), b64decode(entry.get("salt", ""))
    size = 16 if "blowfish" in entry.get("algorithm-name", "").lower() else 32
    if "argon2id" in entry.get("key-derivation-name", "").lower():
        rounds, memory, lanes = (int(entry.get(f"argon2-{each}", "1")) for each in ("iterations", "memory", "lanes"))
        if rounds > _MOST_LANES or memory > _MOST_MEMORY or lanes > _MOST_LANES:
            raise CannotLookError(Obstacle.ENCRYPTED, "a key that costs too much to derive")
        return Argon2id(salt=salt, length=size, iterations=rounds, lanes=lanes, memory_cost=memory).derive(secret)
    rounds = int(entry.get("iteration-count", "1024"))
    if rounds > _MOST_ROUNDS:
        raise CannotLookError(Obstacle.ENCRYPTED, "a key that costs too much to derive")
    return hashlib.pbkdf2_hmac("sha1", secret, salt, rounds, size)
