"""Keeps nothing longer than the settings say: time gives held mail back and destroys content, and releases nothing.

Verdicts and audit records stay. Every destruction has its record, in the same transaction.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import exists, func, select

from gateway.audit.chain import Entry, Event
from gateway.errors import StoreError
from gateway.hold import Quarantine
from gateway.ledger import Ledger
from gateway.states import TERMINAL
from gateway.store import Store, Transaction, acquaintances, mail
from gateway.store.mail import OwnMessage
from gateway.store.moments import to_ms
from gateway.store.schema import messages, recipients

FIRST, EVERY = 60.0, 600.0  #: seconds from the start, and from one round to the next
BATCH = 50  #: messages in one transaction; mail is stored between two of them
LEAP = timedelta(hours=2)  #: a clock that gained this much on the steady one is not believed
DISBELIEF = 86400.0  #: seconds; an operator has this long to set it right

_ended = [state.value for state in TERMINAL]
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tidied:
    """What one round did."""

    returned: int = 0
    destroyed: int = 0


class Housekeeper:
    """`run()` works until `stop()`; it raises when the store is broken, and then the service must end."""

    def __init__(
        self,
        store: Store,
        clock: Callable[[], datetime],
        steady: Callable[[], float] = time.monotonic,
        *,
        first: float = FIRST,
        every: float = EVERY,
    ) -> None:
        self._store = store
        self._quarantine, self._ledger = Quarantine(store), Ledger(store)
        self._retention = store.settings.retention
        self._clock, self._steady = clock, steady
        self._first, self._every = first, every
        self._seen: tuple[datetime, float] | None = None  #: both clocks, at the round before
        self._disbelieves_until = float("-inf")
        self._stopped = asyncio.Event()

    def stop(self) -> None:
        self._stopped.set()

    async def run(self) -> None:
        await self._pause(self._first)
        while not self._stopped.is_set():
            try:
                done = await self.tidy()
            except StoreError as error:
                if self._store.broken:
                    raise
                _log.warning("housekeeping waits for the store: %s", error)
            else:
                if done != Tidied():
                    _log.info("%d messages given back, content of %d destroyed", done.returned, done.destroyed)
            await self._pause(self._every)

    async def tidy(self) -> Tidied:
        """One round."""
        now = self._clock()
        if not self._believes(now):
            return Tidied()
        held_before = now - timedelta(days=self._retention.held)
        ended_before = now - timedelta(days=self._retention.content)
        returned = destroyed = 0
        while given_back := await self._quarantine.expire(held_before, now):
            returned += len(given_back)
        while count := await self._store.write(lambda tx: _destroy(tx, ended_before, now)):
            destroyed += count
        await self._ledger.watch(now)
        await self._ledger.prune(now)
        await self._store.write(lambda tx: acquaintances.forget(tx, now - acquaintances.REMEMBERED))
        await self._store.forget_deleted()
        return Tidied(returned=returned, destroyed=destroyed)

    def _believes(self, now: datetime) -> bool:
        """A clock set a month ahead by mistake must not destroy a month of mail."""
        steady, before = self._steady(), self._seen
        self._seen = (now, steady)
        if before is not None and now - before[0] - timedelta(seconds=steady - before[1]) > LEAP:
            self._disbelieves_until = steady + DISBELIEF
            _log.error("the clock has leapt ahead: for a day nothing is given back or destroyed because of its age")
        return steady >= self._disbelieves_until

    async def _pause(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._stopped.wait(), seconds)


def _destroy(tx: Transaction, ended_before: datetime, now: datetime) -> int:
    """Content of received messages some time after their end, of our own notices with their end. Returns how many."""
    mine = recipients.c.message_id == messages.c.id
    unfinished = exists().where(mine, recipients.c.state.not_in(_ended))
    last = select(func.max(recipients.c.since)).where(mine).scalar_subquery()
    old = messages.c.purpose.is_not(None) | (last <= to_ms(ended_before))
    asked = select(messages.c.id).where(messages.c.destroyed_at.is_(None), ~unfinished, old).limit(BATCH)
    due = mail.find_all(tx, tx.execute(asked).scalars().all())
    for message in due:
        mail.destroy_content(tx, message, now)
        tx.record(_destroyed(message, now))
    return len(due)


def _destroyed(message: OwnMessage, now: datetime) -> Entry:
    """A notice stands in the history of the message that it is about, which nobody is to take for destroyed."""
    about, detail = message.about or message.id, {"size": message.size}
    if message.purpose is None:
        return Entry(event=Event.CONTENT_DESTROYED, at=now, hold_id=about, detail=detail)
    return Entry(event=Event.NOTICE_DESTROYED, at=now, hold_id=about, detail=detail | {"notice": message.purpose.value})
