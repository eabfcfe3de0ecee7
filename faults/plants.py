"""Mistakes to plant in the service, one for each promise. The books must find every one of them."""
# ruff: noqa: SLF001, ASYNC110 - a mistake is planted where the product keeps what it is about

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import update

import gateway.deliver
import gateway.ledger
import gateway.receive
import gateway.relay
import gateway.store.sqlite
from gateway.hold import Quarantine
from gateway.ledger import Fate, Ledger
from gateway.pipeline import Arrival, Pipeline
from gateway.reply import Reply
from gateway.store import Transaction
from gateway.store.moments import to_ms
from gateway.store.schema import ledger as rows
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

    async def nothing(*_: Any) -> None:
        return None

    walk = Pipeline.accept
    Pipeline.accept = accept  # type: ignore[method-assign]
    Ledger.recall = nothing  # type: ignore[method-assign, assignment]


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

    gateway.deliver.Courier.run = idle  # type: ignore[method-assign]


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


def forget_possible_duplicates() -> None:
    """What was under way when the process died is sent again, and no record says so."""

    def unrecorded(tx: Transaction, fp: str, why: str, now: datetime) -> None:
        del why
        begun = rows.c.state == Fate.RELAYING.value
        lost = update(rows).where(rows.c.fingerprint == fp, begun)
        tx.execute(lost.values(state=Fate.UNKNOWN.value, at=to_ms(now)))

    gateway.ledger._unknown = unrecorded


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
        forget_possible_duplicates,
    )
}
