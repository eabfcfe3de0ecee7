"""Logging in and out of the pages. The cookie names a session kept in the store; the API never takes it."""

import re
from collections.abc import Mapping
from hmac import compare_digest
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Form, HTTPException, Request
from starlette.responses import RedirectResponse, Response

from gateway.actor import Actor
from gateway.review.desk import AtDesk, Desk, Visitor, csrf_of
from gateway.review.paper import page

router = APIRouter(include_in_schema=False)

AFTER_LOGIN = re.compile(r"/(held/[A-Za-z0-9_-]{1,64}|audit|proposals(/[A-Za-z0-9_-]{1,64})?)?")


class LoginNeeded(Exception):  # noqa: N818 - not a fault: the visitor is sent to the login page
    """Nobody is logged in."""


def cookie_name(desk: Desk) -> str:
    """`__Host-` ties the cookie to this very host over TLS; plain HTTP is for loopback only."""
    return "__Host-countersign" if over_tls(desk) else "countersign"


def over_tls(desk: Desk) -> bool:
    return (desk.settings.web.base_url or "").startswith("https:")


async def visitor_of(request: Request, desk: AtDesk) -> Visitor:
    session = request.cookies.get(cookie_name(desk), "")
    account = await desk.accounts.session(session, desk.now()) if session else None
    if account is None:
        raise LoginNeeded
    visitor = Visitor(actor=Actor(account.name), role=account.role, csrf=csrf_of(session))
    request.state.visitor = visitor
    return visitor


AsVisitor = Annotated[Visitor, Depends(visitor_of)]


def own_form(visitor: AsVisitor, csrf: Annotated[str, Form()] = "") -> Visitor:
    """The visitor behind a form of ours."""
    if not compare_digest(csrf.encode(), visitor.csrf.encode()):
        raise HTTPException(403, "This form is out of date. Go back, load the page again and try once more.")
    return visitor


ByForm = Annotated[Visitor, Depends(own_form)]


@router.get("/login")
async def login_page(request: Request, after: str = "/") -> Response:
    return page(request, "login.html", after=_after(after))


@router.post("/login")
async def login(
    request: Request,
    desk: AtDesk,
    name: Annotated[str, Form()] = "",
    password: Annotated[str, Form()] = "",
    after: Annotated[str, Form()] = "/",
) -> Response:
    account = await desk.accounts.check(name, password, desk.now())
    if account is None:
        problem = "Name and password do not match, or there were too many tries. Wait a moment before the next one."
        return page(request, "login.html", 401, problem=problem, after=_after(after))
    if before := request.cookies.get(cookie_name(desk)):
        await desk.accounts.close_session(before, desk.now())
    session = await desk.accounts.open_session(account, desk.now())
    answer = RedirectResponse(_after(after), 303)
    answer.set_cookie(cookie_name(desk), session, **_cookie(desk))
    return answer


@router.post("/logout", dependencies=[Depends(own_form)])
async def logout(request: Request, desk: AtDesk) -> Response:
    await desk.accounts.close_session(request.cookies[cookie_name(desk)], desk.now())
    answer = RedirectResponse("/login", 303)
    answer.delete_cookie(cookie_name(desk), **_cookie(desk))
    return answer


def send_to_login(request: Request) -> Response:
    """A link in a notice leads here from another site, and SameSite=Strict keeps the cookie back: ask from here."""
    if request.headers.get("sec-fetch-site") == "cross-site" and request.method == "GET":
        return page(request, "again.html", path=_after(request.url.path))
    path = _after(request.url.path)
    return RedirectResponse("/login" if path == "/" else f"/login?after={path}", 303)


def _after(path: str) -> str:
    """Only to pages of ours."""
    return path if AFTER_LOGIN.fullmatch(path) else "/"


def _cookie(desk: Desk) -> Mapping[str, Any]:
    return {"path": "/", "secure": over_tls(desk), "httponly": True, "samesite": "strict"}
