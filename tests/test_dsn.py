"""What a sender asks to be told (RFC 3461): offered only if the next hop does it, carried on, kept, and kept to."""

import email
from dataclasses import replace
from pathlib import Path

import pytest
from door import Onward, Taken, open_door
from peers import OFFERS, client, downstream
from store_kit import BETA, NOW, RAW, SAM, an_id, envelope, settings, verdict

from gateway import notify
from gateway.actor import Actor
from gateway.audit.log import AuditLog
from gateway.hold import Quarantine
from gateway.message import Asked, Envelope
from gateway.notify import Case, Letterhead, Sheet
from gateway.relay import NextHop, Reach
from gateway.reply import Reply
from gateway.settings import Downstream
from gateway.states import State
from gateway.store import Store
from gateway.store.mail import content, find
from gateway.store.schema import messages

ACME = "trustee@acme.example"
NEVER, ALWAYS = Asked(notify="NEVER"), Asked(notify="SUCCESS,FAILURE,DELAY", orcpt="rfc822;a+2Bb@beta.example")
ASKED = replace(envelope(BETA, ACME), ret="HDRS", envid="QQ+2B314159", asked={BETA: ALWAYS})


async def test_it_is_offered_when_the_next_hop_offers_it() -> None:
    """A client that is not offered it issues such notices itself: that is better than a promise nobody keeps."""
    onward = Onward()
    async with open_door(Taken(), onward=onward) as door, client(door.port) as peer:
        before = await peer.command("EHLO client.example")
        unknown = await peer.command("MAIL FROM:<sam@acme.example> RET=HDRS")
        onward.offers_dsn = True
        after = await peer.command("EHLO client.example")
        known = await peer.command("MAIL FROM:<sam@acme.example> RET=HDRS")

    assert ("DSN" in before, "DSN" in after) == (False, True)
    assert (unknown[:9], known[:9]) == ("555 5.5.4", "250 2.1.0")


SENDERS = {
    "RET=FULL ENVID=QQ314159": "250",
    "ret=hdrs envid=Some+2BCase": "250",
    "RET=BODY": "501",
    "RET": "501",
    "ENVID=a+2b": "501",
    "ENVID=": "501",
    f"ENVID={'x' * 101}": "501",
    "ENVID=a ENVID=b": "501",
    "NOTIFY=NEVER": "555",
}
RECIPIENTS = {
    "NOTIFY=NEVER": "250",
    "notify=success,failure,delay ORCPT=rfc822;Rita@beta.example": "250",
    "NOTIFY=NEVER,FAILURE": "501",
    "NOTIFY=": "501",
    "NOTIFY=SOMETIMES": "501",
    "ORCPT=rita@beta.example": "501",
    "ORCPT=rfc822;a+0d": "501",
    f"ORCPT=rfc822;{'x' * 501}": "501",
    "ENVID=x": "555",
}


@pytest.mark.parametrize(("parameters", "code"), SENDERS.items())
async def test_what_mail_may_ask(parameters: str, code: str) -> None:
    async with open_door(Taken(), onward=Onward(offers_dsn=True)) as door, client(door.port) as peer:
        assert (await peer.command(f"MAIL FROM:<sam@acme.example> {parameters}")).startswith(code)


@pytest.mark.parametrize(("parameters", "code"), RECIPIENTS.items())
async def test_what_rcpt_may_ask(parameters: str, code: str) -> None:
    async with open_door(Taken(), onward=Onward(offers_dsn=True)) as door, client(door.port) as peer:
        await peer.command("MAIL FROM:<sam@acme.example>")
        assert (await peer.command(f"RCPT TO:<rita@beta.example> {parameters}")).startswith(code)


async def test_it_comes_with_the_envelope_and_ends_with_the_transaction() -> None:
    """In its own case: ENVID and ORCPT are the sender's words."""
    taken = Taken()
    async with open_door(taken, onward=Onward(offers_dsn=True)) as door, client(door.port) as peer:
        await peer.command("MAIL FROM:<sam@acme.example> RET=hdrs ENVID=Case+2BKept")
        await peer.command("RCPT TO:<rita@beta.example> notify=never ORCPT=rfc822;Rita@Beta.example")
        await peer.content(b"Subject: a\r\n\r\nb\r\n")
        await peer.message("sam@acme.example", ["rita@beta.example"], b"Subject: c\r\n\r\nd\r\n")

    first, second = (envelope for envelope, _ in taken.messages)
    assert (first.ret, first.envid) == ("HDRS", "Case+2BKept")
    assert first.asked == {"rita@beta.example": Asked(notify="NEVER", orcpt="rfc822;Rita@Beta.example")}
    assert (second.ret, second.envid, second.asked) == ("", "", {})


async def sent(*offers: str) -> list[bytes]:
    """MAIL and RCPT as the next hop hears them."""
    async with downstream(offers=offers) as peer:
        hop = NextHop(Downstream(host="127.0.0.1", port=peer.port), "gw.example")
        delivery = await hop.deliver(ASKED, b"", RAW)
        await hop.close()
    assert delivery.reach is Reach.DELIVERED
    assert hop.offers_dsn == ("DSN" in offers)
    return [line for line in peer.commands if line.startswith((b"MAIL", b"RCPT"))]


