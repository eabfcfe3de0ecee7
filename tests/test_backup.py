"""Backup and restore: whole or not at all, never without the key, and nothing leaves a second time by itself."""

import asyncio
import os
import random
import stat
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from backups import DATABASE, KEY, content, elsewhere, held, now_in, spoil
from house import BETA as HOUSE_BETA
from house import hold_id as held_as
from house import house
from sqlalchemy import update
from store_kit import ACME, NOW, RAW, later, settings, verdict
from store_under_load import raw_of
from test_cli import WRONG, run
from test_sealing import store_of_the_first_version
from test_store_kill import HERE

from gateway.actor import Actor
from gateway.audit.log import AuditLog
from gateway.audit.verify import Anchor
from gateway.backup import backup, restore
from gateway.disk import lock_folder
from gateway.errors import BackupError, StoreError
from gateway.hold import Quarantine
from gateway.ledger import Ledger
from gateway.states import State
from gateway.store import Store
from gateway.store.driver import sqlite3
from gateway.store.schema import recipients
from rules.errors import ConfigurationError


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    async with Store.open(settings(tmp_path / "here")) as opened:
        yield opened


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "countersign.backup"


# Backup.


async def test_a_backup_brings_everything_back(store: Store, file: Path, tmp_path: Path) -> None:
    """The machine burnt; file and key were elsewhere."""
    waiting, ended = await held(store), await held(store, ACME)
    await store.write(
        lambda tx: tx.execute(
            update(recipients).where(recipients.c.message_id == ended).values(state=State.RELEASED.value)
        )
    )
    head = await backup(store, file, Actor("ida"), NOW)
    there = elsewhere(store, tmp_path / "there")

    done = await restore(there, file, Actor("ida"), later(days=1))

    assert done.replaced is None
    async with Store.open(there) as again:
        assert await Quarantine(again).content(waiting) == RAW
        assert (await Quarantine(again).get(waiting)).verdict == verdict()
        assert await now_in(again, ended) == [State.RELEASED]
        assert await AuditLog(again).verify(Anchor(seq=head.seq, hash=head.hash)) is None
        assert await AuditLog(again).head() == done.head
        names = [record.event async for record in AuditLog(again).records()]
        assert ("backed-up" in names, names[-1]) == (True, "restored")


async def test_it_is_its_owners_alone_and_leaves_nothing_beside_it(store: Store, file: Path) -> None:
    """What is in the store may be read by whoever reads its backup, addresses among it."""
    await backup(store, file, Actor("ida"), NOW)

    assert stat.S_IMODE(os.stat(file).st_mode) == 0o600  # noqa: PTH116 - an async function asks for it
    assert set(os.listdir(file.parent)) == {"here", file.name}  # noqa: PTH208 - the same


async def test_a_backup_that_is_there_is_not_overwritten(store: Store, file: Path) -> None:
    """A slip in a script must not cost the only good one."""
    spoil(file, lambda _: b"the only good one")

    with pytest.raises(BackupError, match="is there already"):
        await backup(store, file, Actor("ida"), NOW)
    assert content(file) == b"the only good one"


async def test_a_backup_that_cannot_be_written_says_so_and_leaves_nothing(store: Store, tmp_path: Path) -> None:
    """A disk that is not mounted."""
    with pytest.raises(BackupError, match="No such file"):
        await backup(store, tmp_path / "missing/file", Actor("ida"), NOW)


@pytest.mark.parametrize("seed", range(2))
async def test_a_backup_under_load_holds_all_that_was_acknowledged_before_it(
    tmp_path: Path, file: Path, seed: int
) -> None:
    """Taken while mail is held and relayed as fast as it goes; then restored elsewhere and proved."""
    environment = {**os.environ, "PYTHONPATH": f"{HERE.parent}:{HERE}"}
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        str(HERE / "store_under_load.py"),
        str(tmp_path / "here"),
        stdout=asyncio.subprocess.PIPE,
        env=environment,
    )
    assert process.stdout is not None
    before = [
        await asyncio.wait_for(process.stdout.readline(), 60) for _ in range(6 + random.Random(seed).randrange(9))
    ]
    async with Store.open(settings(tmp_path / "here")) as store:
        await backup(store, file, Actor("ida"), NOW)
        there = elsewhere(store, tmp_path / "there")
    after = await asyncio.wait_for(process.stdout.readline(), 60)
    process.kill()
    await process.stdout.read()
    await process.wait()

    await restore(there, file, Actor("ida"), NOW)
    assert after.endswith(b"\n")
    async with Store.open(there) as again:
        assert await AuditLog(again).verify() is None
        for kind, name in (line.decode().split() for line in before):
            if kind == "held":
                assert await Quarantine(again).content(name) == raw_of(name)
            else:
                assert await Ledger(again).recall(name, NOW) is not None


