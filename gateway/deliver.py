"""The courier: carries released mail, outbox and notices from the store downstream, until downstream's 250.

At least once is the honest promise: an attempt is on record before the first byte leaves, and what may have arrived
twice is recorded as such. It decides nothing and never sends what the state table does not call releasing or relaying.
"""

import asyncio
import contextlib
import logging
import secrets
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import TypeVar

from sqlalchemy import ColumnElement, Connection, func, select, update

from gateway import post
from gateway.audit.chain import Entry, Event
from gateway.audit.detail import masked
from gateway.errors import NotFoundError, SealError, StoreError
from gateway.hold import finish_return
from gateway.message import Envelope
from gateway.notify import Letterhead
from gateway.relay import CUT_OFF, Delivery, NextHop, Reach
from gateway.reply import Reply
from gateway.states import SENDING, Action, State, advance
from gateway.store import Store, Transaction, mail
from gateway.store.mail import OwnMessage, OwnRecipient, Purpose
from gateway.store.moments import to_ms
from gateway.store.schema import recipients

POLL = 0.5  #: seconds between looks for work that another process has put in
RETRY_S = 1.0  #: between tries while the store is busy or full
LEASE = timedelta(seconds=10)  #: how long an attempt is ours without renewal; after a crash, how long it waits
DRIFT = timedelta(minutes=1)  #: between the clocks of two nodes, at most
GIVE_UP = timedelta(days=5)
BACK_OFF = (1, 2, 5, 15, 60, 300, 900, 1800)  #: seconds after the first, second ... attempt
UNREADABLE = Reply(451, "4.3.0 what is kept of the message cannot be read")

Result = TypeVar("Result")
Header = Callable[[OwnMessage, Envelope], bytes]
Clock = Callable[[], datetime]
_sending = [state.value for state in SENDING]
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Consignment:
    """One message on its way to some of its recipients. `lease` is what every later write about it must quote."""

    message: OwnMessage
    recipients: tuple[OwnRecipient, ...]
    lease: str

    @property
    def envelope(self) -> Envelope:
        return replace(self.message.envelope, rcpt_to=tuple(recipient.address for recipient in self.recipients))


