"""The quarantine: held mail is there whole, decisions are single, recorded, and never the sender's own."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from holding import events, hold, notices, states
from sqlalchemy import Connection, select
from store_kit import ACME, BETA, NOW, RAW, SAM, SECRET, an_id, envelope, later, settings, verdict

from gateway.actor import Actor
from gateway.audit.log import AuditLog
from gateway.errors import IllegalTransition, NotFoundError, OwnMessageError, StoreError
from gateway.hold import Quarantine
from gateway.ledger import Ledger, fingerprint
from gateway.states import State
from gateway.store import Store
from gateway.store.datakeys import fetch_one
from gateway.store.schema import messages
from gateway.store.sealing import PIECE, Kind, Label, unseal_whole
from rules.verdict import Disposition


@pytest.fixture
async def store(tmp_path: Path, database: str) -> AsyncIterator[Store]:  # noqa: ARG001 - says what `settings` name
    async with Store.open(settings(tmp_path, reviewers=["privacy@recordkeeper.example"])) as opened:
        yield opened


@pytest.fixture
def quarantine(store: Store) -> Quarantine:
    return Quarantine(store)


async def test_a_held_message_is_there_as_it_came(quarantine: Quarantine) -> None:
    """250 has been said: bytes, envelope and verdict are ours to keep."""
    hold_id = await hold(quarantine, ACME, BETA)

    found = await quarantine.get(hold_id)
    assert await quarantine.content(hold_id) == RAW
    assert (found.envelope.mail_from, found.envelope.rcpt_to) == (SAM, (ACME, BETA))
    assert found.envelope == envelope(ACME, BETA)
    assert found.verdict == verdict(ACME, BETA)
    assert found.state is State.HELD
    assert found.received_at == NOW


@pytest.mark.parametrize("size", [0, 1, PIECE - 1, PIECE, PIECE + 1, 3 * PIECE + 7])
async def test_content_of_any_size_comes_back_byte_for_byte(quarantine: Quarantine, size: int) -> None:
    """It is kept in pieces; none may be lost or swapped."""
    raw = bytes(n * 31 % 251 for n in range(size))

    assert await quarantine.content(await hold(quarantine, raw=raw)) == raw


async def test_it_is_still_there_after_a_restart(tmp_path: Path) -> None:
    """The process may die the moment after it said 250."""
    async with Store.open(settings(tmp_path)) as first:
        hold_id = await hold(Quarantine(first))
    async with Store.open(settings(tmp_path)) as second:
        assert await Quarantine(second).content(hold_id) == RAW


async def test_nothing_is_kept_when_one_part_of_it_fails(quarantine: Quarantine, store: Store) -> None:
    """Message, recipients, record and notices are one transaction, or none."""
    hold_id = await hold(quarantine)
    before = await events(store)

    with pytest.raises(StoreError):
        await quarantine.hold(envelope(ACME), b"other", verdict(ACME), NOW, hold_id)

    assert await events(store) == before
    assert await Ledger(store).recall(fingerprint(envelope(ACME), b"other"), NOW) is None


async def test_a_recipient_named_twice_is_one_recipient(quarantine: Quarantine) -> None:
    """RCPT TO may repeat; a decision must not be asked for twice."""
    hold_id = await hold(quarantine, BETA, BETA)

    assert [recipient.address for recipient in (await quarantine.get(hold_id)).recipients] == [BETA]


async def test_sender_and_reviewers_are_told_of_a_hold(quarantine: Quarantine) -> None:
    """Within a minute the sender knows why his mail does not arrive."""
    hold_id = await hold(quarantine)

    (to_sender,), (to_reviewers,) = await notices(quarantine, "held"), await notices(quarantine, "review")
    assert hold_id.encode() in to_sender
    assert b"https://review.recordkeeper.example/held/" + hold_id.encode() in to_reviewers.replace(b"=\r\n", b"")


@pytest.mark.parametrize(
    ("mail_from", "raw"),
    [
        ("", RAW),
        (SAM, b"Auto-Submitted: auto-replied\r\n" + RAW),
        (SAM, b"List-Id: <l.example>\r\n" + RAW),
        (SAM, b"Precedence: bulk\r\n" + RAW),
        (SAM, b"X: " + b"a" * 70_000 + b"\r\n" + RAW),
    ],
    ids=["null sender", "auto-submitted", "list", "bulk", "header too long to know"],
)
async def test_machines_get_no_notice_of_a_hold(quarantine: Quarantine, mail_from: str, raw: bytes) -> None:
    """RFC 3834: a machine that answers machines makes a loop."""
    await hold(quarantine, raw=raw, mail_from=mail_from)

    assert await notices(quarantine, "held") == []


async def test_a_flood_of_holds_is_not_a_flood_of_notices(quarantine: Quarantine) -> None:
    """A broken program that sends thousands of wrong mails must not fill its owner's mailbox."""
    for n in range(13):
        await hold(quarantine, raw=RAW + bytes([n]))

    assert len(await notices(quarantine, "held")) == 10


