"""PostgreSQL, held to the same promise: "committed" means on the disk. Its settings, locks and errors stand here alone.

Any number of nodes share one database. Their writing transactions follow one another by one lock, as a file's do: the
audit log is one chain, and a guard that holds in one process holds in all.
"""

import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import psycopg
from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from gateway.errors import BackupError, StoreError, StoreFullError, StoreUnavailableError
from gateway.store.backend import Failure
from gateway.store.keys import KeyRing

WRITING = 0x436F756E74657273  #: "Counters": the advisory lock of whoever writes
PATIENCE = {  # a node that stops in mid-transaction keeps all others waiting no longer than this
    "lock_timeout": "5s",
    "statement_timeout": "30s",
    "idle_in_transaction_session_timeout": "10s",
}
REQUIRED = {  # with anything weaker, mail that we have answered 250 for is lost to a power cut
    "fsync": {"on"},
    "synchronous_commit": {"on", "remote_apply"},
    "server_encoding": {"UTF8"},
}
CLOCKS_APART = 2.0  #: seconds between a node's clock and the database's; leases of ten seconds have to bear it twice
CONNECTING = {"connect_timeout": "5", "tcp_user_timeout": "10000", "keepalives_idle": "30"}
RENEWED = 300  #: seconds until a connection is made anew, and all that is required of it asked again

DRIVER_ERRORS = (SQLAlchemyError, psycopg.Error)

_FULL = {"53100"}
_BROKEN = {"XX001", "XX002"}  #: the server has found its own files damaged
_MISTAKES = {  # what no waiting mends, by libpq's words, and what to do; everything else may be well in a moment
    ("pg_hba.conf",): "let the server's pg_hba.conf take in this machine, role and database",
    ("password", "authentication"): "put the right password into a file that PGPASSFILE names, or into store.url",
    ("SSL", "certificate"): "sslmode and sslrootcert in store.url have to fit the server's certificate",
    ("does not exist",): "make role and database first, e.g. `createdb --owner countersign countersign`",
    ("invalid ",): "set it right in store.url",
}
_AWAY = ("08", "57P")  #: classes of errors: no connection; the server shuts down or starts


@dataclass(frozen=True, slots=True)
class PostgresDatabase:
    """A backend: a database that other nodes may have open too."""

    writers: Engine
    readers: Engine

    driver_errors = DRIVER_ERRORS
    shared = True

    @classmethod
    def open(cls, url: URL, ring: KeyRing) -> Self:
        """Raises StoreError."""
        url = url.update_query_dict({"application_name": f"countersign {secrets.token_hex(8)}"})
        opened = cls(_engine(url, ring, writing=True), _engine(url, ring, writing=False))
        try:
            opened.readers.connect().close()
        except DRIVER_ERRORS as error:
            raise _why_not(url, error) from None
        return opened

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        with self.writers.begin() as connection:
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({WRITING})")
            yield connection

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        with self.readers.begin() as connection:
            yield connection

    def translate(self, error: Exception) -> Failure:
        return translate(error)

    def has_room(self, size: int) -> bool:
        """Nobody here sees the server's disk: it says so itself when it is full."""
        del size
        return True

    def forget_deleted(self) -> None:
        """Nothing to do here: old rows lie in a server's logs and archives until `key forget` makes them unreadable."""

    def copy(self, target: Path) -> None:
        del target
        raise BackupError("a server is copied with its own tools, like pg_dump")

    def dispose(self) -> None:
        self.writers.dispose()
        self.readers.dispose()


def _engine(url: URL, ring: KeyRing, *, writing: bool) -> Engine:
    # hide_parameters: an error's text would quote message bytes.
    engine = create_engine(
        url.set(drivername="postgresql+psycopg"),
        hide_parameters=True,
        pool_size=2,
        pool_pre_ping=True,
        pool_recycle=RENEWED,
        connect_args={name: value for name, value in CONNECTING.items() if name not in url.query},
        execution_options={"ring": ring},
    )

    @event.listens_for(engine, "connect")
    def _connected(connection: psycopg.Connection[Any], _record: Any) -> None:
        connection.autocommit = True
        _set_up(connection)
        connection.autocommit = False
        if not writing:
            connection.read_only = True
            connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ

    return engine


def _set_up(connection: psycopg.Connection[Any]) -> None:
    """Set what may be set, then read back all of it."""
    found = _settings(connection)
    if found["synchronous_commit"] not in REQUIRED["synchronous_commit"]:
        connection.execute("SET synchronous_commit = on")
        found = _settings(connection)
    for name, good in REQUIRED.items():
        if found[name] not in good:
            raise StoreError(f"the database has {name} = {found[name]}; mail is safe only with {' or '.join(good)}")
    for name, value in PATIENCE.items():
        connection.execute(f"SET {name} = '{value}'".encode())
    _compare_clocks(connection)


def _settings(connection: psycopg.Connection[Any]) -> dict[str, str]:
    asked = "SELECT name, setting FROM pg_settings WHERE name = ANY(%s)"
    return dict(connection.execute(asked, (list(REQUIRED),)).fetchall())


def _compare_clocks(connection: psycopg.Connection[Any]) -> None:
    """Leases are times: with clocks apart, another node would send what this one is sending."""
    before = time.time()
    row = connection.execute("SELECT extract(epoch FROM clock_timestamp())::float8").fetchone()
    after = time.time()
    there = row[0] if row else before
    if not before - CLOCKS_APART <= there <= after + CLOCKS_APART:
        apart = abs(there - after)
        raise StoreUnavailableError(
            f"this machine's clock and the database's are {apart:.0f} s apart: let NTP set both"
        )


def _why_not(url: URL, error: Exception) -> StoreError:
    """Libpq's own sentence, which names server, user and database and never the password, and what to do."""
    original = error.orig if isinstance(error, DBAPIError) else error
    if not isinstance(original, psycopg.OperationalError):
        return translate(error).error
    said = " ".join(str(original).split())
    advice = next((todo for words, todo in _MISTAKES.items() if any(word in said for word in words)), None)
    kind = StoreUnavailableError if advice is None else StoreError
    advice = advice or "is the server up, and does store.url name the right host and port?"
    return kind(f"store.url: cannot connect to the database: {_without(url.password, said)}; {advice}")


def _without(secret: object, text: str) -> str:
    return text.replace(str(secret), "***") if secret else text


def translate(error: Exception) -> Failure:
    original = error.orig if isinstance(error, DBAPIError) else error
    name, code = type(original).__name__, getattr(original, "sqlstate", None)
    if code in _FULL:
        return Failure(StoreFullError("the database has no room left; free some on its disk"))
    lost = isinstance(error, DBAPIError) and error.connection_invalidated
    if lost or (code or "").startswith(_AWAY) or (code is None and isinstance(original, psycopg.OperationalError)):
        return Failure(StoreUnavailableError("the database cannot be reached, or has broken off"))
    return Failure(StoreError(f"the database failed: {name}{f' ({code})' if code else ''}"), broken=code in _BROKEN)
