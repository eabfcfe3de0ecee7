"""The JSON API of changes to the client directory. Decides as the pages do."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query

from gateway.review.api import ByToken, caller, errors
from gateway.review.decision import Say, propose, rule
from gateway.review.desk import AtDesk
from gateway.review.proposal import NewProposal, ProposalList, ProposalShape, Ruling, shown
from gateway.stages import Stage

router = APIRouter(
    prefix="/api/v1/proposals",
    tags=["client directory"],
    dependencies=[Depends(caller)],
    responses=errors(401, 422, 503),
)


@router.get("")
async def list_proposals(
    desk: AtDesk,
    state: Annotated[list[Stage] | None, Query(description="only these states; all when left out")] = None,
) -> ProposalList:
    """What has been proposed after held messages, newest first. In force: `accepted` and `withdrawing`."""
    found = await desk.proposals.list(state or tuple(Stage))
    return ProposalList(items=tuple(shown(each, desk.book()) for each in found))


@router.post("", status_code=201, responses=errors(400, 403, 404, 409, 413))
async def propose_(desk: AtDesk, caller: ByToken, new: NewProposal) -> ProposalShape:
    """Propose what a held message has taught. It changes nothing until a second person accepts it."""
    return await propose(desk, caller, new)


@router.get("/{proposal_id}", responses=errors(404))
async def show_proposal(desk: AtDesk, proposal_id: str) -> ProposalShape:
    return shown(await desk.proposals.get(proposal_id), desk.book())


@router.post("/{proposal_id}/{say}", responses=errors(400, 403, 404, 409, 413))
async def say_(desk: AtDesk, caller: ByToken, proposal_id: str, say: Say, ruling: Ruling) -> ProposalShape:
    """Decide as the second person. `withdraw` takes back one's own proposal, or asks to end, or ends, one in force."""
    return await rule(desk, caller, proposal_id, say, ruling)
