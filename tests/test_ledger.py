"""The ledger: a retry is answered and not sent again, and no message leaves without a record made before."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from store_kit import ACME, BETA, NOW, RAW, an_id, envelope, later, settings, verdict

from gateway.audit.log import AuditLog
from gateway.errors import InFlightError
from gateway.hold import Quarantine
from gateway.ledger import Ledger, fingerprint
from gateway.message import Envelope
from gateway.relay import Delivery, Reach
from gateway.reply import Reply
from gateway.states import State
from gateway.store import Store
from rules.verdict import Disposition

OK = Reply(250, "2.0.0 Ok: queued as 4XYZ")
BUSY = Reply(450, "4.2.1 mailbox busy")
NO = Reply(550, "5.1.1 no such user, 219-09-9998")
FP = fingerprint(envelope(), RAW)
CLEAN = verdict(disposition=Disposition.RELAY)


@pytest.fixture
async def store(tmp_path: Path, database: str) -> AsyncIterator[Store]:  # noqa: ARG001 - says what `settings` name
    async with Store.open(settings(tmp_path)) as opened:
        yield opened


@pytest.fixture
def ledger(store: Store) -> Ledger:
    return Ledger(store)


def went(reach: Reach, reply: Reply, *rcpt_to: str, **others: Reply) -> Delivery:
    return Delivery(reach=reach, reply=reply, replies=dict.fromkeys(rcpt_to or (BETA,), reply) | others)


async def last_event(store: Store) -> str:
    return [record.event async for record in AuditLog(store).records()][-1]


async def relayed(ledger: Ledger) -> None:
    await ledger.intend(FP, envelope(), CLEAN, NOW)
    await ledger.outcome(FP, envelope(), went(Reach.DELIVERED, OK), NOW)


async def test_a_message_seen_for_the_first_time_is_not_known(ledger: Ledger) -> None:
    """It goes on to be inspected."""
    assert await ledger.recall(FP, NOW) is None


async def test_a_retry_after_a_lost_reply_gets_the_same_reply(ledger: Ledger, store: Store) -> None:
    """The client did not hear our 250 and sends again: one copy must arrive, not two."""
    await relayed(ledger)

    known = await ledger.recall(FP, later(minutes=5))

    assert known is not None
    assert (known.reply, known.hold_id) == (OK, None)
    assert await last_event(store) == "retry-suppressed"


@pytest.mark.parametrize("before", ["relayed", "held", "pending"])
@pytest.mark.parametrize("again", ["relay", "hold", "keep"])
async def test_what_is_answered_is_not_written_down_anew(ledger: Ledger, store: Store, before: str, again: str) -> None:
    """Nobody asks before an inspection whether a message is known: the transaction that would begin it anew says so."""
    quarantine = Quarantine(store)
    ways = {
        "relayed": lambda: relayed(ledger),
        "held": lambda: quarantine.hold(envelope(), RAW, verdict(), NOW, an_id()),
        "pending": lambda: quarantine.store_pending(envelope(), RAW, NOW, an_id()),
        "relay": lambda: ledger.intend(FP, envelope(), CLEAN, NOW),
        "hold": lambda: quarantine.hold(envelope(), RAW, verdict(), NOW, an_id()),
        "keep": lambda: quarantine.store_pending(envelope(), RAW, NOW, an_id()),
    }
    await ways[before]()
    written, kept = await last_event(store), await quarantine.list()

    with pytest.raises(InFlightError):
        await ways[again]()

    assert (await last_event(store), await quarantine.list()) == (written, kept)
    assert await ledger.recall(FP, NOW) is not None


async def test_a_retry_of_a_held_message_gets_the_same_hold_id(ledger: Ledger, store: Store) -> None:
    """A second hold would be a second decision on the same mail."""
    hold_id = an_id()
    await Quarantine(store).hold(envelope(), RAW, verdict(), NOW, hold_id)

    known = await ledger.recall(FP, NOW)

    assert known is not None
    assert (known.hold_id, str(known.reply)) == (hold_id, f"250 2.0.0 held for review as {hold_id}")


async def test_a_retry_of_a_pending_message_gets_the_same_id(ledger: Ledger, store: Store) -> None:
    """The same, while inspection goes on."""
    await Quarantine(store).store_pending(envelope(), RAW, NOW, "X1")

    known = await ledger.recall(FP, NOW)

    assert known is not None
    assert str(known.reply) == "250 2.0.0 accepted for inspection as X1"


@pytest.mark.parametrize(
    ("reach", "reply"), [(Reach.DEFERRED, BUSY), (Reach.REFUSED, NO), (Reach.UNKNOWN, Reply(451, "4.4.2 lost"))]
)
async def test_what_was_not_accepted_may_come_again(ledger: Ledger, reach: Reach, reply: Reply) -> None:
    """The client still owns it; its retry is a new attempt."""
    await ledger.intend(FP, envelope(), CLEAN, NOW)
    await ledger.outcome(FP, envelope(), went(reach, reply), NOW)

    assert await ledger.recall(FP, NOW) is None
    await relayed(ledger)
    assert await ledger.recall(FP, NOW) is not None


async def test_after_three_days_it_is_a_new_message(ledger: Ledger) -> None:
    """Nobody retries for longer; a user who sends the same again a week later means it."""
    await relayed(ledger)

    assert await ledger.recall(FP, later(hours=71)) is not None
    assert await ledger.recall(FP, later(hours=73)) is None


async def test_what_is_too_old_is_forgotten(ledger: Ledger, store: Store) -> None:
    """The ledger must not grow for ever."""
    await relayed(ledger)
    await ledger.prune(later(hours=73))

    assert await store.read(lambda c: c.exec_driver_sql("SELECT count(*) FROM ledger").scalar()) == 0


async def test_the_verdict_is_on_record_before_anything_leaves(ledger: Ledger, store: Store) -> None:
    """A crash after downstream's 250 must not leave a message that nobody knows of."""
    store.versions = {"policy": "p1", "directory": "d1"}
    await ledger.intend(FP, envelope(), CLEAN, NOW, size=len(RAW))

    (record,) = [record async for record in AuditLog(store).records()]
    assert record.event == "relaying"
    assert record.detail["fingerprint"] == FP
    assert record.detail["disposition"] == "relay"
    assert record.detail["people"] == {"count": 3, "by_state": {"NC": 2}, "unknown_state": 1}
    assert record.detail["versions"] == {"policy": "p1", "directory": "d1"}


