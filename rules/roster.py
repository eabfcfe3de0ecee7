"""Exact data match: whose rosters people are on. Sees keyed hashes only, and tells counts, never who.

A person is known by number; by name and birth date; by name and last four. Several clients may list one person.

| of the people of one part | then the client |
|---|---|
| three or more, or half of them, are on its roster and on no better one | is an owner (`roster`) |
| exactly the same are on another client's roster too | is one of several possible owners (`shared-roster`) |
| fewer | is none: a stray match, or somebody who has moved |
"""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from rules.participants import Identity, Person, Roll
from rules.verdict import ClientEvidence

ROSTER, SHARED = "roster", "shared-roster"
LEAST = 3  #: people who make an owner
_BLOCK = 64  #: bytes of SHA-256's block, RFC 2104


class Keyring:
    """Turns what a person is known by into numbers of 64 bits: HMAC-SHA-256, cut. The secret is in no answer."""

    def __init__(self, secret: bytes) -> None:
        key = (hashlib.sha256(secret).digest() if len(secret) > _BLOCK else secret).ljust(_BLOCK, b"\0")
        # RFC 2104 by hand, because hmac.new sets its two hashes up anew for each of a million people.
        self._inner = hashlib.sha256(bytes(byte ^ 0x36 for byte in key))
        self._outer = hashlib.sha256(bytes(byte ^ 0x5C for byte in key))
        self.check = f"{self._key('check'):016x}"  #: tells this key from another one, and nothing else of it

    def number(self, ssn: str) -> int:
        return self._key(f"n{ssn}")

    def names(self, person: Identity) -> Iterator[int]:
        if person.name and person.birth:
            yield self._key(f"b{person.name}\0{person.birth}")
        if person.name and person.last_four:
            yield self._key(f"f{person.name}\0{person.last_four}")

    def keys(self, roll: Roll, person: Person) -> list[int]:
        """Everything that a person of a table may be found by."""
        number = [self.number(person.ssn)] if person.ssn else []
        return [*number, *self.names(roll.identity(person))]

    def _key(self, text: str) -> int:
        inner, outer = self._inner.copy(), self._outer.copy()
        inner.update(text.encode("utf-8", "surrogatepass"))
        outer.update(inner.digest())
        return int.from_bytes(outer.digest()[:8], "little")


class Rosters(Protocol):
    """Who is on whose roster, ready to be asked."""

    @property
    def keyring(self) -> Keyring: ...

    @property
    def numbered(self) -> bool:
        """Whether every roster has a number for everybody, so that a number says all."""

    def clients(self, key: int) -> Sequence[str]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """How many of a part's people are on one client's roster."""

    client: str
    people: int
    out_of: int
    shared: bool

    def evidence(self, part: str | None) -> ClientEvidence:
        kind = SHARED if self.shared else ROSTER
        return ClientEvidence(kind=kind, part=part, where=f"{self.people:,} of {self.out_of:,} people")


def matches(rosters: Rosters, rolls: Iterable[Roll], numbers: Iterable[str]) -> list[Match]:
    """Whose rosters the people of one part are on: those of its tables, and those known by number alone."""
    listed: dict[object, Sequence[str]] = {}
    for roll in rolls:
        for person in roll.people:
            who, clients = _found(rosters, roll, person)
            if not listed.get(who):
                listed[who] = clients
    for ssn in numbers:
        if not listed.get(ssn):
            listed[ssn] = rosters.clients(rosters.keyring.number(ssn))
    return _owners(listed)


def _found(rosters: Rosters, roll: Roll, person: Person) -> tuple[object, Sequence[str]]:
    """Who it is within the message, and the clients that list him."""
    keyring = rosters.keyring
    if person.ssn and (rosters.numbered or not person.named):
        return person.ssn, rosters.clients(keyring.number(person.ssn))
    keys = keyring.keys(roll, person)
    clients = dict.fromkeys(client for key in keys for client in rosters.clients(key))
    return person.ssn or (keys[0] if keys else (id(roll), person.row)), tuple(clients)


def _owners(listed: Mapping[object, Sequence[str]]) -> list[Match]:
    """The fewest clients that explain everybody, the largest first: who is on two rosters counts for the larger."""
    on: dict[str, set[object]] = defaultdict(set)
    for who, clients in listed.items():
        for client in clients:
            on[client].add(who)
    explained: set[object] = set()
    owners: dict[str, set[object]] = {}
    for client, people in sorted(on.items(), key=lambda item: (-len(item[1]), item[0])):
        same = [other for other, theirs in owners.items() if theirs == people]
        if same or _enough(len(people - explained), len(listed)):
            owners[client] = people
            explained |= people
    groups = list(owners.values())
    return [
        Match(client=client, people=len(people), out_of=len(listed), shared=groups.count(people) > 1)
        for client, people in owners.items()
    ]


def _enough(people: int, out_of: int) -> bool:
    return people >= LEAST or 0 < out_of <= 2 * people
