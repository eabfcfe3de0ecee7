"""Sealed mail comes back byte for byte or not at all: any change to what is kept is an error, never a partial text."""

import secrets
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from house import house, mail, settings_file
from hypothesis import given
from hypothesis import settings as with_settings
from hypothesis import strategies as st
from sqlalchemy import insert, select, update
from store_kit import BETA, NOW, RAW, an_id, envelope, settings, verdict

from gateway.audit.log import AuditLog
from gateway.errors import SealError
from gateway.hold import Quarantine
from gateway.settings import load
from gateway.states import State
from gateway.store import Store, Transaction
from gateway.store.driver import sqlite3
from gateway.store.keys import KeyRing
from gateway.store.migrations import STEPS, migrate
from gateway.store.schema import contents, data_keys, metadata
from gateway.store.sealing import KEY, NONCE, PIECE, Kind, Label, seal, seal_whole, unseal, unseal_whole, unwrap, wrap
from gateway.store.sqlite import _engine
from gateway.store.steps import first

DATA_KEY = secrets.token_bytes(KEY)
LABEL = Label("A", Kind.CONTENT)
LONG = secrets.token_bytes(2 * PIECE + 100)
SEALED = tuple(seal(DATA_KEY, LABEL, LONG))


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    async with Store.open(settings(tmp_path)) as opened:
        yield opened


