"""Backup and restore of the whole store. The master key is in no backup; without it a backup is not restored.

What a backup cannot know is what happened after it. So a restore sends nothing by itself that may have left already:
it waits for a person again, and every possible duplicate is on record.
"""

import asyncio
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy import Connection, delete, select, update

from gateway.actor import Actor
from gateway.audit.chain import Entry, Event, Head
from gateway.audit.detail import masked
from gateway.audit.log import AuditLog
from gateway.disk import give_to, lock_folder, make_folder, make_private, sync_file, sync_folder
from gateway.errors import BackupError
from gateway.settings import Settings
from gateway.states import TERMINAL, Action, State
from gateway.store import Store, Transaction, home, mail, proposals
from gateway.store.location import key_ring, server
from gateway.store.mail import OwnMessage
from gateway.store.moments import to_ms
from gateway.store.schema import recipients, sessions
from gateway.store.sqlite import is_empty, require_sound

SET_ASIDE = frozenset({State.PENDING, State.RELEASING, State.RELAYING})
_ended = [state.value for state in TERMINAL]
_DUMP = (
    "a PostgreSQL server has its own tools: back up with `pg_dump --format=custom`, bring back with `pg_restore`,"
    " and then let `countersign restore`, without a file, look through the database before any node starts"
)
_WHY = "restored from a backup; what happened since it was made is not known"


@dataclass(frozen=True, slots=True, kw_only=True)
class Restored:
    """What stands in the store now."""

    head: Head
    waiting: int  #: messages that a person has to decide on
    replaced: Path | None  #: where the store that was here is kept


async def backup(store: Store, file: Path, actor: Actor, now: datetime) -> Head:
    """A whole, consistent copy, made while mail goes on. Returns the end of its audit log. Raises BackupError."""
    if store.shared:
        raise BackupError(_DUMP)
    unfinished = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        _begin(file, unfinished)
        head = await store.write(lambda tx: tx.record(Entry(event=Event.BACKED_UP, at=now, actor=actor)))
        await store.copy_to(unfinished)
        await asyncio.to_thread(_finish, file, unfinished)
    except OSError as error:
        raise BackupError(f"{file}: cannot be written: {error.strerror or type(error).__name__}") from None
    finally:
        unfinished.unlink(missing_ok=True)
    return head


def _begin(file: Path, unfinished: Path) -> None:
    if file.exists():
        raise BackupError(f"{file}: is there already; name a new file")
    make_private(unfinished, callers_own=True)


def _finish(file: Path, unfinished: Path) -> None:
    """Under its own name it is whole, and on the disk."""
    require_sound(unfinished)
    sync_file(unfinished)
    unfinished.rename(file)
    sync_folder(file.parent)


async def restore(settings: Settings, file: Path, actor: Actor, now: datetime, *, force: bool = False) -> Restored:
    """Put a backup in the place of the store, once it has proved whole. Raises BackupError, StoreError,
    ConfigurationError; then nothing has changed.
    """
    if server(settings) is not None:
        raise BackupError(_DUMP)
    path = settings.database_file
    try:
        make_folder(path.parent)
        with lock_folder(path.parent, alone=True), _workplace(path.parent) as folder:
            if not force and not is_empty(path):
                raise BackupError(f"{path}: holds mail or records; --force sets it aside and puts the backup there")
            copy = folder / path.name
            shutil.copyfile(file, copy)
            await asyncio.to_thread(require_sound, copy)
            head, waiting = await _prepare(_moved(settings, copy), actor, now)
            replaced = _put_in_place(copy, path, now)
    except BlockingIOError:
        raise BackupError(f"{path}: the store is in use: stop `countersign serve` and every other command") from None
    except OSError as error:
        place = error.filename or path
        raise BackupError(f"{place}: cannot be restored: {error.strerror or type(error).__name__}") from None
    return Restored(head=head, waiting=waiting, replaced=replaced)


async def look_through(settings: Settings, actor: Actor, now: datetime) -> Restored:
    """The same for a database that a server's own tools have brought back: it is in its place already.

    Raises BackupError, StoreError, ConfigurationError; then nothing has changed, and no node starts on it.
    """
    if server(settings) is None:
        raise BackupError("name the file that `countersign backup` made")

    def move_in(connection: Connection) -> None:
        home.require_alone(connection)
        home.move_in(connection)

    head, waiting = await _prepare(settings, actor, now, move_in)
    return Restored(head=head, waiting=waiting, replaced=None)


