"""PostgreSQL behind the store: the same promises, for any number of nodes; what is wrong is said at the start."""

import asyncio
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from house import settings_file
from postgres_server import Server, programs
from serving import Ended, run
from sqlalchemy import func, insert, select
from store_kit import NOW, RAW, an_id, envelope, later, settings, store_in, verdict
from test_store_kill import killed_at_random

from gateway.actor import Actor
from gateway.audit.chain import Entry, Event
from gateway.audit.log import AuditLog
from gateway.backup import look_through
from gateway.check import of_settings
from gateway.errors import BackupError, StoreError, StoreUnavailableError
from gateway.hold import Quarantine
from gateway.settings import Settings
from gateway.settings import Store as StoreSection
from gateway.states import State
from gateway.store import Store, Transaction
from gateway.store import postgres as backend
from gateway.store.keys import new_key
from gateway.store.schema import deaths
from rules.errors import ConfigurationError


def elsewhere(folder: Path, url: str) -> Settings:
    (folder / "master.key").write_text(f"{new_key()}\n")
    return Settings(store=StoreSection(url=url, key=Path("master.key")), base=folder)


START: dict[str, tuple[Callable[[Server], str], type[Exception], str]] = {
    "nobody listens": (
        lambda _: "postgresql://countersign@127.0.0.1:1/x",
        StoreUnavailableError,
        "Connection refused.*is the server up",
    ),
    "no such host": (
        lambda _: "postgresql://countersign@nowhere.invalid/x",
        StoreUnavailableError,
        "nowhere.invalid.*the right host",
    ),
    "a wrong password": (
        lambda s: s.tcp("postgres", "wr0ng-one"),
        ConfigurationError,
        "password authentication failed .*PGPASSFILE",
    ),
    "no such database": (
        lambda s: s.url("nothing"),
        ConfigurationError,
        '"nothing" does not exist; make role and database',
    ),
    "no such role": (
        lambda s: s.url("postgres").replace("countersign@", "nobody@"),
        ConfigurationError,
        '"nobody" does not exist',
    ),
    "a server that knows no TLS": (
        lambda s: f"{s.tcp('postgres')}?sslmode=require",
        ConfigurationError,
        "SSL.*sslmode and sslrootcert",
    ),
    "no such option": (
        lambda s: f"{s.url('postgres')}&sslmode=maybe",
        ConfigurationError,
        "invalid sslmode.*set it right",
    ),
}


@pytest.mark.parametrize("case", START)
def test_what_cannot_be_opened_is_named_with_what_to_do(cluster: Server, tmp_path: Path, case: str) -> None:
    """An engineer at night gets the server's own word, and never the password; what may mend itself is told apart."""
    url, kind, said = START[case]

    with pytest.raises(kind, match=rf"store\.url: cannot connect .*{said}") as caught:
        Store.open(elsewhere(tmp_path, url(cluster)))

    assert "wr0ng" not in str(caught.value)


def test_the_right_password_opens_it(postgres: Server, tmp_path: Path) -> None:
    """Over TCP, as from another machine."""
    asyncio.run(Store.open(elsewhere(tmp_path, postgres.tcp(postgres.database()))).close())


def test_a_service_that_starts_before_its_database_asks_to_be_started_again(tmp_path: Path) -> None:
    """EX_TEMPFAIL, not EX_CONFIG: nothing is served from a store that is not there, and nothing is wrong with it."""
    (tmp_path / "master.key").write_text(f"{new_key()}\n")
    file = settings_file(tmp_path, 25)
    text = file.read_text()
    file.write_text(
        text.replace('"sqlite:///countersign.db"', '"postgresql://c:wr0ng-one@127.0.0.1:1/c", key: master.key')
    )

    ended = run("serve", "--config", file)

    assert (ended.status, ended.out) == (75, "")
    assert "countersign.yaml:4: store.url: cannot connect to the database" in ended.err
    assert "wr0ng" not in ended.err


