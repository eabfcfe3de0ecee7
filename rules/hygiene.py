"""What can be wrong with a client directory: errors stop the start, warnings are told. Never repairs anything."""

import re
from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from typing import NamedTuple

from rules.clientfile import Client, DirectoryFile, Internal, Party
from rules.domains import Mailbox, canonical, is_public_suffix, is_webmail, mailbox, suffixes
from rules.errors import Problem
from rules.periods import Period, common, meet, period
from rules.reading import plain_words
from rules.sourced import Document, Steps
from rules.wording import Trust, wording

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_DIGIT = re.compile(r"\d")
_EIN = re.compile(r"\d{2}-?\d{7}")


def problems(document: Document, file: DirectoryFile, known: AbstractSet[str] = frozenset()) -> Iterator[Problem]:
    """Everything wrong with a directory, with its line; `known` are ids of clients that stand elsewhere."""
    yield from _ids(document, file)
    claims = _Claims(document)
    for path, entry in _entries(file):
        yield from _domains(claims, path, entry)
        yield from _addresses(claims, path, entry)
    for index, client in enumerate(file.clients):
        yield from _numbers(claims, ("clients", index), client)
        yield from _names(claims, ("clients", index), client)
        yield from _recognisable(document, ("clients", index), client)
    yield from _partners(document, file, known | {client.id for client in file.clients})
    yield from _contacts(document, file)


def _entries(file: DirectoryFile) -> Iterator[tuple[Steps, Party | Internal]]:
    for index, client in enumerate(file.clients):
        yield ("clients", index), client
    for index, partner in enumerate(file.partners):
        yield ("partners", index), partner
    yield ("internal",), file.internal


class _Claim(NamedTuple):
    path: Steps
    days: Period


