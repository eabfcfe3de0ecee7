"""The pages: queue, one held message opened, the decision, the audit log. Values are masked until a reason is given."""

from dataclasses import dataclass, replace
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Form, Request
from pydantic import ValidationError
from starlette.responses import RedirectResponse, Response

from gateway.errors import IllegalTransition, OwnMessageError
from gateway.review.address import Spot
from gateway.review.decision import RefusedError, Verb, decide
from gateway.review.desk import AtDesk, Desk, Visitor
from gateway.review.lesson import lesson_of
from gateway.review.login import AsVisitor, ByForm, visitor_of
from gateway.review.looking import Wish, chosen, look, picture
from gateway.review.message import shape_of, summary, whole
from gateway.review.paper import page
from gateway.review.records import export, latest
from gateway.review.shapes import NOTE, Decision
from gateway.second_look import Key, WrongPasswordError, look_again
from gateway.stages import WAITING
from gateway.states import State
from rules.verdict import Obstacle, Verdict

router = APIRouter(include_in_schema=False)

PAGE = 50  #: messages
MOST_URGENT = 500  #: escalated ones, before all others


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """A filter of the queue."""

    key: str
    label: str
    heading: str
    empty: str
    states: frozenset[State]
    escalated: bool | None = None  #: only those that are, or are not


CHOICES = (
    Choice(
        key="waiting",
        label="Waiting",
        heading="Waiting for a second person",
        empty="Nothing is waiting",
        states=frozenset({State.HELD, State.PENDING}),
        escalated=False,  # those that are come first
    ),
    Choice(
        key="escalated",
        label="Escalated",
        heading="Escalated: another reviewer has to decide",
        empty="Nothing is escalated",
        states=frozenset({State.HELD}),
        escalated=True,
    ),
    Choice(
        key="released",
        label="Released",
        heading="Released",
        empty="Nothing has been released yet",
        states=frozenset({State.RELEASING, State.RELEASED}),
    ),
    Choice(
        key="returned",
        label="Returned",
        heading="Returned to the sender",
        empty="Nothing has been returned yet",
        states=frozenset({State.RETURNING, State.RETURNED}),
    ),
    Choice(
        key="all", label="All", heading="Every message kept here", empty="Nothing is kept here", states=frozenset(State)
    ),
)


@router.get("/", dependencies=[Depends(visitor_of)])
async def queue(request: Request, desk: AtDesk, state: str = "waiting", before: str = "") -> Response:
    choice = next((choice for choice in CHOICES if choice.key == state), CHOICES[0])
    found = await desk.quarantine.list(choice.states, limit=PAGE, before=before or None, escalated=choice.escalated)
    first = await desk.quarantine.list(limit=MOST_URGENT, escalated=True) if choice is CHOICES[0] and not before else ()
    return page(
        request,
        "queue.html",
        here="queue",
        heading=choice.heading,
        empty=choice.empty,
        choices=CHOICES,
        chosen=choice.key,
        items=[summary(message) for message in (*first, *found)],
        next=found[-1].id if len(found) == PAGE else None,
        changes=len(await desk.proposals.list(WAITING)),
        now=desk.now(),
    )


@router.get("/held/{hold_id}")
async def held_page(request: Request, desk: AtDesk, visitor: AsVisitor, hold_id: str, done: str = "") -> Response:
    return await show_held(request, desk, visitor, hold_id, done=DONE.get(done, ""))


#: What a page says after a decision; only these words can be asked for in its address.
DONE = {
    "release": "Released. Delivery goes on in the background until the next hop has taken it.",
    "agree": "Your agreement is on record. It stays held until another reviewer has agreed, too.",
    "withdraw": "Your agreement is withdrawn, on record.",
    "escalate": "Escalated, on record. It stays held, and another reviewer has to release it.",
    "return": "Returned. The sender gets a notice with your note.",
}


async def show_held(
    request: Request,
    desk: Desk,
    visitor: Visitor,
    hold_id: str,
    *,
    reason: str = "",
    passwords: tuple[str, ...] = (),
    **context: Any,
) -> Response:
    """The page of one message. What of it is shown, every form and link says in its address."""
    message = await desk.quarantine.get(hold_id)
    held = whole(message)
    spot = Spot.of(request.query_params)
    shown = chosen(held.verdict, spot)
    opened, not_opened = await look(desk, visitor, held, Wish(spot=spot, reason=reason, passwords=passwords))
    defaults: dict[str, Any] = {"problem": "", "done": "", "note": "", "chosen": (), "status": 200}
    return page(
        request,
        "held.html",
        **(defaults | context),
        held=held,
        records=held.history[::-1],
        earlier=[summary(other) for other in await desk.quarantine.earlier(message)],
        shown=shown,
        spot=replace(spot, part="" if shown is None else str(shown)),
        locked=_is_locked(held.verdict),
        opened=opened,
        not_opened=not_opened,
        lesson=await lesson_of(desk, message),
        client_name=desk.client_name,
        now=desk.now(),
    )


def _is_locked(verdict: Verdict | None) -> bool:
    """Whether a password may help. Once given it is gone, so it may be given again to see the same part."""
    return verdict is not None and any(part.reason is Obstacle.ENCRYPTED for part in verdict.parts)


