"""One way to decide, for pages and API alike. Who may and for whom is checked here; the quarantine does the rest."""

from typing import Literal

from gateway.errors import (
    ChangeError,
    GatewayError,
    IllegalTransition,
    InspectorError,
    NotFoundError,
    OwnMessageError,
    OwnProposalError,
    StoreError,
)
from gateway.hold import HeldMessage
from gateway.review.desk import Desk, Visitor
from gateway.review.proposal import NewProposal, ProposalShape, Ruling, shown
from gateway.review.shapes import Decision
from gateway.stages import Move

Verb = Literal["release", "return", "withdraw", "escalate"]
Say = Literal["accept", "refuse", "withdraw", "keep"]  #: to a proposal


class RefusedError(GatewayError):
    """A decision that this visitor cannot take, or not so; `status` is HTTP's word for why."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


STATUSES = (
    (NotFoundError, 404),
    (OwnMessageError, 403),
    (OwnProposalError, 403),
    (IllegalTransition, 409),
    (ChangeError, 422),
    (StoreError, 503),
    (InspectorError, 503),
)


def status_of(error: GatewayError) -> int:
    """HTTP's word for an error of ours."""
    if isinstance(error, RefusedError):
        return error.status
    return next((status for kind, status in STATUSES if isinstance(error, kind)), 500)


def require_decider(visitor: Visitor) -> None:
    """Raises RefusedError."""
    if not visitor.may_decide:
        raise RefusedError(403, f"the role {visitor.role} may read, but not decide")


async def decide(desk: Desk, visitor: Visitor, hold_id: str, verb: Verb, decision: Decision) -> HeldMessage:
    """On the disk when this returns; delivery follows. Raises RefusedError, IllegalTransition, NotFoundError."""
    require_decider(visitor)
    message = await desk.quarantine.get(hold_id)
    theirs = {address.casefold() for address in message.envelope.rcpt_to}
    if decision.recipients is not None and not {a.casefold() for a in decision.recipients} <= theirs:
        raise RefusedError(422, "recipients: not all of them are recipients of this message")
    if decision.recipients == ():
        raise RefusedError(422, "recipients: nobody was chosen")
    if verb == "escalate" and decision.recipients is not None:
        raise RefusedError(422, "recipients: a message is escalated as a whole")
    who, note, now = visitor.actor, decision.note, desk.now()
    if verb == "release":
        await desk.quarantine.release(hold_id, decision.recipients, who, note, now)
    elif verb == "withdraw":
        await desk.quarantine.withdraw(hold_id, who, note, now, decision.recipients)
    elif verb == "escalate":
        await desk.quarantine.escalate(hold_id, who, note, now)
    else:
        await desk.quarantine.return_(hold_id, who, note, now, decision.recipients)
    return await desk.quarantine.get(hold_id)


async def propose(desk: Desk, visitor: Visitor, new: NewProposal) -> ProposalShape:
    """Raises RefusedError, ChangeError, IllegalTransition, NotFoundError."""
    require_decider(visitor)
    made = await desk.proposals.propose(new.hold_id, new.addition, visitor.actor, new.note, desk.now())
    return shown(made, desk.book())


async def rule(desk: Desk, visitor: Visitor, proposal_id: str, move: Say, ruling: Ruling) -> ProposalShape:
    """Raises RefusedError, ChangeError, IllegalTransition, NotFoundError."""
    require_decider(visitor)
    decided = await desk.proposals.decide(proposal_id, Move(move), visitor.actor, ruling.note, desk.now())
    return shown(decided, desk.book())
