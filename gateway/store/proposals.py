"""Proposals to change the client directory, as rows: in, out, and changed under guard of their old stage."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, insert, select, update

from gateway.errors import IllegalTransition, NotFoundError
from gateway.settings import Settings
from gateway.stages import IN_FORCE, Move, Stage, advance
from gateway.store.moments import from_ms, to_ms
from gateway.store.schema import proposals as rows
from gateway.store.store import glance
from gateway.store.writer import Transaction
from rules.additions import Addition, Key

_PROPOSAL = ("proposed_by", "proposed_at", "reason")
_DECISION = ("decided_by", "decided_at", "note")
_WITHDRAWAL = ("withdrawn_by", "withdrawn_at", "withdrawn_why")


@dataclass(frozen=True, slots=True, kw_only=True)
class Word:
    """Who said something to a proposal, when and why; numbers in it are masked."""

    by: str
    at: datetime
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    id: str
    hold_id: str  #: the message that it was learnt from
    addition: Addition
    stage: Stage
    proposed: Word
    decided: Word | None = None  #: accepted, refused, or taken back by its proposer
    withdrawal: Word | None = None  #: who asks, or asked, that it be no longer in force

    @property
    def asked(self) -> Word:
        """The last question that was put to a second person."""
        return self.withdrawal or self.proposed


def put(tx: Transaction, proposal: Proposal) -> None:
    addition = proposal.addition
    row = {"id": proposal.id, "hold_id": proposal.hold_id, "stage": proposal.stage.value}
    row |= {"kind": addition.key.value, "value": addition.value, "party": addition.party}
    tx.execute(insert(rows), row | _columns(_PROPOSAL, proposal.proposed))


def find(source: Connection | Transaction, proposal_id: str) -> Proposal:
    """Raises NotFoundError."""
    row = source.execute(select(rows).where(rows.c.id == proposal_id)).first()
    if row is None:
        raise NotFoundError("there is no such proposal")
    return _read(row)


def find_all(
    source: Connection | Transaction, stages: Collection[Stage] = tuple(Stage), *, hold_id: str | None = None
) -> tuple[Proposal, ...]:
    """Newest first."""
    asked = select(rows).where(rows.c.stage.in_([stage.value for stage in stages])).order_by(rows.c.id.desc())
    if hold_id is not None:
        asked = asked.where(rows.c.hold_id == hold_id)
    return tuple(map(_read, source.execute(asked)))


def in_force(source: Connection | Transaction) -> tuple[Proposal, ...]:
    """What all nodes add to their directories, first accepted first, in the same order everywhere."""
    asked = select(rows).where(rows.c.stage.in_([stage.value for stage in IN_FORCE]))
    return tuple(map(_read, source.execute(asked.order_by(rows.c.decided_at, rows.c.id))))


def additions(source: Connection | Transaction) -> tuple[Addition, ...]:
    """The same, without who and when."""
    return tuple(proposal.addition for proposal in in_force(source))


def known(settings: Settings) -> tuple[Proposal, ...]:
    """What is in force, of a store that may be there and is left as it is. Raises StoreError, ConfigurationError."""
    return glance(settings, rows, in_force) or ()


def change(tx: Transaction, proposal: Proposal, move: Move, word: Word | None) -> None:
    """Take it from the stage it was read in to the next. Raises IllegalTransition when it has left that."""
    new = advance(proposal.stage, move)
    mine = (rows.c.id == proposal.id) & (rows.c.stage == proposal.stage.value)
    if tx.execute(update(rows).where(mine).values(stage=new.value, **_said(proposal.stage, move, word))).rowcount != 1:
        raise IllegalTransition(f"cannot {move} this proposal any more: somebody else was first")


def set_aside(tx: Transaction) -> int:
    """After a restore each asks for a second person again: it may have been withdrawn since. Returns how many."""
    found = in_force(tx)
    for proposal in found:
        change(tx, proposal, Move.RESTORE, None)
    return len(found)


def _said(stage: Stage, move: Move, word: Word | None) -> dict[str, Any]:
    """The columns that a move fills or empties."""
    if move is Move.RESTORE:
        return _columns(_DECISION, None) | _columns(_WITHDRAWAL, None)
    if stage is Stage.PROPOSED:
        return _columns(_DECISION, word)
    if move is Move.KEEP:
        return _columns(_WITHDRAWAL, None)
    return _columns(_WITHDRAWAL, word) if stage is Stage.ACCEPTED else {}


def _columns(names: Sequence[str], word: Word | None) -> dict[str, Any]:
    values = (word.by, to_ms(word.at), word.why) if word else (None, None, None)
    return dict(zip(names, values, strict=True))


def _read(row: Any) -> Proposal:
    return Proposal(
        id=row.id,
        hold_id=row.hold_id,
        addition=Addition(key=Key(row.kind), value=row.value, party=row.party),
        stage=Stage(row.stage),
        proposed=Word(by=row.proposed_by, at=from_ms(row.proposed_at), why=row.reason),
        decided=_word(row.decided_by, row.decided_at, row.note),
        withdrawal=_word(row.withdrawn_by, row.withdrawn_at, row.withdrawn_why),
    )


def _word(by: str | None, at: int | None, why: str | None) -> Word | None:
    return None if by is None or at is None else Word(by=by, at=from_ms(at), why=why or "")
