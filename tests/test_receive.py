"""The SMTP door over real sockets."""

import asyncio
import logging
import re
from collections.abc import Iterator
from ipaddress import ip_network
from pathlib import Path

import pytest
from aiosmtpd.smtp import SMTP
from door import Onward, Taken, eventually, open_door, settings
from peers import Client, client, stuffed

from gateway.receive import Door
from gateway.smtp.data import Content
from gateway.smtp.dialogue import Session
from gateway.smtp.lean import LeanSMTP
from gateway.smtp.terms import Patience

DIALOGUES = sorted((Path(__file__).parent / "dialogues").glob("*.smtp"))
MESSAGE = b"Subject: hello\r\n\r\nSee you on Friday.\r\n"


def steps(dialogue: Path) -> Iterator[tuple[str, bytes, int]]:
    """`C: line`, `R: raw bytes with escapes`, `S: how the next reply line begins`; `REPEAT n` in front of any."""
    for line in dialogue.read_text(encoding="utf-8").splitlines():
        if line.startswith("#") or not line:
            continue
        match = re.fullmatch(r"(?:REPEAT (\d+) )?([CRS]): ?(.*)", line)
        assert match, f"{dialogue.name}: {line}"
        said = match[3].encode()
        if match[2] == "R":
            said = match[3].encode("unicode_escape").replace(b"\\\\", b"\\").decode("unicode_escape").encode("latin-1")
        yield match[2], said, int(match[1] or 1)


@pytest.mark.parametrize("dialogue", DIALOGUES, ids=lambda path: path.stem)
async def test_the_door_keeps_to_the_dialogue(dialogue: Path) -> None:
    """A mail engineer reads these files to know what the door says; a new case is a file."""
    async with open_door(Taken(), max_size=10000, max_recipients=100) as door:
        peer = await Client.connect(door.port)
        try:
            assert (await peer.reply()).startswith("220 gw.example ESMTP")
            for who, said, times in steps(dialogue):
                if who == "S":
                    for _ in range(times):
                        await expect(peer, said.decode())
                else:
                    await peer.send((said + (b"\r\n" if who == "C" else b"")) * times)
        finally:
            await peer.close()


async def expect(peer: Client, beginning: str) -> None:
    """A whole reply, unless the dialogue names its lines one by one; EOF: the server has hung up."""
    line = (await asyncio.wait_for(peer.reader.readline(), 20)).decode()
    while line[3:4] == "-" and beginning[3:4] != "-":
        line = (await peer.reader.readline()).decode()
    assert line.startswith(beginning) if beginning != "EOF" else not line, f"{line!r} is not {beginning!r}"


async def test_every_reply_carries_an_enhanced_status_code() -> None:
    """RFC 2034: whoever reads logs and bounces tells causes apart by them."""
    async with open_door(Taken()) as door, client(door.port) as peer:
        for line in (
            "NOOP",
            "FOO",
            "MAIL",
            "MAIL FROM:<a>",
            "RCPT",
            "DATA",
            "RSET x",
            "VRFY",
            "EXPN",
            "AUTH",
            "STARTTLS",
        ):
            assert re.match(r"[245]\d\d [245]\.\d{1,3}\.\d{1,3} \w", await peer.command(line)), line


@pytest.mark.parametrize(
    "raw", [b"", b"\r\n", b"x\r\n", b".\r\n", b"..\r\n.x\r\n", MESSAGE, b"\xff\x80" * 9000 + b"\r\n"]
)
async def test_accept_is_given_the_very_bytes(raw: bytes) -> None:
    """Law 4: what is inspected is what was sent."""
    taken = Taken()
    async with open_door(taken) as door, client(door.port) as peer:
        reply = await peer.message("", ["rita@beta.example"], raw)

    assert reply == "250 2.0.0 from  to rita@beta.example"
    assert taken.raw == raw
    assert taken.messages[0][0].helo == "client.example"
    assert taken.messages[0][0].client_host == "127.0.0.1"