# What a restore refuses, and then leaves everything as it was.


async def test_without_the_key_nothing_is_restored(store: Store, file: Path, tmp_path: Path) -> None:
    """The key is not in the backup: who finds the file has nothing, and the operator is told what is missing."""
    await held(store)
    await backup(store, file, Actor("ida"), NOW)
    key = (store.settings.base / KEY).read_text().splitlines()[-1]
    assert key.encode() not in content(file)
    there = settings(tmp_path / "there")

    with pytest.raises(ConfigurationError, match=r"countersign\.db\.key: the master key cannot be read"):
        await restore(there, file, Actor("ida"), NOW)
    assert list((tmp_path / "there/var").iterdir()) == []
    async with Store.open(there):  # a service that started there has a key of its own
        pass
    with pytest.raises(ConfigurationError, match="does not hold master key"):
        await restore(there, file, Actor("ida"), NOW, force=True)


async def test_a_store_with_mail_or_records_is_not_overwritten(store: Store, file: Path, tmp_path: Path) -> None:
    """The wrong machine, or a restore that was tried twice."""
    await backup(store, file, Actor("ida"), NOW)
    there = elsewhere(store, tmp_path / "there")
    async with Store.open(there) as other:
        precious = await held(other)

    with pytest.raises(BackupError, match="--force"):
        await restore(there, file, Actor("ida"), NOW)
    async with Store.open(there) as other:
        assert await Quarantine(other).content(precious) == RAW


async def test_force_sets_the_store_that_is_there_aside(store: Store, file: Path, tmp_path: Path) -> None:
    """Mail that was held since is not lost: its store opens as before, under its other name."""
    backed_up = await held(store)
    await backup(store, file, Actor("ida"), NOW)
    there = elsewhere(store, tmp_path / "there")
    async with Store.open(there) as other:
        precious = await held(other)

    done = await restore(there, file, Actor("ida"), NOW, force=True)

    assert done.replaced is not None
    section = there.store.model_copy(update={"url": f"sqlite:///{done.replaced}", "key": Path(KEY)})
    async with Store.open(there) as again, Store.open(there.model_copy(update={"store": section})) as old:
        assert await Quarantine(again).content(backed_up) == RAW
        assert await Quarantine(old).content(precious) == RAW


async def test_a_damaged_store_is_replaced_with_its_journal(store: Store, file: Path, tmp_path: Path) -> None:
    """The usual reason for a restore; an old journal left there would be played back into the new database."""
    hold_id = await held(store)
    await backup(store, file, Actor("ida"), NOW)
    there = elsewhere(store, tmp_path / "there")
    broken = there.base / DATABASE
    broken.write_bytes(b"no database any more" * 500)
    journal = broken.with_name(f"{broken.name}-journal")
    journal.write_bytes(b"\xd9\xd5\x05\xf9\x20\xa1\x63\xd7" + bytes(600))

    with pytest.raises(BackupError, match="--force"):
        await restore(there, file, Actor("ida"), NOW)
    done = await restore(there, file, Actor("ida"), NOW, force=True)

    assert done.replaced is not None
    assert done.replaced.read_bytes().startswith(b"no database")
    assert not journal.exists()
    async with Store.open(there) as again:
        assert await Quarantine(again).content(hold_id) == RAW


async def test_an_open_store_is_not_replaced(store: Store, file: Path) -> None:
    """A service would go on saying 250 into a file that no longer has a name."""
    await backup(store, file, Actor("ida"), NOW)

    with pytest.raises(BackupError, match="in use: stop `countersign serve`"):
        await restore(store.settings, file, Actor("ida"), NOW, force=True)


async def test_a_store_is_not_opened_while_it_is_restored(tmp_path: Path) -> None:
    """The same the other way round."""
    async with Store.open(settings(tmp_path)):
        pass
    with lock_folder(tmp_path / "var", alone=True), pytest.raises(StoreError, match="being restored"):
        Store.open(settings(tmp_path))


