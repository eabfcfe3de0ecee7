"""The next hop over real sockets: outcomes per recipient, bytes as they came, never in clear where TLS is asked for."""

import asyncio
import re
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from next_hop import HEADER, MESSAGE, OTTO, RITA, SAM, deliver, envelope, next_hop, reaches
from peers import OFFERS, Hangup, LostReply, Script, downstream

from gateway.relay import PIECE, NextHop, Reach, wire
from gateway.settings import Downstream as NextHopSettings
from gateway.smtp import trace
from gateway.smtp.addresses import AddressError, checked
from gateway.smtp.downstream import Patience


async def test_the_message_arrives_as_it_came() -> None:
    """Law 4: our fields on top, then the very bytes; the recipients are the envelope's."""
    async with downstream() as peer:
        delivery = await deliver(peer, RITA, OTTO)

    assert delivery.reach is Reach.DELIVERED
    assert str(delivery.reply) == "250 2.0.0 queued as 1"
    assert reaches(delivery) == {RITA: Reach.DELIVERED, OTTO: Reach.DELIVERED}
    (accepted,) = peer.accepted
    assert accepted.raw == HEADER + MESSAGE
    assert accepted.mail_from == SAM.encode()
    assert accepted.rcpt_to == (RITA.encode(), OTTO.encode())
    assert b"SIZE=%d" % len(HEADER + MESSAGE) in accepted.mail_parameters


async def test_the_null_sender_goes_on_as_it_is() -> None:
    """Bounces must travel, or nobody learns that his mail did not."""
    async with downstream() as peer, next_hop(peer) as hop:
        delivery = await hop.deliver(envelope(mail_from=""), HEADER, MESSAGE)

    assert delivery.reach is Reach.DELIVERED
    assert peer.accepted[0].mail_from == b""


