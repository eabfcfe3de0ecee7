"""To whom each sender's mail has gone before: keyed hashes and a day, no address. Decides nothing.

What is relayed is not kept, so neither are its addresses. The key is wrapped with the master key, as data keys are:
who has only the store cannot try addresses against it.
"""

import hmac
import logging
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, Self

from sqlalchemy import ColumnElement, Connection, delete, insert, select

from gateway.errors import SealError
from gateway.store import datakeys
from gateway.store.moments import to_ms
from gateway.store.schema import acquaintances as rows
from gateway.store.schema import address_keys
from gateway.store.sealing import KEY, NONCE, Kind, Label, unwrap, wrap
from gateway.store.writer import Transaction
from rules.domains import mailbox

REMEMBERED = timedelta(days=730)  #: after the last mail from one to the other
_FRESH = timedelta(days=1) // timedelta(milliseconds=1)  #: younger than this, a row is not written again
_LABEL = Label("", Kind.ADDRESSES)
_WIDTH = 16  #: bytes of a hash
_LOOKED_AT = 1000  #: recipients of one message
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Acquaintances:
    """What one store remembers."""

    _key: bytes = field(repr=False)

    @classmethod
    def of(cls, connection: Connection) -> Self:
        """With the store's own key, which is made when there is none."""
        return cls(_open(connection))

    def remember(self, tx: Transaction, sender: str, recipients: Iterable[str], now: datetime) -> None:
        """The next server has taken mail of `sender` for these. The empty sender is nobody."""
        if not sender:
            return
        whose, at = self._hash(sender), to_ms(now)
        pairs = dict.fromkeys(self._hash(sender, recipient) for recipient in recipients)
        written = [{"sender": whose, "pair": pair, "last": at} for pair in pairs]
        tx.upsert_late(rows, ("sender", "pair"), written, _stale)

    def strangers(self, source: Connection, sender: str, recipients: Sequence[str]) -> frozenset[str]:
        """Those to whom nothing of this sender has gone that is remembered; nobody when nothing of him is at all."""
        mine = rows.c.sender == self._hash(sender)
        if not sender or source.execute(select(rows.c.last).where(mine).limit(1)).first() is None:
            return frozenset()
        pairs = {recipient: self._hash(sender, recipient) for recipient in recipients[:_LOOKED_AT]}
        asked = select(rows.c.pair).where(mine, rows.c.pair.in_(set(pairs.values())))
        known = set(source.execute(asked).scalars())
        return frozenset(recipient for recipient, pair in pairs.items() if pair not in known)

    def _hash(self, *addresses: str) -> bytes:
        text = "\0".join(map(_comparable, addresses))
        return hmac.digest(self._key, text.encode("utf-8", "surrogateescape"), "sha256")[:_WIDTH]


def forget(tx: Transaction, before: datetime) -> None:
    tx.execute(delete(rows).where(rows.c.last < to_ms(before)))


def wrap_anew(tx: Transaction) -> None:
    """Lock the key with the master key in use."""
    _lock(tx.connection, _open(tx.connection))


def _stale(new: Any) -> ColumnElement[bool]:
    """Most mail goes to whom mail went today: then nothing is written."""
    stale: ColumnElement[bool] = rows.c.last < new.last - _FRESH
    return stale


@lru_cache(maxsize=4096)  # the same few people write all day
def _comparable(address: str) -> str:
    box = mailbox(address)
    return address.casefold() if box is None else str(box.untagged)


def _open(connection: Connection) -> bytes:
    """A damaged key costs only what is remembered: nobody's mail waits for that."""
    locked = connection.execute(select(address_keys)).first()
    if locked is not None:
        try:
            return unwrap(datakeys.master(datakeys.ring_of(connection), locked.master), _LABEL, locked.wrapped)
        except SealError:
            _log.error("who has written to whom is forgotten: its key in the store is damaged")
            connection.execute(delete(rows))
    key = os.urandom(KEY)
    _lock(connection, key)
    return key


def _lock(connection: Connection, key: bytes) -> None:
    master_id = datakeys.in_use(connection)
    wrapped = wrap(datakeys.master(datakeys.ring_of(connection), master_id), os.urandom(NONCE), _LABEL, key)
    connection.execute(delete(address_keys))
    connection.execute(insert(address_keys).values(master=master_id, wrapped=wrapped))