def _cut(raw: bytes) -> bytes:
    return raw[: len(raw) // 2]


def _zero_a_page(raw: bytes) -> bytes:
    return raw[:8192] + bytes(4096) + raw[12288:]


SPOILT: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda _: b"",
    "cut": _cut,
    "noise": lambda raw: raw[::-1],
    "a page zeroed": _zero_a_page,
}


@pytest.mark.parametrize("case", SPOILT)
async def test_a_damaged_backup_is_refused(store: Store, file: Path, tmp_path: Path, case: str) -> None:
    """Better an error today than half a quarantine found out about in a year."""
    await held(store, raw=raw_of("x"))
    await backup(store, file, Actor("ida"), NOW)
    spoil(file, SPOILT[case])

    with pytest.raises(BackupError):
        await restore(elsewhere(store, tmp_path / "there"), file, Actor("ida"), NOW)
    assert not (tmp_path / "there" / DATABASE).exists()


async def test_a_copy_of_the_first_versions_store_is_sealed_on_its_way_in(store: Store, tmp_path: Path) -> None:
    """Its backups were plain copies of the file; they are still worth having."""
    old = store_of_the_first_version(tmp_path / "old", {"A": RAW})
    there = elsewhere(store, tmp_path / "there")

    await restore(there, old, Actor("ida"), NOW)

    assert b"Pat Doe" in content(old)
    assert b"Pat Doe" not in content(there.base / DATABASE)
    async with Store.open(there) as again:
        assert await Quarantine(again).content("A") == RAW


async def test_a_restore_that_is_cut_off_has_changed_nothing(
    store: Store, file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last step is one rename; before it the store is the old one, whole."""
    await backup(store, file, Actor("ida"), NOW)
    there = elsewhere(store, tmp_path / "there")
    async with Store.open(there) as other:
        precious = await held(other)

    def cut_off(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", cut_off)
    with pytest.raises(BackupError, match="No space left"):
        await restore(there, file, Actor("ida"), NOW, force=True)
    async with Store.open(there) as other:
        assert await Quarantine(other).content(precious) == RAW


async def test_another_programs_database_is_refused(store: Store, file: Path, tmp_path: Path) -> None:
    """Firefox has SQLite files as well."""
    database = sqlite3.connect(file)
    database.execute("CREATE TABLE bookmarks (url TEXT)")
    database.close()

    with pytest.raises(BackupError, match="no store of ours"):
        await restore(elsewhere(store, tmp_path / "there"), file, Actor("ida"), NOW)


async def test_a_backup_whose_log_was_rewritten_is_refused(store: Store, file: Path, tmp_path: Path) -> None:
    """A restore must not launder a forged record."""
    await held(store)
    await backup(store, file, Actor("ida"), NOW)
    database = sqlite3.connect(file)
    database.execute("DROP TRIGGER audit_no_update")
    database.execute("UPDATE audit SET line = replace(line, 'recordkeeper', 'elsewhere') WHERE seq = 1")
    database.commit()
    database.close()

    with pytest.raises(BackupError, match="audit log is broken: record 1"):
        await restore(elsewhere(store, tmp_path / "there"), file, Actor("ida"), NOW)


async def test_a_missing_file_is_named(store: Store, tmp_path: Path) -> None:
    """A sentence, not a traceback."""
    with pytest.raises(BackupError, match=r"missing: cannot be restored: No such file"):
        await restore(elsewhere(store, tmp_path / "there"), tmp_path / "missing", Actor("ida"), NOW)


# Nothing leaves twice.


# As the operator does it.


async def test_from_a_terminal_while_the_service_runs(tmp_path: Path) -> None:
    """A drill: back up under the running service, lose the disk, restore, and read the held message."""
    file = tmp_path / "nightly.backup"
    async with house(tmp_path) as place:
        hold_id = held_as(await place.send(WRONG, HOUSE_BETA))
        made = run("backup", file, "--config", place.file)
        refused = run("restore", file, "--config", place.file, "--force")
        config = place.file
    (tmp_path / "countersign.db").unlink()
    done = run("restore", file, "--config", config)
    again = run("restore", file, "--config", config)
    shown = run("held", "show", hold_id, "--config", config)

    assert (made.status, refused.status, done.status, again.status) == (0, 1, 0, 1)
    assert "audit head" in made.out
    assert "the store is in use" in refused.err
    assert "1 messages wait for a decision" in done.out
    assert "--force" in again.err
    assert "possible-duplicate" in shown.out
    assert run("audit", "verify", "--config", config).status == 0