async def test_sizes_are_counted_to_the_octet() -> None:
    """RFC 1870: SIZE=n is a promise to take n octets."""
    taken = Taken()
    async with open_door(taken, max_size=1000) as door, client(door.port) as peer:
        fits = await peer.message("", ["rita@beta.example"], b"x" * 998 + b"\r\n")
        too_big = await peer.message("", ["rita@beta.example"], b"x" * 999 + b"\r\n")

    assert fits.startswith("250")
    assert too_big.startswith("552 5.3.4")
    assert len(taken.messages) == 1


async def test_the_size_that_is_offered_is_what_the_next_hop_takes() -> None:
    """What cannot leave should not be sent here first; what the next hop has not said is ours."""
    onward = Onward()
    async with open_door(Taken(), max_size=1000, onward=onward) as door, client(door.port) as peer:
        offers = []
        for onward.largest in (None, 500, 5000):
            offers.append(re.findall("SIZE .*", await peer.command("EHLO client.example")))
        onward.largest = 500
        refused = await peer.command("MAIL FROM:<> SIZE=501")

    assert offers == [["SIZE 1000"], ["SIZE 500"], ["SIZE 1000"]]
    assert refused.startswith("552 5.3.4")


async def test_a_line_of_megabytes_is_taken() -> None:
    """Real mail breaks the limit of 998; refusing it would bounce what others deliver."""
    raw = b"x" * 3_000_000 + b"\r\n" + MESSAGE
    taken = Taken()
    async with open_door(taken) as door, client(door.port) as peer:
        assert (await peer.message("", ["rita@beta.example"], raw)).startswith("250")

    assert taken.raw == raw


async def test_a_fault_of_ours_is_451_without_its_text(caplog: pytest.LogCaptureFixture) -> None:
    """A 5xx would bounce the mail, and an exception's text may quote it."""
    taken = Taken(fault=RuntimeError("detector died on 219-09-9999"))
    with caplog.at_level(logging.DEBUG):
        async with open_door(taken) as door, client(door.port) as peer:
            reply = await peer.message("sam@acme.example", ["rita@beta.example"], MESSAGE)
            following = await peer.message("otto@acme.example", ["otto@beta.example"], MESSAGE)

    assert reply == "451 4.3.0 not accepted, please try again later"
    assert following == "250 2.0.0 from otto@acme.example to otto@beta.example"
    assert "219-09-9999" not in caplog.text
    assert "RuntimeError" in caplog.text


async def test_a_fault_in_a_command_leaves_no_recipients_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    """The kept envelope of a failed command sent one client's mail to another's in plain aiosmtpd."""
    taken = Taken()

    async def fault(_self: Session, _argument: str) -> None:
        raise RuntimeError

    monkeypatch.setattr(Session, "smtp_VRFY", fault)
    async with open_door(taken) as door, client(door.port) as peer:
        await peer.envelope("sam@acme.example", ["rita@beta.example"])
        failed = await peer.command("VRFY x")
        reply = await peer.message("otto@acme.example", ["otto@beta.example"], MESSAGE)

    assert failed.startswith("451 4.3.0")
    assert reply == "250 2.0.0 from otto@acme.example to otto@beta.example"


