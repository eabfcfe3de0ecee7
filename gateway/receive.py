"""The SMTP door: who may come in, how many, and how much at once. Never says 250 by itself: `accept` decides.

The message is handed to `accept` in a task of its own: a client that hangs up does not cancel what has begun.
"""

import asyncio
import ipaddress
import logging
import ssl
from collections.abc import Awaitable, Callable
from pathlib import Path

from gateway.message import Envelope
from gateway.reply import NOT_ALLOWED, TRY_LATER, Reply
from gateway.settings import DoorTls, Smtp
from gateway.smtp.dialogue import Session, Terms
from gateway.smtp.wording import CLOSING
from rules.errors import ConfigurationError, Problem

log = logging.getLogger(__name__)

Accept = Callable[[Envelope, bytes], Awaitable[Reply]]

BUSY = Reply(421, "4.3.2 too many connections, please try again later")
IDLE = 300.0  #: seconds; RFC 5321 4.5.3.2.7
LAST_REPLIES = 2.0  #: seconds for them to leave when the door closes
LEAST_ROOM = 1 << 28  #: octets of all messages in flight together, or twice the largest one if that is more


class Door:
    """Listens, admits clients, and keeps account of sessions, octets and messages in flight."""

    def __init__(
        self, smtp: Smtp, accept: Accept, *, base: Path = Path(), idle: float = IDLE, room: int | None = None
    ) -> None:
        """`base` is what relative paths of `smtp.tls` are relative to. Raises ConfigurationError."""
        self.draining = False
        self._smtp = smtp
        self._accept = accept
        self._room = max(LEAST_ROOM, 2 * smtp.max_size) if room is None else room
        self._octets = 0
        self._sessions: set[Session] = set()
        self._taken: set[asyncio.Task[Reply]] = set()
        self._server: asyncio.Server | None = None
        self._terms = Terms(
            hostname=smtp.hostname,
            max_size=smtp.max_size,
            max_recipients=smtp.max_recipients,
            tls=tls_context(smtp.tls, base),
            tls_required=smtp.tls.required,
            idle=idle,
        )

    @property
    def port(self) -> int:
        """Where it listens; the real one when the settings say 0."""
        if self._server is None or not self._server.sockets:
            return self._smtp.listen.port
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    @property
    def sessions(self) -> int:
        return len(self._sessions)

    @property
    def octets_in_flight(self) -> int:
        return self._octets

    async def start(self) -> None:
        listen = self._smtp.listen
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(
            lambda: Session(self, self._terms), listen.host, listen.port, backlog=1024
        )

    async def close(self, drain: float = 25.0) -> None:
        """Stop listening, dismiss who is idle or still sending, and let messages past the final dot have a reply."""
        self.draining = True
        if self._server is not None:
            self._server.close()
        for session in list(self._sessions):
            if not session.taking:
                session.dismiss(CLOSING)
        if self._taken:
            await asyncio.wait(self._taken, timeout=drain)
        for task in list(self._taken):
            task.cancel()
        await asyncio.gather(*self._taken, return_exceptions=True)
        await self._gone()

    async def _gone(self) -> None:
        """Give last replies a moment to leave, then cut."""
        if self._sessions:
            await asyncio.wait([session.ending() for session in self._sessions], timeout=LAST_REPLIES)
        for session in list(self._sessions):
            session.cut()

    # What a session asks for

    def admit(self, session: Session) -> Reply | None:
        if self.draining:
            return CLOSING
        if len(self._sessions) >= self._smtp.max_connections:
            return BUSY
        self._sessions.add(session)
        if self._allowed(session.client()):
            return None
        log.warning("refused a client that smtp.allow_from does not name: %s", session.client() or "gone already")
        return NOT_ALLOWED

    def forget(self, session: Session) -> None:
        self._sessions.discard(session)

    def hold(self, octets: int) -> bool:
        if octets > 0 and self._octets + octets > self._room:
            return False
        self._octets += octets
        return True

    async def take(self, envelope: Envelope, raw: bytes) -> Reply:
        task = asyncio.create_task(self._reply(envelope, raw))
        self._taken.add(task)
        task.add_done_callback(self._taken.discard)
        return await asyncio.shield(task)

    async def _reply(self, envelope: Envelope, raw: bytes) -> Reply:
        self._octets += len(raw)
        try:
            return await self._accept(envelope, raw)
        except Exception as error:  # noqa: BLE001 - our fault, whatever it is: the client tries again
            # Only the type: the text of an error may quote the message.
            log.error("message not accepted: %s", type(error).__name__)  # noqa: TRY400
            return TRY_LATER
        finally:
            self._octets -= len(raw)

    def _allowed(self, host: str) -> bool:
        try:
            address = ipaddress.ip_address(host.partition("%")[0])  # a link-local address carries its interface
        except ValueError:
            return False
        mapped = getattr(address, "ipv4_mapped", None)  # an IPv4 client of a socket that listens on [::]
        return any((mapped or address) in network for network in self._smtp.allow_from)


def tls_context(tls: DoorTls, base: Path) -> ssl.SSLContext | None:
    """STARTTLS at the door, TLS 1.2 at least; None without a certificate. Raises ConfigurationError."""
    if tls.cert is None:
        if tls.required or tls.key is not None:
            raise ConfigurationError([_problem("smtp.tls.cert is missing; without it there is no STARTTLS to offer")])
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    try:
        context.load_cert_chain(base / tls.cert, None if tls.key is None else base / tls.key)
    except (OSError, ssl.SSLError) as error:
        raise ConfigurationError([_problem(f"smtp.tls: certificate or key cannot be read: {error}")]) from error
    return context


def _problem(text: str) -> Problem:
    return Problem(file="settings", line=None, text=text)
