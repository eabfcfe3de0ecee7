"""Where mail, decisions and records are kept. SQLite today; PostgreSQL will be one more engine module."""

from gateway.store.store import Store
from gateway.store.writer import Transaction

__all__ = ["Store", "Transaction"]
