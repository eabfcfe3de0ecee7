"""Who has agreed to a release, as rows. How many have to is not known here."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Connection, delete, insert, select

from gateway.store.moments import to_ms
from gateway.store.schema import approvals
from gateway.store.writer import Transaction


class Signature(NamedTuple):
    """Whose word it is."""

    person: str
    known_by: str | None  #: another name of the same person: a login, or the account of a token


def names(signatures: Iterable[Signature]) -> frozenset[str]:
    """Every name that these people are known by."""
    return frozenset(name for one in signatures for name in one if name is not None)


def of(source: Connection | Transaction, ids: Collection[str]) -> Mapping[tuple[str, int], tuple[Signature, ...]]:
    """First to agree first, by message and position of its recipient."""
    asked = select(approvals).where(approvals.c.message_id.in_(ids)).order_by(approvals.c.at, approvals.c.person)
    found = defaultdict[tuple[str, int], tuple[Signature, ...]](tuple)
    for row in source.execute(asked):
        found[row.message_id, row.position] += (Signature(row.person, row.known_by),)
    return found


def give(tx: Transaction, message_id: str, positions: Iterable[int], given: Signature, now: datetime) -> None:
    row = {"message_id": message_id, "at": to_ms(now), **given._asdict()}
    rows = [row | {"position": position} for position in positions]
    if rows:
        tx.execute(insert(approvals), rows)


def forget(tx: Transaction, message_id: str, positions: Iterable[int], names: Collection[str] | None = None) -> None:
    """Those of one person, by his names, or all: a decision uses them up, and a new verdict asks anew."""
    gone = (approvals.c.message_id == message_id) & approvals.c.position.in_(list(positions))
    his = approvals.c.person.in_(names or ()) | approvals.c.known_by.in_(names or ())
    tx.execute(delete(approvals).where(gone if names is None else gone & his))
