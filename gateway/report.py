"""The breach worksheet of one message: what a state's form asks, from verdict and audit log. Pure; never a value.

A message that never left was a breach prevented; the worksheet says which of the two it was, for each recipient, and
where that cannot be known, that it cannot.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from gateway.audit.chain import Event
from gateway.hold import HeldMessage
from gateway.states import State
from rules.verdict import ClientRole

#: What a form calls the data, by entity.
ELEMENTS = {
    "US_SSN": "Social Security numbers",
    "US_ITIN": "individual taxpayer identification numbers",
    "PARTICIPANT_LIST": "names of plan participants",
    "DATE_OF_BIRTH": "dates of birth",
    "STREET_ADDRESS": "home addresses",
    "US_BANK_NUMBER": "bank account numbers",
    "CREDIT_CARD": "payment card numbers",
    "US_DRIVER_LICENSE": "driver's licence numbers",
    "US_PASSPORT": "passport numbers",
    "ACCOUNT_NUMBER": "account numbers",
    "EMAIL_ADDRESS": "e-mail addresses",
    "PHONE_NUMBER": "telephone numbers",
}
LEFT = frozenset({State.RELEASED, State.RELAYED})  #: downstream has it
MAY_HAVE_LEFT = frozenset({State.RELEASING, State.RELAYING})


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """What became of the message for one recipient."""

    address: str
    kind: str
    may_receive: tuple[str, ...]  #: names of the clients whose data this address may receive
    outcome: str
    since: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    at: str
    event: str
    actor: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Worksheet:
    """One section a field, in the order in which forms ask."""

    id: str
    made_at: str
    conclusion: str
    what_happened: str
    sent_at: str
    sender: str
    recipients: tuple[Delivery, ...]
    owners: tuple[str, ...]
    named: tuple[str, ...]
    people: int
    by_state: Mapping[str, int]
    unknown_state: int
    data_elements: tuple[str, ...]
    not_inspected: tuple[str, ...]  #: parts that nobody could count: the number of people is then a lower bound
    timeline: tuple[Step, ...]


def worksheet(message: HeldMessage, client_name: Callable[[str], str], now: datetime) -> Worksheet:
    """Everything the store knows of a judged message that a form asks for."""
    verdict = message.verdict
    people = verdict.people if verdict else None
    return Worksheet(
        id=message.id,
        made_at=_moment(now),
        conclusion=_conclusion(message),
        what_happened=verdict.sentence if verdict else "The message has not been judged yet.",
        sent_at=_moment(message.received_at),
        sender=message.envelope.mail_from or "the null sender",
        recipients=tuple(_deliveries(message, client_name)),
        owners=_clients(message, ClientRole.OWNER, client_name),
        named=_clients(message, ClientRole.NAMED, client_name),
        people=people.count if people else 0,
        by_state=dict(people.by_state) if people else {},
        unknown_state=people.unknown_state if people else 0,
        data_elements=_elements(message),
        not_inspected=tuple(f"part {part.part}: {part.reason}" for part in verdict.parts if part.reason)
        if verdict
        else (),
        timeline=tuple(Step(at=_moment(r.at), event=r.event, actor=r.actor) for r in message.history),
    )


def as_mapping(sheet: Worksheet) -> Mapping[str, Any]:
    """For JSON."""
    return asdict(sheet)


def lines(sheet: Worksheet) -> Iterator[tuple[str, Sequence[Sequence[str]]]]:
    """Headings, each with the rows under it: what Markdown and PDF are made from."""
    yield "Conclusion", [[sheet.conclusion], [sheet.what_happened]]
    yield "The message", [["Reference", sheet.id], ["Received", sheet.sent_at], ["From", sheet.sender]]
    yield "Recipients", [["Address", "Whose data it may receive", "Outcome", "Since"], *map(_row, sheet.recipients)]
    yield (
        "Whose data",
        [["Owner", ", ".join(sheet.owners) or "not known"], ["Named", ", ".join(sheet.named) or "nobody"]],
    )
    yield "People affected", [*_people(sheet)]
    yield "Kinds of data", [[element] for element in sheet.data_elements] or [["none found"]]
    yield "Timeline", [["When", "What", "Who"], *([step.at, step.event, step.actor] for step in sheet.timeline)]


def markdown(sheet: Worksheet) -> str:
    """A page for counsel; tables where there are columns."""
    blocks = [f"# Breach worksheet {sheet.id}", f"Made {sheet.made_at} from the verdict and the audit log; no values."]
    for heading, rows in lines(sheet):
        blocks.append(f"## {heading}")
        blocks.append(_table(rows) if len(rows[0]) > 1 else "\n".join(f"- {_cell(row[0])}" for row in rows))
    return "\n\n".join(blocks) + "\n"


def _table(rows: Sequence[Sequence[str]]) -> str:
    head, *body = [[_cell(cell) for cell in row] for row in rows]
    if len(head) == 2:  # pairs have no header row of their own
        head, body = ["", ""], [head, *body]
    ruled = [head, ["---"] * len(head), *body]
    return "\n".join(f"| {' | '.join(row)} |" for row in ruled)


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def _row(delivery: Delivery) -> list[str]:
    return [delivery.address, ", ".join(delivery.may_receive) or delivery.kind, delivery.outcome, delivery.since]


def _people(sheet: Worksheet) -> Iterator[list[str]]:
    least = "at least " if sheet.not_inspected else ""
    yield ["Individuals in all", f"{least}{sheet.people:,}"]
    for state, count in sorted(sheet.by_state.items(), key=lambda item: (-item[1], item[0])):
        yield [f"Residents of {state}", f"{count:,}"]
    if sheet.unknown_state:
        yield ["State of residence not known", f"{sheet.unknown_state:,}"]
    for part in sheet.not_inspected:
        yield ["Not counted", part]


def _conclusion(message: HeldMessage) -> str:
    states = [recipient.state for recipient in message.recipients]
    left, may = sum(state in LEFT for state in states), sum(state in MAY_HAVE_LEFT for state in states)
    if left:
        return f"Sent on to {left} of {len(states)} recipients after review: see the outcomes below."
    if may:
        return f"Being sent on to {may} of {len(states)} recipients; nobody has confirmed it yet."
    if _may_have_left_before(message):
        return "Not certain: the message may have left, which nobody here can tell; see possible-duplicate below."
    return "Prevented: the message has not been sent to any recipient."


def _may_have_left_before(message: HeldMessage) -> bool:
    """A lost reply, or a store restored from a backup: held now does not mean that it never left."""
    doubts = (record for record in message.history if record.event == Event.POSSIBLE_DUPLICATE)
    return any("notice" not in doubt.detail for doubt in doubts)


def _deliveries(message: HeldMessage, client_name: Callable[[str], str]) -> Iterator[Delivery]:
    judged = {verdict.address: verdict for verdict in message.verdict.recipients} if message.verdict else {}
    for recipient in message.recipients:
        verdict = judged.get(recipient.address)
        yield Delivery(
            address=recipient.address,
            kind=verdict.kind if verdict else "unknown",
            may_receive=tuple(client_name(client) for client in verdict.clients) if verdict else (),
            outcome=recipient.state,
            since=_moment(recipient.since),
        )


def _clients(message: HeldMessage, role: ClientRole, client_name: Callable[[str], str]) -> tuple[str, ...]:
    involved = message.verdict.clients if message.verdict else ()
    return tuple(client_name(client.id) for client in involved if client.role is role)


def _elements(message: HeldMessage) -> tuple[str, ...]:
    found = dict.fromkeys(finding.entity for finding in message.verdict.findings) if message.verdict else {}
    return tuple(ELEMENTS.get(entity, entity.lower().replace("_", " ")) for entity in found)


def _moment(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"