async def test_release_to_one_recipient_leaves_the_others_held(quarantine: Quarantine) -> None:
    """The right client may have his mail while the wrong one never gets it."""
    hold_id = await hold(quarantine, ACME, BETA)

    await quarantine.release(hold_id, [ACME.upper()], Actor("rita"), "Acme's own people", later(minutes=1))

    assert await states(quarantine, hold_id) == [State.RELEASING, State.HELD]
    assert (await quarantine.get(hold_id)).state is State.HELD


async def test_release_is_for_recipients_of_the_message_only(quarantine: Quarantine) -> None:
    """A release must never become a way to send a held file to somebody new."""
    hold_id = await hold(quarantine, ACME)

    for wanted in (["eve@elsewhere.example"], [ACME, "eve@elsewhere.example"], []):
        with pytest.raises(IllegalTransition, match="recipients of this message"):
            await quarantine.release(hold_id, wanted, Actor("rita"), "please", NOW)
    assert await states(quarantine, hold_id) == [State.HELD]


@pytest.mark.parametrize("actor", ["sam", "Sam", SAM, SAM.upper(), "", "boss@recordkeeper.example"])
async def test_the_sender_never_releases_his_own(quarantine: Quarantine, actor: str) -> None:
    """The second person is the whole point; envelope sender and From both count."""
    raw = RAW.replace(b"From: Sam <" + SAM.encode(), b'From: "B" <boss@recordkeeper.example>,\r\n <' + SAM.encode())
    hold_id = await hold(quarantine, raw=raw)

    with pytest.raises(OwnMessageError):
        await quarantine.release(hold_id, None, Actor(actor), "it is fine", NOW)
    assert await states(quarantine, hold_id) == [State.HELD]


@pytest.mark.parametrize("note", ["", "  \n", "x" * 2001])
async def test_a_decision_needs_a_note(quarantine: Quarantine, note: str) -> None:
    """Who asks a year later must find out why."""
    hold_id = await hold(quarantine)

    with pytest.raises(IllegalTransition, match="note"):
        await quarantine.release(hold_id, None, Actor("rita"), note, NOW)
    with pytest.raises(IllegalTransition, match="note"):
        await quarantine.return_(hold_id, Actor("rita"), note, NOW)


async def test_two_reviewers_at_once_make_one_decision(quarantine: Quarantine, store: Store) -> None:
    """A message is released or returned, never both."""
    hold_id = await hold(quarantine)

    outcomes = await asyncio.gather(
        quarantine.release(hold_id, None, Actor("rita"), "right", NOW),
        quarantine.return_(hold_id, Actor("rolf"), "wrong", NOW),
        quarantine.release(hold_id, None, Actor("rita"), "right", NOW),
        return_exceptions=True,
    )

    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["IllegalTransition"] * 2 + ["NoneType"]
    decisions = [event for event in await events(store) if event in {"release", "return"}]
    assert len(decisions) == 1


