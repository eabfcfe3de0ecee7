"""Where the store is: `store.url` chooses the backend that opens it, and where its master key may lie."""

from gateway.settings import Settings
from gateway.store.backend import Backend
from gateway.store.keys import KeyRing
from gateway.store.sqlite import SqliteFile, database_path


def key_ring(settings: Settings) -> KeyRing:
    """Reads nothing yet. Raises ConfigurationError."""
    return KeyRing.of(settings, database_path(settings))


def open_backend(settings: Settings) -> Backend:
    """Raises StoreError, ConfigurationError."""
    return SqliteFile.open(database_path(settings), key_ring(settings))
