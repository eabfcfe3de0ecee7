"""SQLite, set up so that "committed" means "on the disk". The only file with SQL, pragmas or errors of one database.

Never NORMAL or OFF: losing the last commits to a power cut is losing mail that we have answered 250 for.
"""

import sqlite3
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, Table, create_engine, event
from sqlalchemy.dialects.sqlite import Insert, insert
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.pool import QueuePool

from gateway.errors import StoreError, StoreFullError
from gateway.settings import Settings
from gateway.store.disk import make_private, sync_folder
from gateway.store.keys import KeyRing
from rules.errors import ConfigurationError, Problem

#: Below this version two connections can corrupt a WAL by resetting it (sqlite.org).
WAL_IS_SAFE = sqlite3.sqlite_version_info >= (3, 51, 3)

PRAGMAS = {  # name: (as set, as read back)
    "journal_mode": ("WAL", "wal") if WAL_IS_SAFE else ("TRUNCATE", "truncate"),
    "synchronous": ("FULL", 2) if WAL_IS_SAFE else ("EXTRA", 3),
    "foreign_keys": ("ON", 1),
    "busy_timeout": ("5000", 5000),
    "secure_delete": ("ON", 1),
    "trusted_schema": ("OFF", 0),
    "mmap_size": ("0", 0),
}

APPEND_ONLY = tuple(
    f"CREATE TRIGGER audit_no_{verb} BEFORE {verb} ON audit BEGIN SELECT RAISE(ABORT, 'records never change'); END"
    for verb in ("update", "delete")
)

DRIVER_ERRORS = (SQLAlchemyError, sqlite3.Error)

_FULL = {"SQLITE_FULL"}
_BROKEN = ("SQLITE_IOERR", "SQLITE_CORRUPT", "SQLITE_NOTADB")
_REMOTE = {"nfs", "nfs4", "cifs", "smb3", "fuse.sshfs", "9p"}


@dataclass(frozen=True, slots=True)
class Failure:
    """A driver's error as ours. `broken`: nothing that this process does with the store can be trusted any more."""

    error: StoreError
    broken: bool


@dataclass(frozen=True, slots=True)
class Engines:
    """One way in for the single writer, another for readers."""

    writing: Engine
    reading: Engine
    folder: Path

    def dispose(self) -> None:
        self.writing.dispose()
        self.reading.dispose()


def engines(path: Path, ring: KeyRing) -> Engines:
    """Make folder and file if they are not there, owner only. Raises StoreError."""
    try:
        _make_folder(path.parent)
        make_private(path)
        _refuse_remote(path.parent)
    except OSError as error:
        raise StoreError(f"{path}: cannot be opened: {error.strerror or type(error).__name__}") from None
    return Engines(
        writing=_engine(path, ring, writing=True), reading=_engine(path, ring, writing=False), folder=path.parent
    )


def database_path(settings: Settings) -> Path:
    """`sqlite:///var/x.db` is relative to the settings file, `sqlite:////var/x.db` is not."""
    scheme, separator, path = settings.store.url.partition(":///")
    if scheme != "sqlite" or not separator or not path:
        text = "store.url: only sqlite:///<path> is served by this version"
        raise ConfigurationError([Problem(file="settings", line=None, text=text)])
    return settings.path(Path(path))


def _make_folder(folder: Path) -> None:
    if not folder.is_dir():
        folder.mkdir(parents=True, mode=0o700, exist_ok=True)
        sync_folder(folder.parent)


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
        # IMMEDIATE: a deferred transaction that turns into a write can fail half-way with SQLITE_BUSY.
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writing else "BEGIN")

    return engine


def _set_pragmas(connection: sqlite3.Connection) -> None:
    connection.execute("PRAGMA busy_timeout = 5000")
    for name, (wanted, expected) in PRAGMAS.items():
        connection.execute(f"PRAGMA {name} = {wanted}")
        got = connection.execute(f"PRAGMA {name}").fetchone()
        if got is not None and got[0] != expected:  # None: compiled without it, as mmap may be
            raise StoreError(f"the store does not take PRAGMA {name} = {wanted}; it would not be safe")


def forbid_changes_of_audit(connection: Connection) -> None:
    for statement in APPEND_ONLY:
        connection.exec_driver_sql(statement)


def upsert(table: Table, *keys: str) -> Insert:
    """Insert a row, or replace the one with the same `keys`. PostgreSQL's dialect has the same words for it."""
    statement = insert(table)
    others = {column.name: statement.excluded[column.name] for column in table.c if column.name not in keys}
    return statement.on_conflict_do_update(index_elements=keys, set_=others)


def translate(error: SQLAlchemyError | sqlite3.Error) -> Failure:
    """Name the fault, without the statement's values."""
    original = error.orig if isinstance(error, DBAPIError) else error
    name = getattr(original, "sqlite_errorname", None) or type(original).__name__
    if name in _FULL:
        return Failure(StoreFullError("the store has no room left; free some on its disk"), broken=False)
    broken = name.startswith(_BROKEN)
    advice = "; stop, look at the disk, and start again" if broken else ""
    return Failure(StoreError(f"the store failed: {name}{advice}"), broken=broken)