async def test_a_return_waits_for_its_notice(quarantine: Quarantine) -> None:
    """`returned` says that the sender's server has the notice; until then it is only on its way."""
    hold_id = await hold(quarantine)

    await quarantine.return_(hold_id, Actor("rita"), "This is Acme's list.", NOW)

    (notice,) = await notices(quarantine, "return")
    assert await states(quarantine, hold_id) == [State.RETURNING]
    assert b"This is Acme's list." in notice


async def test_mail_without_a_sender_is_returned_at_once_and_on_record(quarantine: Quarantine, store: Store) -> None:
    """A bounce has nobody to give it back to; that nobody was told is not hidden."""
    hold_id = await hold(quarantine, mail_from="")

    await quarantine.return_(hold_id, Actor("rita"), "A bounce with a list in it.", NOW)

    assert await states(quarantine, hold_id) == [State.RETURNED]
    assert (await events(store))[-3:] == ["return", "sender-not-told", "returned"]


async def test_time_gives_back_and_never_releases(quarantine: Quarantine) -> None:
    """Nothing leaves because nobody looked."""
    hold_id = await hold(quarantine)

    assert await quarantine.expire(later(seconds=-1), later(days=7)) == ()
    assert await quarantine.expire(later(seconds=1), later(days=7)) == (hold_id,)
    assert await states(quarantine, hold_id) == [State.RETURNING]


async def test_the_queue_comes_in_pages(quarantine: Quarantine) -> None:
    """A thousand held messages must not be one page."""
    ids = []
    for n in range(5):
        ids.append(an_id(n))
        await quarantine.hold(envelope(), RAW + bytes([n]), verdict(), NOW, ids[-1])

    first = await quarantine.list(limit=3)
    second = await quarantine.list(limit=3, before=first[-1].id)

    assert [message.id for message in (*first, *second)] == ids[::-1]


async def test_the_queue_shows_what_is_asked_for(quarantine: Quarantine) -> None:
    """Notices of ours are in the store too, and are nobody's to decide on."""
    hold_id = await hold(quarantine)
    await quarantine.release(hold_id, None, Actor("rita"), "right", NOW)

    assert await quarantine.list() == ()
    assert [message.id for message in await quarantine.list(set(State))] == [hold_id]
    assert await quarantine.counts() == {State.RELEASING: 1}


async def test_notices_are_not_messages_of_the_quarantine(quarantine: Quarantine, store: Store) -> None:
    """A notice released by id would go out twice."""
    await hold(quarantine)

    def asked(connection):  # noqa: ANN001, ANN202 - a question to the store
        return connection.exec_driver_sql("SELECT id FROM messages WHERE purpose IS NOT NULL").scalar()

    notice = await store.read(asked)
    with pytest.raises(NotFoundError):
        await quarantine.get(notice)
    with pytest.raises(NotFoundError):
        await quarantine.release(notice, None, Actor("rita"), "why", NOW)


async def test_an_unknown_message_is_not_found(quarantine: Quarantine) -> None:
    """The page says 404, not 500."""
    for asked in (quarantine.get("x"), quarantine.content("x"), quarantine.release("x", None, Actor("rita"), "n", NOW)):
        with pytest.raises(NotFoundError):
            await asked


async def test_the_history_tells_who_did_what(quarantine: Quarantine) -> None:
    """The reviewer and, later, counsel read it on the message's page."""
    hold_id = await hold(quarantine)
    await quarantine.release(hold_id, None, Actor("rita"), "Acme asked for it", later(minutes=3))

    history = (await quarantine.get(hold_id)).history
    assert [(record.event, record.actor) for record in history] == [("held", "countersign"), ("release", "rita")]
    assert history[1].detail["note"] == "Acme asked for it"


