"""The roster index on disk: one sorted file of keyed hashes, mapped into memory. Holds no person and not its key.

    magic · keys (8 bytes each, ascending) · whose (4 bytes each, in the same order) · JSON of the rosters · its length

A change writes a new file beside the old one, block by block, and renames it: who reads the old one goes on with it.
"""

import fcntl
import json
import mmap
import os
import secrets
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import IO, TYPE_CHECKING

from pydantic import TypeAdapter, ValidationError

from gateway.disk import give_to_owner_of_folder, make_folder, make_private, sync_folder
from gateway.errors import RosterError
from gateway.settings import Settings
from rules.errors import ConfigurationError, Problem
from rules.roster import Keyring

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Keys = NDArray[np.uint64]
    Whose = NDArray[np.uint32]

MAGIC = b"CSROSTR1"
BLOCK = 1 << 20  #: keys merged at a time: some 40 MB, however many people there are
OLD = 180  #: days after which a roster is called stale
_LENGTH = 8
_WIDTH = 12  #: bytes of a key and of whose it is


@dataclass(frozen=True, slots=True, kw_only=True)
class Roster:
    """What is known of one client's roster; the people themselves are hashes."""

    number: int  #: stands beside each of its keys
    client: str
    people: int
    added: date
    source: str  #: SHA-256 of the file
    numbered: bool  #: everybody on it has an SSN

    def stale(self, today: date) -> bool:
        return (today - self.added).days > OLD


@dataclass(frozen=True, slots=True, kw_only=True)
class _Contents:
    check: str  #: of the key that the hashes were made with
    rosters: tuple[Roster, ...]


_CONTENTS = TypeAdapter(_Contents)
EMPTY: tuple[Roster, ...] = ()


def make_key(file: Path) -> None:
    """A new key where there is none yet; readable by its owner only."""
    if not file.exists():
        make_folder(file.parent, 0o777)
        make_private(file, f"{secrets.token_hex(32)}\n".encode())


def load_keyring(file: Path) -> Keyring:
    """Raises ConfigurationError."""
    try:
        secret = bytes.fromhex(file.read_text("ascii").strip())
    except OSError as error:
        raise _refusal(file, f"the key of the rosters cannot be read: {error.strerror}") from None
    except ValueError:
        secret = b""
    if len(secret) < 32:
        raise _refusal(file, "is no key of rosters: 64 hexadecimal digits on one line")
    return Keyring(secret)


def _refusal(file: Path, text: str) -> ConfigurationError:
    return ConfigurationError([Problem(file=str(file), line=None, text=text)])


class Index:
    """The index as it stood when it was opened. Mapped, so that forked workers share it and need no file."""

    def __init__(self, file: Path, keyring: Keyring) -> None:
        """Raises ConfigurationError when the file is damaged, or was made with another key."""
        self.keyring = keyring
        with file.open("rb") as opened:
            size = os.fstat(opened.fileno()).st_size
            if size < len(MAGIC) + _LENGTH:
                raise _refusal(file, "is no roster index, or was cut off")
            self._map = mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ)
        contents, end = _contents(self._map, file)
        if contents.check != keyring.check:
            raise _refusal(file, "was made with another key: add the rosters anew, or bring the key back")
        self.rosters = contents.rosters
        self.numbered = all(roster.numbered for roster in self.rosters)
        self._names = {roster.number: roster.client for roster in self.rosters}
        count = (end - len(MAGIC)) // _WIDTH
        view = memoryview(self._map)
        middle = len(MAGIC) + 8 * count
        self.keys = view[len(MAGIC) : middle].cast("Q")
        self.whose = view[middle:end].cast("I")

    def __len__(self) -> int:
        return len(self.keys)

    def clients(self, key: int) -> Sequence[str]:
        """Whoever lists the person with this key."""
        place = bisect_left(self.keys, key)
        if place == len(self.keys) or self.keys[place] != key:
            return ()
        found = []
        while place < len(self.keys) and self.keys[place] == key:
            found.append(self._names[self.whose[place]])
            place += 1
        return found


def _contents(mapped: mmap.mmap, file: Path) -> tuple[_Contents, int]:
    """What the end of the file says, and where the hashes end."""
    length = int.from_bytes(mapped[-_LENGTH:], "little")
    end = len(mapped) - _LENGTH - length
    whole = mapped[: len(MAGIC)] == MAGIC and end >= len(MAGIC) and (end - len(MAGIC)) % _WIDTH == 0
    try:
        contents = _CONTENTS.validate_json(mapped[end:-_LENGTH]) if whole else None
    except ValidationError:
        contents = None
    if contents is None:
        raise _refusal(file, "is no roster index, or is damaged: add the rosters anew")
    return contents, end


def open_index(settings: Settings) -> Index | None:
    """The index that the settings name; None when there is none yet. Raises ConfigurationError."""
    if not settings.rosters_file.is_file():
        return None
    return Index(settings.rosters_file, load_keyring(settings.roster_key_file))


def rosters_of(settings: Settings) -> tuple[Roster, ...]:
    """Raises ConfigurationError."""
    index = open_index(settings)
    return index.rosters if index else ()


def listed_lines(settings: Settings, today: date) -> list[str]:
    """A line for each roster, stale ones marked."""
    lines = [
        f"{roster.client}  {roster.people:,} people  {roster.added}  {roster.source[:12]}"
        + (f"  stale: {(today - roster.added).days} days old" if roster.stale(today) else "")
        for roster in rosters_of(settings)
    ]
    return lines or ["there are no rosters"]


