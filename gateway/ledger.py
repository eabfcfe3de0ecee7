"""The ledger of what came in: so that a message sent again is not delivered again, and none leaves without a record.

Intent before the first body byte goes downstream, outcome after it, each committed with its audit record.
"""

import hashlib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, and_, bindparam, delete, insert, or_, select, update

from gateway import post
from gateway.audit.chain import Entry, Event
from gateway.audit.detail import of_message, of_verdict
from gateway.errors import InFlightError
from gateway.message import Envelope
from gateway.notify import Letterhead
from gateway.relay import Delivery, Reach
from gateway.reply import Reply, held, pending
from gateway.states import State
from gateway.store import Store, Transaction
from gateway.store.mail import Letter, find, put
from gateway.store.moments import to_ms
from gateway.store.schema import deaths
from gateway.store.schema import ledger as rows
from rules.verdict import Verdict

MEMORY = timedelta(hours=72)  #: how long a client's retry is recognised
IN_FLIGHT = timedelta(minutes=3)  #: an attempt has ended by then: 90 seconds for the next hop, and clocks apart


class Fate(StrEnum):
    """What became of a message that came in."""

    RELAYING = "relaying"  #: on its way downstream; after a crash, nobody knows
    RELAYED = "relayed"
    REFUSED = "refused"
    DEFERRED = "deferred"
    UNKNOWN = "unknown"  #: it may have arrived downstream
    REJECTED = "rejected"
    HELD = "held"
    PENDING = "pending"
    TAKEN_OVER = "taken-over"


_ANSWERED = {Fate.RELAYED, Fate.HELD, Fate.PENDING, Fate.TAKEN_OVER}  #: the client has, or was sent, our 250
_EVENTS = {
    Fate.RELAYED: Event.RELAYED,
    Fate.REFUSED: Event.REFUSED,
    Fate.DEFERRED: Event.DEFERRED,
    Fate.UNKNOWN: Event.POSSIBLE_DUPLICATE,
}
_STATES = {Reach.DELIVERED: State.RELAYED, Reach.REFUSED: State.FAILED}

_RELAYING = rows.c.state == Fate.RELAYING.value
_FREE = and_(*(rows.c.state != fate.value for fate in [Fate.RELAYING, *sorted(_ANSWERED)]))
_MEMORY_MS = MEMORY // timedelta(milliseconds=1)
# Built once: every message asks the first, and every relayed one the second.
_RECALL = select(rows.c.state, rows.c.at, rows.c.code, rows.c.text, rows.c.hold_id, rows.c.node).where(
    rows.c.fingerprint == bindparam("fp"), rows.c.at > bindparam("oldest")
)
#: The line of an attempt while it is still this node's, be it given up already.
_END = (
    update(rows)
    .where(
        rows.c.fingerprint == bindparam("fp"),
        rows.c.node == bindparam("by"),
        or_(_RELAYING, rows.c.state == Fate.UNKNOWN.value),
    )
    .values({name: bindparam(name) for name in ("state", "at", "code", "text", "hold_id")})
)


class _Row(NamedTuple):
    """What `_RECALL` finds."""

    state: str
    at: int
    code: int | None
    text: str | None
    hold_id: str | None
    node: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """A message that has been answered with 250 already: `reply` is what to answer again."""

    fate: Fate
    reply: Reply
    hold_id: str | None


def fingerprint(envelope: Envelope, raw: bytes) -> str:
    """The same for a retry, another for anything else: sender, set of recipients and bytes as received."""
    digest = hashlib.sha256()
    fields = [envelope.mail_from, *sorted(set(envelope.rcpt_to))]
    for field in [*(field.encode("utf-8", "surrogateescape") for field in fields), hashlib.sha256(raw).digest()]:
        digest.update(len(field).to_bytes(8, "big"))
        digest.update(field)
    return digest.hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """What became of a message, by the word of one node."""

    fingerprint: str
    fate: Fate
    node: str
    reply: Reply | None = None
    hold_id: str | None = None


def enter(tx: Transaction, line: Line, now: datetime) -> None:
    """Write it down for later retries. Raises InFlightError when it is answered already, or about to be."""
    if not tx.upsert(rows, ("fingerprint",), _row(line, now), _open):
        raise InFlightError("this very message has been answered, or somebody has it in hand")


def _open(new: Any) -> ColumnElement[bool]:
    """Which lines may be written over: free ones, the same hold, this node's attempt taken over, and forgotten ones."""
    taken_over = and_(_RELAYING, rows.c.node == new.node, new.state == Fate.TAKEN_OVER.value)
    forgotten = rows.c.at <= new.at - _MEMORY_MS
    return or_(_FREE, rows.c.hold_id == new.hold_id, taken_over, forgotten)


