"""A courier at work between a store and a downstream that records, as the tests of delivery want it."""

import asyncio
import contextlib
import email
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from email.message import Message
from pathlib import Path

from peers import Downstream, Script
from store_kit import NOW, RAW, SAM, an_id, envelope, settings, verdict

from gateway.actor import Actor
from gateway.deliver import Courier
from gateway.hold import Quarantine
from gateway.message import Envelope
from gateway.relay import NextHop
from gateway.settings import Downstream as DownstreamSettings
from gateway.states import State
from gateway.store import Store
from gateway.store.mail import OwnMessage

HEADER = b"Received: from us\r\nX-Countersign-Id: 1\r\n"


RITA = "privacy@recordkeeper.example"


@dataclass
class Clock:
    """Time as the test wants it."""

    now: datetime = field(default=NOW)

    def __call__(self) -> datetime:
        return self.now

    def forward(self, **by: float) -> None:
        self.now += timedelta(**by)


def header(message: OwnMessage, envelope: Envelope) -> bytes:
    assert message.envelope.mail_from == envelope.mail_from
    return HEADER


@dataclass
class Site:
    """A store, a courier at work, and a downstream that records."""

    store: Store
    quarantine: Quarantine
    peer: Downstream
    clock: Clock
    courier: Courier

    async def hold(self, *rcpt_to: str, mail_from: str = SAM) -> str:
        hold_id = an_id()
        await self.quarantine.hold(envelope(*rcpt_to, mail_from=mail_from), RAW, verdict(*rcpt_to), NOW, hold_id)
        return hold_id

    async def released(self, *rcpt_to: str) -> str:
        hold_id = await self.hold(*rcpt_to)
        await self.quarantine.release(hold_id, None, Actor("rita"), "right", NOW)
        return hold_id

    async def states(self, hold_id: str) -> list[State]:
        return [recipient.state for recipient in (await self.quarantine.get(hold_id)).recipients]

    async def events(self, hold_id: str) -> list[str]:
        return [record.event for record in (await self.quarantine.get(hold_id)).history]

    async def until(self, happened: Callable[[], object]) -> None:
        async def asked() -> object:
            return happened()

        await self.until_it_is(asked)

    async def until_it_is(self, asked: Callable[[], Awaitable[object]]) -> None:
        async with asyncio.timeout(20):
            while not await asked():  # noqa: ASYNC110 - what is waited for happens in the store
                await asyncio.sleep(0.01)

    async def until_states(self, hold_id: str, *states: State) -> None:
        async def asked() -> bool:
            return await self.states(hold_id) == list(states)

        await self.until_it_is(asked)

    async def until_event(self, hold_id: str, event: str, times: int = 1) -> None:
        async def asked() -> bool:
            return (await self.events(hold_id)).count(event) >= times

        await self.until_it_is(asked)

    def mail(self) -> list[bytes]:
        """What arrived of received mail, our notices left out."""
        return [message.raw for message in self.peer.accepted if message.mail_from]

    def notices(self, to: str) -> list[Message]:
        mine = [m for m in self.peer.accepted if not m.mail_from and to.encode() in m.rcpt_to]
        return [email.message_from_bytes(message.raw) for message in mine]


@contextlib.asynccontextmanager
async def site(folder: Path, script: Script | None = None, *, working: bool = True) -> AsyncIterator[Site]:
    peer = await Downstream(script=script or {}).start()
    hop = NextHop(DownstreamSettings(host="127.0.0.1", port=peer.port), "gw.recordkeeper.example")
    async with Store.open(settings(folder, reviewers=[RITA])) as store:
        clock = Clock()
        courier = Courier(store, hop, header, clock)
        work = asyncio.create_task(courier.run()) if working else None
        try:
            yield Site(store, Quarantine(store), peer, clock, courier)
        finally:
            courier.stop()
            if work is not None:
                await work
            await hop.close()
            await peer.close()
