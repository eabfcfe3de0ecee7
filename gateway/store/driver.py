"""The SQLite of the store: one new enough for a safe write-ahead log where there is a wheel of it, else Python's own.

Whoever opens the store's file takes it from here: of two SQLites in one process, each would let go of the other's locks
by closing the file (sqlite.org/howtocorrupt.html, 2.2.1).
"""

import sqlite3
from contextlib import suppress

with suppress(ImportError):
    import pysqlite3.dbapi2 as sqlite3  # type: ignore[import-untyped, no-redef]

__all__ = ["sqlite3"]
