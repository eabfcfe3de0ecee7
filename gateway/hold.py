"""The quarantine: keeps held and pending messages, and applies decisions on them. Releases nothing by itself, ever.

Every change goes through the table in `states.py`, guarded by the old state, with its audit record in the same
transaction.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import Connection, func, select, update

from gateway import approval, post
from gateway.actor import COUNTERSIGN, Actor
from gateway.audit.chain import Entry, Event, Record
from gateway.audit.detail import masked, of_message, of_verdict
from gateway.audit.log import history
from gateway.errors import IllegalTransition, NotFoundError, OwnMessageError
from gateway.ledger import Fate, Line, enter, fingerprint
from gateway.message import Envelope
from gateway.notify import Letterhead
from gateway.states import Action, State
from gateway.store import Store, Transaction, approvals, escalations, mail
from gateway.store.mail import Letter, OwnMessage, OwnRecipient
from gateway.store.moments import from_ms, to_ms
from gateway.store.schema import messages as message_rows
from gateway.store.schema import recipients as rows
from rules.mask import mask_text
from rules.verdict import Disposition, Verdict

NOTE = 2000  #: characters of a reviewer's note
_COMPARED = 100  #: recipients whose earlier mail is looked for
_SETTLED = {
    Disposition.HOLD: Action.HOLD,
    Disposition.RELAY: Action.RELAY,
    Disposition.REJECT: Action.RETURN,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldMessage:
    """A message in the quarantine, as a reviewer sees it. Its bytes are asked for separately."""

    id: str
    envelope: Envelope
    verdict: Verdict | None  #: None: not judged yet
    received_at: datetime
    size: int
    recipients: tuple[OwnRecipient, ...]
    destroyed_at: datetime | None = None  #: since when its content is gone
    escalated: tuple[str, ...] = ()  #: who has handed it up: somebody else has to release it
    history: tuple[Record, ...] = ()  #: filled by `get`, not by `list`

    @property
    def state(self) -> State:
        """Of the message as a whole: it is final when its last recipient is."""
        order = list(State)
        unfinished = (State.PENDING, State.HELD, State.RELEASING, State.RETURNING, State.RELAYING)
        states = {recipient.state for recipient in self.recipients}
        return next((state for state in unfinished if state in states), min(states, key=order.index))


class Quarantine:
    def __init__(self, store: Store) -> None:
        self._store = store
        self._letterhead = Letterhead.of(store.settings)

    async def hold(self, envelope: Envelope, raw: bytes, verdict: Verdict, now: datetime, hold_id: str) -> None:
        """Keep a message with its verdict, its record and its notices. When this returns it is on the disk."""
        fp = fingerprint(envelope, raw)
        letter = Letter(id=hold_id, envelope=envelope, raw=raw, at=now, fingerprint=fp, verdict=verdict)

        def work(tx: Transaction) -> None:
            mail.put(tx, letter, State.HELD)
            self._held(tx, hold_id, fp, now)

        await self._store.write(work)
        self._store.due.set()

    async def store_pending(self, envelope: Envelope, raw: bytes, now: datetime, hold_id: str) -> None:
        """Keep a message whose inspection takes too long for the client to wait."""
        fp = fingerprint(envelope, raw)
        letter = Letter(id=hold_id, envelope=envelope, raw=raw, at=now, fingerprint=fp)

        def work(tx: Transaction) -> None:
            mail.put(tx, letter, State.PENDING)
            enter(tx, Line(fingerprint=fp, fate=Fate.PENDING, node=self._store.node, hold_id=hold_id), now)
            detail = of_message(envelope, fp, len(raw))
            tx.record(Entry(event=Event.ACCEPTED, at=now, hold_id=hold_id, detail=detail))

        await self._store.write(work)

    async def pending(self, stored_by: datetime) -> tuple[HeldMessage, ...]:
        """Messages stored by then that nobody has judged yet, oldest first."""
        waiting = (rows.c.state == State.PENDING.value) & (rows.c.since <= to_ms(stored_by))
        asked = select(rows.c.message_id).where(waiting).distinct()
        found = await self._store.read(lambda c: mail.find_all(c, c.execute(asked).scalars().all()))
        return tuple(_seen(message) for message in found)

    async def settle(self, hold_id: str, verdict: Verdict, now: datetime) -> None:
        """Apply the verdict on a pending message: it is held, delivered, or given back."""
        action = _SETTLED[verdict.disposition]

        def work(tx: Transaction) -> None:
            message = _received(tx, hold_id)
            waiting = message.in_state(State.PENDING)
            if not waiting:
                raise IllegalTransition(f"cannot settle a message that is {message.recipients[0].state}")
            if action is Action.RETURN:
                mail.set_verdict(tx, hold_id, verdict)
                message = _received(tx, hold_id)
                decision = _Decision(COUNTERSIGN, verdict.sentence, now, of_verdict(verdict, self._store.versions))
                self._give_back(tx, message, waiting, Action.RETURN, decision)
                return
            mail.change(tx, message, waiting, action, now)
            mail.set_verdict(tx, hold_id, verdict)
            if action is Action.HOLD:
                self._held(tx, hold_id, message.fingerprint or "", now)
                return
            detail = of_verdict(verdict, self._store.versions)
            tx.record(Entry(event=Event.DELIVERY_DUE, at=now, hold_id=hold_id, detail=detail))

        await self._store.write(work)
        self._store.due.set()

    async def judge_again(
        self, hold_id: str, verdict: Verdict | None, opened: int, actor: Actor, now: datetime
    ) -> None:
        """Put a better informed verdict in place of the first; None: a password was tried in vain. Moves no mail."""

        def work(tx: Transaction) -> None:
            message = _received(tx, hold_id)
            if not message.in_state(State.HELD):
                raise IllegalTransition(f"cannot judge again a message that is {message.recipients[0].state}")
            detail: dict[str, object] = {"opened": opened}
            if verdict is not None:
                mail.set_verdict(tx, hold_id, verdict)
                approvals.forget(tx, hold_id, _positions(message.recipients))  # they were given on the other verdict
                detail |= of_verdict(verdict, self._store.versions)
            tx.record(Entry(event=Event.OPENED_WITH_PASSWORD, at=now, actor=actor, hold_id=hold_id, detail=detail))

        await self._store.write(work)

    async def list(
        self,
        states: Collection[State] = (State.HELD,),
        *,
        limit: int = 50,
        before: str | None = None,
        escalated: bool | None = None,
    ) -> tuple[HeldMessage, ...]:
        """Messages with a recipient in one of `states`, newest first; the next page is `before` the last id."""
        in_state = select(rows.c.message_id).where(rows.c.state.in_([state.value for state in states]))
        asked = select(message_rows.c.id).where(message_rows.c.purpose.is_(None), message_rows.c.id.in_(in_state))
        if before is not None:
            asked = asked.where(message_rows.c.id < before)
        if escalated is not None:
            asked = asked.where(escalations.concern(message_rows.c.id) == escalated)
        asked = asked.order_by(message_rows.c.id.desc()).limit(limit)
        found = await self._store.read(lambda c: mail.find_all(c, c.execute(asked).scalars().all()))
        return tuple(_seen(message) for message in reversed(found))

    async def earlier(self, message: HeldMessage, limit: int = 5) -> tuple[HeldMessage, ...]:
        """What was kept of this sender for these recipients before, newest first. Mail relayed at once is not kept."""
        theirs = select(rows.c.message_id).where(rows.c.address.in_(message.envelope.rcpt_to[:_COMPARED]))
        asked = select(message_rows.c.id).where(
            message_rows.c.purpose.is_(None),
            message_rows.c.mail_from == message.envelope.mail_from,
            message_rows.c.id < message.id,
            message_rows.c.id.in_(theirs),
        )
        asked = asked.order_by(message_rows.c.id.desc()).limit(limit)
        found = await self._store.read(lambda c: mail.find_all(c, c.execute(asked).scalars().all()))
        return tuple(_seen(message) for message in reversed(found))

    async def get(self, hold_id: str) -> HeldMessage:
        """One message with its history. Raises NotFoundError."""
        return await self._store.read(lambda c: _seen(_received(c, hold_id), history(c, hold_id)))

    async def content(self, hold_id: str) -> bytes:
        """The message as it was received. Raises NotFoundError; ContentDestroyedError when its time has passed."""
        return await self._store.read(lambda c: mail.content(c, _received(c, hold_id).id))

    async def counts(self) -> Mapping[State, int]:
        """Recipients in each state, of received messages."""
        joined = rows.join(message_rows, message_rows.c.id == rows.c.message_id)
        asked = select(rows.c.state, func.count()).select_from(joined).where(message_rows.c.purpose.is_(None))
        found = await self._store.read(lambda c: c.execute(asked.group_by(rows.c.state)).all())
        return {State(state): count for state, count in found}

    async def oldest_held(self) -> datetime | None:
        asked = select(func.min(rows.c.since)).where(rows.c.state == State.HELD.value)
        since = await self._store.read(lambda c: c.execute(asked).scalar())
        return None if since is None else from_ms(since)

    async def release(
        self, hold_id: str, recipients: Sequence[str] | None, actor: Actor, note: str, now: datetime
    ) -> None:
        """Let it go to those of `recipients` (None: all that are held) for whom enough people have agreed now.

        The others stay held, with this agreement on record. Raises IllegalTransition, NotFoundError.
        """
        decision = _Decision(actor, checked_note(note), now, {})

        def work(tx: Transaction) -> None:
            message = _received(tx, hold_id)
            _refuse_own(message, actor, Action.RELEASE)
            mail.stay(tx, message, _chosen(message, recipients, Action.RELEASE), Action.AGREE)
            message = _received(tx, hold_id)  # as it is now that nobody else can change it
            approval.refuse_who_escalated(message.escalators, actor)
            chosen = approval.not_yet(message.verdict, _chosen(message, recipients, Action.RELEASE), actor)
            ready = [r for r in chosen if approval.missing(message.verdict, r) <= 1]
            waiting = [r for r in chosen if r not in ready]
            if waiting:
                approvals.give(tx, hold_id, _positions(waiting), approval.signature(actor), now)
                tx.record(decision.entry(Event.APPROVED, message, waiting))
            if ready:
                approvals.forget(tx, hold_id, _positions(ready))
                mail.change(tx, message, ready, Action.RELEASE, now)
                tx.record(decision.entry(Event.RELEASE, message, ready))

        await self._store.write(work)
        self._store.due.set()

    async def withdraw(
        self, hold_id: str, actor: Actor, note: str, now: datetime, recipients: Sequence[str] | None = None
    ) -> None:
        """Take back what one has agreed to, while it waits for others. Raises IllegalTransition, NotFoundError."""
        decision, mine = _Decision(actor, checked_note(note), now, {}), actor.persons

        def work(tx: Transaction) -> None:
            message = _received(tx, hold_id)
            own = [r for r in _chosen(message, recipients, Action.WITHDRAW) if not mine.isdisjoint(r.counted)]
            if not own:
                raise IllegalTransition("cannot withdraw what you have not agreed to")
            mail.stay(tx, message, own, Action.WITHDRAW)
            approvals.forget(tx, hold_id, _positions(own), mine)
            tx.record(decision.entry(Event.APPROVAL_WITHDRAWN, message, own))

        await self._store.write(work)

    async def escalate(self, hold_id: str, actor: Actor, note: str, now: datetime) -> None:
        """Leave it to others: it stays held, and somebody else has to release it. Raises like `withdraw`."""
        decision, mine = _Decision(actor, checked_note(note), now, {}), actor.persons

        def work(tx: Transaction) -> None:
            message = _received(tx, hold_id)
            _refuse_own(message, actor, Action.ESCALATE)
            waiting = _chosen(message, None, Action.ESCALATE)
            approval.refuse_nobody(actor)
            if not mine.isdisjoint(message.escalators):
                raise IllegalTransition("cannot escalate once more what you have escalated")
            mail.stay(tx, message, waiting, Action.ESCALATE)
            escalations.add(tx, hold_id, approval.signature(actor), now)
            approvals.forget(tx, hold_id, _positions(waiting), mine)  # he no longer wants to be one of them
            told = post.ask_others(tx, self._letterhead, message, decision.note, now)
            tx.record(replace(decision, detail={"notices": told}).entry(Event.ESCALATED, message, waiting))

        await self._store.write(work)
        self._store.due.set()

    async def return_(
        self, hold_id: str, actor: Actor, note: str, now: datetime, recipients: Sequence[str] | None = None
    ) -> None:
        """Give it back to the sender with a notice. Raises IllegalTransition, NotFoundError."""
        decision = _Decision(actor, checked_note(note), now, {})

        def work(tx: Transaction) -> None:
            message = _received(tx, hold_id)
            self._give_back(tx, message, _chosen(message, recipients, Action.RETURN), Action.RETURN, decision)

        await self._store.write(work)
        self._store.due.set()

    async def expire(self, held_before: datetime, now: datetime) -> tuple[str, ...]:
        """Give back what nobody decided on since `held_before`. Time never releases anything. Returns the ids."""
        old = (rows.c.state == State.HELD.value) & (rows.c.since < to_ms(held_before))
        decision = _Decision(COUNTERSIGN, "Nobody decided on it in time.", now, {})

        def work(tx: Transaction) -> tuple[str, ...]:
            ids = tx.execute(select(rows.c.message_id).where(old).distinct().limit(100)).scalars().all()
            for message in mail.find_all(tx, ids):
                due = [r for r in message.in_state(State.HELD) if r.since < held_before]
                self._give_back(tx, message, due, Action.EXPIRE, decision)
            return tuple(ids)

        given_back = await self._store.write(work)
        self._store.due.set()
        return given_back

    def _held(self, tx: Transaction, hold_id: str, fp: str, now: datetime) -> None:
        """What goes with every hold: its place in the ledger, its notices, its record."""
        message = mail.find(tx, hold_id)
        enter(tx, Line(fingerprint=fp, fate=Fate.HELD, node=self._store.node, hold_id=hold_id), now)
        told = post.announce(tx, self._letterhead, message, now)
        detail = of_message(message.envelope, fp, message.size) | {"notices": told}
        if message.verdict is not None:
            detail |= of_verdict(message.verdict, self._store.versions)
        tx.record(Entry(event=Event.HELD, at=now, hold_id=hold_id, detail=detail))

    def _give_back(
        self,
        tx: Transaction,
        message: OwnMessage,
        chosen: Sequence[OwnRecipient],
        action: Action,
        decision: "_Decision",
    ) -> None:
        """Start a return; it ends when the sender's server has the notice, or here when there is nobody to tell."""
        approvals.forget(tx, message.id, _positions(chosen))
        mail.change(tx, message, chosen, action, decision.at)
        tx.record(decision.entry(Event.EXPIRED if action is Action.EXPIRE else Event.RETURN, message, chosen))
        notice = post.give_back(tx, self._letterhead, message, chosen, decision.note, decision.at)
        tx.execute(
            update(rows)
            .where(rows.c.message_id == message.id, rows.c.position.in_(_positions(chosen)))
            .values(lease=notice or message.id)
        )
        if notice is None:
            finish_return(tx, message.id, message.id, post.why_untold(message), decision.at)


