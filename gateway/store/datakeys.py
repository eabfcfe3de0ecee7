"""A key for each sealed thing of a message, locked with the master key in use. Destroying it destroys the thing.

Which master key is in use stands in the store, so that all processes change over in one transaction.
"""

import contextlib
import os
from collections.abc import Collection, Mapping

from sqlalchemy import Connection, delete, func, insert, select, union

from gateway.errors import SealError, StoreError
from gateway.store.keys import KeyRing
from gateway.store.schema import address_keys, data_keys, master_keys
from gateway.store.sealing import KEY, NONCE, Kind, Label, unwrap, wrap
from gateway.store.writer import Transaction
from rules.errors import ConfigurationError, Problem

_IN_USE = select(master_keys.c.id).order_by(master_keys.c.number.desc()).limit(1)


def ring_of(source: Connection | Transaction) -> KeyRing:
    """Every connection of a store carries its keys."""
    connection = source.connection if isinstance(source, Transaction) else source
    ring: KeyRing = connection.get_execution_options()["ring"]
    return ring


def issue(tx: Transaction, label: Label) -> bytes:
    """A fresh data key; one that was there before is gone, and with it what it sealed."""
    master_id = in_use(tx)
    data_key = os.urandom(KEY)
    wrapped = wrap(master(ring_of(tx), master_id), os.urandom(NONCE), label, data_key)
    row = {"message_id": label.message_id, "kind": label.kind.value, "master": master_id, "wrapped": wrapped}
    tx.upsert(data_keys, ("message_id", "kind"), row)
    return data_key


def fetch(source: Connection | Transaction, ids: Collection[str], kind: Kind) -> Mapping[str, bytes]:
    """Data keys by message; without those that are gone or damaged. Raises StoreError when a master key is away."""
    asked = select(data_keys).where(data_keys.c.message_id.in_(ids), data_keys.c.kind == kind.value)
    ring, found = ring_of(source), {}
    for row in source.execute(asked):
        with contextlib.suppress(SealError):
            found[row.message_id] = unwrap(master(ring, row.master), Label(row.message_id, kind), row.wrapped)
    return found


def fetch_one(source: Connection | Transaction, label: Label) -> bytes:
    """Raises SealError."""
    found = fetch(source, [label.message_id], label.kind).get(label.message_id)
    if found is None:
        raise SealError("the data key of this message is gone or damaged; restore it from a backup")
    return found


def destroy(tx: Transaction, message_id: str, kind: Kind) -> None:
    tx.execute(delete(data_keys).where(data_keys.c.message_id == message_id, data_keys.c.kind == kind.value))


def in_use(source: Connection | Transaction) -> str:
    """Id of the master key that new data keys are locked with."""
    found = source.execute(_IN_USE).scalar()
    if found is None:
        raise StoreError("the store has no master key")
    return str(found)


def use(source: Connection | Transaction, master_id: str) -> None:
    """Lock with this one from now on, in every process."""
    number = source.execute(select(func.max(master_keys.c.number))).scalar() or 0
    source.execute(insert(master_keys).values(number=number + 1, id=master_id))


def check(connection: Connection) -> None:
    """At the start: every master key that the store needs is there. Raises ConfigurationError."""
    ring = ring_of(connection)
    keys = ring.load()
    locked = union(select(data_keys.c.master), select(address_keys.c.master))
    needed = {in_use(connection), *connection.execute(locked).scalars()}
    if missing := sorted(needed - keys.keys()):
        text = f"does not hold master key {', '.join(missing)}, which this store is locked with; put it back there"
        raise ConfigurationError([Problem(file=str(ring.file), line=None, text=text)])


def master(ring: KeyRing, master_id: str) -> bytes:
    """Raises StoreError when the file does not hold it."""
    key = ring.find(master_id)
    if key is None:
        raise StoreError(f"{ring.file}: does not hold master key {master_id}; put it back there")
    return key
