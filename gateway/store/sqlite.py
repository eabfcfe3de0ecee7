"""SQLite, set up so that "committed" means "on the disk". Its pragmas, locks and errors stand in this file alone.

Never NORMAL or OFF: losing the last commits to a power cut is losing mail that we have answered 250 for.
"""

import shutil
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.pool import QueuePool

from gateway.disk import FolderLock, lock_folder, make_folder, make_private
from gateway.errors import BackupError, StoreError, StoreFullError
from gateway.store.backend import Failure
from gateway.store.driver import sqlite3
from gateway.store.keys import KeyRing

#: Below this version two connections can corrupt a WAL by resetting it (sqlite.org).
WAL_IS_SAFE = sqlite3.sqlite_version_info >= (3, 51, 3)

SPARE_SHARE, SPARE_MAX = 0.05, 1 << 30  #: what of the disk is never filled with mail
LOG_KEPT = 1 << 26  #: bytes of a write-ahead log that a backup or a large message has swollen
SHORT = 500  #: milliseconds for readers to leave the log; mail waits meanwhile
LOOK = 0.001  #: seconds between two looks whether another process has ended its transaction

PRAGMAS: dict[str, tuple[str, Any]] = {  # name: (as set, as read back)
    "journal_mode": ("WAL", "wal") if WAL_IS_SAFE else ("TRUNCATE", "truncate"),
    "synchronous": ("FULL", 2) if WAL_IS_SAFE else ("EXTRA", 3),
    "foreign_keys": ("ON", 1),
    "busy_timeout": ("5000", 5000),
    "secure_delete": ("ON", 1),
    "trusted_schema": ("OFF", 0),
    "mmap_size": ("0", 0),
    "journal_size_limit": (str(LOG_KEPT), LOG_KEPT),
}

DRIVER_ERRORS = (SQLAlchemyError, sqlite3.Error)

_FULL = {"SQLITE_FULL"}
_BROKEN = ("SQLITE_IOERR", "SQLITE_CORRUPT", "SQLITE_NOTADB")
_REMOTE = {"nfs", "nfs4", "cifs", "smb3", "fuse.sshfs", "9p"}


@dataclass(frozen=True, slots=True)
class SqliteFile:
    """A backend: one file on a disk of this machine."""

    writer: Connection  #: the only one, kept for good: to ask a pool for it costs more than a small transaction
    readers: Engine
    path: Path
    lock: FolderLock  #: no backup is restored over a store that is open

    driver_errors = DRIVER_ERRORS
    shared = False

    @classmethod
    def open(cls, path: Path, ring: KeyRing) -> Self:
        """Make folder and file if they are not there, owner only. Raises StoreError."""
        try:
            make_folder(path.parent)
            make_private(path)
            _refuse_remote(path.parent)
            lock = lock_folder(path.parent, alone=False)
        except BlockingIOError:
            raise StoreError(f"{path}: a backup is being restored there") from None
        except OSError as error:
            raise StoreError(f"{path}: cannot be opened: {error.strerror or type(error).__name__}") from None
        try:
            writer = _engine(path, ring, writing=True).connect()
        except (*DRIVER_ERRORS, StoreError) as error:
            lock.release()
            raise error if isinstance(error, StoreError) else translate(error).error from None
        return cls(writer, _engine(path, ring, writing=False), path, lock)

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        with self.writer.begin():
            yield self.writer

    def reading(self) -> AbstractContextManager[Connection]:
        return self.readers.begin()

    def translate(self, error: Exception) -> Failure:
        return translate(error)

    def has_room(self, size: int) -> bool:
        usage = shutil.disk_usage(self.path.parent)
        return usage.free > max(2 * size, min(usage.total * SPARE_SHARE, SPARE_MAX))

    def forget_deleted(self) -> None:
        """A transaction overwrites it in the database; this takes its old form out of the log beside it.

        A reader in the way, a backup above all, has precedence: then the log is emptied another time.
        """
        with closing(sqlite3.connect(self.path, isolation_level=None)) as database:
            database.execute(f"PRAGMA busy_timeout = {SHORT}")
            database.execute("PRAGMA secure_delete = ON")
            database.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def copy(self, target: Path) -> None:
        """In SQLite's rollback mode writers wait meanwhile. `target` is not synced."""
        address = f"{self.path.absolute().as_uri()}?mode=ro"
        with closing(sqlite3.connect(address, uri=True)) as source, closing(sqlite3.connect(target)) as fresh:
            source.execute("PRAGMA busy_timeout = 5000")
            fresh.execute("PRAGMA synchronous = OFF")
            fresh.execute("PRAGMA journal_mode = OFF")
            source.backup(fresh)

    def dispose(self) -> None:
        self.writer.close()
        self.writer.engine.dispose()
        self.readers.dispose()
        self.lock.release()