async def test_no_record_holds_content(quarantine: Quarantine, store: Store) -> None:
    """The log is exported and kept for years: no value, subject or file name may be in it, even when a note has one."""
    hold_id = await hold(quarantine)
    await quarantine.return_(hold_id, Actor("rita"), f"contains {SECRET}", NOW)

    lines = "".join([record.line async for record in AuditLog(store).records()])
    for planted in (SECRET, "Pat Doe", ".csv", "Subject"):
        assert planted not in lines
    assert "part 2 lists 3 people of Acme Manufacturing" in lines


async def test_a_pending_message_found_clean_is_delivered(quarantine: Quarantine) -> None:
    """The client had its 250 long ago: it is ours to deliver."""
    hold_id = an_id()
    await quarantine.store_pending(envelope(ACME), RAW, NOW, hold_id)
    (waiting,) = await quarantine.pending(NOW)
    assert (waiting.id, waiting.verdict, waiting.state) == (hold_id, None, State.PENDING)

    await quarantine.settle(hold_id, verdict(ACME, disposition=Disposition.RELAY), later(minutes=2))

    assert await states(quarantine, hold_id) == [State.RELAYING]
    assert await quarantine.pending(NOW) == ()


async def test_a_pending_message_found_wrong_is_held_with_notices(quarantine: Quarantine, store: Store) -> None:
    """Slow inspection must not weaken what follows from it."""
    hold_id = an_id()
    await quarantine.store_pending(envelope(), RAW, NOW, hold_id)

    await quarantine.settle(hold_id, verdict(), later(minutes=2))

    assert await states(quarantine, hold_id) == [State.HELD]
    assert (await quarantine.get(hold_id)).verdict == verdict()
    assert len(await notices(quarantine, "held")) == 1
    known = await Ledger(store).recall(fingerprint(envelope(), RAW), NOW)
    assert known is not None
    assert str(known.reply) == f"250 2.0.0 held for review as {hold_id}"


async def test_a_pending_message_that_the_policy_rejects_goes_back(quarantine: Quarantine) -> None:
    """After our 250 a refusal can only be a return."""
    hold_id = an_id()
    await quarantine.store_pending(envelope(), RAW, NOW, hold_id)

    await quarantine.settle(hold_id, verdict(disposition=Disposition.REJECT), later(minutes=2))

    assert await states(quarantine, hold_id) == [State.RETURNING]


async def test_a_message_is_settled_once(quarantine: Quarantine) -> None:
    """A worker that comes back late must not undo a decision."""
    hold_id = await hold(quarantine)

    with pytest.raises(IllegalTransition, match="held"):
        await quarantine.settle(hold_id, verdict(disposition=Disposition.REJECT), NOW)


async def test_verdicts_are_kept_as_the_contracts_json(quarantine: Quarantine, store: Store) -> None:
    """What is stored today must be readable by a later version."""
    hold_id = await hold(quarantine)
    label = Label(hold_id, Kind.VERDICT)

    def opened(connection: Connection) -> bytes:
        sealed = connection.execute(select(messages.c.sealed_verdict).where(messages.c.id == hold_id)).scalar_one()
        return unseal_whole(fetch_one(connection, label), label, sealed)

    stored = await store.read(opened)
    assert list(json.loads(stored))[:5] == ["schema", "message_id", "hold_id", "disposition", "sentence"]


async def test_nothing_of_it_is_logged_even_when_everything_is(
    quarantine: Quarantine, caplog: pytest.LogCaptureFixture
) -> None:
    """Somebody turns on DEBUG to look for a fault: the libraries' rows and parameters must not come out."""
    caplog.set_level("DEBUG")
    hold_id = await hold(quarantine)
    await quarantine.content(hold_id)
    await quarantine.release(hold_id, None, Actor("rita"), "right", NOW)
    with pytest.raises(StoreError):
        await quarantine.hold(envelope(), RAW, verdict(), NOW, hold_id)

    for planted in (SECRET, "Pat Doe", "participants"):
        assert planted not in caplog.text
