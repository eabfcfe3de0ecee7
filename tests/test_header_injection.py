"""Nothing that a client or a next hop says becomes a header field, a line or a control character of ours."""

import asyncio
import re
from datetime import UTC, datetime
from email import message_from_bytes
from email.policy import SMTP

import pytest
from door import Taken, open_door
from hypothesis import example, given, settings
from hypothesis import strategies as st
from peers import Client, Script, client, downstream

from gateway import notify
from gateway.message import Envelope
from gateway.notify import Case, Letterhead, Sheet
from gateway.relay import NextHop
from gateway.reply import Reply
from gateway.settings import Downstream
from gateway.smtp import trace, wording

WHEN = datetime(2026, 11, 20, 12, tzinfo=UTC)
NASTY = [
    "\r\n",
    "\n",
    "\r",
    "\0",
    "\x0b",
    "\x0c",
    "\x85",
    "\u2028",
    "\u2029",
    "\udc80",
    "\x7f",
    "é",
    "X-Evil: yes",
    "a",
]
hostile = st.lists(st.one_of(st.sampled_from(NASTY), st.text(max_size=5)), max_size=12).map("".join)
FIELD = re.compile(rb"[!-9;-~]+: ?[ -~]*(?:\r\n[ \t][ -~]*)*\r\n")


@settings(max_examples=300)
@given(helo=hostile, host=hostile, sender=hostile, recipients=st.lists(hostile, max_size=3))
@example(helo="x\r\nX-Evil: yes", host="::1\r\nX-Evil: yes", sender="\r\nX-Evil: yes", recipients=[])
def test_our_received_field_is_one_field(helo: str, host: str, sender: str, recipients: list[str]) -> None:
    """Whatever the envelope holds: one field of printable ASCII, and no recipient in it."""
    envelope = Envelope(mail_from=sender, rcpt_to=tuple(recipients), client_host=host, helo=helo)

    field = trace.received(envelope, hostname="gw.example", identifier="id-1", when=WHEN)

    assert FIELD.fullmatch(field)
    assert field.count(b"\r\n") == 3
    assert message_from_bytes(field + b"\r\n", policy=SMTP).keys() == ["Received"]


@settings(max_examples=300)
@given(name=hostile, value=hostile)
def test_a_field_is_one_line_or_an_error(name: str, value: str) -> None:
    """An error of ours is 451; a line too many would be somebody else's header."""
    try:
        fields = trace.fields({name: value})
    except ValueError:
        return

    assert FIELD.fullmatch(fields)
    assert fields.count(b"\r\n") == 1


@settings(max_examples=300)
@given(code=st.integers(200, 599), text=hostile)
def test_a_reply_is_lines_of_its_own_code(code: int, text: str) -> None:
    """Law 3 and RFC 5321 4.2: a reply of a next hop is handed on upstream, and must not answer the next command too."""
    sent = wording.wire(Reply(code, text))

    assert re.fullmatch(rb"(?:%d-[ -~]*\r\n)*%d [ -~]*\r\n" % (code, code), sent)


LETTERHEAD = Letterhead(sender="gw@gw.example", hostname="gw.example", review_url="http://gw.example", reviewers=())
OURS = {"Subject", "From", "To", "Date", "Message-ID", "Auto-Submitted", "X-Auto-Response-Suppress", "References"}
MIME = {"Content-Type", "MIME-Version", "Content-Transfer-Encoding"}
STATUS = {"Reporting-MTA", "Arrival-Date", "Final-Recipient", "Action", "Status", "Diagnostic-Code"}


@settings(max_examples=150, deadline=None)
@given(sender=hostile, recipient=hostile, sentence=hostile, message_id=hostile, said=hostile, note=hostile)
@example("a@b\r\nBcc: x@y", "a\r\nBcc: x@y", "a\r\n\r\nb", "<a@b>\r\nBcc: x", "a\r\n\r\nStatus: 2.0.0", "\r\n--")
def test_a_notice_has_our_fields_and_no_others(
    sender: str, recipient: str, sentence: str, message_id: str, said: str, note: str
) -> None:
    """A notice goes to a person's mailbox under our name; what it is about must not write its header."""
    case = Case(
        hold_id="id-1",
        mail_from=sender,
        recipients=(recipient,),
        sentence=sentence,
        message_id=message_id,
        received_at=WHEN,
    )
    sheet = Sheet(id="n-1", at=WHEN, to=(sender,))
    notices = [
        notify.held(LETTERHEAD, case, sheet),
        notify.to_reviewers(LETTERHEAD, case, sheet),
        notify.returned(LETTERHEAD, case, sheet, note),
        notify.failed(LETTERHEAD, case, sheet, {recipient: Reply(550, said)}),
    ]

    for raw in notices:
        assert not re.search(rb"\r(?!\n)|(?<!\r)\n|\0", raw)
        notice = message_from_bytes(raw, policy=SMTP)
        assert set(notice.keys()) <= OURS | MIME
        assert len(notice.keys()) == len(set(notice.keys()))
        for part in notice.walk():
            assert set(part.keys()) <= OURS | MIME | STATUS
            assert len(part.keys()) == len(set(part.keys()))


@pytest.mark.parametrize("helo", ["x\rX-Evil: yes", "x\x0bX-Evil:", "x y", "é.example", "x\0", "<x>(", "[::1"])
async def test_a_client_cannot_name_itself_into_a_header(helo: str) -> None:
    """Through the door itself: what is no name is refused, or stands nowhere."""
    taken = Taken()
    async with open_door(taken) as door:
        peer = await Client.connect(door.port)
        await peer.reply()
        await peer.command(b"EHLO " + helo.encode())
        await peer.command("EHLO sound.example")
        await peer.message("", ["rita@beta.example"], b"Subject: x\r\n\r\n")
        await peer.close()

    field = trace.received(taken.messages[0][0], hostname="gw.example", identifier="1", when=WHEN)
    assert field.startswith(b"Received: from sound.example ([127.0.0.1])\r\n")


@settings(max_examples=40, deadline=None)
@given(text=hostile)
def test_what_a_next_hop_says_stays_a_reply(text: str) -> None:
    """From its socket to ours: upstream hears one reply to one message."""
    said = "550-5.7.1 " + text.replace("\r\n", "\r\n550-") + "\r\n550 5.7.1 end"

    async def relayed() -> tuple[str, str]:
        script: Script = {"DOT": [said]}
        async with downstream(script) as peer:
            hop = NextHop(Downstream(host="127.0.0.1", port=peer.port), "gw.example")

            async def relay(envelope: Envelope, raw: bytes) -> Reply:
                return (await hop.deliver(envelope, b"", raw)).reply

            async with open_door(relay) as door, client(door.port) as upstream:
                replies = (
                    await upstream.message("", ["rita@beta.example"], b"Subject: x\r\n\r\n"),
                    await upstream.command("NOOP"),
                )
            await hop.close()
            return replies

    answer, after = asyncio.run(relayed())
    assert all(re.fullmatch(r"(550[- ]5|451 4)\.\d+\.\d+[ -~]*", line) for line in answer.split("\n")), answer
    assert after == "250 2.0.0 ok"
