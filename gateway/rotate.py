"""Changes the master key while the service runs: data keys are wrapped anew, content is not touched.

All processes lock with the new key from one transaction on; the old one stays in the file until nothing needs it.
"""

import os
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, func, select, tuple_, update

from gateway.actor import Actor
from gateway.audit.chain import Entry, Event
from gateway.errors import KeyFileError, SealError
from gateway.store import Store, Transaction, acquaintances, datakeys
from gateway.store.schema import address_keys, data_keys, master_keys
from gateway.store.sealing import NONCE, Kind, Label, unwrap, wrap

BATCH = 500  #: data keys in one transaction; the service writes between two of them

Place = tuple[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rotated:
    """What a rotation did."""

    master: str  #: id of the key in use
    count: int  #: data keys that were wrapped anew
    left: int  #: damaged ones, which no key opens


async def rotate(store: Store, actor: Actor, now: datetime) -> Rotated:
    """Change over to a new key, or end a rotation that was cut off. Raises KeyFileError, StoreError."""
    if not await store.read(_left):
        await _change_over(store, actor, now)
    count, after = 0, ("", "")
    while True:
        wrapped, last = await store.write(lambda tx, after=after: _wrap_anew(tx, after))  # type: ignore[misc]
        count += wrapped
        if last is None:
            break
        after = last

    def finish(tx: Transaction) -> Rotated:
        acquaintances.wrap_anew(tx)
        done = Rotated(master=datakeys.in_use(tx), count=count, left=_left(tx.connection))
        detail = {"master": done.master, "data_keys": count, "damaged": done.left}
        tx.record(Entry(event=Event.DATA_KEYS_REWRAPPED, at=now, actor=actor, detail=detail))
        return done

    return await store.write(finish)


async def forget(store: Store, actor: Actor, now: datetime) -> tuple[str, ...]:
    """Take keys that the store no longer needs out of the file. Returns their ids. Raises KeyFileError."""
    ring = await store.read(datakeys.ring_of)

    def work(tx: Transaction) -> tuple[str, ...]:
        if _left(tx.connection):
            raise KeyFileError("an older master key is still needed: end its rotation with `countersign key rotate`")
        old = tuple(identifier for identifier in ring.load() if identifier != datakeys.in_use(tx))
        if old:
            tx.record(Entry(event=Event.MASTER_KEY_FORGOTTEN, at=now, actor=actor, detail={"masters": list(old)}))
        return old

    old = await store.write(work)
    if old:
        ring.forget(old)
    return old


async def _change_over(store: Store, actor: Actor, now: datetime) -> None:
    ring = await store.read(datakeys.ring_of)
    used = await store.read(lambda c: set(c.execute(select(master_keys.c.id)).scalars()))
    unused = [identifier for identifier in ring.load() if identifier not in used]
    new = unused[-1] if unused else ring.add()

    def work(tx: Transaction) -> None:
        detail = {"from": datakeys.in_use(tx), "to": new}
        datakeys.use(tx, new)
        tx.record(Entry(event=Event.MASTER_KEY_CHANGED, at=now, actor=actor, detail=detail))

    await store.write(work)


def _left(connection: Connection) -> int:
    """Keys that are not yet under the one in use."""
    in_use, left = datakeys.in_use(connection), 0
    for table in (data_keys, address_keys):
        other = select(func.count()).select_from(table).where(table.c.master != in_use)
        left += connection.execute(other).scalar_one()
    return left


def _wrap_anew(tx: Transaction, after: Place) -> tuple[int, Place | None]:
    """The next batch. Returns how many it wrapped, and the last place it looked at; None: there is nothing more."""
    ring, master_id = datakeys.ring_of(tx), datakeys.in_use(tx)
    place = tuple_(data_keys.c.message_id, data_keys.c.kind)
    asked = select(data_keys).where(data_keys.c.master != master_id, place > after).order_by(*place).limit(BATCH)
    rows = tx.execute(asked).all()
    count = 0
    for row in rows:
        label = Label(row.message_id, Kind(row.kind))
        try:
            data_key = unwrap(datakeys.master(ring, row.master), label, row.wrapped)
        except SealError:
            continue
        here = (data_keys.c.message_id == row.message_id) & (data_keys.c.kind == row.kind)
        wrapped = wrap(datakeys.master(ring, master_id), os.urandom(NONCE), label, data_key)
        tx.execute(update(data_keys).where(here).values(master=master_id, wrapped=wrapped))
        count += 1
    return count, (rows[-1].message_id, rows[-1].kind) if rows else None
