"""The client directory: whose mail an address is, and by what signs a client is known. Never guesses an owner.

An address is looked up as a single address first, then by the longest domain around it, always on a label's border.
Whatever is not clearly known is unknown.
"""

import gc
import hashlib
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from pathlib import Path

from rules import hygiene
from rules.clientfile import Client, DirectoryFile, Internal, Party
from rules.domains import canonical, mailbox, suffixes
from rules.errors import ConfigurationError, Problem
from rules.lookalike import LookAlikes
from rules.names import Finder, How, Spelling
from rules.periods import counting, counts, next_change
from rules.reading import Reading, plain_words
from rules.sourced import Document, parse, read, validate
from rules.verdict import Kind, Recipient
from rules.wording import Trust, spellings, wording


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """Whose an address or a domain is."""

    id: str
    kind: Kind
    name: str
    clients: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class LookAlike:
    domain: str
    holder: Holder


_INTERNAL = Holder(id="", kind=Kind.INTERNAL, name="the sender's own company", clients=())


class Directory:
    """Read-only once built; cheap to ask, shared by everything that judges."""

    def __init__(
        self,
        file: DirectoryFile,
        *,
        version: str,
        problems: tuple[Problem, ...] = (),
        today: date | None = None,
    ) -> None:
        self.version = version  #: SHA-256 of the file's bytes
        self.problems = problems  #: warnings; errors never get this far
        self.clients = file.clients
        self.partners = file.partners
        self._client_names = {client.id: client.name for client in file.clients}
        self._partner_names = {partner.id: partner.name for partner in file.partners}
        self._addresses: dict[str, Holder] = {}
        self._domains: dict[str, Holder] = {}
        self.changes_on = None if today is None else next_change(file, today)  #: from that day on it is out of date
        for holder, entry in _holders(file, today):
            domains, addresses = counting(entry.domains, today), counting(entry.addresses, today)
            self._domains.update((domain, holder) for name in domains if (domain := canonical(name)))
            self._addresses.update((str(box), holder) for name in addresses if (box := mailbox(name)))
        self._file, self._today = file, today

    @cached_property
    def finder(self) -> Finder:
        """Everything by which clients show in texts. Only who opens messages asks for it: it is half of the loading."""
        with loading():
            return Finder(_entries(self._file, self._today))

    @cached_property
    def _look_alikes(self) -> LookAlikes:
        return LookAlikes(self._domains)

    @classmethod
    def load(cls, path: Path | None, today: date | None = None) -> "Directory":
        """Read and check a directory; None is the empty one. Raises ConfigurationError with everything wrong in it.

        Entries with a period count when `today` is in it, and not at all when nobody says what day it is.
        """
        with loading():
            return _checked(path, today)

    def recipient(self, address: str) -> Recipient:
        """Whose mail an envelope address is, and whose data it may receive."""
        holder = self.holder(address)
        if holder is None:
            return Recipient(address=address, kind=Kind.UNKNOWN)
        return Recipient(address=address, kind=holder.kind, clients=holder.clients)

    def holder(self, address: str) -> Holder | None:
        """The client or partner whose the address is; None when nobody knows it."""
        box = mailbox(address)
        if box is None:
            return None
        single = self._addresses.get(str(box)) or self._addresses.get(str(box.untagged))
        if single is not None:
            return single
        return next((self._domains[around] for around in suffixes(box.domain) if around in self._domains), None)

    def listed(self, name: str) -> Holder | None:
        """Who has this very domain or address in its lists."""
        return self._addresses.get(name) or self._domains.get(name)

    def looks_like(self, address: str) -> LookAlike | None:
        """For an unknown address: the known domain it may have been taken for."""
        box = mailbox(address)
        known = None if box is None else self._look_alikes.of(box.domain)
        return None if known is None else LookAlike(domain=known, holder=self._domains[known])

    def client_name(self, client: str) -> str:
        """Legal name; the id itself when the directory has changed since."""
        return self._client_names.get(client, client)

    def party(self, written: str) -> str | None:
        """Id of the client or partner that a person means by its id or its name; None when there is not one."""
        named = {**self._partner_names, **self._client_names}
        meant = written.strip().casefold()
        found = [party for party, name in named.items() if meant in {party.casefold(), name.casefold()}]
        return found[0] if len(found) == 1 else None

    def party_name(self, party: str) -> str:
        """Of a client or a partner."""
        return self._client_names.get(party) or self._partner_names.get(party, party)


