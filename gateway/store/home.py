"""Which server's database a store lives in. A copy of it brought up elsewhere must not send what has left already.

A file needs none of this: `restore` alone puts a copy in its place.
"""

from sqlalchemy import Connection, delete, insert, select

from gateway.errors import BackupError
from gateway.store.schema import home
from rules.errors import ConfigurationError, Problem

_IDENTITY = (
    "SELECT system_identifier || '/' || oid FROM pg_control_system(), pg_database WHERE datname = current_database()"
)
_OTHERS = (
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
    " AND starts_with(application_name, 'countersign ') AND application_name <> current_setting('application_name')"
)


def check(connection: Connection) -> None:
    """At the start: this is where the store has lived. Raises ConfigurationError."""
    if (here := _identity(connection)) is None:
        return
    known = connection.execute(select(home.c.identity)).scalar()
    if known is None:
        connection.execute(insert(home).values(identity=here))
    elif known != here:
        text = "store.url: this database was brought up from a dump: let `countersign restore` look through it first"
        raise ConfigurationError([Problem(file="settings", line=None, text=text)])


def move_in(connection: Connection) -> None:
    """The store lives here from now on."""
    connection.execute(delete(home))
    if (here := _identity(connection)) is not None:
        connection.execute(insert(home).values(identity=here))


def require_alone(connection: Connection) -> None:
    """Raises BackupError when another process has the store open."""
    if connection.exec_driver_sql(_OTHERS).scalar():
        raise BackupError("the store is in use: stop `countersign serve` on every node, and every other command")


def _identity(connection: Connection) -> str | None:
    if connection.dialect.name != "postgresql":
        return None
    return str(connection.exec_driver_sql(_IDENTITY).scalar_one())