@pytest.mark.parametrize("size", [0, 1, PIECE - 1, PIECE, PIECE + 1, 2 * PIECE])
def test_any_size_comes_back(size: int) -> None:
    """The ends of pieces are where mistakes sit."""
    raw = secrets.token_bytes(size)
    pieces = list(seal(DATA_KEY, LABEL, raw))

    assert len(pieces) == max(1, -(-size // PIECE))
    assert unseal(DATA_KEY, LABEL, pieces) == raw


FORGERIES: dict[str, Callable[[list[bytes]], list[bytes]]] = {
    "last piece gone": lambda pieces: pieces[:-1],
    "first piece gone": lambda pieces: pieces[1:],
    "middle piece gone": lambda pieces: [pieces[0], pieces[2]],
    "all gone": lambda _: [],
    "two swapped": lambda pieces: [pieces[1], pieces[0], pieces[2]],
    "reversed": lambda pieces: pieces[::-1],
    "one doubled": lambda pieces: [pieces[0], *pieces],
    "last doubled": lambda pieces: [*pieces, pieces[-1]],
    "one added": lambda pieces: [*pieces, secrets.token_bytes(30)],
    "an empty one": lambda pieces: [pieces[0], b"", pieces[2]],
    "joined": lambda pieces: [b"".join(pieces)],
}


@pytest.mark.parametrize("forgery", FORGERIES)
def test_pieces_cannot_be_cut_swapped_or_added(forgery: str) -> None:
    """Who can write the database cannot shorten a list or put two mails together."""
    with pytest.raises(SealError):
        unseal(DATA_KEY, LABEL, FORGERIES[forgery](list(SEALED)))


@given(which=st.integers(0, 2), place=st.integers(0, PIECE + 15), bit=st.integers(0, 7))
@with_settings(max_examples=150, deadline=None)
def test_any_flipped_bit_is_found(which: int, place: int, bit: int) -> None:
    """A bad sector and a forger look alike."""
    pieces = [bytearray(piece) for piece in SEALED]
    pieces[which][place % len(pieces[which])] ^= 1 << bit

    with pytest.raises(SealError):
        unseal(DATA_KEY, LABEL, [bytes(piece) for piece in pieces])


@given(which=st.integers(0, 2), length=st.integers(0, PIECE + 15))
@with_settings(max_examples=50, deadline=None)
def test_any_cut_is_found(which: int, length: int) -> None:
    """A torn write must not pass as a short mail."""
    pieces = list(SEALED)
    pieces[which] = pieces[which][: length % len(pieces[which])]

    with pytest.raises(SealError):
        unseal(DATA_KEY, LABEL, pieces)


@pytest.mark.parametrize("label", [Label("B", Kind.CONTENT), Label("A", Kind.VERDICT), Label("", Kind.CONTENT)])
def test_what_is_sealed_for_one_message_opens_as_no_other(label: Label) -> None:
    """Another client's list must not be released under a harmless message's id."""
    master, nonce = secrets.token_bytes(KEY), secrets.token_bytes(NONCE)
    wrapped = wrap(master, nonce, LABEL, DATA_KEY)

    assert unwrap(master, LABEL, wrapped) == DATA_KEY
    with pytest.raises(SealError):
        unwrap(master, label, wrapped)
    with pytest.raises(SealError):
        unseal_whole(DATA_KEY, label, seal_whole(DATA_KEY, LABEL, b"text"))


@given(cut=st.integers(0, NONCE + KEY + 15))
@with_settings(max_examples=30)
def test_a_wrapped_key_opens_whole_and_with_its_master_only(cut: int) -> None:
    """A store beside the wrong key file says so instead of giving out noise."""
    master, other = secrets.token_bytes(KEY), secrets.token_bytes(KEY)
    wrapped = wrap(master, secrets.token_bytes(NONCE), LABEL, DATA_KEY)

    for key, text in ((other, wrapped), (master, wrapped[:cut])):
        with pytest.raises(SealError):
            unwrap(key, LABEL, text)


def test_an_error_says_what_to_do_and_nothing_else() -> None:
    """Its text reaches logs: neither key nor content may be in it."""
    with pytest.raises(SealError, match="restore it from a backup") as caught:
        unseal_whole(DATA_KEY, LABEL, b"Pat Doe")

    assert "Pat" not in repr(caught.value)
    assert caught.value.__cause__ is None


async def held(store: Store, raw: bytes = RAW) -> str:
    """By another sender each time: one message is not held twice."""
    hold_id = an_id()
    sender = f"{hold_id}@recordkeeper.example"
    await Quarantine(store).hold(envelope(mail_from=sender), raw, verdict(), NOW, hold_id)
    return hold_id


async def test_two_messages_never_share_a_key_or_a_ciphertext(store: Store) -> None:
    """Equal mails must not look equal to somebody who has the file."""
    ids = [await held(store) for _ in range(2)]

    rows = await store.read(lambda c: c.execute(select(contents.c.bytes).where(contents.c.message_id.in_(ids))).all())
    keys = await store.read(lambda c: c.execute(select(data_keys.c.wrapped)).scalars().all())
    assert len({row.bytes for row in rows}) == 2
    assert len(set(keys)) == len(keys)


async def test_rows_swapped_in_the_database_are_refused(store: Store) -> None:
    """Content, key, or both: what belongs to another message is not this one's."""
    mine, other = await held(store), await held(store, b"other")

    def swap_content(tx: Transaction) -> None:
        theirs = select(contents.c.bytes).where(contents.c.message_id == other).scalar_subquery()
        tx.execute(update(contents).where(contents.c.message_id == mine).values(bytes=theirs))

    def swap_key(tx: Transaction) -> None:
        theirs = select(data_keys.c.wrapped).where(data_keys.c.message_id == other, data_keys.c.kind == "content")
        here = (data_keys.c.message_id == mine) & (data_keys.c.kind == "content")
        tx.execute(update(data_keys).where(here).values(wrapped=theirs.scalar_subquery()))

    for swap in (swap_content, swap_key):
        await store.write(swap)
        with pytest.raises(SealError):
            await Quarantine(store).content(mine)
    assert await Quarantine(store).content(other) == b"other"


async def test_a_piece_missing_in_the_database_is_refused(store: Store) -> None:
    """A mail without its end may read like a harmless one."""
    hold_id = await held(store, LONG)
    await store.write(lambda tx: tx.execute(contents.delete().where(contents.c.position == 2)))

    with pytest.raises(SealError):
        await Quarantine(store).content(hold_id)


async def test_a_damaged_message_that_waits_for_inspection_stops_no_start(tmp_path: Path) -> None:
    """It stays in the queue for somebody to see; all other mail goes on."""
    hold_id = an_id()
    async with Store.open(load(settings_file(tmp_path, 1), {})) as store:
        await Quarantine(store).store_pending(envelope(), RAW, NOW, hold_id)
        await store.write(lambda tx: tx.execute(contents.update().values(bytes=b"?" * 100)))

    async with house(tmp_path) as place:
        assert (await place.service.quarantine.get(hold_id)).state is State.PENDING
        assert (await place.send(mail("Lunch", to=BETA), BETA)).startswith("250 ")


def store_of_the_first_version(folder: Path, messages: dict[str, bytes]) -> Path:
    """Written by the frozen first step, with plain content, as that version did."""
    file = folder / "var/countersign.db"
    file.parent.mkdir(mode=0o700, parents=True)
    engine = _engine(file, KeyRing(folder / "no-key-yet", beside=False), writing=True)
    with engine.begin() as connection:
        migrate(connection, STEPS[:1])
        for message_id, raw in messages.items():
            connection.execute(insert(first.messages).values(_first_row(message_id, len(raw))))
            recipient = {"message_id": message_id, "position": 0, "address": BETA, "state": "held", "since": 0}
            recipient |= {"due_at": 0, "attempts": 0, "lease_until": 0}
            connection.execute(insert(first.recipients).values(recipient))
            for position in range(0, len(raw), PIECE):
                piece = {"message_id": message_id, "position": position, "bytes": raw[position : position + PIECE]}
                connection.execute(insert(first.contents).values(piece))
    engine.dispose()
    return file


def _first_row(message_id: str, size: int) -> dict[str, object]:
    row = {"id": message_id, "mail_from": "sam@recordkeeper.example", "smtputf8": False, "body_8bit": False}
    row |= {"client_host": "", "helo": "", "size": size, "received_at": 0, "authors": "[]", "notify": True}
    text = (
        '{"schema":1,"message_id":"<a@b>","hold_id":"x","disposition":"hold","sentence":"quokka.xlsx is wrong",'
        '"reasons":[],"recipients":[],"clients":[],"parts":[],"findings":[],'
        '"people":{"count":0,"by_state":{},"unknown_state":0,"lists":[]},'
        '"timing_ms":{"open":0,"detect":0,"match":0,"total":0}}'
    )
    return {**row, "verdict": text if size else None}


async def test_a_store_of_the_first_version_is_sealed_when_it_is_opened(tmp_path: Path) -> None:
    """An upgrade keeps every held message, and leaves nothing of it in clear."""
    mails = {"A": RAW, "B": b"numbat" * PIECE, "C": b""}
    file = store_of_the_first_version(tmp_path, mails)
    assert b"Pat Doe" in file.read_bytes()

    async with Store.open(settings(tmp_path)) as store:
        quarantine = Quarantine(store)
        assert {name: await quarantine.content(name) for name in mails} == mails
        found = await quarantine.get("A")
        assert found.verdict is not None
        assert (found.verdict.sentence, found.state) == ("quokka.xlsx is wrong", State.HELD)
        assert (await quarantine.get("C")).verdict is None
        assert await AuditLog(store).verify() is None

        left = b"".join(path.read_bytes() for path in file.parent.glob(f"{file.name}*"))
    for planted in (b"Pat Doe", b"numbat", b"quokka", b"participants"):
        assert planted not in left


async def test_both_ways_lead_to_the_same_tables(tmp_path: Path) -> None:
    """A fresh store and a migrated one differ in nothing that a statement of ours names."""
    store_of_the_first_version(tmp_path, {"A": RAW})
    async with Store.open(settings(tmp_path)):
        pass

    database = sqlite3.connect(tmp_path / "var/countersign.db")
    for table in metadata.tables.values():
        columns = {row[1] for row in database.execute(f"PRAGMA table_info({table.name})")}
        assert columns == set(table.columns.keys()), table.name
    database.close()
