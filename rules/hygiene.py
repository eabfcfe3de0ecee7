"""What can be wrong with a client directory: errors stop the start, warnings are told. Never repairs anything."""

import re
from collections.abc import Iterator, Sequence

from rules.clientfile import Client, DirectoryFile, Internal, Party
from rules.domains import canonical, is_public_suffix, is_webmail, mailbox
from rules.errors import Problem
from rules.reading import plain_words
from rules.sourced import Document, Steps
from rules.wording import Trust, wording

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_EIN = re.compile(r"\d{2}-?\d{7}")


def problems(document: Document, file: DirectoryFile) -> Iterator[Problem]:
    """Everything wrong with a directory, with its line."""
    yield from _ids(document, file)
    claims = _Claims(document)
    for path, name, entry in _entries(file):
        yield from _domains(claims, path, name, entry)
        yield from _addresses(claims, path, name, entry)
    for index, client in enumerate(file.clients):
        yield from _numbers(claims, ("clients", index), client)
        yield from _names(claims, ("clients", index), client)
        yield from _recognisable(document, ("clients", index), client)
    yield from _partners(document, file)


def _entries(file: DirectoryFile) -> Iterator[tuple[Steps, str, Party | Internal]]:
    for index, client in enumerate(file.clients):
        yield ("clients", index), f'client "{client.id}"', client
    for index, partner in enumerate(file.partners):
        yield ("partners", index), f'partner "{partner.id}"', partner
    yield ("internal",), "internal", file.internal


class _Claims:
    """Who has claimed what so far."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self._owners: dict[tuple[str, str], tuple[str, Steps]] = {}

    def taken(self, kind: str, value: str, owner: str, path: Steps) -> str | None:
        """Claim `value`; the other owner and his line when it has one already."""
        first, where = self._owners.setdefault((kind, value), (owner, path))
        return None if first == owner else f"{first} (line {self.document.line(where)})"


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


def _domains(claims: _Claims, path: Steps, owner: str, entry: Party | Internal) -> Iterator[Problem]:
    for index, written in enumerate(entry.domains):
        here = (*path, "domains", index)
        if text := _domain_fault(written) or _claimed(claims, "domain", canonical(written) or "", owner, here):
            yield claims.document.problem(here, f'domain "{written}" {text}')


def _domain_fault(written: str) -> str | None:
    domain = canonical(written)
    if domain is None:
        return "is not a domain name"
    if is_webmail(domain):
        return "is a webmail domain, where anybody has an address: list single addresses instead"
    if is_public_suffix(domain):
        return "is a public suffix, under which anybody can register: name the whole domain"
    return None


def _claimed(claims: _Claims, kind: str, value: str, owner: str, path: Steps) -> str | None:
    other = claims.taken(kind, value, owner, path)
    return None if other is None else f"is claimed by {other} too"


def _addresses(claims: _Claims, path: Steps, owner: str, entry: Party | Internal) -> Iterator[Problem]:
    for index, written in enumerate(entry.addresses):
        here = (*path, "addresses", index)
        box = mailbox(written)
        text = "is not an address" if box is None else _claimed(claims, "address", str(box), owner, here)
        if text:
            yield claims.document.problem(here, f'address "{written}" {text}')


def _numbers(claims: _Claims, path: Steps, client: Client) -> Iterator[Problem]:
    owner = f'client "{client.id}"'
    for key, numbers in (("plan_numbers", client.plan_numbers), ("eins", client.eins)):
        for index, number in enumerate(numbers):
            here = (*path, key, index)
            label = "EIN" if key == "eins" else "plan number"
            text = _number_fault(key, number) or _claimed(claims, key, "".join(plain_words(number)), owner, here)
            if text:
                yield claims.document.problem(here, f'{label} "{number}" {text}')


def _number_fault(key: str, number: str) -> str | None:
    if key == "eins":
        return None if _EIN.fullmatch(number.strip()) else "is not an EIN like 04-1234567"
    return None if any(c.isdigit() for c in number) else "has no digit in it"


def _names(claims: _Claims, path: Steps, client: Client) -> Iterator[Problem]:
    owner = f'client "{client.id}"'
    for here, written in _written(path, client):
        _, name, trust = wording(written)
        if other := claims.taken("name", " ".join(name), owner, here):
            yield claims.document.problem(here, f'"{written}" names {other} too: it will tell neither', warning=True)
        if len("".join(name)) < 3:
            yield claims.document.problem(here, f'"{written}" is too short to be looked for alone', warning=True)
        elif trust is Trust.DOUBTFUL:
            yield claims.document.problem(
                here, f'"{written}" is an ordinary word: it counts only with a second sign', warning=True
            )


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


def _partners(document: Document, file: DirectoryFile) -> Iterator[Problem]:
    known = {client.id for client in file.clients}
    for index, partner in enumerate(file.partners):
        for place, client in enumerate(partner.acts_for):
            if client not in known:
                path = ("partners", index, "acts_for", place)
                yield document.problem(path, f'partner "{partner.id}" acts for "{client}", which is no client')
