"""The way to a next hop that the tests of the relay play themselves."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from peers import Downstream

from gateway.message import Envelope
from gateway.relay import Delivery, NextHop, Reach
from gateway.settings import Downstream as NextHopSettings

RITA = "rita@beta.example"


OTTO = "otto@beta.example"


SAM = "sam@acme.example"


HEADER = b"Received: from client.example\r\n"


MESSAGE = b"Subject: hello\r\n\r\n.See you on Friday.\r\n.\r\n..\r\n"


def envelope(*rcpt_to: str, **changes: Any) -> Envelope:
    return Envelope(**{"mail_from": SAM, "rcpt_to": rcpt_to or (RITA,), **changes})


@asynccontextmanager
async def next_hop(peer: Downstream, **options: Any) -> AsyncIterator[NextHop]:
    tls, ca = options.pop("tls", None), options.pop("ca", None)
    hop = NextHop(NextHopSettings(host="localhost", port=peer.port, tls=tls, ca=ca), "gw.example", **options)
    try:
        yield hop
    finally:
        await hop.close()


async def deliver(peer: Downstream, *rcpt_to: str, within: float = 10, **options: Any) -> Delivery:
    async with next_hop(peer, **options) as hop:
        return await hop.deliver(envelope(*rcpt_to), HEADER, MESSAGE, within=within)


def reaches(delivery: Delivery) -> dict[str, Reach]:
    return {address: delivery.reach_of(address) for address in delivery.replies}
