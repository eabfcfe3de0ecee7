"""Retention: content goes when its time has passed, and for ever; verdicts and records stay; time releases nothing."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from html import unescape
from pathlib import Path

import pytest
from review_room import SENTENCE, Room, furnished
from sqlalchemy import func, select, update
from store_kit import ACME, BETA, NOW, RAW, an_id, envelope, settings, verdict

from gateway.audit.log import AuditLog
from gateway.errors import ContentDestroyedError, StoreError
from gateway.hold import Quarantine
from gateway.housekeeping import DISBELIEF, Housekeeper, Tidied
from gateway.ledger import Ledger, fingerprint
from gateway.settings import Retention
from gateway.states import TERMINAL, State
from gateway.store import Store, datakeys
from gateway.store.mail import Purpose
from gateway.store.schema import contents, data_keys, messages, recipients
from gateway.store.sealing import Kind, Label, unseal
from gateway.store.writer import Transaction


@dataclass
class Place:
    """A store, its housekeeper, and two clocks that the test moves."""

    store: Store
    now: datetime = NOW
    steady: float = 0.0
    keeper: Housekeeper = field(init=False)

    def __post_init__(self) -> None:
        self.keeper = Housekeeper(self.store, lambda: self.now, lambda: self.steady, first=0, every=0.01)

    @property
    def quarantine(self) -> Quarantine:
        return Quarantine(self.store)

    def forward(self, **by: float) -> None:
        self.now += timedelta(**by)
        self.steady += timedelta(**by).total_seconds()

    async def held(self, *rcpt_to: str, mail_from: str = "sam@recordkeeper.example", raw: bytes = RAW) -> str:
        hold_id = an_id()
        await self.quarantine.hold(envelope(*rcpt_to, mail_from=mail_from), raw, verdict(*rcpt_to), self.now, hold_id)
        return hold_id

    async def end(self, hold_id: str, *states: State) -> None:
        """As the courier would, downstream having taken it."""

        def work(tx: Transaction) -> None:
            for position, state in enumerate(states):
                here = (recipients.c.message_id == hold_id) & (recipients.c.position == position)
                since = (self.now - NOW) // timedelta(milliseconds=1) + int(NOW.timestamp() * 1000)
                tx.execute(update(recipients).where(here).values(state=state.value, since=since))

        await self.store.write(work)

    async def notices(self) -> list[str]:
        return await self.store.read(
            lambda c: list(c.execute(select(messages.c.id).where(messages.c.purpose.is_not(None))).scalars())
        )

    async def events(self, hold_id: str) -> list[str]:
        return [record.event for record in (await self.quarantine.get(hold_id)).history]


@pytest.fixture
async def place(tmp_path: Path, database: str) -> AsyncIterator[Place]:  # noqa: ARG001 - says what `settings` name
    async with Store.open(settings(tmp_path)) as store:
        yield Place(store)


@pytest.mark.parametrize("state", sorted(TERMINAL))
async def test_content_is_destroyed_some_time_after_the_end(place: Place, state: State) -> None:
    """Thirty days to answer questions, then there is nothing left to steal."""
    hold_id = await place.held()
    await place.end(hold_id, state)

    place.forward(days=29, hours=23)
    await place.keeper.tidy()
    assert await place.quarantine.content(hold_id) == RAW
    place.forward(hours=2)
    assert (await place.keeper.tidy()).destroyed == 1

    with pytest.raises(ContentDestroyedError, match=r"destroyed on 2026-12-22: its time had passed"):
        await place.quarantine.content(hold_id)
    found = await place.quarantine.get(hold_id)
    assert (found.verdict, found.state, found.destroyed_at) == (verdict(), state, place.now)
    assert (await place.events(hold_id))[-1] == "content-destroyed"
    assert await AuditLog(place.store).verify() is None


async def test_pieces_kept_elsewhere_do_not_come_back(place: Place, tmp_path: Path, database: str) -> None:
    """Destroying the data key destroys every copy: an SSD's spare blocks, a snapshot of the disk."""
    hold_id = await place.held()
    label = Label(hold_id, Kind.CONTENT)
    pieces = await place.store.read(
        lambda c: c.execute(select(contents.c.bytes).where(contents.c.message_id == hold_id)).scalars().all()
    )
    wrapped = await place.store.read(
        lambda c: c.execute(select(data_keys.c.wrapped).where(data_keys.c.message_id == hold_id)).scalars().all()
    )
    assert unseal(await place.store.read(lambda c: datakeys.fetch_one(c, label)), label, pieces) == RAW
    await place.end(hold_id, State.RELEASED)
    place.forward(days=31)
    await place.keeper.tidy()

    asked = select(data_keys.c.kind).where(data_keys.c.message_id == hold_id)
    assert await place.store.read(lambda c: c.execute(asked).scalars().all()) == ["verdict"]
    if database == "sqlite":  # a server's disk is its own affair
        on_disk = (tmp_path / "var/countersign.db").read_bytes()
        assert pieces[0] not in on_disk
        assert sum(key in on_disk for key in wrapped) == 1  # the verdict's


