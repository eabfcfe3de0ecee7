"""Security of every answer and every unsafe request, in one place: header fields, and "did our own page send this?".

It never looks at a message and never trusts a forwarded header field: behind a proxy, `web.base_url` says who we are.
"""

import logging
from collections.abc import Callable
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

log = logging.getLogger("countersign.review")

SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
BODY = 64 * 1024  #: bytes of a request; a note and a thousand recipients stay below

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
)

HEADERS = {
    "content-security-policy": CONTENT_SECURITY_POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "x-robots-tag": "noindex, nofollow",
}


class Guard:
    """ASGI middleware around the whole app."""

    def __init__(self, app: ASGIApp, *, base_url: str | None, broken: Callable[[Request], Response]) -> None:
        self.app = app
        self.broken = broken
        self.origin = origin_of(base_url)
        self.https = self.origin is not None and self.origin.startswith("https:")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._dress(MutableHeaders(scope=message), scope["path"])
            await send(message)

        headers = Headers(scope=scope)
        if too_long(headers):
            await JSONResponse({"detail": "request is too long"}, 413)(scope, receive, guarded)
        elif scope["method"] not in SAFE and not self._ours(headers, scope):
            await JSONResponse({"detail": "request did not come from this site"}, 403)(scope, receive, guarded)
        else:
            await self._answer(scope, receive, guarded)

    async def _answer(self, scope: Scope, receive: Receive, guarded: Send) -> None:
        begun = False

        async def noticing(message: Message) -> None:
            nonlocal begun
            begun = True
            await guarded(message)

        try:
            await self.app(scope, receive, noticing)
        except Exception as error:  # noqa: BLE001 - the last one to catch anything
            # Only the type: the text of an error may quote the message.
            log.error("a page was not made: %s", type(error).__name__)  # noqa: TRY400
            if begun:
                raise ConnectionAbortedError("the answer broke off") from None
            await self.broken(Request(scope))(scope, receive, guarded)

    def _dress(self, headers: MutableHeaders, path: str) -> None:
        for name, value in HEADERS.items():
            headers[name] = value
        if "cache-control" not in headers:
            headers["cache-control"] = "public, max-age=3600" if path.startswith("/static/") else "no-store"
        if self.https:
            headers["strict-transport-security"] = "max-age=31536000; includeSubDomains"

    def _ours(self, headers: Headers, scope: Scope) -> bool:
        """The API takes no cookie, so no other site can borrow a login there; a form must come from a page of ours."""
        if scope["path"].startswith("/api/"):
            return True
        site = headers.get("sec-fetch-site")
        if site is not None:
            return site == "same-origin"
        origin = headers.get("origin")
        own = self.origin or f"{scope['scheme']}://{headers.get('host', '')}"
        return origin is not None and origin == own


def too_long(headers: Headers) -> bool:
    """Bodies must say their length: a chunked one could not be bounded before it is read."""
    length = headers.get("content-length", "0")
    return "transfer-encoding" in headers or not length.isdigit() or int(length) > BODY


def origin_of(url: str | None) -> str | None:
    """scheme://host[:port] as a browser writes it in Origin."""
    if url is None:
        return None
    parts = urlsplit(url)
    host = f"[{parts.hostname}]" if parts.hostname and ":" in parts.hostname else parts.hostname
    usual = {"http": 80, "https": 443}.get(parts.scheme)
    port = "" if parts.port in {None, usual} else f":{parts.port}"
    return f"{parts.scheme}://{host}{port}"