@dataclass(frozen=True, slots=True)
class _Decision:
    """Who decided, why and when."""

    actor: Actor
    note: str
    at: datetime
    detail: Mapping[str, object]

    def entry(self, event: Event, message: OwnMessage, whom: Iterable[OwnRecipient]) -> Entry:
        detail = {**self.detail, "recipients": masked(r.address for r in whom), "note": mask_text(self.note)}
        return Entry(event=event, at=self.at, actor=self.actor, hold_id=message.id, detail=detail)


def _positions(whom: Iterable[OwnRecipient]) -> list[int]:
    return [recipient.position for recipient in whom]


def finish_return(tx: Transaction, hold_id: str, notice: str, untold: str | None, now: datetime) -> None:
    """The notice is with the sender's server, or (`untold`: why) can never be: the message is returned."""
    message = mail.find(tx, hold_id)
    waiting = [r for r in message.in_state(State.RETURNING) if r.lease == notice]
    mail.change(tx, message, waiting, Action.CLOSE if untold else Action.DELIVER, now)
    if untold:
        tx.record(Entry(event=Event.SENDER_NOT_TOLD, at=now, hold_id=hold_id, detail={"why": untold}))
    detail = {"recipients": masked(r.address for r in waiting)}
    tx.record(Entry(event=Event.RETURNED, at=now, hold_id=hold_id, detail=detail))


