"""A message of the quarantine in the shapes that pages and API show. Pure."""

from gateway.approval import needed
from gateway.audit.chain import Record
from gateway.hold import HeldMessage
from gateway.review.shapes import EnvelopeShape, HeldShape, RecipientShape, RecordShape, SummaryShape
from gateway.store.mail import OwnRecipient
from rules.verdict import Status


def summary(message: HeldMessage) -> SummaryShape:
    verdict = message.verdict
    return SummaryShape(
        id=message.id,
        state=message.state,
        held_at=message.received_at,
        mail_from=message.envelope.mail_from,
        recipients=message.envelope.rcpt_to,
        disposition=verdict and verdict.disposition,
        sentence=verdict and verdict.sentence,
        not_inspected=sum(part.status is not Status.OPENED for part in verdict.parts) if verdict else 0,
        people=verdict.people.count if verdict else 0,
        by_state=verdict.people.by_state if verdict else {},
        agreed=tuple(dict.fromkeys(person for recipient in message.recipients for person in recipient.agreed)),
        escalated=message.escalated,
    )


def whole(message: HeldMessage) -> HeldShape:
    return HeldShape(
        id=message.id,
        state=message.state,
        held_at=message.received_at,
        size=message.size,
        envelope=EnvelopeShape(mail_from=message.envelope.mail_from, rcpt_to=message.envelope.rcpt_to),
        recipients=tuple(_recipient(recipient, message) for recipient in message.recipients),
        verdict=message.verdict,
        content_destroyed_at=message.destroyed_at,
        escalated=message.escalated,
        history=tuple(shape_of(record) for record in message.history),
    )


def _recipient(recipient: OwnRecipient, message: HeldMessage) -> RecipientShape:
    judged = {verdict.address: verdict for verdict in message.verdict.recipients} if message.verdict else {}
    verdict = judged.get(recipient.address)
    return RecipientShape(
        address=recipient.address,
        state=recipient.state,
        since=recipient.since,
        kind=verdict and verdict.kind,
        clients=verdict.clients if verdict else (),
        disposition=verdict and verdict.disposition,
        reply=recipient.reply,
        approvers=needed(message.verdict, recipient.address),
        agreed=recipient.agreed,
    )


def shape_of(record: Record) -> RecordShape:
    return RecordShape(
        seq=record.seq,
        at=record.at,
        event=record.event,
        actor=record.actor,
        hold_id=record.hold_id,
        detail=record.detail,
    )
