"""Mail that we own, as rows: in, out, and changed under guard of its old state. Decides nothing."""

import json
import logging
import secrets
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from pydantic import TypeAdapter
from sqlalchemy import Connection, delete, insert, select, update

from gateway.errors import ContentDestroyedError, IllegalTransition, NotFoundError, SealError
from gateway.message import Asked, Envelope
from gateway.origin import authors, may_be_answered
from gateway.states import Action, State, advance
from gateway.store import approvals, datakeys, escalations
from gateway.store.moments import from_ms, to_ms
from gateway.store.schema import contents, messages, recipients
from gateway.store.sealing import Kind, Label, seal, seal_whole, unseal, unseal_whole
from gateway.store.writer import Transaction
from rules.verdict import Verdict

_CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_verdicts = TypeAdapter(Verdict)
_log = logging.getLogger(__name__)


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
    agreed: tuple[str, ...] = ()  #: who wants it released, while more people have to
    counted: frozenset[str] = frozenset()  #: every name that these people are known by


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnMessage:
    """A message that we own, without its bytes."""

    id: str
    envelope: Envelope
    size: int
    received_at: datetime
    fingerprint: str | None
    verdict: Verdict | None  #: None: not judged yet, or damaged
    purpose: Purpose | None
    about: str | None
    authors: tuple[str, ...]
    notify: bool
    recipients: tuple[OwnRecipient, ...]
    destroyed_at: datetime | None = None  #: since when its content is gone
    escalated: tuple[str, ...] = ()  #: who has handed it up
    escalators: frozenset[str] = frozenset()  #: every name that these people are known by

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
    label = Label(letter.id, Kind.CONTENT)
    pieces = enumerate(seal(datakeys.issue(tx, label), label, letter.raw))
    tx.execute(insert(contents), [{"message_id": letter.id, "position": n, "bytes": piece} for n, piece in pieces])
    if letter.verdict is not None:
        set_verdict(tx, letter.id, letter.verdict)


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
        "authors": json.dumps(authors(envelope.mail_from, letter.raw)),
        "notify": may_be_answered(envelope.mail_from, letter.raw),
        "asked": _wishes(envelope),
    }


def set_verdict(tx: Transaction, message_id: str, verdict: Verdict) -> None:
    """Under a key of its own: it outlives the content, and its file names are not for everybody's eyes either."""
    label = Label(message_id, Kind.VERDICT)
    sealed = seal_whole(datakeys.issue(tx, label), label, _verdicts.dump_json(verdict))
    tx.execute(update(messages).where(messages.c.id == message_id).values(sealed_verdict=sealed))


def destroy_content(tx: Transaction, message: OwnMessage, now: datetime) -> None:
    """For ever: without its data key not even a copy of the pieces can be read."""
    datakeys.destroy(tx, message.id, Kind.CONTENT)
    tx.execute(delete(contents).where(contents.c.message_id == message.id))
    tx.execute(update(messages).where(messages.c.id == message.id).values(destroyed_at=to_ms(now)))


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
    agreed = approvals.of(source, ids)
    for row in source.execute(asked.order_by(recipients.c.message_id, recipients.c.position)):
        by_message[row.message_id].append(_recipient(row, agreed.get((row.message_id, row.position), ())))
    keys, handed_up = datakeys.fetch(source, ids, Kind.VERDICT), escalations.of(source, ids)
    return tuple(
        replace(
            _message(row, tuple(by_message[row.id]), keys.get(row.id)),
            escalated=tuple(one.person for one in handed_up.get(row.id, ())),
            escalators=approvals.names(handed_up.get(row.id, ())),
        )
        for row in rows
    )


def content(source: Connection | Transaction, message_id: str) -> bytes:
    """The bytes as they were received. Raises NotFoundError, ContentDestroyedError, or SealError when they are not."""
    known = source.execute(select(messages.c.size, messages.c.destroyed_at).where(messages.c.id == message_id)).first()
    if known is None:
        raise NotFoundError("there is no such message")
    if known.destroyed_at is not None:
        at = from_ms(known.destroyed_at)
        raise ContentDestroyedError(f"the content of this message was destroyed on {at:%Y-%m-%d}: its time had passed")
    label = Label(message_id, Kind.CONTENT)
    asked = select(contents.c.bytes).where(contents.c.message_id == message_id).order_by(contents.c.position)
    raw = unseal(datakeys.fetch_one(source, label), label, source.execute(asked).scalars())
    if known.size != len(raw):
        raise SealError("the content of this message has not the size that it came with")
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


def stay(tx: Transaction, message: OwnMessage, chosen: Iterable[OwnRecipient], action: Action) -> None:
    """Guard an action that leaves `chosen` where they are: nobody else changes them before this commits."""
    for recipient in chosen:
        state = advance(recipient.state, action).value
        here = (recipients.c.message_id == message.id) & (recipients.c.position == recipient.position)
        if tx.execute(update(recipients).where(here & (recipients.c.state == state)).values(state=state)).rowcount != 1:
            raise IllegalTransition(f"cannot {action} this message any more: somebody else was first")


def _recipient(row: Any, agreed: Sequence[approvals.Signature]) -> OwnRecipient:
    return OwnRecipient(
        position=row.position,
        address=row.address,
        state=State(row.state),
        since=from_ms(row.since),
        attempts=row.attempts,
        reply=row.reply,
        lease=row.lease,
        agreed=tuple(one.person for one in agreed),
        counted=approvals.names(agreed),
    )


def _message(row: Any, its_recipients: tuple[OwnRecipient, ...], verdict_key: bytes | None) -> OwnMessage:
    envelope = Envelope(
        mail_from=row.mail_from,
        rcpt_to=tuple(recipient.address for recipient in its_recipients),
        smtputf8=row.smtputf8,
        body_8bit=row.body_8bit,
        client_host=row.client_host,
        helo=row.helo,
        **_wished(row.asked),
    )
    return OwnMessage(
        id=row.id,
        envelope=envelope,
        size=row.size,
        received_at=from_ms(row.received_at),
        fingerprint=row.fingerprint,
        verdict=_verdict(row, verdict_key),
        purpose=None if row.purpose is None else Purpose(row.purpose),
        about=row.about,
        authors=tuple(json.loads(row.authors)),
        notify=row.notify,
        recipients=its_recipients,
        destroyed_at=None if row.destroyed_at is None else from_ms(row.destroyed_at),
    )


def _wishes(envelope: Envelope) -> str | None:
    """RET, ENVID and what was said of each recipient, for as long as we own the message."""
    asked = {address: [each.notify, each.orcpt] for address, each in envelope.asked.items()}
    if not (envelope.ret or envelope.envid or asked):
        return None
    return json.dumps({"ret": envelope.ret, "envid": envelope.envid, "asked": asked})


def _wished(kept: str | None) -> dict[str, Any]:
    if kept is None:
        return {}
    wishes = json.loads(kept)
    asked = {address: Asked(notify=notify, orcpt=orcpt) for address, (notify, orcpt) in wishes["asked"].items()}
    return {"ret": wishes["ret"], "envid": wishes["envid"], "asked": asked}


def _verdict(row: Any, key: bytes | None) -> Verdict | None:
    """One damaged verdict must not keep the whole queue from being shown, or worked off."""
    if row.sealed_verdict is None:
        return None
    try:
        opened = unseal_whole(key or b"", Label(row.id, Kind.VERDICT), row.sealed_verdict)
    except SealError as error:
        _log.error("verdict of %s: %s", row.id, error)
        return None
    return _verdicts.validate_json(opened)
