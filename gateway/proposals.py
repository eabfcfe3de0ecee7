"""What is learnt from a wrong hold: a change of the client directory, proposed by one person, accepted by a second.

It releases nothing, and nothing is in force by proposing. The sender of the message has no say in it. What is accepted
is added to the directory's file when that is loaded (`rulebook.py`), on every node; the file itself stays its owner's.
"""

import asyncio
from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import Connection

from gateway.actor import Actor
from gateway.approval import refuse_nobody, wrote
from gateway.audit.chain import Entry, Event
from gateway.audit.log import history
from gateway.directory import today
from gateway.errors import ChangeError, IllegalTransition, NotFoundError, OwnMessageError, OwnProposalError
from gateway.hold import checked_note
from gateway.settings import Settings
from gateway.stages import IN_FORCE, Move, Stage
from gateway.store import Store, Transaction, mail
from gateway.store import proposals as rows
from gateway.store.mail import OwnMessage, new_id
from gateway.store.proposals import Proposal, Word
from rules.additions import Addition, Key, added, objection, refusal
from rules.clients import Directory, checked, loading
from rules.domains import mailbox, suffixes
from rules.errors import ConfigurationError
from rules.mask import mask_address, mask_text
from rules.sourced import parse, read

_EVENTS = {
    (Stage.PROPOSED, Move.ACCEPT): Event.CHANGE_ACCEPTED,
    (Stage.PROPOSED, Move.REFUSE): Event.CHANGE_REFUSED,
    (Stage.PROPOSED, Move.WITHDRAW): Event.CHANGE_WITHDRAWN,
    (Stage.ACCEPTED, Move.WITHDRAW): Event.WITHDRAWAL_PROPOSED,
    (Stage.WITHDRAWING, Move.WITHDRAW): Event.CHANGE_WITHDRAWN,
    (Stage.WITHDRAWING, Move.KEEP): Event.CHANGE_KEPT,
}


class Proposals:
    def __init__(self, store: Store) -> None:
        self._store = store

    async def propose(self, hold_id: str, addition: Addition, actor: Actor, reason: str, now: datetime) -> Proposal:
        """Put a question to a second person. Raises ChangeError, IllegalTransition, NotFoundError."""
        word = Word(by=actor.name, at=now, why=mask_text(checked_note(reason)))
        proposal = Proposal(id=new_id(now), hold_id=hold_id, addition=addition, stage=Stage.PROPOSED, proposed=word)
        message, known = await self._store.read(lambda c: (_learnt_from(c, hold_id), rows.in_force(c)))
        _refuse_sender(message, actor)
        refuse_nobody(actor)
        await asyncio.to_thread(_examine, self._store.settings, addition, known, message)

        def work(tx: Transaction) -> None:
            for other in rows.find_all(tx, {Stage.PROPOSED, *IN_FORCE}):
                if other.addition == addition:
                    raise IllegalTransition(f"cannot propose this twice: it is {other.stage} as {other.id}")
            rows.put(tx, proposal)
            tx.record(_entry(Event.CHANGE_PROPOSED, proposal, actor, word))

        await self._store.write(work)
        return proposal

    async def decide(self, proposal_id: str, move: Move, actor: Actor, note: str, now: datetime) -> Proposal:
        """Accept, refuse, withdraw or keep it. Raises ChangeError, IllegalTransition, NotFoundError."""
        word = Word(by=actor.name, at=now, why=mask_text(checked_note(note)))
        proposal, known = await self._store.read(lambda c: (rows.find(c, proposal_id), rows.in_force(c)))
        _refuse_sender(await self._store.read(lambda c: _learnt_from(c, proposal.hold_id)), actor)
        refuse_nobody(actor)
        asked = await self._store.read(lambda c: _who_asked(c, proposal))
        _refuse_first(proposal, move, own=not asked.isdisjoint(actor.persons))
        if (proposal.stage, move) == (Stage.PROPOSED, Move.ACCEPT):
            await asyncio.to_thread(_examine, self._store.settings, proposal.addition, known)

        def work(tx: Transaction) -> None:
            if rows.find(tx, proposal_id) != proposal:
                raise IllegalTransition(f"cannot {move} this proposal any more: somebody else was first")
            if move is Move.ACCEPT and rows.in_force(tx) != known:
                raise IllegalTransition("the directory has been changed meanwhile: look once more, then decide")
            rows.change(tx, proposal, move, word)
            tx.record(_entry(_EVENTS[proposal.stage, move], proposal, actor, word))

        await self._store.write(work)
        return await self.get(proposal_id)

    async def get(self, proposal_id: str) -> Proposal:
        """Raises NotFoundError."""
        return await self._store.read(lambda c: rows.find(c, proposal_id))

    async def list(
        self, stages: Collection[Stage] = tuple(Stage), *, hold_id: str | None = None
    ) -> tuple[Proposal, ...]:
        """Newest first; `hold_id`: those learnt from one message."""
        return await self._store.read(lambda c: rows.find_all(c, stages, hold_id=hold_id))