@pytest.mark.parametrize("unfinished", sorted(set(State) - TERMINAL - {State.HELD}))
async def test_what_has_not_ended_for_every_recipient_is_kept(place: Place, unfinished: State) -> None:
    """One copy released long ago, another still on its way: the bytes are needed."""
    hold_id = await place.held(ACME, BETA)
    await place.end(hold_id, State.RELEASED, unfinished)

    place.forward(days=300)
    await place.keeper.tidy()

    assert await place.quarantine.content(hold_id) == RAW


async def test_held_mail_goes_back_to_its_sender_and_is_never_released(place: Place) -> None:
    """Nobody looked for two weeks: the sender is told, nobody else gets anything."""
    hold_id = await place.held()

    place.forward(days=13, hours=23)
    assert await place.keeper.tidy() == Tidied()
    place.forward(hours=2)
    done = await place.keeper.tidy()

    found = await place.quarantine.get(hold_id)
    assert (found.state, done.returned) == (State.RETURNING, 1)
    assert "expired" in await place.events(hold_id)
    assert await place.quarantine.content(hold_id) == RAW


async def test_expired_mail_without_a_sender_ends_at_once_and_is_destroyed_later(place: Place) -> None:
    """A bounce has nobody to go back to."""
    hold_id = await place.held(mail_from="")
    place.forward(days=15)
    await place.keeper.tidy()
    place.forward(days=31)
    await place.keeper.tidy()

    assert (await place.quarantine.get(hold_id)).state is State.RETURNED
    assert (await place.quarantine.get(hold_id)).destroyed_at is not None


async def test_notices_are_destroyed_once_they_are_delivered(place: Place) -> None:
    """They name people and addresses, and nobody asks for them again."""
    hold_id = await place.held()
    (notice,) = await place.notices()
    await place.keeper.tidy()
    assert (await place.store.read(lambda c: c.execute(_pieces(notice)).scalar())) == 1

    await place.end(notice, State.RELAYED)
    assert (await place.keeper.tidy()).destroyed == 1

    assert (await place.store.read(lambda c: c.execute(_pieces(notice)).scalar())) == 0
    records = (await place.quarantine.get(hold_id)).history
    assert (records[-1].event, records[-1].detail["notice"]) == ("notice-destroyed", Purpose.HELD.value)
    assert await place.quarantine.content(hold_id) == RAW


def _pieces(message_id: str):  # noqa: ANN202 - a question to the store
    return select(func.count()).select_from(contents).where(contents.c.message_id == message_id)


