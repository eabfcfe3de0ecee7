"""The courier: what was released arrives once, as it came; what cannot be told for sure is on record."""

import asyncio
import time
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from courier_site import HEADER, RITA, header, site
from peers import LostReply
from store_kit import ACME, BETA, NOW, RAW, SAM, SECRET, an_id, disk_error, envelope, settings, verdict

from gateway import deliver
from gateway.actor import Actor
from gateway.audit.log import AuditLog
from gateway.deliver import LEASE, Courier
from gateway.errors import StoreError
from gateway.hold import Quarantine
from gateway.ledger import Ledger, fingerprint
from gateway.message import Envelope
from gateway.relay import Delivery, NextHop, Reach
from gateway.reply import Reply
from gateway.settings import Downstream as DownstreamSettings
from gateway.states import State
from gateway.store import Store
from gateway.store.schema import contents, data_keys
from rules.verdict import Disposition

pytestmark = pytest.mark.usefixtures("database")


async def test_a_released_message_arrives_once_and_as_it_came(tmp_path: Path) -> None:
    """Byte for byte, our fields on top, by the envelope's sender and to its recipients."""
    async with site(tmp_path) as s:
        hold_id = await s.released(ACME, BETA)
        await s.until_states(hold_id, State.RELEASED, State.RELEASED)

        (message,) = [m for m in s.peer.accepted if m.mail_from]
        assert message.raw == HEADER + RAW
        assert (message.mail_from, message.rcpt_to) == (SAM.encode(), (ACME.encode(), BETA.encode()))
        decided = [event for event in await s.events(hold_id) if not event.startswith("notice")]
        assert decided == ["held", "release", "delivered"]


async def test_the_others_of_a_partial_release_get_nothing(tmp_path: Path) -> None:
    """The one it was held for must never see it."""
    async with site(tmp_path) as s:
        hold_id = await s.hold(ACME, BETA)
        await s.quarantine.release(hold_id, [ACME], Actor("rita"), "Acme's own", NOW)
        await s.until_states(hold_id, State.RELEASED, State.HELD)

        assert [m.rcpt_to for m in s.peer.accepted if m.mail_from] == [(ACME.encode(),)]


async def test_held_mail_stays_whatever_the_clock_says(tmp_path: Path) -> None:
    """Nothing is released by time."""
    async with site(tmp_path) as s:
        hold_id = await s.hold()
        await s.until(lambda: s.notices(SAM) and s.notices(RITA))
        s.clock.forward(days=3650)
        s.courier.poke()
        await asyncio.sleep(0.1)

        assert await s.states(hold_id) == [State.HELD]
        assert s.mail() == []


async def test_work_of_another_process_is_found(tmp_path: Path) -> None:
    """`countersign held release` in a terminal cannot poke the service."""
    async with site(tmp_path) as s, Store.open(settings(tmp_path)) as terminal:
        hold_id = await s.hold()
        await Quarantine(terminal).release(hold_id, None, Actor("rita"), "right", NOW)

        await s.until_states(hold_id, State.RELEASED)


async def test_a_deferred_message_is_tried_again_later(tmp_path: Path) -> None:
    """4xx means later, and later means again and again, each time on record."""
    async with site(tmp_path, {"DOT": ["250 ok", "250 ok", "451 4.3.0 busy", "250 ok"]}) as s:
        hold_id = await s.hold()
        await s.until(lambda: len(s.peer.accepted) == 2)
        await s.quarantine.release(hold_id, None, Actor("rita"), "right", NOW)
        await s.until_event(hold_id, "deferred")
        assert await s.states(hold_id) == [State.RELEASING]

        s.clock.forward(seconds=2)
        await s.until_states(hold_id, State.RELEASED)
        assert len(s.mail()) == 1


async def test_nobody_waits_until_a_clock_that_went_back_has_caught_up(tmp_path: Path) -> None:
    """Released at a time that turns out to have been tomorrow: it still goes now."""
    async with site(tmp_path, {"DOT": ["451 4.2.0 later", "250 2.0.0 ok"]}) as here:
        hold_id = await here.released(ACME)
        await here.until_event(hold_id, "deferred")

        here.clock.forward(days=-1)
        here.courier.poke()

        await here.until_states(hold_id, State.RELEASED)


