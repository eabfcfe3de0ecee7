"""The store: committed means on the disk, a failure never looks like success, and one caller's fault is his alone."""

import asyncio
import stat
import threading
from pathlib import Path

import pytest
from sqlalchemy import bindparam, func, insert, inspect, select
from store_kit import disk_error, settings

from gateway.errors import StoreError, StoreFullError
from gateway.settings import Settings
from gateway.settings import Store as StoreSection
from gateway.store import Store, Transaction, sqlite
from gateway.store.driver import sqlite3
from gateway.store.migrations import STEPS, migrate
from gateway.store.prepared import prepared
from gateway.store.schema import deaths, metadata
from gateway.store.sqlite import PRAGMAS
from rules.errors import ConfigurationError

on_each_database = pytest.mark.usefixtures("database")


def add(fingerprint: str):  # noqa: ANN201 - a unit of work
    def work(tx: Transaction) -> str:
        tx.execute(insert(deaths).values(fingerprint=fingerprint, count=1, at=0))
        return fingerprint

    return work


async def how_many(store: Store) -> int:
    return await store.read(lambda c: c.execute(select(func.count()).select_from(deaths)).scalar() or 0)


async def test_folder_and_file_are_the_owners_alone(tmp_path: Path) -> None:
    """The store holds the very content that may not leak."""
    async with Store.open(settings(tmp_path)):
        file = tmp_path / "var/countersign.db"

        assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
        assert stat.S_IMODE(file.stat().st_mode) == 0o600


async def test_what_lies_beside_the_file_is_the_owners_alone_too(tmp_path: Path) -> None:
    """The newest mail is in the log for a while."""
    async with Store.open(settings(tmp_path)) as store:
        await store.write(add("a"))

        beside = [path for path in (tmp_path / "var").iterdir() if path.name.startswith("countersign.db")]
        assert {stat.S_IMODE(path.stat().st_mode) for path in beside} == {0o600}


async def test_a_closed_store_is_one_file(tmp_path: Path) -> None:
    """Whoever copies or renames it then must not have to know of a log."""
    async with Store.open(settings(tmp_path)) as store:
        await store.write(add("a"))
        assert await how_many(store) == 1

    assert not list((tmp_path / "var").glob("countersign.db-*"))


async def test_a_store_with_a_rollback_journal_just_opens(tmp_path: Path) -> None:
    """Stores of earlier installations, and of machines without a newer SQLite, go on without a step by hand."""
    async with Store.open(settings(tmp_path)) as store:
        await store.write(add("a"))
    database = sqlite3.connect(tmp_path / "var/countersign.db")
    assert database.execute("PRAGMA journal_mode = TRUNCATE").fetchone() == ("truncate",)
    database.close()

    async with Store.open(settings(tmp_path)) as store:
        await store.write(add("b"))
        assert await how_many(store) == 2


async def test_a_file_left_readable_by_others_is_closed_to_them(tmp_path: Path) -> None:
    """A restored backup often comes with wrong rights."""
    (tmp_path / "var").mkdir()
    (tmp_path / "var/countersign.db").touch(mode=0o644)

    async with Store.open(settings(tmp_path)):
        assert stat.S_IMODE((tmp_path / "var/countersign.db").stat().st_mode) == 0o600


def test_a_relative_path_is_relative_to_the_settings_file(tmp_path: Path) -> None:
    """A service started from elsewhere must find the same mail."""
    assert settings(tmp_path).database_file == tmp_path / "var/countersign.db"


def test_four_slashes_make_an_absolute_path(tmp_path: Path) -> None:
    """SQLAlchemy's and everybody's convention."""
    absolute = Settings(store=StoreSection(url=f"sqlite:///{tmp_path}/x.db"), base=Path("/elsewhere"))

    assert absolute.database_file == tmp_path / "x.db"


def test_a_database_that_is_not_served_is_a_configuration_error(tmp_path: Path) -> None:
    """It must stop the start and name the key."""
    other = Settings(store=StoreSection(url="mysql://sam:secret@x/y"), base=tmp_path)

    with pytest.raises(ConfigurationError, match=r"store\.url") as caught:
        Store.open(other)
    assert "secret" not in str(caught.value)


async def test_the_connection_that_writes_is_set_to_survive_a_power_cut(tmp_path: Path) -> None:
    """With any weaker setting acknowledged mail is lost when the power goes."""
    async with Store.open(settings(tmp_path)) as store:
        for name, (_, expected) in PRAGMAS.items():
            found = await store.write(lambda tx, name=name: tx._connection.exec_driver_sql(f"PRAGMA {name}").scalar())
            assert found == expected, name


