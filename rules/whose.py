"""Tells whose data the content is (owner) and who the message says it is for (named), with evidence. Never a value.

Owner: signs count by where they stand in a part with sensitive findings; only a part's heaviest class makes owners, so
that a title outweighs a client mentioned in passing, and two titles are two owners.

| class | stands in | signs |
|---|---|---|
| established | title rows, sheet names, headings, letterhead, properties, grouping columns | names, numbers, domains |
| mentioned | prose and cells of the part; for the message's own words also its subject | the same, numbers labelled |
| file name | the part's file name and those of the containers around it | names, telling numbers |

Named: subject, greeting, new words and file names; only when these name nobody, quotations, forwards, signature and
disclaimer. What every sign needs to count at all stands in `signs`.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from rules.clients import Directory
from rules.content import Content, Role, Text
from rules.places import PROSE, Place, Zone, prose, titles
from rules.reading import BREAK, Reading, spaced
from rules.reply import FRESH, Passage, passages
from rules.signs import clients_in, corrected_clients_in
from rules.verdict import ClientEvidence, ClientRole, InvolvedClient

_NEW_WORDS = 200_000  #: characters of a body; who a message is for stands near its top
_EVIDENCE = 8  #: places kept for one client and role


@dataclass(frozen=True, slots=True)
class _Sign:
    client: str
    evidence: ClientEvidence


def involved(
    directory: Directory, contents: Sequence[Content], sensitive_parts: frozenset[str | None]
) -> tuple[InvolvedClient, ...]:
    """Owners, then named clients. Linear in the contents, whatever they hold."""
    if not directory.finder:
        return ()
    owners = [sign for part in _ordered(sensitive_parts) for sign in _owners(directory, contents, part)]
    return (*_gathered(ClientRole.OWNER, owners), *_gathered(ClientRole.NAMED, _named(directory, contents)))


def _ordered(parts: frozenset[str | None]) -> list[str | None]:
    return sorted(parts, key=lambda part: part or "")


def _gathered(role: ClientRole, signs: Iterable[_Sign]) -> Iterator[InvolvedClient]:
    places: dict[str, dict[ClientEvidence, None]] = {}
    for sign in signs:
        known = places.setdefault(sign.client, {})
        if len(known) < _EVIDENCE:
            known[sign.evidence] = None
    for client, evidence in places.items():
        yield InvolvedClient(id=client, role=role, evidence=tuple(evidence))


def _owners(directory: Directory, contents: Sequence[Content], part: str | None) -> list[_Sign]:
    """The heaviest class of signs in one sensitive part."""
    own = [content for content in contents if content.part == part and not _is_file_name(content)]
    body = [content for content in own if isinstance(content, Text) and _is_own_words(content)]
    words = _in_own_words(directory, contents, body) if part is None or body else []
    rest = [content for content in own if content.part is not None and not _is_own_words(content)]
    return (
        words + _in_places(directory, part, [place for content in rest for place in titles(content)])
        or _in_places(directory, part, list(_proses(rest)))
        or _in_file_names(directory, contents, part)
    )


def _is_file_name(content: Content) -> bool:
    return isinstance(content, Text) and content.role is Role.FILENAME


def _is_own_words(content: Content) -> bool:
    return isinstance(content, Text) and content.role is Role.BODY


def _proses(contents: Iterable[Content]) -> Iterator[Place]:
    left = PROSE
    for content in contents:
        if left <= 0:
            return
        place = prose(content, left)
        left -= len(place.text)
        yield place


def _in_own_words(directory: Directory, contents: Sequence[Content], body: Sequence[Text]) -> list[_Sign]:
    """The message's own text: its subject is its title, its signature and disclaimer are the sender's."""
    signs = _in_subject(directory, contents)
    for text in body:
        for passage, words in passages(text.content[:PROSE]):
            if passage not in {Passage.SIGNATURE, Passage.DISCLAIMER}:
                place = Place(zone=Zone.PROSE, text=words, where=passage.value)
                signs += _in_places(directory, text.part, [place])
    return signs


def _in_file_names(directory: Directory, contents: Sequence[Content], part: str | None) -> list[_Sign]:
    around = _around(part)
    return [sign for sign in _all_file_names(directory, contents) if sign.evidence.part in around]


def _around(part: str | None) -> frozenset[str | None]:
    """The part and the containers it is in: "2", "2/inner.zip" and "2/inner.zip/list.csv"; "3" of "3.1"."""
    if part is None:
        return frozenset()
    section, *inner = part.split("/")
    numbers = section.split(".")
    outer = [".".join(numbers[:count]) for count in range(1, len(numbers) + 1)]
    return frozenset((*outer, *("/".join((section, *inner[:count])) for count in range(1, len(inner) + 1))))


def _named(directory: Directory, contents: Sequence[Content]) -> list[_Sign]:
    """Strong signs, else weak ones."""
    signs = _in_subject(directory, contents) + _all_file_names(directory, contents)
    weak: list[_Sign] = []
    left = _NEW_WORDS
    for text in contents:
        if not isinstance(text, Text) or text.role is not Role.BODY:
            continue
        for passage, words in passages(text.content[:left]):
            place = Place(zone=Zone.PROSE, text=words, where=passage.value)
            (signs if passage in FRESH else weak).extend(_in_places(directory, text.part, [place]))
        left = max(0, left - len(text.content))
    return signs or weak


def _in_subject(directory: Directory, contents: Sequence[Content]) -> list[_Sign]:
    subjects = [text for text in contents if isinstance(text, Text) and text.role is Role.SUBJECT and text.part is None]
    places = [Place(zone=Zone.TITLE, text=text.content[:2000], where="subject") for text in subjects]
    return _in_places(directory, None, places)


def _all_file_names(directory: Directory, contents: Sequence[Content]) -> list[_Sign]:
    signs: list[_Sign] = []
    for text in contents:
        if isinstance(text, Text) and text.role is Role.FILENAME:
            name = BREAK.join((spaced(text.content[:1000]), text.content[:1000]))
            signs += _in_places(directory, text.part, [Place(zone=Zone.FILE_NAME, text=name, where="file name")])
    return signs


def _in_places(directory: Directory, part: str | None, places: Sequence[Place]) -> list[_Sign]:
    """Clients in these places; typing errors are undone only when nothing is written right."""
    readings = [(place, Reading(place.text)) for place in places]
    for find_clients in (clients_in, corrected_clients_in):
        signs = [
            _Sign(client, ClientEvidence(kind=how.value, part=part, where=place.where))
            for place, reading in readings
            for client, how in find_clients(directory.finder, place, reading)
        ]
        if signs:
            return signs
    return []