async def test_a_refused_release_is_held_again(tmp_path: Path) -> None:
    """A person decides what comes next; the sender hears nothing of it yet."""
    async with site(tmp_path, {f"RCPT {BETA}": ["550 5.1.1 no such user"]}) as s:
        hold_id = await s.released(ACME, BETA)
        await s.until_states(hold_id, State.RELEASED, State.HELD)

        assert "held-again" in await s.events(hold_id)
        assert [m.rcpt_to for m in s.peer.accepted if m.mail_from] == [(ACME.encode(),)]


async def test_what_cannot_be_delivered_for_five_days_is_held_again(tmp_path: Path) -> None:
    """Not dropped, and not tried for ever."""
    async with site(tmp_path, {f"RCPT {BETA}": ["450 4.2.1 busy"]}) as s:
        hold_id = await s.released(BETA)
        await s.until_event(hold_id, "deferred")
        s.clock.forward(days=5)
        await s.until_states(hold_id, State.HELD)

        assert s.mail() == []


async def test_a_lost_final_reply_is_a_possible_duplicate(tmp_path: Path) -> None:
    """Downstream may have it: it is sent again, and that it may be there twice is on record."""
    async with site(tmp_path, working=False) as s:
        hold_id = await s.released(BETA)
        s.peer.script["DOT"] = [LostReply]
        work = asyncio.create_task(s.courier.run())
        await s.until_event(hold_id, "possible-duplicate")
        s.peer.script["DOT"] = ["250 ok"]
        s.clock.forward(seconds=2)
        await s.until_states(hold_id, State.RELEASED)
        s.courier.stop()
        await work


async def test_returned_is_said_when_the_sender_has_been_told(tmp_path: Path) -> None:
    """The sender gets a delivery status notification with the reviewer's note; the mail itself goes nowhere."""
    async with site(tmp_path) as s:
        hold_id = await s.hold()
        await s.quarantine.return_(hold_id, Actor("rita"), "This is Acme's list.", NOW)
        await s.until_states(hold_id, State.RETURNED)

        (notice,) = [n for n in s.notices(SAM) if n.get_content_type() == "multipart/report"]
        assert "This is Acme's list." in notice.get_payload(0).get_payload(decode=True).decode()
        assert s.mail() == []


async def test_while_the_sender_cannot_be_told_it_is_not_returned(tmp_path: Path) -> None:
    """The word would be a lie."""
    async with site(tmp_path, {f"RCPT {SAM}": ["450 4.2.1 busy"]}) as s:
        hold_id = await s.hold()
        await s.quarantine.return_(hold_id, Actor("rita"), "wrong", NOW)
        await s.until_event(hold_id, "deferred")

        assert await s.states(hold_id) == [State.RETURNING]


async def test_a_sender_who_cannot_be_told_at_all_is_on_record(tmp_path: Path) -> None:
    """His server refuses the notice: the return stands, and the record says that nobody was told."""
    async with site(tmp_path, {f"RCPT {SAM}": ["550 5.1.1 no such user"]}) as s:
        hold_id = await s.hold()
        await s.quarantine.return_(hold_id, Actor("rita"), "wrong", NOW)
        await s.until_states(hold_id, State.RETURNED)

        events = await s.events(hold_id)
        assert events.index("returned") == events.index("sender-not-told") + 1


async def test_the_outbox_of_a_mixed_reply_is_delivered(tmp_path: Path) -> None:
    """We said 250 for the deferred recipient: he gets it; those who have it get no second copy."""
    async with site(tmp_path) as s:
        mixed = envelope(ACME, BETA)
        fp, hold_id = fingerprint(mixed, RAW), an_id()
        replies = {ACME: Reply(250, "2.0.0 ok"), BETA: Reply(450, "4.2.1 busy")}
        delivery = Delivery(reach=Reach.DELIVERED, reply=replies[ACME], replies=replies)
        await Ledger(s.store).take_over(fp, mixed, RAW, delivery, NOW, hold_id)
        await s.until_states(hold_id, State.RELAYED, State.RELAYED)

        assert [m.rcpt_to for m in s.peer.accepted] == [(BETA.encode(),)]


async def test_the_sender_hears_of_what_downstream_refused_after_our_250(tmp_path: Path) -> None:
    """We took responsibility: a failure must not be silent."""
    async with site(tmp_path, {f"RCPT {BETA}": ["550 5.1.1 no such user"]}) as s:
        hold_id = an_id()
        await s.quarantine.store_pending(envelope(ACME, BETA), RAW, NOW, hold_id)
        await s.quarantine.settle(hold_id, verdict(ACME, BETA, disposition=Disposition.RELAY), NOW)
        await s.until_states(hold_id, State.RELAYED, State.FAILED)
        await s.until(lambda: s.notices(SAM))

        (notice,) = s.notices(SAM)
        status = notice.get_payload(1).get_payload()
        assert [block["Final-Recipient"] for block in status[1:]] == [f"rfc822; {BETA}"]
        assert status[1]["Status"] == "5.1.1"


