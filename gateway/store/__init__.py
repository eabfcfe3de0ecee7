"""Where mail, decisions and records are kept. `backend.py` says what a database has to be able to do."""

from gateway.store.store import Store
from gateway.store.writer import Transaction

__all__ = ["Store", "Transaction"]