def listed_json(settings: Settings, today: date) -> list[str]:
    """The same, one JSON object a line."""
    return [
        json.dumps(
            {
                "client": roster.client,
                "people": roster.people,
                "added": str(roster.added),
                "source": roster.source,
                "stale": roster.stale(today),
            }
        )
        for roster in rosters_of(settings)
    ]


def take_out(settings: Settings, client: str) -> Roster:
    """Remove a client's roster. Raises RosterError, ConfigurationError."""
    if not settings.rosters_file.is_file():
        raise RosterError(f'"{client}" has no roster')
    return Shelf(settings.rosters_file, load_keyring(settings.roster_key_file)).remove(client)


@dataclass(frozen=True, slots=True, kw_only=True)
class Enrolment:
    """One file's people on their way into the index."""

    client: str
    keys: "Iterable[Keys]"  #: each once, in ascending order, a block at a time
    people: int
    added: date
    source: str
    numbered: bool


class Shelf:
    """Changes the index; one change at a time, whoever makes it."""

    def __init__(self, file: Path, keyring: Keyring) -> None:
        self._file = file
        self._keyring = keyring

    def add(self, new: Enrolment, *, replace: bool) -> Roster:
        """Put people on a client's roster. Raises RosterError when it has one already and is not to be replaced."""
        with self._locked():
            old = self._open()
            rosters = old.rosters if old else EMPTY
            known = next((roster for roster in rosters if roster.client == new.client), None)
            if known and not replace:
                raise RosterError(f'"{new.client}" has a roster already: --replace it, or remove it first')
            added = Roster(
                number=max((roster.number for roster in rosters), default=0) + 1,
                client=new.client,
                people=new.people,
                added=new.added,
                source=new.source,
                numbered=new.numbered,
            )
            blocks = _merged(old, known.number if known else 0, new.keys, added.number)
            self._write(blocks, (*(roster for roster in rosters if roster is not known), added))
        return added

    def remove(self, client: str) -> Roster:
        """Raises RosterError when there is none."""
        with self._locked():
            old = self._open()
            known = next((roster for roster in (old.rosters if old else ()) if roster.client == client), None)
            if old is None or known is None:
                raise RosterError(f'"{client}" has no roster')
            blocks = _merged(old, known.number, (), 0)
            self._write(blocks, tuple(roster for roster in old.rosters if roster is not known))
        return known

    def _open(self) -> Index | None:
        return Index(self._file, self._keyring) if self._file.is_file() else None

    @contextmanager
    def _locked(self) -> Iterator[None]:
        make_folder(self._file.parent, 0o777)
        with self._file.with_name(f"{self._file.name}.lock").open("wb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _write(self, blocks: "Iterator[tuple[Keys, Whose]]", rosters: tuple[Roster, ...]) -> None:
        """Keys straight into the new file, whose they are beside it and then behind them."""
        new, beside = (self._file.with_name(f"{self._file.name}.{end}") for end in ("new", "whose"))
        try:
            with _private(new) as target, _private(beside) as whose:
                target.write(MAGIC)
                for keys, owners in blocks:
                    target.write(keys.tobytes())
                    whose.write(owners.tobytes())
                whose.seek(0)
                while piece := whose.read(BLOCK):
                    target.write(piece)
                tail = _CONTENTS.dump_json(_Contents(check=self._keyring.check, rosters=rosters))
                target.write(tail + len(tail).to_bytes(_LENGTH, "little"))
                target.flush()
                give_to_owner_of_folder(new)
                os.fsync(target.fileno())
            new.replace(self._file)
            sync_folder(self._file.parent)
        finally:
            new.unlink(missing_ok=True)
            beside.unlink(missing_ok=True)


def _private(file: Path) -> IO[bytes]:
    return os.fdopen(os.open(file, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600), "w+b")


def _merged(old: Index | None, drop: int, new: "Iterable[Keys]", number: int) -> "Iterator[tuple[Keys, Whose]]":
    """The old keys but for those of roster `drop`, and the new ones, in ascending order, a block at a time."""
    import numpy as np  # noqa: PLC0415 - a tenth of a second, and only who changes rosters needs it

    keys = np.frombuffer(old.keys, np.uint64) if old else np.empty(0, np.uint64)
    whose = np.frombuffer(old.whose, np.uint32) if old else np.empty(0, np.uint32)
    done = 0
    for fresh in new:
        upto = int(np.searchsorted(keys, fresh[-1], side="right")) if len(fresh) else done
        yield from _woven(keys[done:upto], whose[done:upto], drop, fresh, number)
        done = upto
    yield from _woven(keys[done:], whose[done:], drop, np.empty(0, np.uint64), number)


def _woven(keys: "Keys", whose: "Whose", drop: int, new: "Keys", number: int) -> "Iterator[tuple[Keys, Whose]]":
    import numpy as np  # noqa: PLC0415 - as above

    taken = 0
    for start in range(0, len(keys), BLOCK):
        block, owners = keys[start : start + BLOCK], whose[start : start + BLOCK]
        upto = int(np.searchsorted(new, block[-1], side="right"))
        kept, fresh = owners != drop, new[taken:upto]
        both = np.concatenate([block[kept], fresh])
        owned = np.concatenate([owners[kept], np.full(len(fresh), number, np.uint32)])
        order = np.argsort(both, kind="stable")
        yield both[order], owned[order]
        taken = upto
    for start in range(taken, len(new), BLOCK):
        rest = new[start : start + BLOCK]
        yield rest, np.full(len(rest), number, np.uint32)