async def test_more_than_one_batch_is_done_in_one_round(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a holiday there is much to do, and mail goes on being stored."""
    monkeypatch.setattr("gateway.housekeeping.BATCH", 3)
    ids = [await place.held(mail_from="", raw=RAW + bytes([n])) for n in range(8)]
    for hold_id in ids:
        await place.end(hold_id, State.RELEASED)
    place.forward(days=31)

    assert (await place.keeper.tidy()).destroyed == 8
    assert (await place.keeper.tidy()).destroyed == 0


async def test_the_settings_say_how_long(tmp_path: Path) -> None:
    """A client's contract may ask for a day, or for nothing at all."""
    short = settings(tmp_path).model_copy(update={"retention": Retention(held=1, content=0)})
    async with Store.open(short) as store:
        place = Place(store)
        released, held = await place.held(), await place.held(raw=RAW + b"more\r\n")
        await place.end(released, State.RELEASED)
        place.forward(hours=25)
        await place.keeper.tidy()

        assert (await place.quarantine.get(released)).destroyed_at == place.now
        assert (await place.quarantine.get(held)).state is State.RETURNING


async def test_what_is_destroyed_is_destroyed_once(place: Place) -> None:
    """One record of it, whoever does the housekeeping."""
    hold_id = await place.held()
    await place.end(hold_id, State.RELEASED)
    place.forward(days=31)
    other = Housekeeper(place.store, lambda: place.now)
    await asyncio.gather(place.keeper.tidy(), other.tidy())

    assert (await place.events(hold_id)).count("content-destroyed") == 1


async def test_old_fingerprints_are_forgotten(place: Place) -> None:
    """72 hours of retries are recognised; more would only grow."""
    await place.held()
    fp = fingerprint(envelope(), RAW)
    assert await Ledger(place.store).recall(fp, place.now) is not None
    place.forward(days=4)
    await place.keeper.tidy()

    assert await place.store.read(lambda c: c.exec_driver_sql("SELECT count(*) FROM ledger").scalar()) == 0


async def test_a_clock_that_leaps_ahead_destroys_nothing_for_a_day(
    place: Place, caplog: pytest.LogCaptureFixture
) -> None:
    """A wrong year from a time server must not cost a year of held mail."""
    hold_id = await place.held()
    await place.keeper.tidy()
    place.now += timedelta(days=365)
    place.steady += 3600

    assert await place.keeper.tidy() == Tidied()
    assert "clock has leapt" in caplog.text
    place.now -= timedelta(days=365)  # set right in time
    place.steady += DISBELIEF + 3600
    assert await place.keeper.tidy() == Tidied()
    assert (await place.quarantine.get(hold_id)).state is State.HELD


async def test_a_clock_that_was_right_after_all_is_believed_a_day_later(place: Place) -> None:
    """A machine that slept for weeks."""
    await place.held()
    await place.keeper.tidy()
    place.now += timedelta(days=20)
    assert await place.keeper.tidy() == Tidied()
    place.forward(seconds=DISBELIEF + 1)

    assert (await place.keeper.tidy()).returned == 1


async def test_it_works_on_its_own_time_and_stops_when_told(place: Place) -> None:
    """`serve` starts it, and does not wait an hour for it to stop."""
    hold_id = await place.held()
    await place.end(hold_id, State.RELEASED)
    place.forward(days=31)
    running = asyncio.create_task(place.keeper.run())
    async with asyncio.timeout(10):
        while (await place.quarantine.get(hold_id)).destroyed_at is None:  # noqa: ASYNC110 - it happens in the store
            await asyncio.sleep(0.01)
        place.keeper.stop()
        await running


async def test_a_busy_store_is_waited_for(place: Place, caplog: pytest.LogCaptureFixture) -> None:
    """A backup or a full disk now must not end the service; a broken disk must."""
    tidy, calls = place.keeper.tidy, 0

    async def stumbling() -> Tidied:
        nonlocal calls
        calls += 1
        if calls == 1:
            raise StoreError("the store failed: SQLITE_BUSY")
        return await tidy()

    place.keeper.tidy = stumbling  # type: ignore[method-assign]
    running = asyncio.create_task(place.keeper.run())
    async with asyncio.timeout(10):
        while calls < 3:  # noqa: ASYNC110 - as above
            await asyncio.sleep(0.01)
    place.keeper.stop()
    await running
    assert "waits for the store" in caplog.text

    place.keeper = Housekeeper(place.store, lambda: place.now, first=0)
    calls, place.keeper.tidy, place.store.broken = 0, stumbling, StoreError("the disk")  # type: ignore[method-assign]
    with pytest.raises(StoreError):
        await place.keeper.run()
    place.store.broken = None


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Room]:
    with furnished(tmp_path) as opened:
        yield opened


async def test_the_page_says_that_content_is_gone_and_shows_the_rest(room: Room) -> None:
    """A reviewer who opens an old message must not see a fault."""
    hold_id = await room.hold()
    place = Place(room.quarantine._store, room.now())
    await place.end(hold_id, *[State.RELEASED] * len((await room.quarantine.get(hold_id)).recipients))
    place.forward(days=31)
    await place.keeper.tidy()
    async with room.visit("rita") as visit:
        answer = await visit.get(f"/held/{hold_id}")

    assert answer.status_code == 200
    assert f"Its content was destroyed on {place.now:%Y-%m-%d}: its time had passed." in unescape(answer.text)
    assert SENTENCE in unescape(answer.text)
