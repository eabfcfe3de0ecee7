"""Locks OpenDocument files in the ways that LibreOffice has had: Blowfish, AES-CBC, and one AES-GCM around it all."""

import hashlib
import io
import zipfile
import zlib
from base64 import b64encode

from cryptography.hazmat.decrepit.ciphers.algorithms import Blowfish
from cryptography.hazmat.decrepit.ciphers.modes import CFB
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

SPACE = 'xmlns:m="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0" xmlns:l="urn:loext"'
SALT, VECTOR = bytes(range(16)), bytes(range(12))


def deflated(content: bytes) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    return packer.compress(content) + packer.flush()


def told(content: bytes) -> str:
    return b64encode(content).decode()


def blowfish(content: bytes, password: str) -> bytes:
    """OpenOffice 1 to 3: every member under a key of 1,024 rounds."""
    key = hashlib.pbkdf2_hmac("sha1", hashlib.sha1(password.encode()).digest(), SALT, 1024, 16)  # noqa: S324
    entries, sealed = "", {}
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        for name in archive.namelist():
            if name != "mimetype" and not name.startswith("META-INF/"):
                clear = deflated(archive.read(name))
                cipher = Cipher(Blowfish(key), CFB(VECTOR[:8])).encryptor()
                sealed[name] = cipher.update(clear) + cipher.finalize()
                checksum = told(hashlib.sha1(clear[:1024]).digest())  # noqa: S324
                entries += (
                    f'<m:file-entry m:full-path="{name}">'
                    f'<m:encryption-data m:checksum-type="SHA1/1K" m:checksum="{checksum}">'
                    f'<m:algorithm m:algorithm-name="Blowfish CFB" m:initialisation-vector="{told(VECTOR[:8])}"/>'
                    f'<m:key-derivation m:key-derivation-name="PBKDF2" m:iteration-count="1024" m:salt="{told(SALT)}"/>'
                    "</m:encryption-data></m:file-entry>"
                )
        return packed(archive.read("mimetype"), entries, sealed)


def wholesome(content: bytes, password: str) -> bytes:
    """LibreOffice 24.2: the document is one member."""
    secret = hashlib.sha256(password.encode()).digest()
    key = Argon2id(salt=SALT, length=32, iterations=1, lanes=1, memory_cost=64).derive(secret)
    sealed = VECTOR + AESGCM(key).encrypt(VECTOR, deflated(content), None)
    entry = (
        '<m:file-entry m:full-path="encrypted-package"><m:encryption-data>'
        '<m:algorithm m:algorithm-name="http://www.w3.org/2009/xmlenc11#aes256-gcm" '
        f'm:initialisation-vector="{told(VECTOR)}"/>'
        '<m:start-key-generation m:start-key-generation-name="http://www.w3.org/2001/04/xmlenc#sha256"/>'
        '<m:key-derivation m:key-derivation-name="urn:loext:manifest:argon2id" '
        f'l:argon2-iterations="1" l:argon2-memory="64" l:argon2-lanes="1" m:salt="{told(SALT)}"/>'
        "</m:encryption-data></m:file-entry>"
    )
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return packed(archive.read("mimetype"), entry, {"encrypted-package": sealed})


def packed(mimetype: bytes, entries: str, sealed: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("mimetype", mimetype)
        for name, content in sealed.items():
            archive.writestr(name, content)
        archive.writestr("META-INF/manifest.xml", f'<?xml version="1.0"?><m:manifest {SPACE}>{entries}</m:manifest>')
    return out.getvalue()