class Courier:
    """`run()` works until `stop()`; it raises when it cannot go on, and then the service must end."""

    def __init__(self, store: Store, next_hop: NextHop, header: Header, clock: Clock, *, at_once: int = 4) -> None:
        self._store = store
        self._next_hop = next_hop
        self._header = header
        self._clock = clock
        self._at_once = at_once
        self._letterhead = Letterhead.of(store.settings)
        self._carried: dict[str, Consignment] = {}  #: by message id
        self._tasks: set[asyncio.Task[None]] = set()
        self._stopping = False

    def poke(self) -> None:
        """Look for work now."""
        self._store.due.set()

    def stop(self) -> None:
        """Finish what is on its way, then let `run` return."""
        self._stopping = True
        self.poke()

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            renewing = group.create_task(self._renew())
            while not self._stopping:
                if self._store.broken:  # with nothing to carry we would not notice, and 451 would be said for ever
                    raise self._store.broken
                self._store.due.clear()
                for consignment in await self._persist(self._take):
                    self._carried[consignment.message.id] = consignment
                    task = group.create_task(self._carry(consignment))
                    self._tasks.add(task)
                    task.add_done_callback(self._tasks.discard)
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._store.due.wait(), POLL)
            await asyncio.gather(*self._tasks)
            renewing.cancel()

    async def _take(self) -> tuple[Consignment, ...]:
        """Lease what is due."""
        free, now = self._at_once - len(self._carried), self._clock()
        if free <= 0 or not await self._store.read(lambda c: _due(c, now, 1, self._carried)):
            return ()
        return await self._store.write(lambda tx: _claim(tx, now, free, self._carried))

    async def _carry(self, consignment: Consignment) -> None:
        delivery = await self._deliver(consignment)
        await self._persist(lambda: self._store.write(lambda tx: self._settle(tx, consignment, delivery)))
        del self._carried[consignment.message.id]
        self.poke()

    async def _deliver(self, consignment: Consignment) -> Delivery:
        message, envelope = consignment.message, consignment.envelope
        try:
            raw = await self._persist(lambda: self._store.read(lambda c: mail.content(c, message.id)))
        except (SealError, NotFoundError) as error:
            _log.error("%s cannot be sent: %s", message.id, error)
            return Delivery(reach=Reach.DEFERRED, reply=UNREADABLE, replies=dict.fromkeys(envelope.rcpt_to, UNREADABLE))
        try:
            header = b"" if message.purpose else self._header(message, envelope)
            return await self._next_hop.deliver(envelope, header, raw)
        except StoreError:
            raise
        except Exception as error:  # noqa: BLE001 - one message must not stop all others
            # Only the type: the text of an error may quote the message.
            _log.error("delivery of %s failed: %s", message.id, type(error).__name__)
            return Delivery(reach=Reach.UNKNOWN, reply=CUT_OFF, replies=dict.fromkeys(envelope.rcpt_to, CUT_OFF))

    async def _persist(self, step: Callable[[], Awaitable[Result]]) -> Result:
        """A store that is busy or full is waited for; one that is broken ends the courier, and with it the service."""
        while True:
            try:
                return await step()
            except SealError:  # waiting mends no damage
                raise
            except StoreError as error:
                if self._store.broken:
                    raise
                _log.warning("waiting for the store: %s", error)
                await asyncio.sleep(RETRY_S)

    async def _renew(self) -> None:
        """Only the holder renews, and only while it works on it."""
        while True:
            await asyncio.sleep(LEASE.total_seconds() / 4)
            if carried := tuple(self._carried.values()):
                until = to_ms(self._clock() + LEASE)
                await self._persist(partial(self._store.write, partial(_prolong, carried=carried, until=until)))

    def _settle(self, tx: Transaction, consignment: Consignment, delivery: Delivery) -> None:
        """Write down how the attempt ended, recipient by recipient, and what follows from it."""
        now = self._clock()
        message = mail.find(tx, consignment.message.id)
        ours = [r for r in message.recipients if r.lease == consignment.lease]
        ended = _Ended(message=message, delivery=delivery, now=now)
        if not ours:
            # Another courier thought us dead and has sent it as well.
            tx.record(ended.entry(Event.POSSIBLE_DUPLICATE, consignment.recipients, why="lease lost"))
            return
        ended.defer(tx, [r for r in ours if ended.waits(r)])
        self._finish(tx, ended, Action.DELIVER, [r for r in ours if ended.reached(r) is Reach.DELIVERED])
        self._finish(tx, ended, Action.BOUNCE, [r for r in ours if ended.bounces(r)])

    def _finish(self, tx: Transaction, ended: "_Ended", action: Action, whom: list[OwnRecipient]) -> None:
        if not whom:
            return
        message, now = ended.message, ended.now
        new = advance(whom[0].state, action)
        mail.change(tx, message, whom, action, now)
        if message.purpose is not None:
            self._finish_notice(tx, ended, whom, delivered=action is Action.DELIVER)
            return
        event = {State.HELD: Event.HELD_AGAIN, State.FAILED: Event.FAILED}.get(new, Event.DELIVERED)
        tx.record(ended.entry(event, whom))
        if action is Action.DELIVER:
            reached = [recipient.address for recipient in whom]
            self._store.acquaintances.remember(tx, message.envelope.mail_from, reached, now)
        if new is State.FAILED:
            replies = {recipient.position: ended.reply(recipient) for recipient in whom}
            if not post.report_failure(tx, self._letterhead, message, replies, now):
                tx.record(ended.entry(Event.SENDER_NOT_TOLD, whom, why=post.why_untold(message)))

    def _finish_notice(self, tx: Transaction, ended: "_Ended", whom: list[OwnRecipient], *, delivered: bool) -> None:
        notice = ended.message
        tx.record(ended.entry(Event.NOTICE_SENT if delivered else Event.NOTICE_FAILED, whom))
        if notice.purpose is Purpose.RETURN and notice.about:
            untold = None if delivered else "the next server refused the notice"
            finish_return(tx, notice.about, notice.id, untold, ended.now)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ended:
    """An attempt that is over."""

    message: OwnMessage
    delivery: Delivery
    now: datetime

    def reached(self, recipient: OwnRecipient) -> Reach:
        return self.delivery.reach_of(recipient.address)

    def reply(self, recipient: OwnRecipient) -> Reply:
        return self.delivery.reply_to(recipient.address)

    def bounces(self, recipient: OwnRecipient) -> bool:
        late = self.now - recipient.since >= GIVE_UP
        return self.reached(recipient) is Reach.REFUSED or (late and self.reached(recipient) is not Reach.DELIVERED)

    def waits(self, recipient: OwnRecipient) -> bool:
        return self.reached(recipient) is not Reach.DELIVERED and not self.bounces(recipient)

    def defer(self, tx: Transaction, whom: list[OwnRecipient]) -> None:
        for recipient in whom:
            wait = timedelta(seconds=BACK_OFF[min(recipient.attempts, len(BACK_OFF)) - 1])
            tx.execute(
                update(recipients)
                .where(recipients.c.message_id == self.message.id, recipients.c.position == recipient.position)
                .values(lease=None, lease_until=0, due_at=to_ms(self.now + wait))
            )
        if whom:
            unknown = any(self.reached(recipient) is Reach.UNKNOWN for recipient in whom)
            tx.record(self.entry(Event.POSSIBLE_DUPLICATE if unknown else Event.DEFERRED, whom))

    def entry(self, event: Event, whom: Sequence[OwnRecipient], why: str | None = None) -> Entry:
        """Codes, never downstream's text, which may quote the message."""
        replies = [self.reply(recipient) for recipient in whom]
        detail = {
            "recipients": masked(recipient.address for recipient in whom),
            "attempt": max(recipient.attempts for recipient in whom),
            "codes": sorted({reply.code for reply in replies}),
        }
        if self.message.purpose:
            detail |= {"notice": self.message.purpose.value}
        if why:
            detail |= {"why": why}
        return Entry(event=event, at=self.now, hold_id=self.message.about or self.message.id, detail=detail)