async def test_after_a_crash_what_was_under_way_is_a_possible_duplicate(tmp_path: Path) -> None:
    """Nobody can know whether downstream has it; that it may arrive twice is on record."""
    async with Store.open(settings(tmp_path)) as before:
        await Ledger(before).intend(FP, envelope(), CLEAN, NOW)
    async with Store.open(settings(tmp_path)) as after:
        assert await Ledger(after).recover(NOW) == 1
        assert await Ledger(after).recover(NOW) == 0
        assert await last_event(after) == "possible-duplicate"
        assert await Ledger(after).recall(FP, NOW) is None


async def test_an_outcome_that_could_not_be_written_is_a_possible_duplicate(ledger: Ledger, store: Store) -> None:
    """The store was full after downstream's 250: the client retries, and the second copy must be explained."""
    await ledger.intend(FP, envelope(), CLEAN, NOW)

    with pytest.raises(InFlightError):  # it would be sent again without a word of that
        await ledger.intend(FP, envelope(), CLEAN, later(minutes=5))
    assert await ledger.recall(FP, later(minutes=5)) is None
    assert await last_event(store) == "possible-duplicate"
    await ledger.intend(FP, envelope(), CLEAN, later(minutes=5))


async def test_a_policy_refusal_is_on_record(ledger: Ledger, store: Store) -> None:
    """5xx is said only after it is written down."""
    await ledger.reject(FP, envelope(), verdict(disposition=Disposition.REJECT), NOW)

    assert await last_event(store) == "rejected"
    assert await ledger.recall(FP, NOW) is None


async def test_workers_that_a_message_kills_are_counted(ledger: Ledger) -> None:
    """The third time it is held instead of deferred for ever."""
    assert [await ledger.worker_died(FP, NOW) for _ in range(3)] == [1, 2, 3]
    assert await ledger.worker_died("another", NOW) == 1


async def test_mixed_replies_become_ours(ledger: Ledger, store: Store) -> None:
    """One reply cannot tell two things: we deliver to the deferred and tell the sender of the refused."""
    carol = "carol@beta.example"
    mixed = envelope(ACME, BETA, carol)
    fp, hold_id = fingerprint(mixed, RAW), an_id()
    delivery = went(Reach.DELIVERED, OK, ACME, **{BETA: BUSY, carol: NO})

    await ledger.intend(fp, mixed, CLEAN, NOW)
    reply = await ledger.take_over(fp, mixed, RAW, delivery, NOW, hold_id)

    message = await Quarantine(store).get(hold_id)
    assert reply.accepted
    assert [r.state for r in message.recipients] == [State.RELAYED, State.RELAYING, State.FAILED]
    known = await ledger.recall(fp, NOW)
    assert known is not None
    assert known.reply == reply


async def test_mixed_replies_are_never_written_down_as_one(ledger: Ledger) -> None:
    """Calling it deferred would send the delivered ones a second copy."""
    with pytest.raises(ValueError, match="taken over"):
        await ledger.outcome(FP, envelope(), went(Reach.DELIVERED, OK, ACME, **{BETA: BUSY}), NOW)


async def test_downstreams_text_is_not_in_the_record(ledger: Ledger, store: Store) -> None:
    """It may quote the message."""
    await ledger.intend(FP, envelope(), CLEAN, NOW)
    await ledger.outcome(FP, envelope(), went(Reach.REFUSED, NO), NOW)

    assert "219-09-9998" not in "".join([record.line async for record in AuditLog(store).records()])


addresses = st.lists(st.sampled_from(["a@x", "b@x", "ab@x", "", "@x"]), min_size=1, max_size=4)


contents = st.sampled_from([b"raw", b"raw\r\n", b""])  # often the same, or only one of the four differences is tried


@given(one=addresses, other=addresses, sender=st.sampled_from(["a@x", "b@x", ""]), raw=contents)
def test_only_the_same_message_has_the_same_fingerprint(
    one: list[str], other: list[str], sender: str, raw: bytes
) -> None:
    """Order and repetition of recipients are no difference; everything else is."""
    first = fingerprint(Envelope(mail_from="a@x", rcpt_to=tuple(one)), b"raw")
    second = fingerprint(Envelope(mail_from=sender, rcpt_to=tuple(other)), raw)

    assert (first == second) == ((set(one), "a@x", b"raw") == (set(other), sender, raw))
