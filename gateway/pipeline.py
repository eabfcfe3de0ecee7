"""READ ME FIRST. The walk of a message: `_rooms` has one line per room, in order.

When `accept` returns 250, the message is downstream's or on our disk. Whatever it raises, the door turns into 451.
"""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import structlog

from gateway.errors import (
    IllegalTransition,
    InFlightError,
    InspectorError,
    NotFoundError,
    SealError,
    StoreError,
    StoreFullError,
)
from gateway.hold import HeldMessage, Quarantine
from gateway.inspector import Inspector, unread
from gateway.judging import judge
from gateway.ledger import Ledger, fingerprint
from gateway.message import Envelope
from gateway.observe import Metrics
from gateway.relay import Delivery, NextHop, Reach
from gateway.reply import IN_FLIGHT, REFUSED, STORE_FULL, Reply, held, pending
from gateway.rules_in_force import RulesInForce
from gateway.smtp import trace
from gateway.store import Store
from gateway.store.mail import new_id
from rules.sentence import for_log
from rules.verdict import Disposition, Evidence, Obstacle, Verdict

POISON = 3  #: failed inspections of one message; then it is held, not deferred for ever
ANSWER_BY = 90.0  #: seconds after the final dot; Postfix waits 100
RELAY_AT_LEAST = 25.0  #: seconds for the next hop, however long the inspection took
PATIENCE = 5.0  #: seconds between attempts to judge what is stored already
LOOK = 60.0  #: seconds between looks for what a node that died has left undecided
RETRY = 0.5  #: seconds between attempts to write down what downstream has said

