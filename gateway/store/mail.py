"""Mail that we own, as rows: in, out, and changed under guard of its old state. Decides nothing."""

import json
import secrets
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from pydantic import TypeAdapter
from sqlalchemy import Connection, insert, select, update

from gateway.errors import IllegalTransition, NotFoundError
from gateway.message import Envelope
from gateway.origin import authors, may_be_answered
from gateway.states import Action, State, advance
from gateway.store.moments import from_ms, to_ms
from gateway.store.schema import contents, messages, recipients
from gateway.store.writer import Transaction
from rules.verdict import Verdict

PIECE = 1 << 18  #: bytes of content in one row
_CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_verdicts = TypeAdapter(Verdict)


class Purpose(StrEnum):
    """Why we wrote a message ourselves."""

    HELD = "held"  #: tells the sender that his message is held
    REVIEW = "review"  #: tells reviewers of a new hold
    RETURN = "return"  #: gives a held message back; once delivered, the message is returned
    FAILURE = "failure"  #: tells the sender whom downstream refused


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """A message on its way into the store."""

    id: str
    envelope: Envelope
    raw: bytes
    at: datetime
    fingerprint: str | None = None
    verdict: Verdict | None = None
    purpose: Purpose | None = None  #: None: it was received, not written by us
    about: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnRecipient:
    """One recipient of a message that we own."""

    position: int
    address: str
    state: State
    since: datetime
    attempts: int
    reply: str | None
    lease: str | None  #: token of the attempt under way, or id of the notice that gives it back


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnMessage:
    """A message that we own, without its bytes."""

    id: str
    envelope: Envelope
    size: int
    received_at: datetime
    fingerprint: str | None
    verdict: Verdict | None
    purpose: Purpose | None
    about: str | None
    authors: tuple[str, ...]
    notify: bool
    recipients: tuple[OwnRecipient, ...]

    def in_state(self, *states: State) -> tuple[OwnRecipient, ...]:
        return tuple(recipient for recipient in self.recipients if recipient.state in states)


def new_id(now: datetime) -> str:
    """26 characters, sortable by time (48 bits of milliseconds), and 80 bits that nobody can guess."""
    number = (to_ms(now) << 80) | secrets.randbits(80)
    return "".join(_CROCKFORD[(number >> shift) & 31] for shift in range(125, -1, -5))


def put(tx: Transaction, letter: Letter, states: State | Sequence[State]) -> None:
    """Store a message. `states`: of its recipients, one for each or one for all."""
    envelope, at = letter.envelope, to_ms(letter.at)
    each = [states] * len(envelope.rcpt_to) if isinstance(states, State) else states
    by_address = dict(zip(envelope.rcpt_to, each, strict=True))  # an address given twice is one recipient
    tx.execute(insert(messages), [_message_row(letter)])
    tx.execute(
        insert(recipients),
        [
            {"message_id": letter.id, "position": position, "address": address, "state": state.value}
            | {"since": at, "due_at": at, "attempts": 0, "lease": None, "lease_until": 0, "reply": None}
            for position, (address, state) in enumerate(by_address.items())
        ],
    )
    pieces = range(0, len(letter.raw), PIECE)
    if pieces:
        tx.execute(
            insert(contents),
            [{"message_id": letter.id, "position": n, "bytes": letter.raw[n : n + PIECE]} for n in pieces],
        )


def _message_row(letter: Letter) -> dict[str, Any]:
    envelope = letter.envelope
    return {
        "id": letter.id,
        "purpose": letter.purpose and letter.purpose.value,
        "about": letter.about,
        "mail_from": envelope.mail_from,
        "smtputf8": envelope.smtputf8,
        "body_8bit": envelope.body_8bit,
        "client_host": envelope.client_host,
        "helo": envelope.helo,
        "size": len(letter.raw),
        "received_at": to_ms(letter.at),
        "fingerprint": letter.fingerprint,
        "verdict": letter.verdict and verdict_json(letter.verdict),
        "authors": json.dumps(authors(envelope.mail_from, letter.raw)),
        "notify": may_be_answered(envelope.mail_from, letter.raw),
    }


def verdict_json(verdict: Verdict) -> str:
    return _verdicts.dump_json(verdict).decode()


def set_verdict(tx: Transaction, message_id: str, verdict: Verdict) -> None:
    tx.execute(update(messages).where(messages.c.id == message_id).values(verdict=verdict_json(verdict)))


def find(source: Connection | Transaction, message_id: str) -> OwnMessage:
    """Raises NotFoundError."""
    found = find_all(source, [message_id])
    if not found:
        raise NotFoundError("there is no such message")
    return found[0]


def find_all(source: Connection | Transaction, ids: Collection[str]) -> tuple[OwnMessage, ...]:
    """Those of `ids` that exist, in order of id."""
    rows = source.execute(select(messages).where(messages.c.id.in_(ids)).order_by(messages.c.id)).all()
    asked = select(recipients).where(recipients.c.message_id.in_(ids))
    by_message: dict[str, list[OwnRecipient]] = {row.id: [] for row in rows}
    for row in source.execute(asked.order_by(recipients.c.message_id, recipients.c.position)):
        by_message[row.message_id].append(_recipient(row))
    return tuple(_message(row, tuple(by_message[row.id])) for row in rows)


def content(source: Connection | Transaction, message_id: str) -> bytes:
    """The bytes as they were received. Raises NotFoundError."""
    size = source.execute(select(messages.c.size).where(messages.c.id == message_id)).scalar()
    asked = select(contents.c.bytes).where(contents.c.message_id == message_id).order_by(contents.c.position)
    raw = b"".join(source.execute(asked).scalars())
    if size is None or size != len(raw):
        raise NotFoundError("there is no such message, or its content is gone")
    return raw


def change(tx: Transaction, message: OwnMessage, chosen: Iterable[OwnRecipient], action: Action, now: datetime) -> None:
    """Take `chosen` from the state they were read in to the next. Raises IllegalTransition when one has left it."""
    for recipient in chosen:
        new = advance(recipient.state, action)
        here = (recipients.c.message_id == message.id) & (recipients.c.position == recipient.position)
        changed = tx.execute(
            update(recipients)
            .where(here & (recipients.c.state == recipient.state.value))
            .values(state=new.value, since=to_ms(now), due_at=to_ms(now), attempts=0, lease=None, lease_until=0)
        )
        if changed.rowcount != 1:
            raise IllegalTransition(f"cannot {action} this message any more: somebody else was first")


def _recipient(row: Any) -> OwnRecipient:
    return OwnRecipient(
        position=row.position,
        address=row.address,
        state=State(row.state),
        since=from_ms(row.since),
        attempts=row.attempts,
        reply=row.reply,
        lease=row.lease,
    )


def _message(row: Any, its_recipients: tuple[OwnRecipient, ...]) -> OwnMessage:
    envelope = Envelope(
        mail_from=row.mail_from,
        rcpt_to=tuple(recipient.address for recipient in its_recipients),
        smtputf8=row.smtputf8,
        body_8bit=row.body_8bit,
        client_host=row.client_host,
        helo=row.helo,
    )
    return OwnMessage(
        id=row.id,
        envelope=envelope,
        size=row.size,
        received_at=from_ms(row.received_at),
        fingerprint=row.fingerprint,
        verdict=None if row.verdict is None else _verdicts.validate_json(row.verdict),
        purpose=None if row.purpose is None else Purpose(row.purpose),
        about=row.about,
        authors=tuple(json.loads(row.authors)),
        notify=row.notify,
        recipients=its_recipients,
    )
