"""The pages of changes to the client directory: proposed from a held message, decided on by a second person."""

from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Form, Request
from pydantic import ValidationError
from starlette.responses import RedirectResponse, Response

from gateway.actor import person
from gateway.errors import ChangeError, GatewayError
from gateway.review.decision import Say, propose, rule, status_of
from gateway.review.desk import AtDesk, Desk, Visitor
from gateway.review.login import AsVisitor, ByForm, visitor_of
from gateway.review.message import shape_of
from gateway.review.pages import sentence, show_held
from gateway.review.paper import page
from gateway.review.proposal import NewProposal, Ruling, shown
from gateway.review.shapes import NOTE
from gateway.stages import IN_FORCE, WAITING, Stage
from rules.additions import Key

router = APIRouter(include_in_schema=False)

NO_NOTE = f"A reason of at most {NOTE:,} characters has to say why, and everything has to be filled in."


@dataclass(frozen=True, slots=True)
class Choice:
    """A filter of the list."""

    key: str
    label: str
    empty: str
    stages: frozenset[Stage]


CHOICES = (
    Choice("waiting", "Waiting", "Nothing waits for a second person", WAITING),
    Choice("in-force", "In force", "Nothing has been added to the directory's file", IN_FORCE),
    Choice("all", "All", "Nothing has been proposed yet", frozenset(Stage)),
)

#: What a page says after a decision; only these words can be asked for in its address.
DONE = {
    "proposed": "Proposed, on record. It counts once a second person has accepted it.",
    "accept": "Accepted. It is in force within seconds, on every node. Nothing that is held has been released by it.",
    "refuse": "Refused. The directory stays as it is.",
    "withdraw": "On record.",
    "keep": "Kept: it stays in force.",
}


@router.get("/proposals", dependencies=[Depends(visitor_of)])
async def proposals(request: Request, desk: AtDesk, state: str = "waiting") -> Response:
    choice = next((choice for choice in CHOICES if choice.key == state), CHOICES[0])
    items = [shown(each, desk.book()) for each in await desk.proposals.list(choice.stages)]
    return page(
        request,
        "proposals.html",
        here="proposals",
        empty=choice.empty,
        choices=CHOICES,
        chosen=choice.key,
        items=items,
        now=desk.now(),
    )


@router.get("/proposals/{proposal_id}")
async def proposal(request: Request, desk: AtDesk, visitor: AsVisitor, proposal_id: str, done: str = "") -> Response:
    return await _proposal(request, desk, visitor, proposal_id, done=DONE.get(done, ""))


async def _proposal(request: Request, desk: Desk, visitor: Visitor, proposal_id: str, **context: Any) -> Response:
    shape = shown(await desk.proposals.get(proposal_id), desk.book())
    records = [r async for r in desk.audit.records(hold_id=shape.hold_id) if r.detail.get("proposal") == shape.id]
    defaults: dict[str, Any] = {"problem": "", "done": "", "note": "", "status": 200}
    return page(
        request,
        "proposal.html",
        **(defaults | context),
        proposal=shape,
        own=person(visitor.name) == person(shape.asked.by),
        records=[shape_of(record) for record in records[::-1]],
    )


@dataclass(frozen=True, slots=True)
class Said:
    """The form on a held message's page, as it came."""

    what: str  #: a key and a value of the offers
    client: str
    other: str
    why: str


def said(
    what: Annotated[str, Form()] = "",
    client: Annotated[str, Form()] = "",
    other: Annotated[str, Form()] = "",
    why: Annotated[str, Form()] = "",
) -> Said:
    return Said(what, client, other, why)


@router.post("/held/{hold_id}/propose")
async def propose_(
    request: Request, desk: AtDesk, visitor: ByForm, hold_id: str, form: Annotated[Said, Depends(said)]
) -> Response:
    try:
        made = await propose(desk, visitor, _asked(desk, hold_id, form))
    except ValueError:  # pydantic's among them
        problem, status = NO_NOTE, 422
    except GatewayError as error:
        problem, status = sentence(error), status_of(error)
    else:
        return RedirectResponse(f"/proposals/{made.id}?done=proposed", 303)
    return await show_held(request, desk, visitor, hold_id, problem=problem, status=status)


def _asked(desk: Desk, hold_id: str, form: Said) -> NewProposal:
    """Raises ValueError, ChangeError."""
    party = desk.book().directory.party(form.other) if form.other.strip() else form.client
    if party is None:
        raise ChangeError("the client directory has no client or partner of this id or name, or several")
    kind, _, value = form.what.partition(":")
    key = Key(kind)
    if key is Key.ACTS_FOR:  # the partner is what was chosen, the client what it has from now on
        value, party = party, value
    return NewProposal(hold_id=hold_id, add=key, value=value, to=party, note=form.why)


@router.post("/proposals/{proposal_id}/{say}")
async def say_(
    request: Request, desk: AtDesk, visitor: ByForm, proposal_id: str, say: Say, note: Annotated[str, Form()] = ""
) -> Response:
    try:
        await rule(desk, visitor, proposal_id, say, Ruling(note=note))
    except ValidationError:
        problem, status = NO_NOTE, 422
    except GatewayError as error:
        problem, status = sentence(error), status_of(error)
    else:
        return RedirectResponse(f"/proposals/{proposal_id}?done={say}", 303)
    return await _proposal(request, desk, visitor, proposal_id, problem=problem, note=note, status=status)