@pytest.mark.parametrize("size", [0, 1, PIECE - 1, PIECE, PIECE + 1, 3 * PIECE + 17])
@pytest.mark.parametrize(
    "line", [b"x" * 76 + b"\r\n", b".\r\n", b"\xff" * 60_000 + b"\r\n"], ids=["plain", "dots", "long"]
)
async def test_messages_of_every_size_arrive(size: int, line: bytes) -> None:
    """Pieces of a large message are cut anywhere, between a CRLF and its dot too."""
    raw = (line * (size // len(line) + 1))[: size - 2] + b"\r\n" if size > 1 else b"\r\n" * size
    raw = re.sub(rb"\r(?!\n)", b"x", raw)
    async with downstream() as peer, next_hop(peer) as hop:
        delivery = await hop.deliver(envelope(), HEADER, raw)

    assert delivery.reach is Reach.DELIVERED
    assert peer.accepted[0].raw == HEADER + raw


@given(st.binary(max_size=200), st.booleans())
def test_any_bytes_come_out_of_the_wire_as_they_went_in(raw: bytes, header: bool) -> None:
    """Law 4 again, for bytes nobody thought of. A message that lacks its last CRLF gets it: the dot needs one."""
    head = HEADER if header else b""
    sent = b"".join(wire(head, raw))
    content = b"\r\n" + sent.removesuffix(b".\r\n")

    assert content.replace(b"\r\n.", b"\r\n")[2:] == head + raw + (
        b"\r\n" if raw and not raw.endswith(b"\r\n") else b""
    )


# What the next hop says


@pytest.mark.parametrize(
    ("script", "reach", "reply"),
    [
        ({"DOT": ["250 2.6.0 <id> taken"]}, Reach.DELIVERED, "250 2.6.0 <id> taken"),
        ({"DOT": ["250 ok"]}, Reach.DELIVERED, "250 2.0.0 ok"),
        ({"DOT": ["250 5.1.1 odd"]}, Reach.DELIVERED, "250 2.0.0 odd"),
        ({"DOT": ["250-2.0.0 one\r\n250 2.0.0 two"]}, Reach.DELIVERED, "250 2.0.0 one\n2.0.0 two"),
        ({"DOT": ["550 5.7.1 no"]}, Reach.REFUSED, "550 5.7.1 no"),
        ({"DOT": ["451 4.2.0 later"]}, Reach.DEFERRED, "451 4.2.0 later"),
        ({"DOT": ["550 no\x07\x1b[31m\x80 h\xc3\xa9"]}, Reach.REFUSED, "550 5.0.0 no??[31m? h??"),
        ({"DOT": ["550 " + "x" * 2000]}, Reach.REFUSED, "550 5.0.0 " + "x" * 400),
        ({"DATA": ["451 4.3.0 not now"]}, Reach.DEFERRED, "451 4.3.0 not now"),
        ({"DATA": ["554 5.5.1 no"]}, Reach.REFUSED, "554 5.5.1 no"),
        ({"DATA": ["250 2.0.0 what?"]}, Reach.DEFERRED, "451 4.4.2"),
        ({"MAIL": ["451 4.7.1 greylisted"]}, Reach.DEFERRED, "451 4.7.1 greylisted"),
        ({"MAIL": ["550 5.7.1 sender refused"]}, Reach.REFUSED, "550 5.7.1 sender refused"),
        ({"MAIL": ["354 what?"]}, Reach.DEFERRED, "451 4.4.2"),
        ({"RCPT": ["550 5.1.1 unknown"]}, Reach.REFUSED, "550 5.1.1 unknown"),
        ({"RCPT": ["452 4.2.2 full"]}, Reach.DEFERRED, "452 4.2.2 full"),
        ({"GREETING": ["554 5.7.1 go away"]}, Reach.DEFERRED, "451 4.4.1"),
        ({"GREETING": [Hangup]}, Reach.DEFERRED, "451 4.4.1"),
        ({"EHLO": ["550 no"]}, Reach.DELIVERED, "250 2.0.0 queued as 1"),
        ({"EHLO": [Hangup]}, Reach.DEFERRED, "451 4.4.1"),
        ({"MAIL": [Hangup]}, Reach.DEFERRED, "451 4.4.2"),
        ({"RCPT": [Hangup]}, Reach.DEFERRED, "451 4.4.2"),
        ({"RCPT": ["421 4.3.2 closing"]}, Reach.DEFERRED, "421 4.3.2 closing"),
        ({"DATA": [Hangup]}, Reach.DEFERRED, "451 4.4.2"),
        ({"DATA": ["gibberish"]}, Reach.DEFERRED, "451 4.4.2"),
        ({"DOT": [Hangup]}, Reach.UNKNOWN, "451 4.4.2"),
        ({"DOT": [LostReply]}, Reach.UNKNOWN, "451 4.4.2"),
        ({"DOT": ["gibberish"]}, Reach.UNKNOWN, "451 4.4.2"),
        ({"DOT": ["354 more?"]}, Reach.UNKNOWN, "451 4.4.2"),
    ],
    ids=str,
)
async def test_an_outcome_is_what_it_is(script: dict[str, list[Any]], reach: Reach, reply: str) -> None:
    """Upstream acts on it: a 4xx comes again, a 5xx bounces, and a lost answer is never called either."""
    async with downstream(script) as peer:
        delivery = await deliver(peer)

    assert delivery.reach is reach
    assert str(delivery.reply).startswith(reply)
    assert len(str(delivery.reply)) <= 450
    assert delivery.replies == {RITA: delivery.reply}


async def test_each_recipient_has_his_own_answer() -> None:
    """Whoever says 250 for all loses the mail of one; whoever says 550 for all sends it twice to another."""
    script: Script = {f"RCPT {OTTO}": ["550 5.1.1 unknown"], f"RCPT {SAM}": ["452 4.2.2 full"]}
    async with downstream(script) as peer:
        delivery = await deliver(peer, RITA, OTTO, SAM, RITA)

    assert delivery.reach is Reach.DELIVERED
    assert reaches(delivery) == {RITA: Reach.DELIVERED, SAM: Reach.DEFERRED, OTTO: Reach.REFUSED}
    assert peer.accepted[0].rcpt_to == (RITA.encode(),)


@pytest.mark.parametrize("offers", [OFFERS, ("SIZE",)], ids=["together", "one by one"])
async def test_recipients_refused_for_different_reasons_are_deferred_as_a_whole(offers: tuple[str, ...]) -> None:
    """One may yet come through: a 5xx for the message would end that."""
    script: Script = {f"RCPT {OTTO}": ["550 5.1.1 unknown"], f"RCPT {SAM}": ["452 4.2.2 full"]}
    async with downstream(script, offers=offers) as peer:
        delivery = await deliver(peer, OTTO, SAM)

    assert delivery.reach is Reach.DEFERRED
    assert reaches(delivery) == {SAM: Reach.DEFERRED, OTTO: Reach.REFUSED}
    assert (b"DATA" in peer.commands) == ("PIPELINING" in offers)
    assert peer.accepted == []


@pytest.mark.parametrize(("offer", "largest"), [("SIZE 200000", 134464), ("SIZE 0", None), ("SIZE", None), ("", None)])
async def test_how_large_a_message_may_be_is_the_next_hops_word(offer: str, largest: int | None) -> None:
    """With room for our fields; upstream then hears of it at MAIL, not after fifty megabytes."""
    async with downstream(offers=(offer or "8BITMIME",)) as peer, next_hop(peer) as hop:
        before = hop.largest
        await hop.deliver(envelope(), HEADER, MESSAGE)
        assert (before, hop.largest) == (None, largest)


async def test_nobody_there_is_a_deferral() -> None:
    """A next hop that is down must not bounce mail."""
    async with downstream() as peer:
        pass
    delivery = await deliver(peer)

    assert delivery.reach is Reach.DEFERRED
    assert delivery.reply.code == 451


@pytest.mark.parametrize(
    ("where", "reach"),
    [("GREETING", Reach.DEFERRED), ("RCPT", Reach.DEFERRED), ("DATA", Reach.DEFERRED), ("DOT", Reach.UNKNOWN)],
)
async def test_there_is_an_outcome_in_time(where: str, reach: Reach) -> None:
    """The client upstream waits for us; before its patience ends we must know what to say."""
    async with downstream({where: [5.0, "250 2.0.0 late"]}) as peer:
        delivery = await asyncio.wait_for(deliver(peer, within=0.3), 3)

    assert delivery.reach is reach
    assert delivery.reply.transient


async def test_a_next_hop_that_refuses_in_the_middle_has_no_message() -> None:
    """Its early reply counts; the final dot is never sent after it."""
    heard, gone = bytearray(), asyncio.Event()

    async def impatient(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 x\r\n")
        for reply in (b"250 x\r\n", b"250 ok\r\n", b"250 ok\r\n", b"354 go\r\n"):
            await reader.readline()
            writer.write(reply)
        heard.extend(await reader.readexactly(1000))
        writer.write(b"552 5.3.4 too much\r\n")
        while piece := await reader.read(1 << 16):
            heard.extend(piece)
        writer.close()
        gone.set()

    server = await asyncio.start_server(impatient, "127.0.0.1", 0)
    hop = NextHop(NextHopSettings(host="127.0.0.1", port=server.sockets[0].getsockname()[1]), "gw.example")
    delivery = await hop.deliver(envelope(), HEADER, b"x" * 76 + b"\r\n" + b"y" * 30_000_000 + b"\r\n")
    await hop.close()
    server.close()
    await asyncio.wait_for(gone.wait(), 10)

    assert delivery.reach is Reach.REFUSED
    assert str(delivery.reply) == "552 5.3.4 too much"
    assert not heard.endswith(b"\r\n.\r\n")


async def test_a_next_hop_that_wants_a_message_without_recipients_gets_none() -> None:
    """RFC 2920 3.1: DATA was said before RCPT was refused. What comes next would be read as content."""
    script: Script = {"RCPT": ["550 5.1.1 unknown"], "DATA": ["354 go on"]}
    async with downstream(script) as peer, next_hop(peer) as hop:
        reaches = [(await hop.deliver(envelope(), HEADER, MESSAGE)).reach for _ in range(2)]

    assert reaches == [Reach.REFUSED, Reach.REFUSED]
    assert peer.connections == 2
    assert b"RSET" not in peer.commands


async def test_a_next_hop_is_asked_for_all_it_can_bear_at_once() -> None:
    """RFC 2920: one way there and back for the whole envelope, and the answers find their recipients."""
    script: Script = {f"RCPT {OTTO}": ["550 5.1.1 unknown"], "DATA": [0.05, "354 go on"]}
    async with downstream(script) as peer:
        delivery = await deliver(peer, RITA, OTTO, SAM)

    assert reaches(delivery) == {RITA: Reach.DELIVERED, OTTO: Reach.REFUSED, SAM: Reach.DELIVERED}


async def test_what_is_said_unasked_is_nobodys_answer() -> None:
    """A reply too many would be taken for the next message's, and a refusal for a 250."""
    async with downstream({"DOT": ["250 2.0.0 one\r\n250 2.0.0 another"]}) as peer, next_hop(peer) as hop:
        for _ in range(2):
            assert str((await hop.deliver(envelope(), HEADER, MESSAGE)).reply) == "250 2.0.0 one"
            await asyncio.sleep(0.01)

    assert peer.connections == 2


# Connections


async def test_connections_are_kept_and_counted() -> None:
    """A connection per message costs more than the message."""
    async with downstream() as peer, next_hop(peer, max_connections=3) as hop:
        for _ in range(3):
            await asyncio.gather(*(hop.deliver(envelope(), HEADER, MESSAGE) for _ in range(10)))

    assert len(peer.accepted) == 30
    assert peer.connections <= 3
    assert peer.commands.count(b"QUIT") == peer.connections


@pytest.mark.parametrize(
    "stale", [["250 2.1.0 ok", Hangup, "250 2.1.0 ok"], ["250 2.1.0 ok", "421 4.4.2 idle", "250 2.1.0 ok"]]
)
async def test_a_connection_gone_stale_is_replaced_unseen(stale: list[Any]) -> None:
    """Servers close idle connections; upstream must not hear of it, as nothing was sent yet."""
    async with downstream({"MAIL": stale}) as peer, next_hop(peer) as hop:
        await hop.deliver(envelope(), HEADER, MESSAGE)
        delivery = await hop.deliver(envelope(), HEADER, MESSAGE)

    assert delivery.reach is Reach.DELIVERED
    assert peer.connections == 2


async def test_a_next_hop_that_restarts_is_found_again() -> None:
    """Every kept connection is dead at once, and one message must not try them all in vain."""
    async with downstream() as peer, next_hop(peer) as hop:
        await asyncio.gather(*(hop.deliver(envelope(), HEADER, MESSAGE) for _ in range(10)))
        peer.hang_up_all()
        deliveries = await asyncio.gather(*(hop.deliver(envelope(), HEADER, MESSAGE) for _ in range(10)))

    assert {delivery.reach for delivery in deliveries} == {Reach.DELIVERED}


async def test_a_transaction_that_failed_is_over_before_the_next() -> None:
    """Otherwise the next message would hear `nested MAIL`, or worse, inherit recipients."""
    async with downstream({f"RCPT {OTTO}": ["550 5.1.1 unknown"]}) as peer, next_hop(peer) as hop:
        await hop.deliver(envelope(OTTO), HEADER, MESSAGE)
        await hop.deliver(envelope(RITA), HEADER, MESSAGE)

    assert peer.connections == 1
    assert peer.commands.index(b"RSET") < peer.commands.index(f"RCPT TO:<{RITA}>".encode())
    assert peer.accepted[0].rcpt_to == (RITA.encode(),)


async def test_a_cancelled_delivery_leaves_no_half_message_behind() -> None:
    """At the end of the drain deliveries are cancelled; the connection must not go on to another message."""
    async with downstream({"RCPT": [5.0, "250 2.1.5 ok"]}) as peer, next_hop(peer) as hop:
        task = asyncio.create_task(hop.deliver(envelope(), HEADER, MESSAGE))
        await asyncio.sleep(0.1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert not hop._pool._waiting


# What it offers


async def test_parameters_go_on_where_they_are_offered() -> None:
    """8-bit content and UTF-8 addresses are announced, as the client announced them to us."""
    utf8 = envelope("用户@例子.example", smtputf8=True, body_8bit=True)
    async with downstream() as peer, next_hop(peer) as hop:
        delivery = await hop.deliver(utf8, HEADER, "Subject: é\r\n\r\né\r\n".encode())

    assert delivery.reach is Reach.DELIVERED
    assert set(peer.accepted[0].mail_parameters.split()) >= {b"SMTPUTF8", b"BODY=8BITMIME"}
    assert peer.accepted[0].rcpt_to == ("用户@例子.example".encode(),)


@pytest.mark.parametrize(
    ("changes", "raw", "expected"),
    [
        ({"rcpt_to": ("é@beta.example",), "smtputf8": True}, MESSAGE, "550 5.6.7"),
        ({"smtputf8": True}, "Subject: é\r\n\r\n".encode(), "550 5.6.7"),
        ({"smtputf8": True}, MESSAGE, "250 2.0.0"),
        ({"body_8bit": True}, b"\r\n\xff\r\n", "554 5.6.3"),
        ({"body_8bit": True}, MESSAGE, "250 2.0.0"),
        ({}, b"\r\n\xff\r\n", "250 2.0.0"),
        ({"rcpt_to": ("é@beta.example",)}, MESSAGE, "501 5.1.3"),
        ({"rcpt_to": ("rita@beta.example> NOTIFY=NEVER",)}, MESSAGE, "501 5.1.3"),
        ({"rcpt_to": ("rita@beta.example\r\nDATA",)}, MESSAGE, "501 5.1.3"),
        ({"mail_from": "sam"}, MESSAGE, "501 5.1.7"),
        ({"rcpt_to": ()}, MESSAGE, "554 5.5.1"),
    ],
    ids=repr,
)
async def test_what_an_older_next_hop_cannot_take_is_refused_honestly(
    changes: dict[str, Any], raw: bytes, expected: str
) -> None:
    """Nothing is converted and nothing is guessed: the bytes go as they came, or not at all."""
    async with downstream(offers=("SIZE",)) as peer, next_hop(peer) as hop:
        delivery = await hop.deliver(envelope(**changes), HEADER, raw)

    assert str(delivery.reply).startswith(expected)
    assert len(peer.accepted) == expected.startswith("250")


# TLS


async def test_a_silent_next_hop_does_not_hold_a_connection_for_ever() -> None:
    """Each step has its own patience, besides the message's."""
    patience = Patience(connect=0.2, command=0.2, final_dot=0.2)
    async with downstream({"DOT": [5.0, "250 2.0.0 late"]}) as peer:
        delivery = await asyncio.wait_for(deliver(peer, patience=patience), 3)

    assert delivery.reach is Reach.UNKNOWN


# Addresses and trace fields


@given(st.text(max_size=40), st.booleans(), st.booleans())
@settings(max_examples=300)
def test_an_address_that_passes_is_one_word(text: str, utf8: bool, recipient: bool) -> None:
    """What is checked is what is sent: no control, no bracket, one domain behind the last @."""
    for address in (text, f"{text}@beta.example", f"rita@{text}"):
        try:
            assert checked(address, utf8=utf8, recipient=recipient) == address
        except AddressError:
            continue
        assert not re.search(r"[\x00-\x1f\x7f<>]", address)
        assert address.rpartition("@")[2]
        assert utf8 or address.isascii()
        address.encode()


def test_a_received_field_tells_the_way_and_no_recipient() -> None:
    """RFC 5321 4.4; a FOR clause would show one recipient to another."""
    when = datetime(2029, 3, 1, 12, 0, tzinfo=UTC)
    came = envelope(RITA, OTTO, client_host="2001:db8::1", helo="client.example", protocol="ESMTPS")
    field = trace.received(came, hostname="gw.example", identifier="01ABC", when=when)

    assert field == (
        b"Received: from client.example ([IPv6:2001:db8::1])\r\n\tby gw.example (Countersign) with ESMTPS id 01ABC;\r\n"
        b"\tThu, 01 Mar 2029 12:00:00 +0000\r\n"
    )
    assert trace.loops(field + MESSAGE, "gw.example")
    assert not trace.loops(field + MESSAGE, "other.example")


@pytest.mark.parametrize("helo", ["client.example) by evil (x", "a\r\nX-Evil: yes", "é", "", "-"])
def test_a_strange_helo_does_not_get_into_the_header(helo: str) -> None:
    """The client chooses it; a header field is no place for its inventions."""
    when = datetime(2029, 3, 1, 12, 0, tzinfo=UTC)
    field = trace.received(
        envelope(helo=helo, client_host="192.0.2.1"), hostname="gw.example", identifier="1", when=when
    )

    assert field.startswith(b"Received: from [192.0.2.1] ([192.0.2.1])\r\n\tby gw.example")


def test_our_fields_are_one_line_each() -> None:
    """A value with a line end would be a field of somebody else's making."""
    assert (
        trace.fields({"Verdict": "relay", "Id": "01ABC"})
        == b"X-Countersign-Verdict: relay\r\nX-Countersign-Id: 01ABC\r\n"
    )
    for name, value in [("Id", "a\r\nb"), ("I d", "a"), ("Id", "é")]:
        with pytest.raises(ValueError, match="header field"):
            trace.fields({name: value})