def checked(document: Document, known: Sequence[Client] = ()) -> tuple[DirectoryFile, tuple[Problem, ...]]:
    """A document as a directory's file, and what to warn of. Raises ConfigurationError with everything wrong in it.

    `known` are clients that the document may speak of without listing them.
    """
    file = validate(document, DirectoryFile)
    problems = tuple(hygiene.problems(document, file, {client.id for client in known}))
    if errors := [problem for problem in problems if not problem.warning]:
        raise ConfigurationError(errors)
    return file, problems


def _checked(path: Path | None, today: date | None) -> Directory:
    document = parse("", "no client directory") if path is None else read(path)
    file, problems = checked(document)
    return Directory(file, version=_version(path), problems=problems, today=today)


def _version(path: Path | None) -> str:
    return hashlib.sha256(b"" if path is None else path.read_bytes()).hexdigest()


@contextmanager
def loading() -> Iterator[None]:
    """A directory is a million small objects and no garbage: collecting meanwhile takes four times the loading.

    What was worked out of its names is not needed a second time.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
        wording.cache_clear()


def _holders(file: DirectoryFile, today: date | None) -> Iterator[tuple[Holder, Party | Internal]]:
    for client in file.clients:
        if counts(client, today):
            yield Holder(id=client.id, kind=Kind.CLIENT, name=client.name, clients=(client.id,)), client
    for partner in file.partners:
        if counts(partner, today):
            acts_for = counting(partner.acts_for, today)
            yield Holder(id=partner.id, kind=Kind.PARTNER, name=partner.name, clients=acts_for), partner
    yield _INTERNAL, file.internal


def _entries(file: DirectoryFile, today: date | None) -> Iterator[tuple[tuple[str, ...], Spelling]]:
    """Everything to be found in texts, the most telling first: of two readings of one text, the first stays.

    A client that has left, or is yet to come, still owns its people: only its addresses are nobody's. Its names and
    numbers that the directory gives to a client of today are that one's, as after a merger.
    """
    for client in file.clients:
        if counts(client, today):
            yield from _written(client, today)
    for client in file.clients:
        if not counts(client, today):
            yield from ((way, spelling._replace(former=True)) for way, spelling in _written(client, today))
    for partner in file.partners:
        for name in (partner.name, *counting(partner.aliases, today)):
            # Partners are not clients, yet their names shadow the clients' names inside them.
            yield from ((way, Spelling(None, How.NAME)) for way, _ in spellings(name))
    for client in file.clients:
        for name in counting((*client.domains, *client.addresses), today):
            yield plain_words(name), Spelling(client.id, How.DOMAIN, exact=_as_read(name))
    yield from _short_names(file)


def _written(client: Client, today: date | None) -> Iterator[tuple[tuple[str, ...], Spelling]]:
    yield from _named(client.id, client.name, How.NAME)
    for alias in counting(client.aliases, today):
        yield from _named(client.id, alias, How.ALIAS)
    yield from _numbers(client, today)


def _named(client: str, name: str, how: How) -> Iterator[tuple[tuple[str, ...], Spelling]]:
    for way, trust in spellings(name):
        yield way, Spelling(client, how, trust)


def _numbers(client: Client, today: date | None) -> Iterator[tuple[tuple[str, ...], Spelling]]:
    for how, numbers in ((How.PLAN, client.plan_numbers), (How.EIN, client.eins)):
        meaning = Spelling(client.id, how)
        for number in counting(numbers, today):
            way = plain_words(number)
            yield way, meaning
            if len(way) > 1:
                yield ("".join(way),), meaning


def _as_read(domain: str) -> str:
    bare = domain.removesuffix(".")
    return bare.lower() if bare.isascii() else Reading(bare).written.lower()


def _short_names(file: DirectoryFile) -> Iterator[tuple[tuple[str, ...], Spelling]]:
    """The "Acme" of Acme Manufacturing, when the word is not an ordinary one and nobody else has it."""
    users = Counter[str]()
    leading: dict[str, str] = {}
    for entry in (*file.clients, *file.partners):
        names = [wording(name).core for name in (entry.name, *entry.aliases)]
        users.update(set().union(*names))
        if isinstance(entry, Client) and len(names[0]) > 1:
            leading[names[0][0]] = entry.id
    for word, client in leading.items():
        if users[word] == 1 and len(word) >= 4 and word.isalpha() and wording(word).trust is Trust.PLAIN:
            yield (word,), Spelling(client, How.SHORT)