async def test_a_failed_notice_makes_no_further_notice(tmp_path: Path) -> None:
    """Notices about notices would never end."""
    async with site(tmp_path, {f"RCPT {SAM}": ["550 5.1.1 no"], f"RCPT {RITA}": ["550 5.1.1 no"]}) as s:
        hold_id = await s.hold()
        await s.until_event(hold_id, "notice-failed", times=2)

        assert s.peer.accepted == []


async def test_an_attempt_cut_off_by_a_crash_is_made_again_and_on_record(tmp_path: Path) -> None:
    """Killed between downstream's 250 and our commit: nobody knows, so it is sent again, and said so."""
    async with site(tmp_path, working=False) as s:
        hold_id = await s.released(BETA)
        assert len(await s.courier._take()) >= 1  # leased, then nothing: as after kill -9

        work = asyncio.create_task(s.courier.run())
        await asyncio.sleep(0.1)
        assert await s.states(hold_id) == [State.RELEASING]
        s.clock.forward(seconds=LEASE.total_seconds() + 1)
        await s.until_states(hold_id, State.RELEASED)
        s.courier.stop()
        await work
        assert "possible-duplicate" in await s.events(hold_id)


async def test_a_notice_cut_off_says_nothing_of_the_message_that_it_is_about(tmp_path: Path) -> None:
    """Else its worksheet could not tell that nothing has left."""
    async with site(tmp_path, working=False) as s:
        hold_id = await s.hold(BETA)
        await s.courier._take()
        s.clock.forward(seconds=LEASE.total_seconds() + 1)
        await s.courier._take()

        doubts = [r for r in (await s.quarantine.get(hold_id)).history if r.event == "possible-duplicate"]
        assert sorted(str(record.detail.get("notice")) for record in doubts) == ["held", "review"]


async def test_two_couriers_share_the_work(tmp_path: Path) -> None:
    """Two processes at one store: each message goes out once."""
    async with site(tmp_path) as s, Store.open(settings(tmp_path)) as other_store:
        hop = NextHop(DownstreamSettings(host="127.0.0.1", port=s.peer.port), "gw2.recordkeeper.example")
        other = Courier(other_store, hop, header, s.clock)
        work = asyncio.create_task(other.run())
        ids = [await s.hold(f"u{n}@beta.example") for n in range(12)]
        await asyncio.gather(*(s.quarantine.release(hold_id, None, Actor("rita"), "right", NOW) for hold_id in ids))
        for hold_id in ids:
            await s.until_states(hold_id, State.RELEASED)
        other.stop()
        await work
        await hop.close()

        assert len(s.mail()) == 12


async def test_a_courier_thought_dead_cannot_overwrite(tmp_path: Path) -> None:
    """Paused past its lease, it comes back late: its word no longer counts, but is on record."""
    async with site(tmp_path, working=False) as s:
        hold_id = await s.released(BETA)
        leased = [c for c in await s.courier._take() if c.message.id == hold_id]
        s.clock.forward(seconds=LEASE.total_seconds() + 1)
        await s.courier._take()
        late = Delivery(reach=Reach.DELIVERED, reply=Reply(250, "ok"), replies={BETA: Reply(250, "ok")})

        await s.store.write(lambda tx: s.courier._settle(tx, leased[0], late))

        assert await s.states(hold_id) == [State.RELEASING]
        assert (await s.events(hold_id))[-1] == "possible-duplicate"


class Stumbling:
    """A next hop with a bug that shows on one message only."""

    def __init__(self, hop: NextHop) -> None:
        self.hop = hop

    async def deliver(self, envelope: Envelope, header: bytes, raw: bytes) -> Delivery:
        if BETA in envelope.rcpt_to:
            raise ValueError(SECRET)
        return await self.hop.deliver(envelope, header, raw)


class Slow:
    """A next hop that takes longer than a lease lasts."""

    def __init__(self, hop: NextHop, enough: asyncio.Event) -> None:
        self.hop, self.enough = hop, enough

    async def deliver(self, envelope: Envelope, header: bytes, raw: bytes) -> Delivery:
        await self.enough.wait()
        return await self.hop.deliver(envelope, header, raw)