class _Claims:
    """Who has claimed what so far, by the path of the claim."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self._made: dict[str, dict[str, list[_Claim]]] = {
            kind: {} for kind in ("domain", "address", "plan", "ein", "name")
        }

    def other(self, kind: str, value: str, path: Steps, days: Period) -> str | None:
        """Claim `value` for these days; the other owner and his line when it has one on one of them."""
        made = self._made[kind].setdefault(value, [])
        first = next((one for one in made if one.path[:2] != path[:2] and meet(one.days, days)), None)
        made.append(_Claim(path, days))
        if first is None or first.path[0] == path[0] == "internal":
            return None
        return f"{self._owner(first.path)} (line {self.document.line(first.path)})"

    def _owner(self, path: Steps) -> str:
        if path[0] == "internal":
            return "internal"
        return f'{str(path[0]).removesuffix("s")} "{self.document.content[path[0]][path[1]]["id"]}"'


def _ids(document: Document, file: DirectoryFile) -> Iterator[Problem]:
    seen: dict[str, Steps] = {}
    sections: tuple[tuple[str, Sequence[Party]], ...] = (("clients", file.clients), ("partners", file.partners))
    for section, entries in sections:
        for index, entry in enumerate(entries):
            path = (section, index, "id")
            if not _ID.fullmatch(entry.id):
                yield document.problem(path, f'id "{entry.id}": letters, digits, dot, dash and underscore only')
            if (first := seen.setdefault(entry.id, path)) != path:
                yield document.problem(path, f'id "{entry.id}" stands already in line {document.line(first)}')
            if not wording(entry.name).full:
                yield document.problem((section, index, "name"), f'name of "{entry.id}" has no word in it')


def _domains(claims: _Claims, path: Steps, entry: Party | Internal) -> Iterator[Problem]:
    for index, written in enumerate(entry.domains):
        domain, here = canonical(written), (*path, "domains", index)
        text = _domain_fault(domain) or _claimed(claims, "domain", domain or "", here, _days(written, entry))
        if text:
            yield claims.document.problem(here, f'domain "{written}" {text}')


def _domain_fault(domain: str | None) -> str | None:
    if domain is None:
        return "is not a domain name"
    if is_webmail(domain):
        return "is a webmail domain, where anybody has an address: list single addresses instead"
    if is_public_suffix(domain):
        return "is a public suffix, under which anybody can register: name the whole domain"
    return None


def _days(item: str, entry: Party | Internal) -> Period:
    return common(period(item), period(entry)) if isinstance(entry, Party) else period(item)


def _claimed(claims: _Claims, kind: str, value: str, path: Steps, days: Period) -> str | None:
    other = claims.other(kind, value, path, days)
    return None if other is None else f"is claimed by {other} too"


def _addresses(claims: _Claims, path: Steps, entry: Party | Internal) -> Iterator[Problem]:
    for index, written in enumerate(entry.addresses):
        box, here = mailbox(written), (*path, "addresses", index)
        text = (
            "is not an address" if box is None else _claimed(claims, "address", str(box), here, _days(written, entry))
        )
        if text:
            yield claims.document.problem(here, f'address "{written}" {text}')


def _numbers(claims: _Claims, path: Steps, client: Client) -> Iterator[Problem]:
    for index, number in enumerate(client.plan_numbers):
        here = (*path, "plan_numbers", index)
        text = None if _DIGIT.search(number) else "has no digit in it"
        if text := text or _claimed(claims, "plan", "".join(plain_words(number)), here, _days(number, client)):
            yield claims.document.problem(here, f'plan number "{number}" {text}')
    for index, number in enumerate(client.eins):
        here = (*path, "eins", index)
        text = None if _EIN.fullmatch(number) else "is not an EIN like 04-1234567"
        if text := text or _claimed(claims, "ein", number.replace("-", ""), here, _days(number, client)):
            yield claims.document.problem(here, f'EIN "{number}" {text}')


def _names(claims: _Claims, path: Steps, client: Client) -> Iterator[Problem]:
    for here, written in _written(path, client):
        _, name, trust = wording(written)
        if other := claims.other("name", " ".join(name), here, _days(written, client)):
            yield claims.document.problem(here, f'"{written}" names {other} too: it will tell neither', warning=True)
        if trust is not Trust.DOUBTFUL:
            continue
        short = len("".join(name)) < 3
        text = "is too short to be looked for alone" if short else "is an ordinary word"
        yield claims.document.problem(here, f'"{written}" {text}: it counts only with a second sign', warning=True)


def _written(path: Steps, client: Client) -> Sequence[tuple[Steps, str]]:
    aliases = [((*path, "aliases", index), alias) for index, alias in enumerate(client.aliases)]
    return [((*path, "name"), client.name), *aliases]


def _recognisable(document: Document, path: Steps, client: Client) -> Iterator[Problem]:
    if not (client.domains or client.addresses):
        text = f'client "{client.id}" has no domain and no address: nobody can receive its data'
        yield document.problem(path, text, warning=True)
    names = (client.name, *client.aliases)
    numbered = client.plan_numbers or client.eins
    if not numbered and all(wording(name).trust is Trust.DOUBTFUL for name in names):
        text = f'client "{client.id}" has no number and no distinctive name: its data will not be recognised'
        yield document.problem(path, text, warning=True)


def _contacts(document: Document, file: DirectoryFile) -> Iterator[Problem]:
    sections: tuple[tuple[str, Sequence[Party]], ...] = (("clients", file.clients), ("partners", file.partners))
    for section, entries in sections:
        for index, entry in enumerate(entries):
            for place, contact in enumerate(entry.contacts):
                box = mailbox(contact.address) if contact.address else None
                path = (section, index, "contacts", place)
                if contact.address and box is None:
                    yield document.problem(path, f'contact "{contact.address}" is not an address')
                elif box is not None and not _at(entry, box):
                    text = f'contact "{contact.address}" is at none of the domains and addresses of "{entry.id}"'
                    yield document.problem(path, f"{text}: it receives nothing", warning=True)


def _at(entry: Party, box: Mailbox) -> bool:
    domains = {canonical(domain) for domain in entry.domains}
    return any(around in domains for around in suffixes(box.domain)) or box in map(mailbox, entry.addresses)


def _partners(document: Document, file: DirectoryFile, known: AbstractSet[str]) -> Iterator[Problem]:
    for index, partner in enumerate(file.partners):
        for place, client in enumerate(partner.acts_for):
            if client not in known:
                path = ("partners", index, "acts_for", place)
                yield document.problem(path, f'partner "{partner.id}" acts for "{client}", which is no client')