async def test_a_pragma_that_is_not_taken_stops_the_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Set is not enough: it must have been read back."""
    monkeypatch.setitem(sqlite.PRAGMAS, "synchronous", ("NORMAL", 3))

    with pytest.raises(StoreError, match="synchronous"):
        Store.open(settings(tmp_path))


@on_each_database
async def test_many_callers_share_commits_and_all_are_written(tmp_path: Path) -> None:
    """A commit waits for the disk; a thousand callers may not each wait in line for one."""
    async with Store.open(settings(tmp_path)) as store:
        results = await asyncio.gather(*(store.write(add(str(n))) for n in range(1000)))

        assert results == [str(n) for n in range(1000)]
        assert await how_many(store) == 1000


@on_each_database
async def test_a_failing_unit_takes_nobody_with_it(tmp_path: Path) -> None:
    """One message that cannot be stored must not make others be refused."""

    def fail(_: Transaction) -> None:
        raise ZeroDivisionError

    async with Store.open(settings(tmp_path)) as store:
        units = [add("a"), fail, add("a"), add("b")]
        results = await asyncio.gather(*(store.write(unit) for unit in units), return_exceptions=True)

        assert results[0] == "a"
        assert isinstance(results[1], ZeroDivisionError)
        assert isinstance(results[2], StoreError)
        assert results[3] == "b"
        assert await how_many(store) == 2


@on_each_database
async def test_a_caller_that_goes_away_tears_nothing(tmp_path: Path) -> None:
    """A client that hangs up cancels its handler, in the middle of anything."""
    async with Store.open(settings(tmp_path)) as store:
        task = asyncio.create_task(store.write(add("a")))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await store.write(add("b"))

        assert await how_many(store) == 2


@on_each_database
async def test_closing_commits_what_waits(tmp_path: Path) -> None:
    """A drain on SIGTERM must not forget the last messages."""
    store = Store.open(settings(tmp_path))
    tasks = [asyncio.create_task(store.write(add(str(n)))) for n in range(50)]
    await asyncio.sleep(0)
    await store.close()
    await asyncio.gather(*tasks)

    async with Store.open(settings(tmp_path)) as again:
        assert await how_many(again) == 50


@on_each_database
async def test_a_closed_store_says_so(tmp_path: Path) -> None:
    """Better an error than a caller who waits for ever."""
    store = Store.open(settings(tmp_path))
    await store.close()

    with pytest.raises(StoreError, match="closed"):
        await store.write(add("a"))


async def test_a_full_store_is_an_error_that_names_itself(tmp_path: Path) -> None:
    """The client gets 452 and keeps the message; nothing of it stays here."""
    async with Store.open(settings(tmp_path)) as store:
        pages = await store.write(lambda tx: tx._connection.exec_driver_sql("PRAGMA page_count").scalar())
        await store.write(lambda tx: tx._connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}").scalar())

        def much(tx: Transaction) -> None:
            for n in range(5000):
                tx.execute(insert(deaths).values(fingerprint=f"{n:064}", count=1, at=0))

        with pytest.raises(StoreFullError):
            await store.write(much)
        assert await how_many(store) == 0
        assert store.broken is None


async def test_a_locked_store_is_an_error_and_then_works_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody's backup tool may hold the lock: 451, and the client tries again."""
    monkeypatch.setitem(sqlite.PRAGMAS, "busy_timeout", ("50", 50))
    async with Store.open(settings(tmp_path)) as store:
        other = sqlite3.connect(tmp_path / "var/countersign.db", isolation_level=None)
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(StoreError, match="SQLITE_BUSY"):
            await store.write(add("a"))
        other.execute("ROLLBACK")
        other.close()

        assert await store.write(add("a")) == "a"


async def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    """A corrupt store must stop the start, not begin anew over the mail in it."""
    (tmp_path / "var").mkdir()
    (tmp_path / "var/countersign.db").write_bytes(b"not a database" * 1000)

    with pytest.raises(StoreError, match="SQLITE_NOTADB"):
        Store.open(settings(tmp_path))


@on_each_database
async def test_after_a_disk_error_nothing_is_ever_confirmed_again(tmp_path: Path) -> None:
    """After a failed fsync a second try "succeeds" without the data; only a new process may go on."""
    async with Store.open(settings(tmp_path)) as store:
        with pytest.raises(StoreError, match=r"SQLITE_IOERR_FSYNC|DataCorrupted"):
            await store.write(disk_error)
        with pytest.raises(StoreError, match=r"SQLITE_IOERR_FSYNC|DataCorrupted"):
            await store.write(add("a"))

        assert store.broken is not None
        assert await how_many(store) == 0