def _received(source: Connection | Transaction, hold_id: str) -> OwnMessage:
    """A message that came in; our own notices are nobody's to see or to decide on."""
    message = mail.find(source, hold_id)
    if message.purpose is not None:
        raise NotFoundError("there is no such message")
    return message


def _chosen(message: OwnMessage, addresses: Sequence[str] | None, action: Action) -> Sequence[OwnRecipient]:
    """The recipients that a person decides on: held ones, and never one who is not of this message."""
    found: Sequence[OwnRecipient] = message.in_state(State.HELD) or message.recipients
    if addresses is not None:
        wanted = {address.casefold() for address in addresses}
        found = [recipient for recipient in message.recipients if recipient.address.casefold() in wanted]
        if not wanted or wanted - {recipient.address.casefold() for recipient in found}:
            raise IllegalTransition("choose among the recipients of this message")
    for recipient in found:
        if recipient.state is not State.HELD:
            raise IllegalTransition(f"cannot {action} a message that is {recipient.state}")
    return found


def _refuse_own(message: OwnMessage, actor: Actor, action: Action) -> None:
    """The sender never releases his own message."""
    if approval.wrote(message, actor):
        raise OwnMessageError(f"the sender cannot {action} his own message: a second person has to")


def checked_note(note: str) -> str:
    """Raises IllegalTransition."""
    note = note.strip()
    if not note or len(note) > NOTE:
        raise IllegalTransition(f"a note of 1 to {NOTE} characters has to say why")
    return note


def _seen(message: OwnMessage, records: tuple[Record, ...] = ()) -> HeldMessage:
    return HeldMessage(
        id=message.id,
        envelope=message.envelope,
        verdict=message.verdict,
        received_at=message.received_at,
        size=message.size,
        recipients=message.recipients,
        destroyed_at=message.destroyed_at,
        escalated=message.escalated,
        history=records,
    )
