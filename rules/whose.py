"""Tells whose data the content is (owner) and who the message says it is for (named), with evidence. Never a value.

Owner: signs count by where they stand in a part with sensitive findings; only a part's heaviest class makes owners, so
that a title outweighs a client mentioned in passing, and two titles are two owners.

| class | stands in | signs |
|---|---|---|
| established | rosters (see `roster`) | people |
| established | title rows, sheet names, headings, letterhead, grouping columns | names, numbers, domains |
| mentioned | prose, cells, document properties; for the message's own words its subject | the same, numbers labelled |
| file name | the part's file name and those of the containers around it | names, telling numbers |

Named: subject, greeting, new words and file names; only when these name nobody, quotations and forwards; signature and
disclaimer never. What every sign needs to count at all stands in `signs`.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from types import MappingProxyType

from rules.clients import Directory
from rules.content import Content, Role, Text
from rules.names import Finder, How
from rules.places import PROSE, Place, Zone, heads, prose, titles
from rules.reading import BREAK, Reading, spaced
from rules.reply import FRESH, Passage, passages
from rules.roster import Match
from rules.signs import ClientsIn, Counts, clients_in, corrected_clients_in
from rules.verdict import ClientEvidence, ClientRole, InvolvedClient

_WORDS = 200_000  #: characters of the bodies; who a message is for stands near its top
_LONGEST_NAME = 500
_TYPED = 20  #: places that are looked through for typing errors: titles and the first new words stand first
_THE_SENDERS = frozenset({Passage.SIGNATURE, Passage.DISCLAIMER})
# A number of a person, or three long numbers: what is quoted may be the list itself.
_PEOPLE = re.compile(
    r"\d{3}\D{0,3}\d{2}\D{0,3}\d{4}|[*xX#\u2022]{2}\D{0,2}\d{4}|(?:(?:\d{4,12}|\d{1,3},\d{3})\D{1,200}){3}"
)
_EVIDENCE = 8  #: places kept for one client and role


@dataclass(frozen=True, slots=True)
class _Sign:
    client: str
    evidence: ClientEvidence
    counts: Counts = Counts.ALONE


@dataclass(frozen=True, slots=True, kw_only=True)
class Involved:
    clients: tuple[InvolvedClient, ...]  #: owners, then named
    ownerless: frozenset[str | None]  #: sensitive parts that nothing says whose they are


def involved(
    directory: Directory,
    contents: Sequence[Content],
    sensitive_parts: frozenset[str | None],
    rostered: Mapping[str | None, Sequence[Match]] = MappingProxyType({}),
) -> Involved:
    """Every sensitive part needs an owner of its own; one signed file says nothing of another. Linear in contents."""
    if not directory.finder and not rostered:
        return Involved(clients=(), ownerless=sensitive_parts)
    look = _Look(directory.finder, contents, rostered, forgiving=bool(sensitive_parts))
    owners = {part: look.owners(part) for part in sorted(sensitive_parts, key=lambda part: part or "")}
    signs = [sign for found in owners.values() for sign in found]
    return Involved(
        clients=(*_gathered(ClientRole.OWNER, signs), *_gathered(ClientRole.NAMED, look.named())),
        ownerless=frozenset(part for part, found in owners.items() if not found),
    )


def _gathered(role: ClientRole, signs: Iterable[_Sign]) -> Iterator[InvolvedClient]:
    places: dict[str, dict[ClientEvidence, None]] = {}
    for sign in signs:
        known = places.setdefault(sign.client, {})
        if len(known) < _EVIDENCE:
            known[sign.evidence] = None
    for client, evidence in places.items():
        yield InvolvedClient(id=client, role=role, evidence=tuple(evidence))


class _Look:
    """One message: what is asked for more than once is read once."""

    def __init__(
        self,
        finder: Finder,
        contents: Iterable[Content],
        rostered: Mapping[str | None, Sequence[Match]],
        *,
        forgiving: bool,
    ) -> None:
        self._finder = finder
        self._rostered = rostered
        self._forgiving = forgiving  #: whether typing errors are worth their time: nothing hangs on harmless mail
        self._subjects: list[Text] = []
        self._file_names: dict[str | None, list[Text]] = defaultdict(list)
        self._bodies: dict[str | None, list[Text]] = defaultdict(list)
        self._inside: dict[str | None, list[Content]] = defaultdict(list)
        for content in contents:
            match content:
                case Text(part=None):
                    self._subjects += [content] if content.role is Role.SUBJECT else []
                case Text(role=Role.FILENAME):
                    self._file_names[content.part].append(content)
                case Text(role=Role.BODY):
                    self._bodies[content.part].append(content)
                case _:
                    self._inside[content.part].append(content)

    def owners(self, part: str | None) -> list[_Sign]:
        """The heaviest class of signs in one sensitive part."""
        words = self._own_words(part) if part is None or part in self._bodies else []
        inside = self._inside.get(part, [])
        listed = [_Sign(match.client, match.evidence(part)) for match in self._rostered.get(part, ())]
        written = words + self._signs(part, [place for content in inside for place in titles(content)])
        return (
            listed + self._confirmed(written + self._around(part), part)
            or self._signs(part, list(_proses(inside)))
            or [sign for around in _around(part) for sign in self._by_file_name.get(around, ())]
        )

    def _confirmed(self, signs: list[_Sign], part: str | None) -> list[_Sign]:
        """Signs that tell by themselves, and those of clients whom another place shows too."""
        if all(sign.counts is Counts.ALONE for sign in signs):
            return signs
        others = [*signs, *self._plainly_named, *self._signs(part, list(_proses(self._inside.get(part, []))))]
        shown = {sign.client for sign in others if sign.counts is Counts.ALONE}
        return [sign for sign in signs if sign.counts is Counts.ALONE or sign.client in shown]

    def _around(self, part: str | None) -> list[_Sign]:
        """Signs in the titles of what the part is in: the subject of an attached message, a letterhead."""
        return [
            sign
            for outer in _around(part)[:-1]
            for content in self._inside.get(outer, ())
            if heads(content)
            for sign in self._signs(outer, list(titles(content)))
        ]

    def named(self) -> list[_Sign]:
        """Strong signs, else those in old words. What stands under every mail of a sender says nothing of this one."""
        old = [sign for passage, sign in self._in_bodies if passage not in _THE_SENDERS]
        return self._plainly_named or self._mistyped() or old

    @cached_property
    def _plainly_named(self) -> list[_Sign]:
        names = [sign for signs in self._by_file_name.values() for sign in signs]
        fresh = [sign for passage, sign in self._in_bodies if passage in FRESH]
        return self._in_subject + names + fresh

    def _own_words(self, part: str | None) -> list[_Sign]:
        """The message's own text: its subject is its title, its signature and disclaimer are the sender's.

        What is quoted tells only when nothing new does, or when people may be in what is quoted.
        """
        written = [
            (passage in FRESH, sign)
            for passage, sign in self._in_bodies
            if passage not in _THE_SENDERS and sign.evidence.part == part
        ]
        fresh = self._in_subject + [sign for new, sign in written if new]
        return fresh + [sign for new, sign in written if not new] if not fresh or self._quotes_people(part) else fresh

    def _quotes_people(self, part: str | None) -> bool:
        quoted = [
            run for where, passage, run in self._passages if where == part and passage not in FRESH | _THE_SENDERS
        ]
        return any(_PEOPLE.search(run) for run in quoted)

    @cached_property
    def _in_subject(self) -> list[_Sign]:
        """A subject that is one word tells who is meant, unless the word is an ordinary one."""
        places = [Place(zone=Zone.TITLE, text=text.content[:2000], where="subject") for text in self._subjects]
        signs = self._signs(None, places)
        return [
            replace(sign, counts=Counts.ALONE)
            for sign in signs
            if sign.counts is Counts.ALONE or sign.evidence.kind == How.SHORT
        ]

    @cached_property
    def _by_file_name(self) -> dict[str | None, list[_Sign]]:
        return {part: self._signs(part, list(map(_file_name, texts))) for part, texts in self._file_names.items()}

    @cached_property
    def _passages(self) -> list[tuple[str | None, Passage, str]]:
        """The bodies in passages. An HTML body and its plain twin share one limit."""
        result: list[tuple[str | None, Passage, str]] = []
        left = _WORDS
        for text in (text for texts in self._bodies.values() for text in texts):
            result += [(text.part, passage, run) for passage, run in passages(text.content[:left])]
            left = max(0, left - len(text.content))
        return result

    @cached_property
    def _in_bodies(self) -> list[tuple[Passage, _Sign]]:
        if not any(
            self._finder.hits(Reading(text.content[:_WORDS])) for texts in self._bodies.values() for text in texts
        ):
            return []
        return [
            (passage, sign)
            for part, passage, run in self._passages
            for sign in self._found(clients_in, part, [Place(zone=Zone.PROSE, text=run, where=passage.value)])
        ]

    def _mistyped(self) -> list[_Sign]:
        """Clients in the first new words, when nothing is written right."""
        fresh = [(part, passage, run) for part, passage, run in self._passages if passage in FRESH and run.strip()]
        return [
            sign
            for part, passage, run in fresh[:_TYPED]
            for sign in self._corrected(part, [Place(zone=Zone.PROSE, text=run[:2000], where=passage.value)])
        ]

    def _signs(self, part: str | None, places: Sequence[Place]) -> list[_Sign]:
        """Clients in these places; typing errors are undone only when nothing is written right."""
        return self._found(clients_in, part, places) or self._corrected(part, places)

    def _corrected(self, part: str | None, places: Sequence[Place]) -> list[_Sign]:
        return self._found(corrected_clients_in, part, places[:_TYPED]) if self._forgiving else []

    def _found(self, clients: ClientsIn, part: str | None, places: Iterable[Place]) -> list[_Sign]:
        return [
            _Sign(found.client, ClientEvidence(kind=found.how.value, part=part, where=place.where), found.counts)
            for place in places
            for found in clients(self._finder, place, Reading(place.text))
        ]


def _file_name(text: Text) -> Place:
    name = text.content[:_LONGEST_NAME]
    return Place(zone=Zone.FILE_NAME, text=BREAK.join((spaced(name), name)), where="file name")


def _proses(contents: Iterable[Content]) -> Iterator[Place]:
    left = PROSE
    for content in contents:
        if left <= 0:
            return
        place = prose(content, left)
        left -= len(place.text)
        yield place


def _around(part: str | None) -> tuple[str, ...]:
    """The part and the containers it is in: "2", "2/inner.zip" and "2/inner.zip/list.csv"; "3" of "3.1"."""
    if part is None:
        return ()
    section, *inner = part.split("/")
    numbers = section.split(".")
    outer = [".".join(numbers[:count]) for count in range(1, len(numbers) + 1)]
    return (*outer, *("/".join((section, *inner[:count])) for count in range(1, len(inner) + 1)))