async def test_a_slow_delivery_stays_whose_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Thirty seconds for a big mail must not make a second courier send it too."""
    monkeypatch.setattr(deliver, "LEASE", timedelta(seconds=1))
    begun = time.monotonic()

    def ticking() -> datetime:
        return NOW + timedelta(seconds=time.monotonic() - begun)

    async with site(tmp_path, working=False) as s, Store.open(settings(tmp_path)) as other_store:
        enough, hop = asyncio.Event(), s.courier._next_hop
        s.courier._next_hop, s.courier._clock = Slow(hop, enough), ticking
        hold_id = await s.released(BETA)
        work = asyncio.create_task(s.courier.run())
        await s.until(lambda: hold_id in s.courier._carried)
        other = Courier(other_store, hop, header, ticking)
        await asyncio.sleep(1.5)

        assert hold_id not in [consignment.message.id for consignment in await other._take()]
        enough.set()
        await s.until_states(hold_id, State.RELEASED)
        s.courier.stop()
        await work
        assert "possible-duplicate" not in await s.events(hold_id)


async def test_one_message_that_cannot_be_sent_does_not_stop_the_others(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A bug that one message brings out must not keep all mail, nor print it."""
    async with site(tmp_path, working=False) as s:
        s.courier._next_hop = Stumbling(s.courier._next_hop)
        bad, good = await s.released(BETA), await s.released(ACME)
        work = asyncio.create_task(s.courier.run())
        await s.until_states(good, State.RELEASED)
        await s.until_event(bad, "possible-duplicate")
        s.courier.stop()
        await work

        assert await s.states(bad) == [State.RELEASING]
        assert SECRET not in caplog.text


async def test_a_broken_disk_ends_the_courier(tmp_path: Path) -> None:
    """A background task that dies unseen would leave mail lying while 250 is still said."""
    async with site(tmp_path, working=False) as s:
        with pytest.raises(StoreError):
            await s.store.write(disk_error)
        with pytest.raises(ExceptionGroup) as caught:
            async with asyncio.timeout(10):
                await s.courier.run()

        assert caught.group_contains(StoreError)


async def test_damaged_content_is_told_and_keeps_nobody_waiting(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A bad sector under one message: nothing of it leaves, it stays ours, and all others go out."""
    async with site(tmp_path, working=False) as s:
        bad, worse, good = [await s.released(f"{name}@beta.example") for name in ("ann", "ben", "cid")]
        await s.store.write(
            lambda tx: tx.execute(contents.update().where(contents.c.message_id == bad).values(bytes=b"?"))
        )
        await s.store.write(lambda tx: tx.execute(data_keys.delete().where(data_keys.c.message_id == worse)))
        work = asyncio.create_task(s.courier.run())
        await s.until_states(good, State.RELEASED)
        await s.until_event(bad, "deferred")
        await s.until_event(worse, "deferred")
        s.courier.stop()
        await work

        assert await s.states(bad) == await s.states(worse) == [State.RELEASING]
        assert len(s.mail()) == 1
        assert f"{bad} cannot be sent: what is kept of this message was changed or damaged" in caplog.text
        assert f"{worse} cannot be sent: the data key of this message is gone" in caplog.text
        assert len(await s.quarantine.list([State.RELEASING])) == 2


async def test_a_full_store_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Downstream has said 250 already: the outcome is kept in mind until there is room to write it down."""
    monkeypatch.setattr(deliver, "RETRY_S", 0.01)
    async with site(tmp_path, working=False) as s:
        hold_id = await s.released(BETA)
        settle, refusals = s.courier._settle, iter([StoreError("no room"), StoreError("no room")])

        def full_at_first(*given: object) -> None:
            for refusal in refusals:
                raise refusal
            settle(*given)  # type: ignore[arg-type]

        monkeypatch.setattr(s.courier, "_settle", full_at_first)
        work = asyncio.create_task(s.courier.run())
        await s.until_states(hold_id, State.RELEASED)
        s.courier.stop()
        await work

        assert len(s.mail()) == 1


async def test_what_went_out_is_on_record_and_the_chain_holds(tmp_path: Path) -> None:
    """Every notice and delivery leaves its record, without content."""
    async with site(tmp_path) as s:
        hold_id = await s.released(BETA)
        await s.until_states(hold_id, State.RELEASED)
        await s.until_event(hold_id, "notice-sent", times=2)

        assert await AuditLog(s.store).verify() is None
        assert all(SECRET not in message.raw.decode() for message in s.peer.accepted if not message.mail_from)