@on_each_database
async def test_a_mistake_in_the_writer_leaves_nobody_waiting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A dead thread would keep every message for ever, with 250 said by nobody and no error to see."""

    def mistake(*_: object) -> None:
        raise SystemExit

    async with Store.open(settings(tmp_path)) as store:
        monkeypatch.setattr(store._writer, "_settle", mistake)
        for _ in range(2):
            with pytest.raises(StoreError, match="writer failed"):
                await store.write(add("a"))

        assert store.broken is not None


@on_each_database
async def test_errors_never_quote_what_was_being_written(tmp_path: Path) -> None:
    """A driver's error carries the statement's values: those are message bytes."""
    async with Store.open(settings(tmp_path)) as store:
        await store.write(add("219-09-9998"))
        with pytest.raises(StoreError) as caught:
            await store.write(add("219-09-9998"))

        assert "219" not in repr(caught.value)
        assert caught.value.__cause__ is None


@on_each_database
async def test_readers_cannot_write(tmp_path: Path) -> None:
    """Only the one writer changes anything; a mistake elsewhere must not."""
    async with Store.open(settings(tmp_path)) as store:
        with pytest.raises(StoreError, match=r"(?i)read_?only"):
            await store.read(lambda c: c.execute(insert(deaths).values(fingerprint="a", count=1, at=0)))


@on_each_database
async def test_two_processes_may_have_it_open(tmp_path: Path) -> None:
    """`countersign held release` in a terminal works while the service runs."""
    async with Store.open(settings(tmp_path)) as service, Store.open(settings(tmp_path)) as terminal:
        await asyncio.gather(
            *(store.write(add(f"{name}{n}")) for n in range(50) for name, store in (("s", service), ("t", terminal)))
        )

        assert await how_many(service) == 100


@on_each_database
async def test_a_migration_is_applied_once_and_keeps_what_is_there(tmp_path: Path) -> None:
    """An upgrade with held mail in the store must lose none."""
    async with Store.open(settings(tmp_path)) as store:
        await store.write(add("a"))
        steps = (*STEPS, lambda c: c.exec_driver_sql("ALTER TABLE deaths ADD COLUMN note TEXT"))

        assert await store.write(lambda tx: migrate(tx._connection, steps)) == 1
        assert await store.write(lambda tx: migrate(tx._connection, steps)) == 0
        assert await how_many(store) == 1


@on_each_database
async def test_a_migration_that_fails_changes_nothing(tmp_path: Path) -> None:
    """Half an upgrade is no version at all."""

    def half(connection) -> None:  # noqa: ANN001 - as a step is
        connection.exec_driver_sql("ALTER TABLE deaths ADD COLUMN note TEXT")
        raise ZeroDivisionError

    async with Store.open(settings(tmp_path)) as store:
        with pytest.raises(ZeroDivisionError):
            await store.write(lambda tx: migrate(tx._connection, (*STEPS, half)))

        columns = await store.read(lambda c: inspect(c).get_columns("deaths"))
        assert "note" not in [column["name"] for column in columns]


@on_each_database
async def test_a_store_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    """An older program would not know what it destroys."""
    async with Store.open(settings(tmp_path)) as store:
        await store.write(lambda tx: migrate(tx._connection, (*STEPS, lambda _: None)))

    with pytest.raises(StoreError, match="newer program"):
        Store.open(settings(tmp_path))


@on_each_database
async def test_a_fresh_store_has_all_tables(tmp_path: Path) -> None:
    """A table forgotten in the first step would only be missed when it is needed."""
    async with Store.open(settings(tmp_path)) as store:
        names = await store.read(lambda c: inspect(c).get_table_names())

        assert set(metadata.tables) <= set(names)


async def test_closing_leaves_no_thread(tmp_path: Path) -> None:
    """A command in a terminal must end when it is done."""
    before = threading.active_count()
    async with Store.open(settings(tmp_path)) as store:
        await store.write(add("a"))
        await how_many(store)

    assert not [thread for thread in threading.enumerate() if thread.name.startswith("store-")]
    assert threading.active_count() <= before + 1  # asyncio's own pool


@pytest.mark.parametrize("dialect", ["sqlite", "postgresql"])
def test_what_was_forgotten_is_not_stored_as_nothing(dialect: str) -> None:
    statement = select(deaths.c.at).where(deaths.c.fingerprint == bindparam("wanted"), deaths.c.count > 3)
    assert list(prepared(dialect, statement).fixed.values()) == [3]
    with pytest.raises(KeyError, match="count"):
        prepared("sqlite", insert(deaths)).arguments({"fingerprint": "x", "at": 0})
