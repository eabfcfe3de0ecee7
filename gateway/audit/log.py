"""The audit log in the store: append a record on its own, read back. A change of state brings its own record."""

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, func, select

from gateway.audit.chain import Entry, Head, Record, unseal
from gateway.audit.verify import Anchor, Fault, Verifier
from gateway.store import Store
from gateway.store.moments import to_ms
from gateway.store.schema import audit

PAGE = 500  #: records in one read; a long read would keep the writer waiting


class AuditLog:
    """Every decision, in order."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def append(self, entry: Entry) -> Head:
        """Record something that changes nothing in the store: a start, a look at content, a refused login."""
        return await self._store.write(lambda tx: tx.record(entry))

    async def head(self) -> Head:
        """The end of the chain. Noted elsewhere, it proves later that nothing was cut off."""
        return await self._store.read(_head)

    async def records(
        self, *, since: datetime | None = None, until: datetime | None = None, hold_id: str | None = None
    ) -> AsyncIterator[Record]:
        """Records in order. `since` and `until` give an unbroken stretch, `hold_id` one message's history."""
        first, last = await self._store.read(lambda connection: _stretch(connection, since, until))
        after = first - 1
        while True:
            page = _page(after, last, hold_id)
            rows = await self._store.read(lambda connection, page=page: connection.execute(page).all())  # type: ignore[misc]
            for row in rows:
                after = row.seq  # the line's own number may have been changed
                yield unseal(row.line)
            if len(rows) < PAGE:
                return

    async def verify(self, head: Anchor | None = None) -> Fault | None:
        """First bad record of the log in the store, or None."""
        verifier, end = Verifier(head=head), await self.head()
        while verifier.seq < end.seq:
            page = select(audit).where(audit.c.seq > verifier.seq).order_by(audit.c.seq).limit(PAGE)
            rows = await self._store.read(lambda connection, page=page: connection.execute(page).all())  # type: ignore[misc]
            for row in rows:
                if fault := verifier.take(row.line.encode() + b"\n") or _misfiled(row):
                    return fault
            if not rows:
                break
        return verifier.end()


def _misfiled(row: Any) -> Fault | None:
    """The columns that records are found by must say what the sealed line says."""
    record = unseal(row.line)
    if (record.seq, to_ms(record.at), record.hold_id, record.hash) == (row.seq, row.at, row.hold_id, row.hash):
        return None
    return Fault(seq=record.seq, line=record.seq, reason="is filed under another number, time or message")


def history(connection: Connection, hold_id: str) -> tuple[Record, ...]:
    """All records of one message, for a reader that has a snapshot open."""
    lines = connection.execute(select(audit.c.line).where(audit.c.hold_id == hold_id).order_by(audit.c.seq))
    return tuple(unseal(line) for line in lines.scalars())


def _head(connection: Connection) -> Head:
    row = connection.execute(select(audit.c.seq, audit.c.hash).order_by(audit.c.seq.desc()).limit(1)).first()
    return Head() if row is None else Head(row.seq, row.hash)


def _stretch(connection: Connection, since: datetime | None, until: datetime | None) -> tuple[int, int]:
    """First and last number of the records between two times; unbroken even when a clock was set back between them."""
    asked = select(func.min(audit.c.seq), func.max(audit.c.seq))
    if since is not None:
        asked = asked.where(audit.c.at >= to_ms(since))
    if until is not None:
        asked = asked.where(audit.c.at < to_ms(until))
    first, last = connection.execute(asked).one()
    return (1, 0) if first is None else (first, last)


def _page(after: int, last: int, hold_id: str | None) -> Select[tuple[int, str]]:
    asked = select(audit.c.seq, audit.c.line).where(audit.c.seq > after, audit.c.seq <= last)
    if hold_id is not None:
        asked = asked.where(audit.c.hold_id == hold_id)
    return asked.order_by(audit.c.seq).limit(PAGE)
