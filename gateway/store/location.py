"""Where the store is: `store.url` chooses the backend that opens it, and where its master key may lie."""

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from gateway.errors import StoreError, StoreUnavailableError
from gateway.settings import Settings
from gateway.store.backend import Backend
from gateway.store.keys import KeyRing
from gateway.store.sqlite import SqliteFile
from rules.errors import ConfigurationError, Problem

NO_DRIVER = "store.url: PostgreSQL needs its driver: pip install countersign[postgres]"
POSTGRES = {"postgresql", "postgres", "postgresql+psycopg"}


def server(settings: Settings) -> URL | None:
    """The server that `store.url` names; None: it names a file. Raises ConfigurationError without the URL's text."""
    url = settings.store.url
    scheme, separator, path = url.partition(":///")
    if scheme == "sqlite" and separator and path:
        return None
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        parsed = None
    if parsed is None or parsed.drivername not in POSTGRES:
        raise _refusal(settings, "store.url: neither sqlite:///<path> nor postgresql://<user>@<host>/<database>")
    return parsed.set(drivername="postgresql+psycopg")


def key_ring(settings: Settings) -> KeyRing:
    """Reads nothing yet. Raises ConfigurationError."""
    if server(settings) is None:
        return KeyRing.of(settings, settings.database_file)
    ring = KeyRing.named(settings)
    if ring is None:
        text = "store.key: on PostgreSQL name a key file, the same on every node: `countersign key new` prints a key"
        raise _refusal(settings, text)
    return ring


def open_backend(settings: Settings) -> Backend:
    """Raises StoreError, ConfigurationError."""
    url, ring = server(settings), key_ring(settings)
    if url is None:
        return SqliteFile.open(settings.database_file, ring)
    try:
        from gateway.store.postgres import PostgresDatabase  # noqa: PLC0415 - an extra, which SQLite does without
    except ImportError:
        raise _refusal(settings, NO_DRIVER) from None
    try:
        return PostgresDatabase.open(url, ring)
    except StoreUnavailableError as error:
        raise StoreUnavailableError(str(_problem(settings, str(error)))) from None
    except StoreError as error:  # nothing has been served yet: the settings, or what they name, have to change
        raise _refusal(settings, str(error)) from None


def _refusal(settings: Settings, text: str) -> ConfigurationError:
    return ConfigurationError([_problem(settings, text)])


def _problem(settings: Settings, text: str) -> Problem:
    return settings.source.problem(("store", "url"), text)