log = structlog.get_logger("countersign.pipeline")


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """A message at the door, and by what name it is known here."""

    envelope: Envelope
    raw: bytes
    fingerprint: str
    id: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Pipeline:
    inspector: Inspector
    rules: RulesInForce
    store: Store
    ledger: Ledger
    quarantine: Quarantine
    next_hop: NextHop
    metrics: Metrics
    hostname: str
    soft: float  #: seconds of inspection that a client is kept waiting
    now: Callable[[], datetime]
    fault: asyncio.Future[None]  #: fails when a background task of ours has
    _walks: dict[str, asyncio.Task[Reply]] = field(default_factory=dict)
    _settling: dict[asyncio.Task[None], str] = field(default_factory=dict)
    _stopped: asyncio.Event = field(default_factory=asyncio.Event)

    async def accept(self, envelope: Envelope, raw: bytes) -> Reply:
        """Reply once the message is downstream's or ours. A retry joins the walk of the message that it repeats."""
        fp = fingerprint(envelope, raw)
        walk = self._walks.get(fp)
        if walk is None:
            at = self.now()
            arrival = Arrival(envelope=envelope, raw=raw, fingerprint=fp, id=new_id(at), at=at)
            walk = self._walks[fp] = asyncio.create_task(self._walk(arrival))
            walk.add_done_callback(lambda _: self._walks.pop(fp, None))
        try:
            reply = await asyncio.shield(walk)
        except StoreFullError:
            reply = STORE_FULL
        except InFlightError:
            reply = IN_FLIGHT
        self.metrics.replies.labels(str(reply.code)[0]).inc()
        return reply

    async def _walk(self, arrival: Arrival) -> Reply:
        """Whether it was answered before is told by writing it down, which every message needs: nobody asks first."""
        while True:
            try:
                return await self._rooms(arrival)
            except InFlightError:
                if known := await self.ledger.recall(arrival.fingerprint, arrival.at):
                    return known.reply

    async def _rooms(self, arrival: Arrival) -> Reply:
        judging = asyncio.create_task(self._judge(arrival))
        if not (await asyncio.wait({judging}, timeout=self.soft))[0]:
            return await self._keep_waiting(arrival, judging)
        verdict = judging.result()
        match verdict.disposition:
            case Disposition.RELAY:
                return await self._relay(arrival, verdict)
            case Disposition.HOLD:
                return await self._hold(arrival, verdict)
            case Disposition.REJECT:
                return await self._reject(arrival, verdict)

    async def _inspect(self, arrival: Arrival) -> Evidence:
        """What the confined worker says. A message that our workers fail on again and again is held unread."""
        try:
            return await self.inspector.inspect(arrival.raw)
        except InspectorError:
            if await self.ledger.worker_died(arrival.fingerprint, self.now()) < POISON:
                raise
            return unread(arrival.raw, Obstacle.CORRUPT)

    async def judge(self, rcpt_to: Sequence[str], evidence: Evidence, sender: str) -> Verdict:
        """By the policy and the directory in force."""
        book = self.rules.book
        return await judge(self.store, book.policy, book.directory, rcpt_to, evidence, sender)

    async def _judge(self, arrival: Arrival) -> Verdict:
        """Inspected and decided by one rulebook: when it is replaced in between, inspected again."""
        book = None
        while book is not self.rules.book:
            book = self.rules.book
            evidence = await self._inspect(arrival)
        verdict = await self.judge(arrival.envelope.rcpt_to, evidence, arrival.envelope.mail_from)
        self.metrics.judged(verdict)
        return verdict

    async def _relay(self, arrival: Arrival, verdict: Verdict) -> Reply:
        """Intent on disk, then the bytes, then the outcome on disk, then downstream's own reply."""
        envelope, raw = arrival.envelope, arrival.raw
        await self.ledger.intend(arrival.fingerprint, envelope, verdict, self.now(), len(raw))
        left = ANSWER_BY - (self.now() - arrival.at).total_seconds()
        delivery = await self.next_hop.deliver(
            envelope, self.header(arrival.id, envelope, arrival.at), raw, within=max(RELAY_AT_LEAST, left)
        )
        reaches = {delivery.reach_of(address) for address in envelope.rcpt_to}
        log.info("relayed", id=arrival.id, reaches=sorted(reaches), code=delivery.reply.code)
        return await self._write_down(arrival, delivery)

    async def _write_down(self, arrival: Arrival, delivery: Delivery) -> Reply:
        """Downstream has spoken: while the client waits, a store that is away for a moment is worth waiting for."""
        reaches = {delivery.reach_of(address) for address in arrival.envelope.rcpt_to}
        fp, mixed = arrival.fingerprint, Reach.DELIVERED in reaches and len(reaches) > 1
        while True:
            at = self.now()
            try:
                if mixed:
                    return await self.ledger.take_over(fp, arrival.envelope, arrival.raw, delivery, at, arrival.id)
                await self.ledger.outcome(fp, arrival.envelope, delivery, at)
            except StoreError:
                if self.store.broken or (at - arrival.at).total_seconds() > ANSWER_BY:
                    raise
                await asyncio.sleep(RETRY)
            else:
                return delivery.reply

    async def _hold(self, arrival: Arrival, verdict: Verdict) -> Reply:
        if not self.store.has_room(len(arrival.raw)):
            return STORE_FULL
        verdict = replace(verdict, hold_id=arrival.id)
        await self.quarantine.hold(arrival.envelope, arrival.raw, verdict, self.now(), arrival.id)
        self._log_verdict("held", arrival.id, verdict)
        return held(arrival.id)

    async def _reject(self, arrival: Arrival, verdict: Verdict) -> Reply:
        await self.ledger.reject(arrival.fingerprint, arrival.envelope, verdict, self.now(), len(arrival.raw))
        self._log_verdict("rejected", arrival.id, verdict)
        return REFUSED

    async def _keep_waiting(self, arrival: Arrival, judging: asyncio.Task[Verdict]) -> Reply:
        """Past the soft deadline we stop being a proxy: the message is ours, and inspection goes on from the store."""
        if not self.store.has_room(len(arrival.raw)):
            judging.cancel()
            return STORE_FULL
        await self.quarantine.store_pending(arrival.envelope, arrival.raw, self.now(), arrival.id)
        log.info("accepted for inspection", id=arrival.id)
        self._go_on(arrival, judging)
        return pending(arrival.id)

    async def run(self) -> None:
        """Where other nodes are at work: go on with what one that died has left undecided, until `stop`."""
        inspection = self.store.settings.inspection
        longest = timedelta(seconds=inspection.soft + 2 * inspection.timeout)
        while not self._stopped.is_set():
            with suppress(StoreError):  # the next look will tell; a broken store ends the service elsewhere
                await self.resume(self.now() - longest)
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stopped.wait(), LOOK)

    def stop(self) -> None:
        self._stopped.set()

    async def resume(self, stored_by: datetime) -> None:
        """Go on with what was stored and not judged. Should two nodes do so, the first to end settles it."""
        for message in await self.quarantine.pending(stored_by):
            if message.id in self._settling.values():
                continue
            try:
                raw = await self.quarantine.content(message.id)
            except SealError as error:  # it stays in the queue, undecided; all other mail goes on
                log.error("cannot be inspected", id=message.id, why=str(error))  # noqa: TRY400 - a sentence, no traceback
                continue
            arrival = _arrival(message, raw)
            self._go_on(arrival, asyncio.create_task(self._judge(arrival)))

    def _go_on(self, arrival: Arrival, judging: asyncio.Task[Verdict]) -> None:
        task = asyncio.create_task(self._settle(arrival, judging))
        self._settling[task] = arrival.id
        task.add_done_callback(self._settled)

    def _settled(self, task: asyncio.Task[None]) -> None:
        """A stored message that nobody goes on with must not stay unseen: `fault` ends the service."""
        self._settling.pop(task, None)
        if not task.cancelled() and (error := task.exception()) and not self.fault.done():
            self.fault.set_exception(error)

    async def _settle(self, arrival: Arrival, judging: asyncio.Task[Verdict]) -> None:
        """Judge a stored message, however often our own failures interrupt it."""
        while True:
            try:
                verdict = replace(await judging, hold_id=arrival.id)
                await self.quarantine.settle(arrival.id, verdict, self.now())
            except (InspectorError, StoreError) as error:
                if self.store.broken:
                    return
                log.warning("still pending", id=arrival.id, error=type(error).__name__)
                await asyncio.sleep(PATIENCE)
                judging = asyncio.create_task(self._judge(arrival))
            except (IllegalTransition, NotFoundError) as error:  # decided by somebody else meanwhile
                log.warning("not settled", id=arrival.id, error=type(error).__name__)
                return
            else:
                self._log_verdict("settled", arrival.id, verdict)
                return

    async def close(self) -> None:
        """Stop judging what is stored; the next start resumes it."""
        for task in list(self._settling):
            task.cancel()
        await asyncio.gather(*self._settling, return_exceptions=True)

    def header(self, identifier: str, envelope: Envelope, at: datetime) -> bytes:
        """Our fields on top of what we relay."""
        received = trace.received(envelope, hostname=self.hostname, identifier=identifier, when=at)
        return received + trace.fields({"ID": identifier, "Disposition": Disposition.RELAY})

    def _log_verdict(self, event: str, identifier: str, verdict: Verdict) -> None:
        rules = sorted({reason.rule for reason in verdict.reasons})
        log.info(event, id=identifier, rules=rules, sentence=for_log(verdict, self.rules.book.directory))


def _arrival(message: HeldMessage, raw: bytes) -> Arrival:
    return Arrival(
        envelope=message.envelope,
        raw=raw,
        fingerprint=fingerprint(message.envelope, raw),
        id=message.id,
        at=message.received_at,
    )
