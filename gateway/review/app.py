"""The review room as one app: pages, API, health. Wiring only; an error of ours says that it is one and no more."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi import APIRouter, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.staticfiles import StaticFiles

from gateway.errors import GatewayError
from gateway.review import api, api_proposals, learning, login, pages
from gateway.review.decision import status_of
from gateway.review.desk import AtDesk, Desk
from gateway.review.guard import Guard
from gateway.review.paper import STATIC, page

health = APIRouter(tags=["health"])


def create_app(desk: Desk) -> FastAPI:
    """Serve it without an access log: the address of a page tells what somebody looks at."""
    app = FastAPI(
        title="Countersign",
        summary="Held mail: who would receive whose data, and the decision on it.",
        version="1",
        docs_url=None,  # their pages load scripts from elsewhere
        redoc_url=None,
        redirect_slashes=False,  # to an address made of the client's Host
    )
    app.state.desk = desk
    for router in (health, api.router, api_proposals.router, login.router, pages.router, learning.router):
        app.include_router(router)
    app.mount("/static", StaticFiles(directory=str(STATIC)))
    for kind, handler in ANSWERS.items():
        app.add_exception_handler(kind, handler)
    app.add_middleware(Guard, base_url=desk.settings.web.base_url, broken=_broken)
    return app


# Load balancers ask by HEAD (RFC 9110 9.3.2), which a GET route here does not answer by itself.
@health.head("/healthz", include_in_schema=False)
@health.get("/healthz", response_class=PlainTextResponse)
async def healthz() -> PlainTextResponse:
    """The process answers."""
    return PlainTextResponse("ok\n")


@health.head("/readyz", include_in_schema=False)
@health.get("/readyz", responses={503: {"description": "Something is not ready; the answer names it"}})
async def readyz(desk: AtDesk) -> JSONResponse:
    """Everything that a message needs is there."""
    missing = dict(desk.ready())
    told = {"ready": not missing, "missing": missing, "warnings": dict(desk.warnings())}
    return JSONResponse(told, 503 if missing else 200)


@health.get("/metrics", response_class=PlainTextResponse)
async def metrics_page(desk: AtDesk) -> Response:
    """Counts and times in Prometheus' text format."""
    return Response(desk.metrics(), media_type="text/plain; version=0.0.4")


async def _ours(request: Request, error: GatewayError) -> Response:
    status = status_of(error)
    return answer(request, status, str(error) if status < 500 else "not available right now, please try again")


async def _http(request: Request, error: HTTPException) -> Response:
    return answer(request, error.status_code, error.detail, error.headers)


async def _invalid(request: Request, error: RequestValidationError) -> Response:
    """Names what is wrong without quoting it."""
    return answer(request, 422, "; ".join(map(_fault, error.errors())))


def _fault(fault: Mapping[str, Any]) -> str:
    """A key that we do not know is the client's own word, and may be content."""
    if fault["type"] == "extra_forbidden":
        return "unknown key"
    return f"{'.'.join(str(step) for step in fault['loc'][1:])}: {fault['msg']}"


def _broken(request: Request) -> Response:
    return answer(request, 500, "That went wrong on our side. Load the queue again to see where things stand.")


async def _login_needed(request: Request, _error: login.LoginNeeded) -> Response:
    return login.send_to_login(request)


def answer(request: Request, status: int, text: str, headers: Mapping[str, str] | None = None) -> Response:
    """An error as its reader wants it: JSON for programs, a page for people."""
    if request.url.path.startswith("/api/"):
        return JSONResponse({"detail": text}, status, headers)
    title = HTTPStatus(status).phrase
    reply = page(request, "problem.html", status, title=title, status_code=status, text=text)
    reply.headers.update(headers or {})
    return reply


ANSWERS: Mapping[type[Exception], Any] = {
    login.LoginNeeded: _login_needed,
    RequestValidationError: _invalid,
    HTTPException: _http,
    GatewayError: _ours,
}