def _due(source: Connection | Transaction, now: datetime, limit: int, carried: Collection[str]) -> list[str]:
    """Messages with a recipient whose time has come and whom nobody is busy with, longest waiting first."""
    asked = (
        select(recipients.c.message_id)
        .where(_is_due(now), recipients.c.message_id.not_in(list(carried)))
        .group_by(recipients.c.message_id)
        .order_by(func.min(recipients.c.due_at))
        .limit(limit)
    )
    return list(source.execute(asked).scalars())


def _is_due(now: datetime) -> ColumnElement[bool]:
    """A time further off than we ever set one was set before the clock went back: nobody waits for that."""
    at, longest = to_ms(now), timedelta(seconds=BACK_OFF[-1])
    due = (recipients.c.due_at <= at) | (recipients.c.due_at > to_ms(now + longest + DRIFT))
    free = (recipients.c.lease_until <= at) | (recipients.c.lease_until > to_ms(now + LEASE + DRIFT))
    return recipients.c.state.in_(_sending) & due & free


def _claim(tx: Transaction, now: datetime, limit: int, carried: Collection[str]) -> tuple[Consignment, ...]:
    leased = (_lease(tx, message_id, now) for message_id in _due(tx, now, limit, carried))
    return tuple(consignment for consignment in leased if consignment.recipients)


def _prolong(tx: Transaction, carried: Sequence[Consignment], until: int) -> None:
    for consignment in carried:
        mine = (recipients.c.message_id == consignment.message.id) & (recipients.c.lease == consignment.lease)
        tx.execute(update(recipients).where(mine).values(lease_until=until))


def _lease(tx: Transaction, message_id: str, now: datetime) -> Consignment:
    """Take all due recipients of a message for one attempt, on record before the first byte leaves."""
    lease, due = secrets.token_hex(16), (recipients.c.message_id == message_id) & _is_due(now)
    abandoned = tx.execute(select(recipients.c.address).where(due, recipients.c.lease.is_not(None))).scalars().all()
    tx.execute(
        update(recipients)
        .where(due)
        .values(lease=lease, lease_until=to_ms(now + LEASE), attempts=recipients.c.attempts + 1)
    )
    message = mail.find(tx, message_id)
    if abandoned:
        detail = {"recipients": masked(abandoned), "why": "an attempt was cut off before its outcome was known"}
        if message.purpose is not None:  # a notice that may come twice says nothing of the message that it is about
            detail["notice"] = message.purpose.value
        hold_id = message.about or message.id
        tx.record(Entry(event=Event.POSSIBLE_DUPLICATE, at=now, hold_id=hold_id, detail=detail))
    mine = tuple(recipient for recipient in message.recipients if recipient.lease == lease)
    return Consignment(message=message, recipients=mine, lease=lease)