@contextmanager
def _workplace(folder: Path) -> Iterator[Path]:
    """On the same disk, so that the last step is a rename."""
    with tempfile.TemporaryDirectory(prefix=".restore-", dir=folder) as name:
        yield Path(name)


def _moved(settings: Settings, copy: Path) -> Settings:
    """The same store, at the place of the copy, with the master key from where it belongs."""
    key = key_ring(settings).file.absolute()
    store = settings.store.model_copy(update={"url": f"sqlite:///{copy.absolute()}", "key": key})
    return settings.model_copy(update={"store": store})


async def _prepare(
    settings: Settings, actor: Actor, now: datetime, arrive: Callable[[Connection], None] = lambda _: None
) -> tuple[Head, int]:
    def work(tx: Transaction) -> int:
        arrive(tx.connection)
        return _set_aside(tx, actor, now)

    async with Store.open(settings, moved=True) as store:
        if fault := await AuditLog(store).verify():
            raise BackupError(f"the backup's audit log is broken: {fault}")
        waiting = await store.write(work)
        head = await AuditLog(store).head()
    if any(path.exists() for path in _beside(settings.database_file)):
        raise BackupError("the restored store could not be closed; what was set aside is not in its file")
    return head, waiting


def _set_aside(tx: Transaction, actor: Actor, now: datetime) -> int:
    """Nothing that may have left already leaves again without a person. Returns how many messages wait for one."""
    unfinished = select(recipients.c.message_id).where(recipients.c.state.not_in(_ended)).distinct()
    found = mail.find_all(tx, tx.execute(unfinished).scalars().all())
    for message in found:
        _doubt(tx, message, now)
    tx.execute(delete(sessions))  # a login that was ended since must not come back
    # Nobody could decide while the store was away: held mail gets its whole time again.
    held = recipients.c.state == State.HELD.value
    tx.execute(update(recipients).where(held).values(since=to_ms(now)))
    waiting = len(tx.execute(select(recipients.c.message_id).where(held).distinct()).all())
    detail = {"unfinished": len(found), "waiting": waiting, "changes": proposals.set_aside(tx)}
    tx.record(Entry(event=Event.RESTORED, at=now, actor=actor, detail=detail))
    return waiting


def _doubt(tx: Transaction, message: OwnMessage, now: datetime) -> None:
    """Received mail waits for a decision again. Our own notices go out: one told twice is better than one not told."""
    open_ones = [recipient for recipient in message.recipients if recipient.state not in TERMINAL]
    if message.purpose is None:
        mail.change(tx, message, message.in_state(*SET_ASIDE), Action.RESTORE, now)
    detail: dict[str, object] = {"recipients": masked(recipient.address for recipient in open_ones), "why": _WHY}
    detail["were"] = sorted({recipient.state.value for recipient in open_ones})
    if message.purpose is not None:
        detail["notice"] = message.purpose.value
    hold_id = message.about or message.id
    tx.record(Entry(event=Event.POSSIBLE_DUPLICATE, at=now, hold_id=hold_id, detail=detail))


def _put_in_place(copy: Path, path: Path, now: datetime) -> Path | None:
    """One rename; what was there is kept under another name, never overwritten. Each step rests on the one before it,
    and a folder may write its names down in any order, so it is synced after each.
    """
    owner = path.parent.stat()
    give_to(copy, owner.st_uid, owner.st_gid)
    sync_file(copy)
    aside = path.with_name(f"{path.name}.replaced-{now:%Y%m%dT%H%M%SZ}")
    there = path.exists()
    if there:
        os.link(path, aside)
        sync_folder(path.parent)
    for left, kept in zip(_beside(path), _beside(aside), strict=True):
        if left.exists():  # SQLite would play an old journal back into the new database
            left.rename(kept)
            sync_folder(path.parent)
    copy.replace(path)
    sync_folder(path.parent)
    return aside if there else None


def _beside(path: Path) -> list[Path]:
    """What SQLite leaves with a database that it had no time to close."""
    return [path.with_name(path.name + suffix) for suffix in ("-journal", "-wal", "-shm")]
