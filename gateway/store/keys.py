"""Master keys: the file they come from. They are never in the store, a backup, a log or an error; only their ids are.

Base64 of 32 bytes, one key to a line, the newest last; `#` begins a comment. Named by `store.key`, else by a systemd
credential, else a file beside an SQLite database, made when the store is.
"""

import binascii
import os
from base64 import b64decode, b64encode
from collections.abc import Collection, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Self

from gateway.disk import make_private, replace_private
from gateway.errors import KeyFileError
from gateway.settings import Settings
from gateway.store.sealing import KEY
from rules.errors import ConfigurationError, Problem

CREDENTIAL = "countersign-master-key"  #: its name in $CREDENTIALS_DIRECTORY
_HEADER = """\
# Countersign's master key. Without it nobody can read held mail, nor any backup of the store.
# Keep a copy of this file apart from both.
"""


def new_key() -> str:
    """A line for a key file."""
    return b64encode(os.urandom(KEY)).decode()


def key_id(key: bytes) -> str:
    """Tells keys apart; says nothing of a key of 256 random bits."""
    return sha256(b"countersign master key\0" + key).hexdigest()[:16]


class KeyRing:
    """The keys of one file. `beside`: nobody named a file, so it lies beside the store."""

    def __init__(self, file: Path, *, beside: bool) -> None:
        self.file = file
        self.beside = beside
        self._keys: dict[str, bytes] = {}

    @classmethod
    def of(cls, settings: Settings, database: Path, environ: Mapping[str, str] = os.environ) -> Self:
        """Where the settings, systemd or nobody says. Reads nothing yet."""
        return cls.named(settings, environ) or cls(database.with_name(f"{database.name}.key"), beside=True)

    @classmethod
    def named(cls, settings: Settings, environ: Mapping[str, str] = os.environ) -> Self | None:
        """Where the settings or systemd say."""
        if settings.store.key is not None:
            return cls(settings.path(settings.store.key), beside=False)
        credential = Path(environ.get("CREDENTIALS_DIRECTORY", os.devnull), CREDENTIAL)
        if credential.is_file():
            return cls(credential, beside=False)
        return None

    def load(self) -> dict[str, bytes]:
        """All keys by id, the newest last. Raises ConfigurationError."""
        try:
            text = self.file.read_text("ascii")
        except OSError as error:
            raise self._refusal(f"the master key cannot be read: {error.strerror or type(error).__name__}") from None
        except UnicodeDecodeError:
            raise self._refusal("is not a file of master keys") from None
        keys = {}
        for number, line in _key_lines(text):
            key = _key(line)
            if key is None:
                raise self._refusal("is not a key: 32 bytes in base64, as `countersign key new` prints", number)
            keys[key_id(key)] = key
        if not keys:
            raise self._refusal("holds no key; `countersign key new` prints one")
        self._keys = keys
        return keys

    def load_or_make(self) -> dict[str, bytes]:
        """For a store that has no master key yet. Only a file that nobody named is made."""
        if self.beside:
            try:
                make_private(self.file, f"{_HEADER}{new_key()}\n".encode())
            except OSError as error:
                reason = error.strerror or type(error).__name__
                raise self._refusal(f"the master key cannot be written: {reason}; name a file in store.key") from None
        return self.load()

    def find(self, identifier: str) -> bytes | None:
        """A key that came into the file after the start is found too."""
        if identifier not in self._keys:
            try:
                self.load()
            except ConfigurationError:
                return None
        return self._keys.get(identifier)

    def add(self) -> str:
        """Put a new key at the end of the file. Returns its id. Raises KeyFileError."""
        text = self._text()
        self._write(text if text.endswith("\n") else f"{text}\n", f"{new_key()}\n")
        return next(reversed(self.load()))

    def forget(self, identifiers: Collection[str]) -> None:
        """Take keys out of the file. Raises KeyFileError."""
        lines = self._text().splitlines(keepends=True)
        self._write("".join(line for line in lines if _id_in(line) not in identifiers))
        self.load()

    def _text(self) -> str:
        try:
            return self.file.read_text("ascii")
        except OSError as error:
            raise KeyFileError(f"{self.file}: cannot be read: {error.strerror}") from None

    def _write(self, *text: str) -> None:
        try:
            replace_private(self.file, "".join(text).encode())
        except OSError as error:
            advice = "change it where it comes from, restart the service, and do this again"
            raise KeyFileError(f"{self.file}: cannot be written: {error.strerror}; {advice}") from None

    def _refusal(self, text: str, line: int | None = None) -> ConfigurationError:
        return ConfigurationError([Problem(file=str(self.file), line=line, text=text)])


def _key_lines(text: str) -> list[tuple[int, str]]:
    lines = ((number, line.partition("#")[0].strip()) for number, line in enumerate(text.splitlines(), start=1))
    return [(number, line) for number, line in lines if line]


def _key(line: str) -> bytes | None:
    try:
        key = b64decode(line, validate=True)
    except binascii.Error:
        return None
    return key if len(key) == KEY else None


def _id_in(line: str) -> str | None:
    key = _key(line.partition("#")[0].strip())
    return key_id(key) if key else None
