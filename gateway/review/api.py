"""The JSON API of CONTRACT section 6: a bearer token each time, never a cookie. Decides as the pages do."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, HTTPException, Query
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import BeforeValidator
from starlette.responses import StreamingResponse

from gateway.actor import Actor
from gateway.review.decision import decide
from gateway.review.desk import AtDesk, Visitor
from gateway.review.message import summary, whole
from gateway.review.records import JSON_LINES, export
from gateway.review.shapes import Decision, HeldList, HeldShape, Problem
from gateway.states import State
from gateway.store.moments import of_text

MOST = 200  #: messages in one answer

_bearer = HTTPBearer(auto_error=False, description="A token made by `countersign token add`")


async def caller(
    desk: AtDesk, credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]
) -> Visitor:
    account = await desk.accounts.by_token(credentials.credentials) if credentials else None
    if account is None:
        raise HTTPException(401, "a valid bearer token is needed", {"WWW-Authenticate": "Bearer"})
    actor = Actor(account.name, account=account.account, nobody=account.account is None)
    return Visitor(actor=actor, role=account.role)


ByToken = Annotated[Visitor, Depends(caller)]
#: As the terminal takes it; pydantic alone would read 20260131 as a day of 1970.
Moment = Annotated[datetime | None, BeforeValidator(lambda given: given and of_text(given))]


def errors(*statuses: int) -> dict[int | str, dict[str, Any]]:
    return {status: {"model": Problem, "description": MEANINGS[status]} for status in statuses}


MEANINGS = {
    400: "Not text in UTF-8",
    401: "No token, or not a valid one",
    403: "Not with this token's role, or not one's own message or proposal",
    404: "No such message or proposal",
    409: "It is not in a state in which this can be decided",
    413: "Request too long",
    422: "Not a valid request: a note is missing, a recipient is not one of this message, a change is none",
    503: "Our store or our workers do not answer; try again",
}

router = APIRouter(prefix="/api/v1", tags=["review"], dependencies=[Depends(caller)], responses=errors(401, 422, 503))


@router.get("/held")
async def list_held(
    desk: AtDesk,
    state: Annotated[list[State] | None, Query(description="only these states; all when left out")] = None,
    before: Annotated[str | None, Query(description="`next` of the page before", max_length=64)] = None,
    limit: Annotated[int, Query(ge=1, le=MOST)] = 50,
    escalated: Annotated[
        bool | None, Query(description="only those that a reviewer has, or has not, escalated")
    ] = None,
) -> HeldList:
    """Messages kept here, newest first."""
    found = await desk.quarantine.list(frozenset(state or State), limit=limit, before=before, escalated=escalated)
    following = found[-1].id if len(found) == limit else None
    return HeldList(items=tuple(summary(message) for message in found), next=following)


@router.get("/held/{hold_id}", responses=errors(404))
async def show_held(desk: AtDesk, hold_id: str) -> HeldShape:
    """Verdict, recipients and history of one message; no content."""
    return whole(await desk.quarantine.get(hold_id))


@router.post("/held/{hold_id}/release", responses=errors(400, 403, 404, 409, 413))
async def release(desk: AtDesk, caller: ByToken, hold_id: str, decision: Decision) -> HeldShape:
    """Deliver to the recipients named, or to all that still wait. Answers once the decision is on disk.

    Where `approvers` asks for several people, it stays held until the last of them has agreed.
    """
    return whole(await decide(desk, caller, hold_id, "release", decision))


@router.post("/held/{hold_id}/withdraw", responses=errors(400, 403, 404, 409, 413))
async def withdraw(desk: AtDesk, caller: ByToken, hold_id: str, decision: Decision) -> HeldShape:
    """Take back one's own agreement to a release, while it waits for others."""
    return whole(await decide(desk, caller, hold_id, "withdraw", decision))


@router.post("/held/{hold_id}/escalate", responses=errors(400, 403, 404, 409, 413))
async def escalate(desk: AtDesk, caller: ByToken, hold_id: str, decision: Decision) -> HeldShape:
    """Leave it to others, with a note: it stays held, and somebody else has to release it. `recipients` is null."""
    return whole(await decide(desk, caller, hold_id, "escalate", decision))


@router.post("/held/{hold_id}/return", responses=errors(400, 403, 404, 409, 413))
async def return_(desk: AtDesk, caller: ByToken, hold_id: str, decision: Decision) -> HeldShape:
    """Give it back to the sender, with a notice that carries the note."""
    return whole(await decide(desk, caller, hold_id, "return", decision))


@router.get(
    "/audit",
    response_class=StreamingResponse,
    responses={200: {"content": {JSON_LINES: {}}, "description": "One audit record per line, in order"}},
)
async def audit(desk: AtDesk, since: Moment = None, until: Moment = None) -> StreamingResponse:
    """Audit records as they are stored: `countersign audit verify` checks them. A time without a zone is UTC."""
    return export(desk, since, until)
