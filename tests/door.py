"""A door on loopback whose `accept` keeps what it was given, for the tests of the SMTP room."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from ipaddress import ip_network
from typing import Any

from gateway.message import Envelope
from gateway.receive import Accept, Door
from gateway.reply import Reply
from gateway.settings import Address, Smtp

LOOPBACK = (ip_network("127.0.0.0/8"), ip_network("::1"))


def settings(**changes: Any) -> Smtp:
    return Smtp(listen=Address(host="127.0.0.1", port=0), hostname="gw.example", allow_from=LOOPBACK).model_copy(
        update=changes
    )


@dataclass
class Taken:
    """An `accept` that keeps what it is given; its reply names sender and recipients, for dialogues to check."""

    messages: list[tuple[Envelope, bytes]] = field(default_factory=list)
    fault: Exception | None = None
    gate: asyncio.Event | None = None  #: waits for it before it replies

    async def __call__(self, envelope: Envelope, raw: bytes) -> Reply:
        if self.fault is not None:
            fault, self.fault = self.fault, None
            raise fault
        if self.gate is not None:
            await self.gate.wait()
        self.messages.append((envelope, raw))
        return Reply(250, f"2.0.0 from {envelope.mail_from} to {' '.join(envelope.rcpt_to)}")

    @property
    def raw(self) -> bytes:
        return self.messages[-1][1]


@contextlib.asynccontextmanager
async def open_door(accept: Accept, *, drain: float = 1.0, **options: Any) -> AsyncIterator[Door]:
    """`options` are those of the Door, and of its settings."""
    own = {name: options.pop(name) for name in ("base", "patience", "room", "onward", "check") if name in options}
    door = Door(settings(**options), accept, **own)
    await door.start()
    try:
        yield door
    finally:
        await door.close(drain)


@dataclass
class Onward:
    """A next hop, as far as the door asks it."""

    largest: int | None = None
    offers_dsn: bool = False


async def eventually(true: Callable[[], bool]) -> None:
    """Wait for it, ten seconds at most."""
    async with asyncio.timeout(10):
        while not true():  # noqa: ASYNC110 - the door has no event for it
            await asyncio.sleep(0.005)
