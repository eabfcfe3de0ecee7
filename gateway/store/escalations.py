"""Who has handed a held message up to others, as rows. What follows from it is not known here."""

from collections import defaultdict
from collections.abc import Collection, Mapping
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, exists, insert, select

from gateway.store.approvals import Signature
from gateway.store.moments import to_ms
from gateway.store.schema import escalations
from gateway.store.writer import Transaction


def of(source: Connection | Transaction, ids: Collection[str]) -> Mapping[str, tuple[Signature, ...]]:
    """Persons by message, the first one first."""
    asked = (
        select(escalations).where(escalations.c.message_id.in_(ids)).order_by(escalations.c.at, escalations.c.person)
    )
    found = defaultdict[str, tuple[Signature, ...]](tuple)
    for row in source.execute(asked):
        found[row.message_id] += (Signature(row.person, row.known_by),)
    return found


def concern(message_id: ColumnElement[str]) -> ColumnElement[bool]:
    """Whether it has been handed up, as a condition of a query."""
    return exists().where(escalations.c.message_id == message_id)


def add(tx: Transaction, message_id: str, given: Signature, now: datetime) -> None:
    tx.execute(insert(escalations), [{"message_id": message_id, "at": to_ms(now), **given._asdict()}])
