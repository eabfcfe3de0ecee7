"""What people add to a client directory beside its file: one domain, one address or one client at a time. Pure.

An addition is checked as if it stood in the file. Where the two contradict each other, the file is right.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from rules.clients import Directory, checked
from rules.domains import canonical, mailbox
from rules.errors import ConfigurationError
from rules.phrases import ended
from rules.sourced import Document


class Key(StrEnum):
    """What is added to a client or partner."""

    DOMAIN = "domain"
    ADDRESS = "address"
    ACTS_FOR = "acts-for"  #: to a partner only: a client that it acts for


_LISTS = {Key.DOMAIN: "domains", Key.ADDRESS: "addresses", Key.ACTS_FOR: "acts_for"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Addition:
    key: Key
    value: str  #: in the form in which the directory compares it
    party: str  #: id of the client or partner that has it from now on

    @classmethod
    def of(cls, key: Key, value: str, party: str) -> "Addition":
        """As a person wrote it; what is no domain or address at all stays as it is, and is refused for that."""
        written = value.strip()
        box = mailbox(written) if key is Key.ADDRESS else None
        known = str(box) if box else canonical(written) if key is Key.DOMAIN else None
        return cls(key=key, value=known or written, party=party.strip())

    @property
    def address(self) -> str:
        """An address that shows whose a domain or address is."""
        return f"postmaster@{self.value}" if self.key is Key.DOMAIN else self.value


def added(document: Document, additions: Sequence[Addition]) -> tuple[Document, Mapping[Addition, str]]:
    """A directory that is good by itself, with what of `additions` agrees with it; and why the others do not.

    Of two that exclude each other, the first counts.
    """
    refused: dict[Addition, str] = {}
    if refusal(document, *additions) is None:
        return _with(document, additions), refused
    good: list[Addition] = []
    for addition in additions:
        if (why := refusal(document, *good, addition)) is None:
            good.append(addition)
        else:
            refused[addition] = why
    return _with(document, good), refused


def refusal(document: Document, *additions: Addition) -> str | None:
    """Why a directory with these additions would not load; None when it would."""
    for addition in additions:
        if _entry(document, addition) is None:
            kind = "partner" if addition.key is Key.ACTS_FOR else "client and no partner"
            return f'"{addition.party}" is no {kind} of the directory'
    try:
        checked(_with(document, additions))
    except ConfigurationError as error:
        return "; ".join(problem.text for problem in error.problems)
    return None


def objection(directory: Directory, addition: Addition) -> str | None:
    """Why an addition makes no sense, or must not be learnt from mail, though a directory with it would load."""
    if addition.key is Key.ACTS_FOR:
        acts_for = next((partner.acts_for for partner in directory.partners if partner.id == addition.party), ())
        name, client = directory.party_name(addition.party), directory.party_name(addition.value)
        return f"{name} acts for {client} already" if addition.value in acts_for else None
    holder = directory.holder(addition.address)
    if holder is not None and holder.id == addition.party:
        return f"{addition.value} is {holder.name}'s already"
    if (other := directory.listed(addition.value)) is not None:
        return f"{addition.value} is {other.name}'s"
    known = None if holder is not None else directory.looks_like(addition.address)
    if known is not None and known.holder.id != addition.party:
        return (
            f"{addition.value} reads like {known.domain}, which is {known.holder.name}'s;"
            " if it is right all the same, write it into the directory's file"
        )
    return None


def sentence(directory: Directory, addition: Addition) -> str:
    """What would be so, or is."""
    name = directory.party_name(addition.party)
    if addition.key is Key.ACTS_FOR:
        return ended(f"{name} acts for {directory.party_name(addition.value)}")
    return ended(f"{addition.value} belongs to {name}")


def caution(directory: Directory, addition: Addition) -> str | None:
    """What the second person should know before he agrees."""
    if addition.key is Key.ACTS_FOR:
        return None
    holder = directory.holder(addition.address)
    if holder is not None and holder.id != addition.party:
        return f"{addition.value} lies in a domain of {holder.name} now."
    known = directory.looks_like(addition.address)
    if known is not None:
        return (
            f"{addition.value} reads like {known.domain}: ask {known.holder.name} in a way that you know from before."
        )
    return None


def _with(document: Document, additions: Sequence[Addition]) -> Document:
    """The same directory with additions at the ends of its lists, for whose lines stand those around them."""
    content = document.content
    for addition in additions:
        section, index = _entry(document, addition) or ("", 0)
        entries = list(content[section])
        name = _LISTS[addition.key]
        entries[index] = {**entries[index], name: [*(entries[index].get(name) or ()), addition.value]}
        content = {**content, section: entries}
    return replace(document, content=content) if additions else document


def _entry(document: Document, addition: Addition) -> tuple[str, int] | None:
    """Where the client or partner stands that something is added to."""
    for section in ("partners",) if addition.key is Key.ACTS_FOR else ("clients", "partners"):
        listed: Sequence[Mapping[str, Any]] = document.content.get(section) or ()
        for index, entry in enumerate(listed):
            if entry["id"] == addition.party:
                return section, index
    return None
