"""Mistakes to plant in the service, one for each promise. The books must find every one of them."""
# ruff: noqa: SLF001, ASYNC110 - a mistake is planted where the product keeps what it is about

import asyncio
import os
import stat
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import true, update

import gateway.deliver
import gateway.ledger
import gateway.receive
import gateway.relay
import gateway.store.postgres
import gateway.store.sqlite
from gateway.deliver import Consignment, Courier
from gateway.hold import Quarantine
from gateway.ledger import Fate, Ledger
from gateway.pipeline import Arrival, Pipeline
from gateway.reply import Reply
from gateway.store import Transaction
from gateway.store.mail import find
from gateway.store.moments import to_ms
from gateway.store.schema import ledger as rows
from gateway.store.schema import recipients
from rules.verdict import Verdict


def reply_before_commit() -> None:
    """250 first, the disk later."""
    hold = Quarantine.hold

    async def late(self: Quarantine, *arguments: Any) -> None:
        async def later() -> None:
            await asyncio.sleep(0.05)
            await hold(self, *arguments)

        _LATER.append(asyncio.create_task(later()))

    Quarantine.hold = late  # type: ignore[method-assign, assignment]


_LATER: list["asyncio.Task[None]"] = []


def no_intent() -> None:
    """The first body byte leaves before anything is written down."""

    async def nothing(*_: Any, **__: Any) -> None:
        return None

    Ledger.intend = nothing  # type: ignore[method-assign]


def no_joining() -> None:
    """A retry does not meet the walk of the message that it repeats, nor what is written of it."""

    async def accept(self: Pipeline, envelope: Any, raw: bytes) -> Reply:
        self._walks.clear()
        return await walk(self, envelope, raw)

    walk = Pipeline.accept
    Pipeline.accept = accept  # type: ignore[method-assign]
    gateway.ledger._open = lambda _: true()  # type: ignore[assignment]


def release_by_itself() -> None:
    """What should wait for a person goes out."""

    async def hold(self: Pipeline, arrival: Arrival, verdict: Verdict) -> Reply:
        reply = await keep(self, arrival, verdict)
        await self.next_hop.deliver(arrival.envelope, b"", arrival.raw)
        return reply

    keep = Pipeline._hold
    Pipeline._hold = hold  # type: ignore[method-assign]


def courier_stops() -> None:
    """The background task waits for ever, and nobody notices."""

    async def idle(self: Any) -> None:
        while not self._stopping:
            await asyncio.sleep(0.1)

    Courier.run = idle  # type: ignore[method-assign]


def rewrite() -> None:
    """One octet of the message changes on the way."""
    wire = gateway.relay.wire
    gateway.relay.wire = lambda header, raw: wire(header, raw.replace(b"agreed", b"Agreed", 1))


def one_too_many() -> None:
    """A recipient of an earlier message gets this one too."""
    deliver = gateway.relay.NextHop.deliver
    seen: list[str] = []

    async def more(self: Any, envelope: Any, header: bytes, raw: bytes, **within: Any) -> Any:
        both = tuple(dict.fromkeys((*envelope.rcpt_to, *seen[-1:])))
        seen.append(envelope.rcpt_to[0])
        return await deliver(self, replace(envelope, rcpt_to=both), header, raw, **within)

    gateway.relay.NextHop.deliver = more  # type: ignore[method-assign]


def refuse_on_error() -> None:
    """A fault of ours is called the client's."""
    gateway.receive.TRY_LATER = Reply(554, "5.0.0 no")  # type: ignore[attr-defined]


def no_durability() -> None:
    """Committed means: told to the kernel."""
    gateway.store.sqlite.PRAGMAS["synchronous"] = ("OFF", 0)


def asynchronous_commits() -> None:
    """Committed means: told to the database server, which writes it down a moment later."""
    set_up = gateway.store.postgres._set_up

    def hasty(connection: Any) -> None:
        set_up(connection)
        connection.execute("SET synchronous_commit = off")

    gateway.store.postgres._set_up = hasty


def blind_couriers() -> None:
    """A node does not see that another one is sending the same mail already, nor says so afterwards."""
    take, settle = gateway.deliver._lease, Courier._settle

    def is_due(now: datetime) -> Any:
        return recipients.c.state.in_(gateway.deliver._sending) & (recipients.c.due_at <= to_ms(now))

    def lease(tx: Transaction, message_id: str, now: datetime) -> Any:
        tx.execute(update(recipients).where(recipients.c.message_id == message_id).values(lease=None))
        return take(tx, message_id, now)

    def silently(self: Courier, tx: Transaction, consignment: Consignment, delivery: Any) -> None:
        if any(each.lease == consignment.lease for each in find(tx, consignment.message.id).recipients):
            settle(self, tx, consignment, delivery)

    gateway.deliver._is_due, gateway.deliver._lease = is_due, lease
    Courier._settle = silently  # type: ignore[method-assign]


def no_folder_sync() -> None:
    """A new name is left to the kernel, which writes it down when it likes."""
    sync = os.fsync

    def only_files(descriptor: int) -> None:
        if not stat.S_ISDIR(os.fstat(descriptor).st_mode):
            sync(descriptor)

    os.fsync = only_files  # type: ignore[assignment]


def forget_possible_duplicates() -> None:
    """What was under way when the process died is sent again, and no record says so."""

    def unrecorded(tx: Transaction, fp: str, why: str, now: datetime) -> None:
        del why
        begun = rows.c.state == Fate.RELAYING.value
        lost = update(rows).where(rows.c.fingerprint == fp, begun)
        tx.execute(lost.values(state=Fate.UNKNOWN.value, at=to_ms(now)))

    gateway.ledger._unknown = unrecorded


def hoarder() -> None:
    """The bytes of every message are kept in memory, and a file is left open for each."""
    accept = Pipeline.accept

    async def keep(self: Pipeline, envelope: Any, raw: bytes) -> Reply:
        _KEPT.append((bytearray(raw) * 20, os.open(os.devnull, os.O_RDONLY)))
        return await accept(self, envelope, raw)

    Pipeline.accept = keep  # type: ignore[method-assign]


_KEPT: list[Any] = []


PLANTS: Mapping[str, Callable[[], None]] = {
    plant.__name__.replace("_", "-"): plant
    for plant in (
        reply_before_commit,
        no_intent,
        no_joining,
        release_by_itself,
        courier_stops,
        rewrite,
        one_too_many,
        refuse_on_error,
        no_durability,
        no_folder_sync,
        asynchronous_commits,
        blind_couriers,
        forget_possible_duplicates,
        hoarder,
    )
}