async def test_it_is_carried_on_to_a_next_hop_that_offers_it() -> None:
    mail, beta, acme = await sent(*OFFERS, "DSN")

    assert mail.endswith(b" RET=HDRS ENVID=QQ+2B314159")
    assert beta.endswith(b"> NOTIFY=SUCCESS,FAILURE,DELAY ORCPT=rfc822;a+2Bb@beta.example")
    assert acme.endswith(b">")


async def test_a_next_hop_that_does_not_know_it_is_not_asked() -> None:
    """It would answer 555, and the message would not go."""
    assert all(b"=" not in line.partition(b"SIZE")[0] for line in await sent("SIZE 1000000"))


async def held(store: Store, asked: Envelope) -> tuple[str, Quarantine]:
    hold_id, quarantine = an_id(), Quarantine(store)
    await quarantine.hold(asked, RAW, verdict(*asked.rcpt_to), NOW, hold_id)
    return hold_id, quarantine


async def test_it_is_kept_with_what_is_held(tmp_path: Path) -> None:
    async with Store.open(settings(tmp_path)) as store:
        hold_id, quarantine = await held(store, ASKED)
        kept = (await quarantine.get(hold_id)).envelope

    assert (kept.ret, kept.envid, kept.asked) == ("HDRS", "QQ+2B314159", {BETA: ALWAYS})


async def test_the_notice_of_a_return_names_what_the_sender_called_it(tmp_path: Path) -> None:
    """RFC 3464 2.2.1 and 2.3.1: so that the sender's own server can tell whose it is."""
    async with Store.open(settings(tmp_path)) as store:
        hold_id, quarantine = await held(store, ASKED)
        await quarantine.return_(hold_id, Actor("rita"), "not theirs", NOW)
        [notice] = await _notices(store, "return")

    about_message, *recipients = email.message_from_bytes(notice).get_payload(1).get_payload()
    assert about_message["Original-Envelope-Id"] == "QQ+314159"
    assert recipients[0]["Original-Recipient"] == "rfc822; a+b@beta.example"
    assert recipients[1]["Original-Recipient"] is None


async def _notices(store: Store, purpose: str) -> list[bytes]:
    asked = messages.select().where(messages.c.purpose == purpose)
    return await store.read(lambda c: [content(c, row.id) for row in c.execute(asked)])


@pytest.mark.parametrize("notify_", ["NEVER", "SUCCESS", "DELAY", "SUCCESS,DELAY"])
async def test_who_does_not_want_to_hear_of_failures_does_not(tmp_path: Path, notify_: str) -> None:
    """The message is returned all the same, and the record says why nobody was told."""
    async with Store.open(settings(tmp_path)) as store:
        hold_id, quarantine = await held(store, replace(envelope(BETA), asked={BETA: Asked(notify=notify_)}))
        await quarantine.return_(hold_id, Actor("rita"), "not theirs", NOW)
        state = (await quarantine.get(hold_id)).state
        records = [record async for record in AuditLog(store).records()]
        notices = await _notices(store, "return")

    assert (state, notices) == (State.RETURNED, [])
    assert {"why": "the sender asked not to be told of failures"} in [record.detail for record in records]


@pytest.mark.parametrize(("notify_", "told"), [("NEVER", 0), ("SUCCESS", 1), ("", 1)])
async def test_a_hold_is_told_to_all_but_those_who_never_want_to_hear(tmp_path: Path, notify_: str, told: int) -> None:
    async with Store.open(settings(tmp_path)) as store:
        await held(store, replace(envelope(BETA), asked={BETA: Asked(notify=notify_)}))

        assert len(await _notices(store, "held")) == told


async def test_only_those_are_named_of_whom_the_sender_wants_to_hear(tmp_path: Path) -> None:
    async with Store.open(settings(tmp_path)) as store:
        hold_id, quarantine = await held(store, replace(envelope(BETA, ACME), asked={ACME: NEVER}))
        await quarantine.return_(hold_id, Actor("rita"), "not theirs", NOW)
        [notice] = await _notices(store, "return")
        states = {each.state for each in (await store.read(lambda c: find(c, hold_id))).recipients}

    assert (BETA.encode() in notice, ACME.encode() in notice) == (True, False)
    assert states == {State.RETURNING}


def test_nothing_that_was_asked_steers_a_notice() -> None:
    """Encoded line ends stay encoded."""
    about = Case(
        hold_id="01HELD",
        mail_from=SAM,
        recipients=(BETA,),
        sentence="",
        message_id=None,
        received_at=NOW,
        envid="a+0D+0ABcc:+20eve@elsewhere.example",
        originals={BETA: "rfc822;x+0D+0AEvil:+20yes"},
    )
    letterhead = Letterhead(sender=SAM, hostname="gw.example", review_url="https://r.example", reviewers=())
    raw = notify.failed(letterhead, about, Sheet(id="01N", at=NOW, to=(SAM,)), {BETA: Reply(550, "5.1.1 no")})

    assert b"\r\nBcc:" not in raw
    assert b"\r\nEvil:" not in raw
