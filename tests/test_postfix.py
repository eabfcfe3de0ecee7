"""Real Postfix before and behind the door, as its before-queue filter: what we call SMTP is what it speaks."""

import asyncio
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import pytest
from door import Taken, settings
from peers import Downstream, client
from postfix_instance import Postfix, running

from gateway.message import Envelope
from gateway.receive import Accept, Door
from gateway.relay import NextHop
from gateway.reply import Reply
from gateway.settings import Address
from gateway.settings import Downstream as NextHopSettings
from gateway.smtp import trace

pytestmark = pytest.mark.postfix

MESSAGE = (
    b"Message-ID: <1@acme.example>\r\nSubject: hello\r\n\r\n.See you.\r\n..\r\n\xff8-bit\r\n" + b"x" * 900 + b"\r\n"
)


@pytest.fixture(scope="module")
def postfix() -> Iterator[Postfix]:
    with running() as instance:
        yield instance


@asynccontextmanager
async def house(postfix: Postfix, accept: Accept | None = None) -> AsyncIterator[Downstream]:
    """The door and the hop between Postfix's two listeners, and the peer that Postfix sends to in the end."""
    hop = NextHop(NextHopSettings(host="127.0.0.1", port=postfix.back), "gw.example")

    async def relay(envelope: Envelope, raw: bytes) -> Reply:
        field = trace.received(envelope, hostname="gw.example", identifier="1", when=datetime.now(UTC))
        return (await hop.deliver(envelope, field, raw)).reply

    door = Door(settings(listen=Address(host="127.0.0.1", port=postfix.door)), accept or relay)
    peer = await Downstream().start(postfix.peer)
    await door.start()
    try:
        yield peer
    finally:
        await door.close(1)
        await hop.close()
        await peer.close()


async def arrived(peer: Downstream, count: int = 1) -> None:
    async with asyncio.timeout(30):
        while len(peer.accepted) < count:  # noqa: ASYNC110 - Postfix has no event for it
            await asyncio.sleep(0.02)


async def test_mail_passes_through_postfix_the_door_and_postfix(postfix: Postfix) -> None:
    """The reply upstream is the queueing Postfix's own, and the message ends with the bytes that were sent."""
    async with house(postfix) as peer, client(postfix.entry) as upstream:
        reply = await upstream.message("sam@acme.example", ["rita@beta.example"], MESSAGE, " BODY=8BITMIME")
        await arrived(peer)

    assert re.fullmatch(r"250 2\.0\.0 Ok: queued as \w+", reply)
    assert peer.accepted[0].raw.endswith(MESSAGE)
    assert b"by gw.example (Countersign) with ESMTP" in peer.accepted[0].raw
    assert peer.accepted[0].mail_from == b"sam@acme.example"


async def test_bounces_pass_too(postfix: Postfix) -> None:
    """The null sender is what every bounce travels with; aiosmtpd and aiosmtplib together refused it."""
    async with house(postfix) as peer, client(postfix.entry) as upstream:
        reply = await upstream.message("", ["rita@beta.example"], MESSAGE)
        await arrived(peer)

    assert reply.startswith("250 2.0.0")
    assert peer.accepted[0].mail_from == b""


async def test_a_client_that_asks_for_delivery_reports_is_served(postfix: Postfix) -> None:
    """Postfix would hand NOTIFY and ORCPT on to the door as they are; the recipe's keyword list is what prevents it."""
    async with house(postfix) as peer, client(postfix.entry) as upstream:
        offers = await upstream.command("EHLO client.example")
        refused = await upstream.command("MAIL FROM:<sam@acme.example> RET=HDRS ENVID=x")
        reply = await upstream.message("sam@acme.example", ["rita@beta.example"], MESSAGE, " BODY=8BITMIME")
        await arrived(peer)

    assert not {"DSN", "CHUNKING", "ETRN"} & set(offers.replace("\n", "-").split("-"))
    assert refused.startswith("501 ")
    assert reply.startswith("250 2.0.0")


@pytest.mark.parametrize("reply", ["550 5.7.1 refused by policy", "451 4.3.0 not accepted, please try again later"])
async def test_our_refusals_reach_the_client_as_they_are(postfix: Postfix, reply: str) -> None:
    """Before the queue the client itself hears why, and nothing of the message is left in between."""

    async def refuse(_envelope: Envelope, _raw: bytes) -> Reply:
        return Reply(int(reply[:3]), reply[4:])

    async with house(postfix, refuse) as peer, client(postfix.entry) as upstream:
        assert await upstream.message("sam@acme.example", ["rita@beta.example"], MESSAGE) == reply
        assert not peer.accepted


async def test_a_fault_of_ours_is_temporary_for_the_client(postfix: Postfix) -> None:
    """A permanent one would bounce mail for an error that is gone tomorrow."""
    async with house(postfix, Taken(fault=RuntimeError("x"))) as peer, client(postfix.entry) as upstream:
        reply = await upstream.message("sam@acme.example", ["rita@beta.example"], MESSAGE)
        assert reply == "451 4.3.0 not accepted, please try again later"
        assert not peer.accepted


async def test_a_closed_door_is_temporary_too(postfix: Postfix) -> None:
    """While we restart, the mail stays where it is."""
    async with client(postfix.entry) as upstream:
        assert (await upstream.command("MAIL FROM:<sam@acme.example>")).startswith(("451", "250"))
        assert (await upstream.command("RCPT TO:<rita@beta.example>")).startswith(("451", "503"))


async def test_what_smtp_source_sends_arrives_whole_and_once(postfix: Postfix) -> None:
    """Forty messages over twenty connections at once: counts equal, envelopes never mixed."""
    async with house(postfix) as peer:
        process = await asyncio.create_subprocess_exec(
            *("/usr/sbin/smtp-source", "-s", "20", "-m", "40", "-l", "20000", "-f", "sam@acme.example"),
            *("-t", "rita@beta.example", "-N", f"127.0.0.1:{postfix.entry}"),
        )
        assert await process.wait() == 0
        await arrived(peer, 40)

    assert len(peer.accepted) == 40
    assert {len(message.rcpt_to) for message in peer.accepted} == {1}
    assert len({message.rcpt_to for message in peer.accepted}) == 40


async def test_postfix_delivers_to_the_door_in_its_own_way(postfix: Postfix) -> None:
    """As its next hop: EHLO, a pipelined group, BODY and SMTPUTF8 as we offer them; nothing lost on the way in."""
    taken = Taken()
    door = Door(settings(listen=Address(host="127.0.0.1", port=postfix.peer)), taken)
    await door.start()
    try:
        async with client(postfix.back) as upstream:
            recipients = [f"rita{number}@beta.example" for number in range(60)]
            assert (await upstream.message("sam@acme.example", recipients, MESSAGE, " BODY=8BITMIME")).startswith("250")
            assert (await upstream.message("", ["用户@例子.example"], MESSAGE, " SMTPUTF8")).startswith("250")
        async with asyncio.timeout(30):
            while sum(len(envelope.rcpt_to) for envelope, _ in taken.messages) < 61:  # noqa: ASYNC110
                await asyncio.sleep(0.02)
    finally:
        await door.close(1)

    came = [address for envelope, _ in taken.messages for address in envelope.rcpt_to]
    assert sorted(came) == sorted([*recipients, "用户@例子.example"])
    assert all(raw.endswith(MESSAGE) for _, raw in taken.messages)
    assert {envelope.smtputf8 for envelope, _ in taken.messages if envelope.mail_from == ""} == {True}
    assert {envelope.body_8bit for envelope, _ in taken.messages if envelope.mail_from} == {True}
