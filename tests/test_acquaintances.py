"""To whom a sender's mail has gone before: remembered by hashes, told of what is held, and never a reason to hold."""

import os
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from pathlib import Path

import pytest
from house import ACME, BETA, SENDER, STRANGER, XLSX, House, eventually, hold_id, house, mail
from serving import run
from sqlalchemy import select, update
from store_kit import NOW, RAW, later, settings, store_in

from gateway.actor import Actor
from gateway.demo.sample import participants, workbook
from gateway.errors import StoreError
from gateway.housekeeping import Housekeeper
from gateway.ledger import Ledger, fingerprint
from gateway.message import Envelope
from gateway.relay import Delivery, Reach
from gateway.reply import Reply
from gateway.rotate import forget, rotate
from gateway.serve import now
from gateway.states import State
from gateway.store import Store
from gateway.store.schema import acquaintances, address_keys
from rules.verdict import Disposition

CENSUS = workbook("Acme Manufacturing, Inc.", "501234", participants(12, 3))
OK, BUSY, NO = Reply(250, "2.0.0 ok"), Reply(451, "4.2.0 later"), Reply(550, "5.1.1 no such user")
NOTE = "first-time-recipient"


@pytest.fixture
async def store(tmp_path: Path, database: str) -> AsyncIterator[Store]:  # noqa: ARG001 - says what `settings` name
    async with Store.open(settings(tmp_path)) as opened:
        yield opened


async def sent(store: Store, *to: str, sender: str = SENDER, days: float = 0) -> None:
    await store.write(lambda tx: store.acquaintances.remember(tx, sender, to, later(days=days)))


async def strangers(store: Store, *to: str, sender: str = SENDER) -> frozenset[str]:
    return await store.read(lambda c: store.acquaintances.strangers(c, sender, to))


async def when(store: Store) -> Sequence[int]:
    return await store.read(lambda c: c.execute(select(acquaintances.c.last)).scalars().all())


async def test_whom_mail_went_to_is_no_stranger(store: Store) -> None:
    """However the address is written: case, a tag, a Unicode domain."""
    await sent(store, ACME, "rh@société.example")

    assert await strangers(store, ACME.upper(), "hr+plans@acme-mfg.example", "RH@xn--socit-esab.example") == frozenset()
    assert await strangers(store, ACME, BETA) == {BETA}


async def test_of_a_sender_who_is_new_nothing_is_told(store: Store) -> None:
    """Everybody would be a stranger, which says nothing; and a bounce has no sender."""
    await sent(store, ACME)
    await sent(store, BETA, sender="")

    assert await strangers(store, BETA, sender="new@recordkeeper.example") == frozenset()
    assert await strangers(store, ACME, sender="") == frozenset()


