"""Pieces of plain English that reasons and the sentence share: who, whose, how many. Never a value from the message."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from rules.clients import Directory
from rules.roster import ROSTER, SHARED
from rules.verdict import ClientRole, InvolvedClient, Kind, Obstacle, PartReport, Recipient, RecipientVerdict, Status

_LONG_NUMBER = re.compile(r"\d[\d-]{7,}\d")
_HOLDERS = 3  #: named one by one; more are counted
_LOOKED_AT = 10  #: unknown recipients that are compared with the known domains

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
    for index, recipient in enumerate(recipients):
        # What an unknown address looks like takes time to find out: the first few are enough to name.
        known = recipient.kind is not Kind.UNKNOWN or index < _LOOKED_AT
        key = _holder(directory, recipient) if known else _NOBODY
        holders.setdefault(key, []).append(masked(recipient.address))
    phrases = [_belong(addresses, one, many) for (one, many), addresses in holders.items()]
    rest = sum(map(len, list(holders.values())[_HOLDERS:]))
    shown = ", ".join(phrases[:_HOLDERS])
    return f"{shown}, and there are {counted(rest, 'other recipient', 'other recipients')}" if rest else shown


def on_roster(clients: Iterable[InvolvedClient], owner: str) -> str:
    """As in " (on its roster: 5,093 of 5,135 people)"; nothing when no roster told."""
    places = [
        sign.where
        for client in clients
        if client.id == owner and client.role is ClientRole.OWNER
        for sign in client.evidence
        if sign.kind in {ROSTER, SHARED}
    ]
    return f" (on its roster: {max(places, key=_first_number)})" if places else ""


def _first_number(where: str) -> int:
    digits = where.partition(" ")[0].replace(",", "")
    return int(digits) if digits.isdecimal() else 0


_NOBODY = ("is not in the client directory", "are not in the client directory")


def _holder(directory: Directory, recipient: Recipient | RecipientVerdict) -> tuple[str, str]:
    """The end of the phrase, for one address and for several."""
    if recipient.kind is Kind.UNKNOWN:
        known = directory.looks_like(recipient.address)
        hint = "" if known is None else f" but could be taken for {known.domain} of {known.holder.name}"
        return _NOBODY[0] + hint, _NOBODY[1] + hint
    holder = directory.holder(recipient.address)
    name = holder.name if holder else client_names(directory, recipient.clients)
    if recipient.kind is Kind.PARTNER:
        acting = client_names(directory, recipient.clients) or "no client"
        name = f"{name}, acting for {acting}"
    return f"belongs to {name}", f"belong to {name}"


def _belong(addresses: Sequence[str], one: str, many: str) -> str:
    if len(addresses) == 1:
        return f"{addresses[0]} {one}"
    return f"{addresses[0]} and {len(addresses) - 1:,} more {many}"


HEADER = "0"  #: the section number that stands for the message's own header fields


@dataclass(frozen=True, slots=True)
class Names:
    """What parts are called: by file name for reviewers and senders, by number in log lines."""

    parts: Mapping[str, PartReport]
    file_names: bool

    @classmethod
    def of(cls, parts: Iterable[PartReport], *, file_names: bool) -> "Names":
        return cls({part.part: part for part in parts}, file_names)

    def __call__(self, part: str | None) -> str:
        report = None if part is None else self.parts.get(part)
        if report is not None and report.filename and self.file_names:
            return report.filename
        if part is None or part == HEADER:
            return "the message header"
        section, container, _ = part.partition("/")
        if container:
            return f"a file inside part {section}"  # what follows are file names too
        return "the message text" if self._is_body(report) else f"part {section}"

    def _is_body(self, report: PartReport | None) -> bool:
        """A text without a name, unless an attached message is around it."""
        if report is None or report.filename or report.type not in {"text/plain", "text/html"}:
            return False
        numbers = report.part.split(".")
        around = (self.parts.get(".".join(numbers[:count])) for count in range(1, len(numbers)))
        return all(outer is None or outer.type != "message/rfc822" for outer in around)


def not_opened(reports: Sequence[PartReport], name: Names) -> str:
    """As in "archive.zip could not be opened: it is encrypted"."""
    first = min(reports, key=lambda report: report.status is not Status.UNOPENED)
    others = f" (and {counted(len(reports) - 1, 'more part', 'more parts')})" if len(reports) > 1 else ""
    verb = "opened" if first.status is Status.UNOPENED else "read completely"
    why = f": {OBSTACLES[first.reason]}" if first.reason else ""
    return f"{name(first.part)}{others} could not be {verb}{why}"
