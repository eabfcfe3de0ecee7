"""Who has agreed to a release, as rows. How many have to is not known here."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime

from sqlalchemy import Connection, delete, insert, select

from gateway.store.moments import to_ms
from gateway.store.schema import approvals
from gateway.store.writer import Transaction


def of(source: Connection | Transaction, ids: Collection[str]) -> Mapping[tuple[str, int], tuple[str, ...]]:
    """Persons, first to agree first, by message and position of its recipient."""
    asked = select(approvals).where(approvals.c.message_id.in_(ids)).order_by(approvals.c.at, approvals.c.person)
    found = defaultdict[tuple[str, int], tuple[str, ...]](tuple)
    for row in source.execute(asked):
        found[row.message_id, row.position] += (row.person,)
    return found


def give(tx: Transaction, message_id: str, positions: Iterable[int], person: str, now: datetime) -> None:
    rows = [{"message_id": message_id, "position": p, "person": person, "at": to_ms(now)} for p in positions]
    if rows:
        tx.execute(insert(approvals), rows)


def forget(tx: Transaction, message_id: str, positions: Iterable[int], person: str | None = None) -> None:
    """Those of one person, or all: a decision uses them up, and a new verdict asks anew."""
    gone = (approvals.c.message_id == message_id) & approvals.c.position.in_(list(positions))
    tx.execute(delete(approvals).where(gone if person is None else gone & (approvals.c.person == person)))