def _refuse_remote(folder: Path) -> None:
    """SQLite's locks cannot be relied upon over a network (sqlite.org/howtocorrupt.html, 2.1)."""
    mounts = Path("/proc/self/mounts")
    if not mounts.exists():
        return
    kinds = {line.split()[1]: line.split()[2] for line in mounts.read_text(errors="replace").splitlines()}
    for parent in (folder.resolve(), *folder.resolve().parents):
        if kind := kinds.get(str(parent)):
            if kind in _REMOTE:
                raise StoreError(f"{folder}: lies on {kind}; keep an SQLite store on a local disk")
            return


def _engine(path: Path, ring: KeyRing, *, writing: bool) -> Engine:
    # hide_parameters: an error's text would quote message bytes.
    engine = create_engine(
        f"sqlite:///{path.absolute()}",
        hide_parameters=True,
        module=sqlite3,
        poolclass=QueuePool,
        pool_size=2,
        connect_args={"check_same_thread": False, "cached_statements": 256},
        execution_options={"ring": ring},
    )

    @event.listens_for(engine, "connect")
    def _connected(connection: sqlite3.Connection, _record: Any) -> None:
        connection.isolation_level = None  # we say BEGIN, not the driver
        _set_pragmas(connection)
        if not writing:
            connection.execute("PRAGMA query_only = ON")

    @event.listens_for(engine, "begin")
    def _begun(connection: Connection) -> None:
        raw = connection.connection.driver_connection
        if raw is None:
            raise StoreError("the store is closed")
        if writing:
            _begin_writing(raw)
        else:
            raw.execute("BEGIN")

    return engine


def _begin_writing(connection: sqlite3.Connection) -> None:
    """IMMEDIATE: a deferred transaction that turns into a write can fail half-way with SQLITE_BUSY.

    SQLite's own waiting looks every 100 ms only, and beside a busy process it may never look between two commits.
    """
    patience: int = PRAGMAS["busy_timeout"][1]
    connection.execute("PRAGMA busy_timeout = 0")
    until = time.monotonic() + patience / 1000
    try:
        while True:
            try:
                connection.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError as error:
                if error.sqlite_errorname != "SQLITE_BUSY" or time.monotonic() > until:
                    raise
                time.sleep(LOOK)
            else:
                return
    finally:
        connection.execute(f"PRAGMA busy_timeout = {patience}")


def _set_pragmas(connection: sqlite3.Connection) -> None:
    connection.execute("PRAGMA busy_timeout = 5000")
    for name, (wanted, expected) in PRAGMAS.items():
        connection.execute(f"PRAGMA {name} = {wanted}")
        got = connection.execute(f"PRAGMA {name}").fetchone()
        if got is not None and got[0] != expected:  # None: compiled without it, as mmap may be
            raise StoreError(f"the store does not take PRAGMA {name} = {wanted}; it would not be safe")


def require_sound(path: Path) -> None:
    """Whether every page and index of a closed database is as it should be. Raises BackupError."""
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro&immutable=1", uri=True)) as database:
            sound = database.execute("PRAGMA integrity_check(1)").fetchone() == ("ok",)
            sound = sound and database.execute("PRAGMA foreign_key_check").fetchone() is None
            ours = database.execute("SELECT 1 FROM sqlite_master WHERE name = 'schema_versions'").fetchone()
    except sqlite3.Error as error:
        raise BackupError(f"{path.name}: is no store, or damaged: {translate(error).error}") from None
    if not sound or not ours:
        raise BackupError(f"{path.name}: {'is damaged' if ours else 'is no store of ours'}")


def is_empty(path: Path) -> bool:
    """Whether a database has seen neither mail nor a service. One that cannot be read is not empty."""
    if not path.exists():
        return True
    try:
        with closing(sqlite3.connect(path)) as database:  # writable: a journal left by a crash is played back
            tables = {row[0] for row in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
            asked = (f"SELECT 1 FROM {name} LIMIT 1" for name in ("messages", "audit", "accounts") if name in tables)  # noqa: S608 - names of ours
            return not any(database.execute(question).fetchone() for question in asked)
    except sqlite3.Error:
        return False


def translate(error: Exception) -> Failure:
    original = error.orig if isinstance(error, DBAPIError) else error
    name = getattr(original, "sqlite_errorname", None) or type(original).__name__
    if name in _FULL:
        return Failure(StoreFullError("the store has no room left; free some on its disk"), broken=False)
    broken = name.startswith(_BROKEN)
    advice = "; stop, look at the disk, and start again" if broken else ""
    return Failure(StoreError(f"the store failed: {name}{advice}"), broken=broken)