async def test_one_recipient_a_day_is_written_once(store: Store) -> None:
    """Ordinary mail costs no write of its own; what is told does not depend on the hour."""
    await sent(store, ACME, ACME)
    await sent(store, ACME, days=0.9)
    first = await when(store)
    await sent(store, ACME, days=1.1)

    assert len(first) == 1
    assert [at - first[0] for at in await when(store)] == [timedelta(days=1.1) // timedelta(milliseconds=1)]


async def test_after_two_years_it_is_forgotten(store: Store) -> None:
    """From the last mail on; housekeeping does it."""
    await sent(store, ACME, BETA)
    await sent(store, ACME, days=2)
    await Housekeeper(store, lambda: later(days=731)).tidy()

    assert await strangers(store, ACME, BETA) == {BETA}


async def test_the_store_holds_no_address_and_no_open_key(store: Store) -> None:
    """Who has a copy of it cannot try a list of addresses."""
    await sent(store, ACME)

    rows = await store.read(lambda c: [*c.execute(select(acquaintances)), *c.execute(select(address_keys))])

    said = b"".join(value if isinstance(value, bytes) else str(value).encode() for row in rows for value in row)
    assert not any(text in said for text in (b"sam", b"acme", store.acquaintances._key))


async def test_a_new_master_key_makes_nobody_a_stranger(tmp_path: Path, store: Store) -> None:
    """The old one is needed no more, and the next start opens with the new one."""
    await sent(store, ACME)
    await rotate(store, Actor("ida"), NOW)
    assert await forget(store, Actor("ida"), NOW)

    async with Store.open(settings(tmp_path)) as another:
        assert await strangers(another, ACME, BETA) == {BETA}


async def test_a_damaged_key_costs_only_the_memory(tmp_path: Path, store: Store) -> None:
    """Damage keeps nobody's mail waiting: the store opens and begins anew."""
    await sent(store, ACME)
    await store.write(lambda tx: tx.execute(update(address_keys).values(wrapped=os.urandom(60))))

    async with Store.open(settings(tmp_path)) as another:
        assert await when(another) == []
        await sent(another, ACME)
        assert await strangers(another, ACME, BETA) == {BETA}


async def test_without_keys_nothing_can_be_asked(tmp_path: Path, store: Store) -> None:
    """Who only proves the log has no business with it."""
    async with Store.open(store.settings, with_keys=False) as shut:
        with pytest.raises(StoreError, match="without its keys"):
            _ = shut.acquaintances
    assert store_in(tmp_path) == store.settings.store


def addressed(*to: str) -> Envelope:
    return Envelope(mail_from=SENDER, rcpt_to=to, client_host="127.0.0.1", helo="mx.example")


async def test_only_those_whom_the_next_server_took_it_for_are_remembered(store: Store) -> None:
    """Deferred is not sent, refused never will be."""
    to = addressed(ACME, BETA, STRANGER)
    replies = {ACME: OK, BETA: BUSY, STRANGER: NO}
    mixed = Delivery(reach=Reach.DELIVERED, reply=OK, replies=replies)

    await Ledger(store).take_over(fingerprint(to, RAW), to, RAW, mixed, NOW, "HOLD1")

    assert await strangers(store, ACME, BETA, STRANGER) == {BETA, STRANGER}


@pytest.mark.parametrize(
    ("reach", "reply", "known"), [(Reach.DELIVERED, OK, 1), (Reach.DEFERRED, BUSY, 0), (Reach.REFUSED, NO, 0)]
)
async def test_what_was_relayed_at_once_is_remembered(store: Store, reach: Reach, reply: Reply, known: int) -> None:
    """With the outcome, in one transaction."""
    to = addressed(ACME)

    await Ledger(store).outcome(
        fingerprint(to, RAW), to, Delivery(reach=reach, reply=reply, replies={ACME: reply}), NOW
    )

    assert len(await when(store)) == known


def census(subject: str) -> bytes:
    return mail(subject, attachments=(("participants.xlsx", XLSX, CENSUS),))


async def held(place: House, subject: str, *to: str) -> str:
    return hold_id(await place.send(census(subject), *to))


async def rules_of(place: House, identifier: str) -> list[str]:
    verdict = (await place.service.quarantine.get(identifier)).verdict
    assert verdict is not None
    return [reason.rule for reason in verdict.reasons]


async def test_a_held_message_tells_that_its_sender_never_wrote_there(tmp_path: Path) -> None:
    """Through SMTP, from a sender's first mail to the one that a reviewer released."""
    async with house(tmp_path) as place:
        new = await held(place, "of a sender whom nobody knows", BETA)
        assert NOTE not in await rules_of(place, new)

        assert (await place.send(mail("Lunch"), ACME)).startswith("250 2.0.0 queued as ")
        first = await held(place, "Acme: to both", ACME, BETA)
        verdict = (await place.service.quarantine.get(first)).verdict
        assert verdict is not None
        assert verdict.sentence.endswith("benefits@betalogistics.example belongs to Beta Logistics LLC.")
        told = verdict.reasons[-1]
        assert (told.rule, told.recipients, told.disposition) == (NOTE, (BETA,), Disposition.RELAY)
        assert told.text == f"the first mail of this sender to {BETA} that is remembered."

        await place.service.quarantine.release(first, [BETA], Actor("rita"), "a client of both", now())
        await eventually(lambda: gone(place, first))
        assert NOTE not in await rules_of(place, await held(place, "once more", BETA))

    shown = run("held", "show", first, "--config", place.file).out
    assert f"rule  {NOTE}: the first mail of this sender to {BETA} that is remembered." in shown


async def gone(place: House, identifier: str) -> bool:
    recipients = (await place.service.quarantine.get(identifier)).recipients
    return any(recipient.state is State.RELEASED for recipient in recipients)