def _row(line: Line, now: datetime) -> dict[str, Any]:
    """A refusal, which may quote the message, is not kept."""
    code, text = (line.reply.code, line.reply.text) if line.reply and line.reply.accepted else (None, None)
    row = {"fingerprint": line.fingerprint, "state": line.fate.value, "at": to_ms(now), "node": line.node}
    return row | {"code": code, "text": text, "hold_id": line.hold_id}


class Ledger:
    def __init__(self, store: Store) -> None:
        self._store = store
        self._letterhead = Letterhead.of(store.settings)

    def _line(self, fp: str, fate: Fate, *, reply: Reply | None = None, hold_id: str | None = None) -> Line:
        return Line(fingerprint=fp, fate=fate, node=self._store.node, reply=reply, hold_id=hold_id)

    async def recall(self, fp: str, now: datetime) -> Known | None:
        """Whether this very message was accepted before, within 72 hours. Records that a retry was answered.

        Not to be asked while a delivery of it is under way in this process: a retry joins that one. Raises
        InFlightError while one may be under way in another.
        """

        def work(tx: Transaction) -> Known | None:
            found = tx.find(_RECALL, {"fp": fp, "oldest": to_ms(now - MEMORY)})
            if found is None:
                return None
            row = _Row(*found)
            if Fate(row.state) is Fate.RELAYING:
                if self._store.shared and row.node != self._store.node and row.at > to_ms(now - IN_FLIGHT):
                    raise InFlightError("another node has this very message in hand")
                _unknown(tx, fp, "the outcome of an earlier attempt could not be written down", now)
            if Fate(row.state) not in _ANSWERED:
                return None
            known = Known(fate=Fate(row.state), reply=_reply_again(row), hold_id=row.hold_id)
            detail = {"fingerprint": fp, "fate": known.fate.value}
            tx.record(Entry(event=Event.RETRY_SUPPRESSED, at=now, hold_id=row.hold_id, detail=detail))
            return known

        return await self._store.write(work)

    async def intend(self, fp: str, envelope: Envelope, verdict: Verdict, now: datetime, size: int = 0) -> None:
        """Commit the verdict before the first body byte leaves."""
        detail = of_message(envelope, fp, size) | of_verdict(verdict, self._store.versions)

        def work(tx: Transaction) -> None:
            enter(tx, self._line(fp, Fate.RELAYING), now)
            tx.record(Entry(event=Event.RELAYING, at=now, detail=detail))

        await self._store.write(work)

    async def outcome(self, fp: str, envelope: Envelope, delivery: Delivery, now: datetime) -> None:
        """Commit how a relay ended when every recipient fared alike; for the rest there is `take_over`.

        May be tried again when nobody knows whether it is written.
        """
        fate = _fate(delivery)
        line = self._line(fp, fate, reply=delivery.reply)

        def work(tx: Transaction) -> None:
            if tx.change(_END, {"fp": fp, "by": line.node} | _row(line, now)) == 1:
                tx.record(Entry(event=_EVENTS[fate], at=now, detail={"fingerprint": fp, **reach_detail(delivery)}))
            elif not _written(tx, line):
                # Another node thought this one dead, and may have sent it as well.
                detail = {"fingerprint": fp, **reach_detail(delivery), "why": "another node took it in hand meanwhile"}
                tx.record(Entry(event=Event.POSSIBLE_DUPLICATE, at=now, detail=detail))
            self._remember(tx, envelope, delivery, now)

        await self._store.write(work)

    def _remember(self, tx: Transaction, envelope: Envelope, delivery: Delivery, now: datetime) -> None:
        taken = [address for address in envelope.rcpt_to if delivery.reach_of(address) is Reach.DELIVERED]
        self._store.acquaintances.remember(tx, envelope.mail_from, taken, now)

    async def reject(self, fp: str, envelope: Envelope, verdict: Verdict, now: datetime, size: int = 0) -> None:
        """Commit that the policy refuses the message, before the client is told."""
        detail = of_message(envelope, fp, size) | of_verdict(verdict, self._store.versions)

        def work(tx: Transaction) -> None:
            enter(tx, self._line(fp, Fate.REJECTED), now)
            tx.record(Entry(event=Event.REJECTED, at=now, detail=detail))

        await self._store.write(work)

    async def take_over(
        self, fp: str, envelope: Envelope, raw: bytes, delivery: Delivery, now: datetime, hold_id: str
    ) -> Reply:
        """Downstream took it for some recipients only: keep it, deliver to the deferred, report the refused.

        Returns the 250 for the client. May be tried again when nobody knows whether it is written.
        """
        reply = Reply(250, f"2.0.0 accepted, delivery to some recipients follows as {hold_id}")
        states = [_STATES.get(delivery.reach_of(address), State.RELAYING) for address in envelope.rcpt_to]
        letter = Letter(id=hold_id, envelope=envelope, raw=raw, at=now, fingerprint=fp)
        line = self._line(fp, Fate.TAKEN_OVER, reply=reply, hold_id=hold_id)

        def work(tx: Transaction) -> None:
            if _written(tx, line):
                return
            put(tx, letter, states)
            enter(tx, line, now)
            detail = {"fingerprint": fp, **reach_detail(delivery)}
            tx.record(Entry(event=Event.TAKEN_OVER, at=now, hold_id=hold_id, detail=detail))
            self._remember(tx, envelope, delivery, now)
            message = find(tx, hold_id)
            refused = {r.position: delivery.reply_to(r.address) for r in message.in_state(State.FAILED)}
            if refused and not post.report_failure(tx, self._letterhead, message, refused, now):
                why = {"why": post.why_untold(message)}
                tx.record(Entry(event=Event.SENDER_NOT_TOLD, at=now, hold_id=hold_id, detail=why))

        await self._store.write(work)
        self._store.due.set()
        return reply

    async def worker_died(self, fp: str, now: datetime) -> int:
        """Count a worker that this message has killed. Returns how many by now; the third time the message is held."""

        def work(tx: Transaction) -> int:
            known = tx.execute(select(deaths.c.count).where(deaths.c.fingerprint == fp)).scalar()
            if known is None:
                tx.execute(insert(deaths).values(fingerprint=fp, count=1, at=to_ms(now)))
            else:
                tx.execute(update(deaths).where(deaths.c.fingerprint == fp).values(count=known + 1, at=to_ms(now)))
            count = int(known or 0) + 1
            tx.record(Entry(event=Event.WORKER_DIED, at=now, detail={"fingerprint": fp, "count": count}))
            return count

        return await self._store.write(work)

    async def recover(self, now: datetime) -> int:
        """At start: what was on its way downstream when we died may have arrived. Returns how many there were.

        Where other nodes are at work, theirs is left alone for as long as it may take.
        """
        return await self._give_up(now, now - IN_FLIGHT if self._store.shared else now)

    async def watch(self, now: datetime) -> int:
        """The same while running: a node may have died that does not come back, or our own outcome got lost."""
        return await self._give_up(now, now - IN_FLIGHT)

    async def _give_up(self, now: datetime, begun_by: datetime) -> int:
        asked = select(rows.c.fingerprint).where(_RELAYING, rows.c.at <= to_ms(begun_by)).order_by(rows.c.at)

        def work(tx: Transaction) -> int:
            lost = list(tx.execute(asked).scalars())
            for fp in lost:
                _unknown(tx, fp, "stopped before the outcome was known", now)
            return len(lost)

        return await self._store.write(work)

    async def prune(self, now: datetime) -> None:
        """Forget what is older than a client's retries."""
        oldest = to_ms(now - MEMORY)

        def work(tx: Transaction) -> None:
            tx.execute(delete(rows).where(rows.c.at <= oldest, rows.c.state != Fate.RELAYING.value))
            tx.execute(delete(deaths).where(deaths.c.at <= oldest))

        await self._store.write(work)