def _learnt_from(source: Connection | Transaction, hold_id: str) -> OwnMessage:
    message = mail.find(source, hold_id)
    if message.purpose is not None:
        raise NotFoundError("there is no such message")
    if message.verdict is None:
        raise IllegalTransition("cannot learn from a message before it has been inspected")
    return message


def _refuse_sender(message: OwnMessage, actor: Actor) -> None:
    if wrote(message, actor):
        raise OwnMessageError("the sender of a message has no say in what is learnt from it")


def _who_asked(source: Connection, proposal: Proposal) -> frozenset[str]:
    """Every name that whoever asked is known by: his login stands in the audit record only."""
    asked = proposal.asked.by
    records = (record for record in history(source, proposal.hold_id) if record.actor == asked)
    told = (record.detail for record in records if record.detail.get("proposal") == proposal.id)
    known = (Actor(asked, login=detail.get("login"), account=detail.get("account")) for detail in told)
    return Actor(asked).persons.union(*(actor.persons for actor in known))


def _refuse_first(proposal: Proposal, move: Move, *, own: bool) -> None:
    """A second person decides. What one has proposed oneself one may withdraw while nobody has accepted it."""
    match proposal.stage, move:
        case Stage.PROPOSED, Move.WITHDRAW:
            if not own:
                raise IllegalTransition("only who has proposed it can withdraw it; you can refuse it")
        case (Stage.PROPOSED, _) | (Stage.WITHDRAWING, Move.WITHDRAW):
            if own:
                raise OwnProposalError(f"you have asked for it yourself: a second person has to {move} it")


def _examine(
    settings: Settings, addition: Addition, known: Sequence[Proposal], message: OwnMessage | None = None
) -> None:
    """Whether the directory, as its file and what is in force make it now, takes the change. Raises ChangeError."""
    file = settings.clients_file
    with loading():
        try:
            document = parse("", "no client directory") if file is None else read(file)
            checked(document)
        except ConfigurationError as error:
            raise ChangeError("the client directory's file does not load: `countersign check` says why") from error
        document, _ = added(document, [proposal.addition for proposal in known])
        directory = Directory(checked(document)[0], version="", today=today())
        why = objection(directory, addition) or refusal(document, addition)
    if message is not None and not _concerns(directory, addition, message):
        why = "it has nothing to do with the recipients of this message"
    if why:
        raise ChangeError(f"the client directory does not take this: {why}")


def _concerns(directory: Directory, addition: Addition, message: OwnMessage) -> bool:
    """Whether one of the recipients is whom the change is about."""
    for address in message.envelope.rcpt_to:
        box, holder = mailbox(address), directory.holder(address)
        if addition.key is Key.ACTS_FOR:
            if holder is not None and holder.id == addition.party:
                return True
        elif box is not None and addition.value in {str(box), str(box.untagged), *suffixes(box.domain)}:
            return True
    return False


def _entry(event: Event, proposal: Proposal, actor: Actor, word: Word) -> Entry:
    addition = proposal.addition
    detail = {"proposal": proposal.id, "change": addition.key.value, "value": mask_text(mask_address(addition.value))}
    detail |= {"party": addition.party, "note": word.why}
    return Entry(event=event, at=word.at, actor=actor, hold_id=proposal.hold_id, detail=detail)