@router.get("/held/{hold_id}/picture")
async def page_picture(request: Request, desk: AtDesk, visitor: AsVisitor, hold_id: str) -> Response:
    """The page that a text of a part stands on."""
    if not visitor.may_look:
        raise RefusedError(403, f"the role {visitor.role} sees verdicts and records, not content")
    held, spot = whole(await desk.quarantine.get(hold_id)), Spot.of(request.query_params)
    return Response(await picture(desk, visitor, held, spot), media_type="image/png")


@router.post("/held/{hold_id}/password")
async def open_with_password(
    request: Request, desk: AtDesk, visitor: ByForm, hold_id: str, password: Annotated[str, Form()] = ""
) -> Response:
    """Answered with the page itself: for a second request the password would have to be kept."""
    if not visitor.may_look:
        raise RefusedError(403, f"the role {visitor.role} sees verdicts and records, not content")
    key = Key(actor=visitor.actor, password=password)
    try:
        await look_again(desk.quarantine, desk.inspector, desk.judge, hold_id, key, desk.now())
    except WrongPasswordError as wrong:
        return await show_held(request, desk, visitor, hold_id, problem=sentence(wrong), status=422)
    except IllegalTransition as illegal:
        return await show_held(request, desk, visitor, hold_id, problem=sentence(illegal), status=409)
    done = "Opened with the password, and judged again. Nothing has been released."
    return await show_held(request, desk, visitor, hold_id, passwords=(password,), done=done)


@router.post("/held/{hold_id}/unmask")
async def unmask(
    request: Request,
    desk: AtDesk,
    visitor: ByForm,
    hold_id: str,
    reason: Annotated[str, Form()] = "",
    password: Annotated[str, Form()] = "",
) -> Response:
    """The values of what was shown masked, in this one answer."""
    if not visitor.may_unmask:
        raise RefusedError(403, f"the role {visitor.role} sees verdicts and records, not content")
    reason, passwords = reason.strip(), (password,) if password else ()
    if not reason or len(reason) > NOTE:
        problem = f"A reason of at most {NOTE:,} characters has to say why you need the values."
        return await show_held(request, desk, visitor, hold_id, problem=problem, passwords=passwords, status=422)
    return await show_held(request, desk, visitor, hold_id, reason=reason, passwords=passwords)


@router.post("/held/{hold_id}/release")
async def release(
    request: Request,
    desk: AtDesk,
    visitor: ByForm,
    hold_id: str,
    recipients: Annotated[list[str] | None, Form()] = None,
    note: Annotated[str, Form()] = "",
) -> Response:
    ticked = tuple(recipients or ())
    return await _decide(request, desk, visitor, Asked(hold_id, "release", ticked, note))


@router.post("/held/{hold_id}/withdraw")
async def withdraw(
    request: Request, desk: AtDesk, visitor: ByForm, hold_id: str, note: Annotated[str, Form()] = ""
) -> Response:
    """Take back one's own agreement, for all who still wait."""
    return await _decide(request, desk, visitor, Asked(hold_id, "withdraw", None, note))


@router.post("/held/{hold_id}/escalate")
async def escalate(
    request: Request, desk: AtDesk, visitor: ByForm, hold_id: str, note: Annotated[str, Form()] = ""
) -> Response:
    """Leave it to another reviewer, as a whole."""
    return await _decide(request, desk, visitor, Asked(hold_id, "escalate", None, note))


@router.post("/held/{hold_id}/return")
async def return_(
    request: Request, desk: AtDesk, visitor: ByForm, hold_id: str, note: Annotated[str, Form()] = ""
) -> Response:
    """Back to the sender for all who still wait; ticks are for releasing only."""
    return await _decide(request, desk, visitor, Asked(hold_id, "return", None, note))


@dataclass(frozen=True, slots=True)
class Asked:
    """A form as it came."""

    hold_id: str
    verb: Verb
    recipients: tuple[str, ...] | None
    note: str


async def _decide(request: Request, desk: Desk, visitor: Visitor, asked: Asked) -> Response:
    try:
        decision = Decision(recipients=asked.recipients, note=asked.note)
        decided = whole(await decide(desk, visitor, asked.hold_id, asked.verb, decision))
    except ValidationError:
        problem, status = f"A note of at most {NOTE:,} characters has to say why.", 422
    except RefusedError as refused:
        problem, status = sentence(refused), refused.status
    except IllegalTransition as illegal:
        problem, status = sentence(illegal), 403 if isinstance(illegal, OwnMessageError) else 409
    else:
        done = "agree" if asked.verb == "release" and decided.agreed else asked.verb
        return RedirectResponse(f"/held/{asked.hold_id}?done={done}", 303)
    kept: dict[str, Any] = {"problem": problem, "note": asked.note, "chosen": asked.recipients or ()}
    return await show_held(request, desk, visitor, asked.hold_id, status=status, **kept)


def sentence(error: Exception) -> str:
    text = str(error)
    return f"{text[:1].upper()}{text[1:]}."


@router.get("/audit", dependencies=[Depends(visitor_of)])
async def audit_page(request: Request, desk: AtDesk) -> Response:
    records = [shape_of(record) for record in await latest(desk)]
    return page(request, "audit.html", here="audit", records=records)


@router.get("/audit/export", dependencies=[Depends(visitor_of)])
async def audit_export(desk: AtDesk) -> Response:
    return export(desk, since=None, until=None)
