"""The post room: puts our own mail into the store's queue, in the transaction of what it is about. Never sends."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from sqlalchemy import func, select

from gateway import notify
from gateway.message import Envelope
from gateway.notify import Case, Letterhead, Sheet
from gateway.reply import Reply
from gateway.states import State
from gateway.store import Transaction
from gateway.store.mail import Letter, OwnMessage, OwnRecipient, Purpose, new_id, put
from gateway.store.moments import to_ms
from gateway.store.schema import messages, recipients

PER_HOUR = 10  #: notices of a hold to one sender


def announce(tx: Transaction, letterhead: Letterhead, message: OwnMessage, now: datetime) -> list[str]:
    """Tell sender and reviewers of a new hold. Returns whom."""
    told = []
    case = _case(message)
    sender = message.envelope.mail_from
    welcome = any(message.envelope.asked_for(address).notify != "NEVER" for address in message.envelope.rcpt_to)
    if sender and message.notify and welcome and _not_flooded(tx, sender, now):
        sheet = _sheet((sender,), now)
        _queue(tx, Purpose.HELD, message, sheet, notify.held(letterhead, case, sheet))
        told.append("sender")
    if letterhead.reviewers:
        sheet = _sheet(letterhead.reviewers, now)
        _queue(tx, Purpose.REVIEW, message, sheet, notify.to_reviewers(letterhead, case, sheet))
        told.append("reviewers")
    return told


def ask_others(tx: Transaction, letterhead: Letterhead, message: OwnMessage, note: str, now: datetime) -> list[str]:
    """Tell the reviewers that one of them leaves a message to the others. Returns whom."""
    if not letterhead.reviewers:
        return []
    sheet = _sheet(letterhead.reviewers, now)
    _queue(tx, Purpose.REVIEW, message, sheet, notify.escalated(letterhead, _case(message), sheet, note))
    return ["reviewers"]


def give_back(
    tx: Transaction, letterhead: Letterhead, message: OwnMessage, whom: Sequence[OwnRecipient], note: str, now: datetime
) -> str | None:
    """Tell the sender that his message comes back. Returns the notice's id, or None when there is nobody to tell."""
    whom = _to_tell_of(message, whom)
    if not whom:
        return None
    sheet = _sheet((message.envelope.mail_from,), now)
    raw = notify.returned(letterhead, _case(message, whom), sheet, note)
    _queue(tx, Purpose.RETURN, message, sheet, raw)
    return sheet.id


def report_failure(
    tx: Transaction, letterhead: Letterhead, message: OwnMessage, replies: Mapping[int, Reply], now: datetime
) -> bool:
    """Tell the sender whom downstream refused (`replies` by recipient's position). False: there is nobody to tell."""
    whom = _to_tell_of(message, [each for each in message.recipients if each.position in replies])
    if not whom:
        return False
    sheet = _sheet((message.envelope.mail_from,), now)
    by_address = {recipient.address: replies[recipient.position] for recipient in whom}
    _queue(tx, Purpose.FAILURE, message, sheet, notify.failed(letterhead, _case(message, whom), sheet, by_address))
    return True


def why_untold(message: OwnMessage) -> str:
    """Why a failure is told to nobody."""
    if not message.envelope.mail_from:
        return "the message has no sender"
    return "the sender asked not to be told of failures"


def _to_tell_of(message: OwnMessage, whom: Sequence[OwnRecipient]) -> Sequence[OwnRecipient]:
    """RFC 3461 4.1: no failure is told of whom the sender said so. The audit log has it all the same."""
    if not message.envelope.mail_from:
        return ()
    return [each for each in whom if message.envelope.asked_for(each.address).wants_failures]


def _sheet(to: tuple[str, ...], now: datetime) -> Sheet:
    return Sheet(id=new_id(now), at=now, to=to)


def _case(message: OwnMessage, whom: Sequence[OwnRecipient] | None = None) -> Case:
    verdict = message.verdict
    return Case(
        hold_id=message.id,
        mail_from=message.envelope.mail_from,
        recipients=tuple(recipient.address for recipient in (message.recipients if whom is None else whom)),
        sentence=verdict.sentence if verdict else "",
        message_id=verdict.message_id if verdict else None,
        received_at=message.received_at,
        envid=message.envelope.envid,
        originals={address: asked.orcpt for address, asked in message.envelope.asked.items() if asked.orcpt},
    )


def _queue(tx: Transaction, purpose: Purpose, about: OwnMessage, sheet: Sheet, raw: bytes) -> None:
    envelope = Envelope(mail_from="", rcpt_to=sheet.to, smtputf8=not all(address.isascii() for address in sheet.to))
    letter = Letter(id=sheet.id, envelope=envelope, raw=raw, at=sheet.at, purpose=purpose, about=about.id)
    put(tx, letter, State.RELAYING)


def _not_flooded(tx: Transaction, sender: str, now: datetime) -> bool:
    """A broken program that sends thousands of wrong mails must not get thousands of notices."""
    asked = (
        select(func.count())
        .select_from(messages.join(recipients, recipients.c.message_id == messages.c.id))
        .where(messages.c.received_at > to_ms(now - timedelta(hours=1)))
        .where(messages.c.purpose == Purpose.HELD.value, recipients.c.address == sender)
    )
    return (tx.execute(asked).scalar() or 0) < PER_HOUR
