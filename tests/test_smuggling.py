"""SMTP smuggling: one message in is one message out, whatever stands around its dots. Door and next hop together."""

import asyncio
import re
from itertools import product

import pytest
from door import open_door
from hypothesis import given, settings
from hypothesis import strategies as st
from peers import Downstream, client, downstream

from gateway.message import Envelope
from gateway.relay import NextHop, wire
from gateway.reply import Reply
from gateway.settings import Downstream as NextHopSettings

ENDS = {
    "CRLF": b"\r\n",
    "LF": b"\n",
    "CR": b"\r",
    "CRCRLF": b"\r\r\n",
    "LFCR": b"\n\r",
    "CRLFLF": b"\r\n\n",
    "NUL": b"\0\r\n",
    "SP": b" \r\n",
    "CRSP": b"\r \n",
    "NEL": b"\xc2\x85",
}
BARE = re.compile(rb"\r(?!\n)|(?<!\r)\n|\0")
SMUGGLED = b"MAIL FROM:<otto@evil.example>\r\nRCPT TO:<rita@beta.example>\r\nDATA\r\nsmuggled\r\n.\r\n"


class Relay:
    """The bare relay: every message goes on as it came."""

    def __init__(self, peer: Downstream) -> None:
        self.next_hop = NextHop(NextHopSettings(host="127.0.0.1", port=peer.port), "gw.example")
        self.accepted: list[bytes] = []

    async def __call__(self, envelope: Envelope, raw: bytes) -> Reply:
        delivery = await self.next_hop.deliver(envelope, b"X-Top: yes\r\n", raw)
        if delivery.reply.accepted:
            self.accepted.append(raw)
        return delivery.reply


@pytest.mark.parametrize(("before", "after"), list(product(ENDS, ENDS)), ids=str)
async def test_one_message_accepted_is_one_message_sent(before: str, after: str) -> None:
    """T13: a dot not between CRLF and CRLF is content, and content with a bare CR, a bare LF or NUL is refused."""
    content = b"Subject: x\r\n\r\nfirst" + ENDS[before] + b"." + ENDS[after]
    async with downstream() as peer:
        relay = Relay(peer)
        async with open_door(relay) as door, client(door.port) as upstream:
            await upstream.envelope("sam@acme.example", ["rita@acme.example"])
            await upstream.command("DATA")
            await upstream.send(content + SMUGGLED + b"\r\n.\r\n" + b"QUIT\r\n")
            said = (await asyncio.wait_for(upstream.reader.read(), 10)).decode().splitlines()
        await relay.next_hop.close()

    finished = [line for line in said if line.startswith("250 2.0.0 queued")]
    assert len(finished) == len(peer.accepted)
    first = (content + SMUGGLED).partition(b"\r\n.\r\n")[0] + b"\r\n"
    assert said[0].startswith("554 5.6.0" if BARE.search(first) else "250 2.0.0 queued")
    for message in peer.accepted:
        assert not BARE.search(message.wire)
        assert not re.search(rb"\r\n\.(?!\.)", message.wire.replace(b"\r\n..", b"\r\n  ")[:-3])


@settings(max_examples=50, deadline=None)
@given(raw=st.lists(st.sampled_from([b".", b"..", b"x", b"\xff", b"", b"x" * 5000]), max_size=60).map(b"\r\n".join))
def test_what_is_sent_is_stuffed_and_ends_once(raw: bytes) -> None:
    """Read by the letter of RFC 5321 4.5.2, the wire gives back header and message, and ends where it ends."""
    whole = raw + b"\r\n"
    lines = b"".join(wire(b"X-Top: yes\r\n", whole)).split(b"\r\n")

    assert lines.index(b".") == len(lines) - 2
    assert lines[-1] == b""
    unstuffed = [line[1:] if line.startswith(b".") else line for line in lines[:-2]]
    assert b"\r\n".join([*unstuffed, b""]) == b"X-Top: yes\r\n" + whole
