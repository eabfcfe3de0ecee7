"""Pieces of plain English that reasons and the sentence share: who, whose, how many. Never a value from the message."""

import re
from collections.abc import Callable, Iterable, Sequence

from rules.clients import Directory
from rules.verdict import Kind, Obstacle, PartReport, Recipient, RecipientVerdict, Status

_LONG_NUMBER = re.compile(r"\d[\d-]{7,}\d")
_HOLDERS = 3  #: named one by one; more are counted

OBSTACLES = {
    Obstacle.ENCRYPTED: "it is encrypted",
    Obstacle.CORRUPT: "it is damaged",
    Obstacle.UNSUPPORTED: "its format is not one that can be opened",
    Obstacle.LIMIT: "it goes beyond the limits of inspection",
    Obstacle.TIMEOUT: "it took too long",
}


def masked(address: str) -> str:
    """An address may hold a number that is somebody's."""
    return _LONG_NUMBER.sub("*********", address)


def ended(words: str) -> str:
    """With one full stop, though a name ends in "Inc."."""
    return f"{words.removesuffix('.')}."


def counted(number: int, one: str, many: str) -> str:
    return f"{number:,} {one if number == 1 else many}"


def listed(names: Sequence[str], most: int = 3) -> str:
    """A, B and 2 more."""
    if len(names) > most:
        return f"{', '.join(names[:most])} and {len(names) - most:,} more"
    return " and ".join(filter(None, (", ".join(names[:-1]), *names[-1:])))


def client_names(directory: Directory, clients: Iterable[str]) -> str:
    return listed([directory.client_name(client) for client in clients])


def whose_mail(directory: Directory, recipients: Sequence[Recipient | RecipientVerdict]) -> str:
    """Whose the addresses are: "a@beta.example belongs to Beta LLC, x@y.example is not in the client directory"."""
    if not recipients:
        return "there is no recipient"
    holders: dict[tuple[str, str], list[str]] = {}
    for recipient in recipients:
        # Looking for what an unknown address looks like takes time: enough are looked at to name a few.
        key = _holder(directory, recipient) if len(holders) <= _HOLDERS else _NOBODY
        holders.setdefault(key, []).append(masked(recipient.address))
    phrases = [_belong(addresses, one, many) for (one, many), addresses in holders.items()]
    rest = sum(map(len, list(holders.values())[_HOLDERS:]))
    shown = ", ".join(phrases[:_HOLDERS])
    return f"{shown}, and there are {counted(rest, 'other recipient', 'other recipients')}" if rest else shown


_NOBODY = ("is not in the client directory", "are not in the client directory")


def _holder(directory: Directory, recipient: Recipient | RecipientVerdict) -> tuple[str, str]:
    """The end of the phrase, for one address and for several."""
    if recipient.kind is Kind.UNKNOWN:
        known = directory.looks_like(recipient.address)
        hint = "" if known is None else f" but could be taken for {known.domain} of {known.name}"
        return _NOBODY[0] + hint, _NOBODY[1] + hint
    name = directory.holder_name(recipient.address) or client_names(directory, recipient.clients)
    if recipient.kind is Kind.PARTNER:
        acting = client_names(directory, recipient.clients) or "no client"
        name = f"{name}, acting for {acting}"
    return f"belongs to {name}", f"belong to {name}"


def _belong(addresses: Sequence[str], one: str, many: str) -> str:
    if len(addresses) == 1:
        return f"{addresses[0]} {one}"
    return f"{addresses[0]} and {len(addresses) - 1:,} more {many}"


_HEADER = "0"  #: the section number that stands for the message's own header fields
Naming = Callable[[PartReport | None, str | None], str]


def by_file_name(report: PartReport | None, part: str | None) -> str:
    """How reviewers and senders know a part."""
    if report is not None and report.filename:
        return report.filename
    return by_section(report, part)


def by_section(report: PartReport | None, part: str | None) -> str:
    """How a log line may name a part: inside containers, sections hold file names too."""
    if part is None or part == _HEADER:
        return "the message header"
    section, container, _ = part.partition("/")
    if report is not None and not report.filename and not container and report.type in {"text/plain", "text/html"}:
        return "the message text"
    return f"a file inside part {section}" if container else f"part {section}"


def not_opened(reports: Sequence[PartReport], name: Naming) -> str:
    """As in "archive.zip could not be opened: it is encrypted"."""
    first = min(reports, key=lambda report: report.status is not Status.UNOPENED)
    others = f" (and {counted(len(reports) - 1, 'more part', 'more parts')})" if len(reports) > 1 else ""
    verb = "opened" if first.status is Status.UNOPENED else "read completely"
    why = f": {OBSTACLES[first.reason]}" if first.reason else ""
    return f"{name(first, first.part)}{others} could not be {verb}{why}"