def test_without_its_driver_it_says_which_extra_is_missing(cluster: Server, tmp_path: Path) -> None:
    """Most installations do without."""
    script = (
        "import sys; sys.modules['psycopg'] = None\n"
        "from pathlib import Path\nfrom gateway.settings import Settings, Store as Section\n"
        "from gateway.store import Store\n"
        f"Store.open(Settings(store=Section(url='{cluster.url('x')}', key=Path('k')), base=Path('{tmp_path}')))\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=False)

    assert b"pip install countersign[postgres]" in done.stderr


def test_a_key_has_to_be_named(cluster: Server, tmp_path: Path) -> None:
    """A node that made one for itself could read nobody's mail."""
    with pytest.raises(ConfigurationError, match=r"store\.key: on PostgreSQL name a key file, the same on every node"):
        Store.open(Settings(store=StoreSection(url=cluster.url("x")), base=tmp_path))


CHECKED: dict[str, tuple[str, bool]] = {
    "another machine": ("postgresql://c@db.example/c", True),
    "another machine, said otherwise": ("postgresql://c@/c?host=db.example&sslmode=require", True),
    "another machine, known by its certificate": ("postgresql://c@db.example/c?sslmode=verify-full", False),
    "this machine": ("postgresql://c@127.0.0.1/c", False),
    "a socket": ("postgresql://c@/c?host=/run/postgresql", False),
}


@pytest.mark.parametrize("case", CHECKED)
def test_check_warns_of_a_server_that_anybody_may_pretend_to_be(tmp_path: Path, case: str) -> None:
    """Who reads on the way there sees who writes to whom."""
    url, warned = CHECKED[case]

    found = [str(problem) for problem in of_settings(elsewhere(tmp_path, url)) if "sslmode" in problem.text]

    assert len(found) == warned


@pytest.mark.parametrize("weak", ["off", "local"])
async def test_a_weaker_promise_of_the_server_is_not_taken(postgres: Server, tmp_path: Path, weak: str) -> None:
    """Committed means on the disk, whatever somebody has set for speed."""
    name = postgres.database()
    postgres.ask(f"ALTER DATABASE {name} SET synchronous_commit = {weak}")

    async with Store.open(elsewhere(tmp_path, postgres.url(name))) as store:
        assert await store.write(lambda tx: tx.connection.exec_driver_sql("SHOW synchronous_commit").scalar()) == "on"


async def test_a_server_that_does_not_sync_is_refused(
    postgres: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Set is not enough: it must have been read back."""
    del postgres
    monkeypatch.setitem(backend.REQUIRED, "fsync", {"always"})

    with pytest.raises(ConfigurationError, match="the database has fsync = on"):
        Store.open(settings(tmp_path))


async def test_a_node_whose_clock_is_wrong_is_refused(
    postgres: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Leases are times: it would send again what another is sending."""
    del postgres
    monkeypatch.setattr(backend, "CLOCKS_APART", -60.0)

    with pytest.raises(StoreUnavailableError, match="let NTP set both"):
        Store.open(settings(tmp_path))


def add(name: str) -> Callable[[Transaction], None]:
    def work(tx: Transaction) -> None:
        tx.execute(insert(deaths).values(fingerprint=name, count=1, at=0))
        tx.record(Entry(event=Event.STARTED, at=NOW, detail={"name": name}))

    return work


async def names_in(store: Store) -> set[str]:
    return await store.read(lambda c: set(c.execute(select(deaths.c.fingerprint)).scalars()))


async def test_a_restart_of_the_database_under_load_loses_nothing_that_was_confirmed(
    postgres: Server, tmp_path: Path
) -> None:
    """While it is away there are errors, which become 451; then it goes on by itself, with one whole chain."""
    confirmed: set[str] = set()
    refused = 0

    async def load(store: Store, who: str) -> None:
        nonlocal refused
        for n in range(150):
            try:
                await store.write(add(f"{who}-{n}"))
                confirmed.add(f"{who}-{n}")
            except StoreError:
                refused += 1
                await asyncio.sleep(0.02)

    async with Store.open(settings(tmp_path)) as one, Store.open(settings(tmp_path)) as two:
        async with asyncio.TaskGroup() as group:
            for n in range(4):
                group.create_task(load(one, f"one{n}"))
                group.create_task(load(two, f"two{n}"))
            await asyncio.to_thread(postgres.restart)
        await one.write(add("afterwards"))

        assert refused
        assert one.broken is None
        assert confirmed | {"afterwards"} <= await names_in(two)
        assert await AuditLog(two).verify() is None
        assert (await AuditLog(two).head()).seq == len(await names_in(two))


async def test_a_node_that_stops_in_mid_transaction_keeps_nobody_waiting_for_ever(
    postgres: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A machine that hangs holds the lock of all writers until the server takes it away."""
    del postgres
    monkeypatch.setitem(backend.PATIENCE, "idle_in_transaction_session_timeout", "300ms")
    hangs = asyncio.Event()
    loop = asyncio.get_running_loop()

    def hang(tx: Transaction) -> None:
        tx.execute(select(func.count()).select_from(deaths))
        loop.call_soon_threadsafe(hangs.set)
        time.sleep(1)
        tx.record(Entry(event=Event.STARTED, at=NOW))

    async with Store.open(settings(tmp_path)) as one, Store.open(settings(tmp_path)) as two:
        hanging = asyncio.create_task(one.write(hang))
        await hangs.wait()
        await two.write(add("two"))
        with pytest.raises(StoreError):
            await hanging

        assert await one.write(add("one")) is None
        assert await names_in(one) == {"one", "two"}
        assert await AuditLog(one).verify() is None


async def test_two_processes_killed_at_random_leave_one_whole_chain(postgres: Server, tmp_path: Path) -> None:
    """Whatever a node had confirmed is there, and the other's records follow on."""
    del postgres
    there = settings(tmp_path)
    acknowledged = await asyncio.gather(*(killed_at_random(tmp_path, seed) for seed in range(2)))

    async with Store.open(there) as store:
        assert await AuditLog(store).verify() is None
        held = {name for each in acknowledged for kind, name in each if kind == "held"}
        assert held
        for name in held:
            assert (await Quarantine(store).get(name)).history[0].event == "held"


async def test_many_nodes_may_start_at_once_on_an_empty_database(postgres: Server, tmp_path: Path) -> None:
    """The tables are made once."""
    del postgres
    there = settings(tmp_path)
    stores = await asyncio.gather(*(asyncio.to_thread(Store.open, there) for _ in range(4)))

    hold_id = an_id()
    await Quarantine(stores[0]).hold(envelope(), RAW, verdict(), NOW, hold_id)
    assert [await Quarantine(store).content(hold_id) for store in stores] == [RAW] * 4
    for store in stores:
        await store.close()


# A server's own tools bring a database back; our part is that nothing leaves a second time by itself.


async def dumped_and_restored(postgres: Server, folder: Path) -> Settings:
    """As an operator does it: pg_dump while the service runs, pg_restore into a new database."""
    here, there = settings(folder), folder / "there"
    there.mkdir()
    copy = settings(there)
    (there / "var/countersign.db.key").write_bytes((folder / "var/countersign.db.key").read_bytes())
    for command in (
        f"pg_dump --format=custom --file={postgres.folder}/dump '{here.store.url}'",
        f"pg_restore --no-owner --dbname='{copy.store.url}' {postgres.folder}/dump",
    ):
        done = await asyncio.create_subprocess_shell(f"{programs()}/{command}")
        assert await done.wait() == 0
    return copy


async def test_a_database_brought_back_from_a_dump_is_not_served_until_it_is_looked_through(
    postgres: Server, tmp_path: Path
) -> None:
    """It would send again what has left since the dump was made."""
    async with Store.open(settings(tmp_path)) as store:
        held = an_id()
        await Quarantine(store).hold(envelope(), RAW, verdict(), NOW, held)
        await Quarantine(store).release(held, None, Actor("rita"), "right", NOW)
    copy = await dumped_and_restored(postgres, tmp_path)

    with pytest.raises(ConfigurationError, match="brought up from a dump: let `countersign restore` look through it"):
        Store.open(copy)
    done = await look_through(copy, Actor("ida"), later(days=1))

    assert (done.waiting, done.replaced) == (1, None)
    async with Store.open(copy) as again:
        assert (await Quarantine(again).get(held)).state is State.HELD
        assert await Quarantine(again).content(held) == RAW
        assert await AuditLog(again).verify() is None
        assert [record.event async for record in AuditLog(again).records()][-1] == "restored"


async def test_a_database_in_use_is_not_looked_through(postgres: Server, tmp_path: Path) -> None:
    """A node at work would send what is being set aside."""
    del postgres
    async with Store.open(settings(tmp_path)) as store:
        held = an_id()
        await Quarantine(store).hold(envelope(), RAW, verdict(), NOW, held)
        with pytest.raises(BackupError, match="stop `countersign serve` on every node"):
            await look_through(settings(tmp_path), Actor("ida"), NOW)

    assert (await look_through(settings(tmp_path), Actor("ida"), NOW)).waiting == 1


def test_every_command_works_on_it(postgres: Server, tmp_path: Path) -> None:
    """Those that a file alone can do say what to do instead."""
    del postgres
    section = store_in(tmp_path)
    file = settings_file(tmp_path, 25, store=f'{{url: "{section.url}", key: {section.key}}}')

    def ended(*arguments: str, stdin: bytes = b"") -> Ended:
        return run(*arguments, "--config", file, stdin=stdin)

    assert ended("user", "add", "rita", "--role", "reviewer", stdin=b"a long enough password\n").status == 0
    assert ended("held", "list").out == "nothing is held\n"
    assert ended("key", "rotate").status == 0
    assert ended("audit", "verify").out.startswith("the audit log is whole, head 3:")
    dumping = ended("backup", str(tmp_path / "copy"))
    assert (dumping.status, "pg_dump" in dumping.err, (tmp_path / "copy").exists()) == (1, True, False)
    assert "pg_restore" in ended("restore", str(tmp_path / "copy")).err
    assert "restored" in ended("restore").out