async def test_a_fault_while_reading_content_closes_the_session(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is left of the content would be read as commands."""
    monkeypatch.setattr(Content, "feed", lambda *_: 1 / 0)
    taken = Taken()
    async with open_door(taken) as door, client(door.port) as peer:
        reply = await peer.message("sam@acme.example", ["rita@beta.example"], MESSAGE)
        assert reply.startswith("421 4.3.0")
        assert await peer.reply() == ""

    assert not taken.messages


async def test_no_word_of_the_client_reaches_a_log_or_a_reply(caplog: pytest.LogCaptureFixture) -> None:
    """Law 3: at DEBUG aiosmtpd would log every line, and it quotes what it takes for a command."""
    secret = "219-09-9998"
    with caplog.at_level(logging.DEBUG), caplog.at_level(logging.DEBUG, "gateway"):
        async with open_door(Taken()) as door, client(door.port) as peer:
            heard = [await peer.command(f"{secret} {secret}"), await peer.command(f"VRFY {secret}@")]
            heard += [await peer.command(f"MAIL FROM:<{secret}"), await peer.command(f"EHLO {secret} x")]
            await peer.message("sam@acme.example", ["rita@beta.example"], secret.encode() + b"\r\n")

    assert not [reply for reply in heard if secret in reply]
    assert secret not in caplog.text
    assert "sam@acme.example" not in caplog.text


def test_everything_we_override_is_called_by_aiosmtpd() -> None:
    """A misspelt hook is never called and nobody is told: the client hears 250, and the mail is gone."""
    written = {**vars(LeanSMTP), **vars(Session)}
    ours = {name for name in written if re.match(r"handle_|smtp_|_handle|_set_|_timeout|push$|connection_", name)}

    assert ours >= {"handle_exception", "smtp_DATA", "_timeout_cb", "_set_post_data_state", "_handle_client", "push"}
    assert not {name for name in ours if not hasattr(SMTP, name)}


async def test_a_client_that_hangs_up_does_not_cancel_what_has_begun() -> None:
    """Between downstream's 250 and our record of it, a cancelled transaction is a second copy later."""
    taken = Taken(gate=asyncio.Event())
    async with open_door(taken) as door:
        async with client(door.port) as peer:
            await peer.envelope("sam@acme.example", ["rita@beta.example"])
            await peer.command("DATA")
            await peer.send(stuffed(MESSAGE) + b".\r\n")
            await eventually(lambda: door.octets_in_flight == len(MESSAGE))
        await eventually(lambda: door.sessions == 0)
        assert taken.gate
        taken.gate.set()
        await eventually(lambda: bool(taken.messages))

    assert taken.raw == MESSAGE
    assert door.octets_in_flight == 0


async def test_a_client_that_hangs_up_within_the_content_sends_nothing() -> None:
    """Without the final dot there is no message, however whole it looks."""
    taken = Taken()
    async with open_door(taken) as door:
        async with client(door.port) as peer:
            await peer.envelope("sam@acme.example", ["rita@beta.example"])
            await peer.command("DATA")
            await peer.send(MESSAGE)
        await eventually(lambda: door.sessions == 0)

    assert not taken.messages
    assert door.octets_in_flight == 0


async def test_strangers_are_told_and_shown_out() -> None:
    """CONTRACT 5: a client that is not named cannot relay, whatever it says."""
    taken = Taken()
    async with open_door(taken, allow_from=(ip_network("192.0.2.0/24"),)) as door:
        peer = await Client.connect(door.port)
        assert (await peer.reply()).startswith("554 5.7.1")
        assert (await peer.command("EHLO x")).startswith("503 5.5.1")
        assert (await peer.command("MAIL FROM:<sam@acme.example>")).startswith("503 5.5.1")
        assert (await peer.command("QUIT")).startswith("221 2.0.0")
        assert await peer.reply() == ""
        await peer.close()


async def test_an_ipv4_client_of_an_ipv6_socket_is_itself() -> None:
    """::ffff:127.0.0.1 is 127.0.0.1: a rule for the one must hold for the other."""
    door = Door(settings(), Taken())

    assert [door._allowed(host) for host in ("::ffff:127.0.0.1", "::1", "::ffff:192.0.2.1", "fe80::1%eth0", "")] == [
        True,
        True,
        False,
        False,
        False,
    ]


async def test_connections_are_bounded() -> None:
    """One over the limit hears 421 at once, and the others are not disturbed."""
    async with open_door(Taken(), max_connections=2) as door, client(door.port) as one, client(door.port):
        third = await Client.connect(door.port)
        assert (await third.reply()).startswith("421 4.3.2")
        assert await third.reply() == ""
        await third.close()
        assert (await one.command("NOOP")).startswith("250")


async def test_octets_in_flight_are_bounded() -> None:
    """Many large messages at once are told to wait; none is half kept."""
    taken = Taken(gate=asyncio.Event())
    async with open_door(taken, room=100_000) as door, client(door.port) as one, client(door.port) as two:
        await one.envelope("", ["rita@beta.example"])
        await one.command("DATA")
        await one.send(b"x" * 60_000 + b"\r\n.\r\n")
        await eventually(lambda: door.octets_in_flight > 60_000)
        at_mail = await two.command("MAIL FROM:<> SIZE=50000")
        at_dot = await two.message("", ["rita@beta.example"], b"y" * 50_000 + b"\r\n")
        assert taken.gate
        taken.gate.set()
        first = await one.reply()
        after = await two.message("", ["rita@beta.example"], b"y" * 50_000 + b"\r\n")

    assert at_mail.startswith("452 4.3.1")
    assert at_dot.startswith("452 4.3.1")
    assert first.startswith("250")
    assert after.startswith("250")
    assert door.octets_in_flight == 0


@pytest.mark.parametrize("sent", [b"", b"NO", b"MAIL FROM:<>\r\nRCPT TO:<rita@beta.example>\r\nDATA\r\n"])
async def test_a_silent_client_is_shown_out(sent: bytes) -> None:
    """A connection costs a place; whoever says nothing, or half a line, loses it."""
    async with open_door(Taken(), patience=Patience(idle=0.7)) as door, client(door.port) as peer:
        await peer.send(sent)
        said = (await asyncio.wait_for(peer.reader.read(), 10)).decode().splitlines()

    assert said[-1].startswith("421 4.4.2")


async def test_a_client_that_drips_is_shown_out() -> None:
    """A message at less than a kilobyte a second would hold its place for days."""
    async with open_door(Taken(), patience=Patience(idle=1.0)) as door, client(door.port) as peer:
        await peer.envelope("", ["rita@beta.example"])
        await peer.command("DATA")
        for _ in range(400):
            if peer.reader._buffer:  # type: ignore[attr-defined]
                break
            peer.writer.write(b"x")
            await asyncio.sleep(0.02)
        assert (await peer.reply()).startswith("421 4.4.2")


async def test_a_slow_accept_is_not_the_clients_silence() -> None:
    """While we inspect, it is not the client who is idle."""
    taken = Taken(gate=asyncio.Event())
    async with open_door(taken, patience=Patience(idle=1.0)) as door, client(door.port) as peer:
        await peer.envelope("", ["rita@beta.example"])
        await peer.command("DATA")
        await peer.send(MESSAGE + b".\r\n")
        await asyncio.sleep(1.3)
        assert taken.gate
        taken.gate.set()
        assert (await peer.reply()).startswith("250")


async def test_closing_lets_messages_past_the_final_dot_have_their_reply() -> None:
    """Draining: idle clients hear 421, the message that is ours to answer is answered, and no new one begins."""
    taken = Taken(gate=asyncio.Event())
    async with open_door(taken) as door, client(door.port) as idle, client(door.port) as busy:
        await busy.envelope("", ["rita@beta.example"])
        await busy.command("DATA")
        await busy.send(MESSAGE + b".\r\n")
        await eventually(lambda: door.octets_in_flight > 0)
        closing = asyncio.create_task(door.close(5))
        assert (await idle.reply()).startswith("421 4.3.2")
        with pytest.raises(OSError, match="Connect call failed"):
            await Client.connect(door.port)
        assert taken.gate
        taken.gate.set()
        assert (await busy.reply()).startswith("250")
        assert (await busy.reply()).startswith("421 4.3.2")
        await closing

    assert len(taken.messages) == 1


async def test_closing_does_not_wait_for_ever() -> None:
    """A stuck message ends with the drain; the client has no 250 and sends again."""
    taken = Taken(gate=asyncio.Event())
    async with open_door(taken, drain=0.1) as door, client(door.port) as peer:
        await peer.envelope("", ["rita@beta.example"])
        await peer.command("DATA")
        await peer.send(MESSAGE + b".\r\n")
        await eventually(lambda: door.octets_in_flight > 0)
        await door.close(0.1)
        assert not (await peer.reply()).startswith("250")

    assert not taken.messages


# DATA, piece by piece