def _written(tx: Transaction, line: Line) -> bool:
    here = (rows.c.fingerprint == line.fingerprint) & (rows.c.node == line.node) & (rows.c.state == line.fate.value)
    return tx.execute(select(rows.c.at).where(here)).first() is not None


def _unknown(tx: Transaction, fp: str, why: str, now: datetime) -> None:
    """Guarded by the old state; it stays the node's that may know better yet."""
    lost = update(rows).where(rows.c.fingerprint == fp, _RELAYING)
    tx.execute(lost.values(state=Fate.UNKNOWN.value, at=to_ms(now)))
    tx.record(Entry(event=Event.POSSIBLE_DUPLICATE, at=now, detail={"fingerprint": fp, "why": why}))


def reach_detail(delivery: Delivery) -> Mapping[str, Any]:
    """Counts and codes. Never downstream's text, which may quote the message."""
    codes = Counter(str(reply.code) for reply in delivery.replies.values())
    return {"reach": Counter(delivery.reach_of(address).value for address in delivery.replies), "codes": codes}


def _fate(delivery: Delivery) -> Fate:
    reaches = {delivery.reach_of(address) for address in delivery.replies} or {delivery.reach}
    if Reach.UNKNOWN in reaches:
        return Fate.UNKNOWN
    if reaches == {Reach.DELIVERED}:
        return Fate.RELAYED
    if reaches == {Reach.REFUSED}:
        return Fate.REFUSED
    if Reach.DELIVERED in reaches:
        raise ValueError("downstream has it for some recipients: it must be taken over")
    return Fate.DEFERRED


def _reply_again(row: _Row) -> Reply:
    match Fate(row.state):
        case Fate.HELD:
            return held(row.hold_id or "")
        case Fate.PENDING:
            return pending(row.hold_id or "")
        case _:
            return Reply(row.code or 0, row.text or "")
