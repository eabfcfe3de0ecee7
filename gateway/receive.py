"""The SMTP door: who may come in, how many, and how much at once. Never says 250 by itself: `accept` decides.

The message is handed to `accept` in a task of its own: a client that hangs up does not cancel what has begun.
"""

import asyncio
import ipaddress
import logging
import socket
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path

from gateway.listening import BACKLOG
from gateway.message import Envelope
from gateway.reply import NOT_ALLOWED, TRY_LATER, Reply
from gateway.settings import Address, Smtp
from gateway.smtp.addresses import ascii_domain
from gateway.smtp.auth import Check
from gateway.smtp.dialogue import Session
from gateway.smtp.terms import Onward, Patience, Terms
from gateway.smtp.tls import door_context, load_certificate
from gateway.smtp.wording import CLOSING

log = logging.getLogger(__name__)

Accept = Callable[[Envelope, bytes], Awaitable[Reply]]

BUSY = Reply(421, "4.3.2 too many connections, please try again later")
TOO_MANY = Reply(421, "4.7.0 too many connections from this client, please try again later")
STRANGERS = 20  #: clients we do not serve that may stay to say QUIT
LAST_REPLIES = 2.0  #: seconds for them to leave when the door closes
LEAST_ROOM = 1 << 28  #: octets of all messages in flight together, or twice the largest one if that is more


class Door:
    """Listens, admits clients, and keeps account of sessions, octets and messages in flight."""

    def __init__(  # noqa: PLR0913 - the rooms that this one asks, each named once
        self,
        smtp: Smtp,
        accept: Accept,
        *,
        base: Path = Path(),
        patience: Patience | None = None,
        room: int | None = None,
        onward: Onward | None = None,
        check: Check | None = None,
    ) -> None:
        """`smtp.tls` is relative to `base`; `onward` is the next hop, `check` knows who may send.

        Raises ConfigurationError.
        """
        self.port = smtp.listen.port  #: the real one once it is open
        self.tls_port = smtp.tls.implicit.port if smtp.tls.implicit else 0
        self.draining = False
        self._smtp = smtp
        self._base = base
        self._accept = accept
        self._onward = onward
        self._check = check
        self._room = max(LEAST_ROOM, 2 * smtp.max_size) if room is None else room
        self._octets = 0
        self._sessions: dict[Session, str] = {}  #: and their clients' addresses
        self._strangers: set[Session] = set()
        self._taken: set[asyncio.Task[Reply]] = set()
        self._servers: list[asyncio.Server] = []
        self._terms = Terms(
            hostname=smtp.hostname,
            max_size=smtp.max_size,
            max_recipients=smtp.max_recipients,
            tls=door_context(smtp, base),
            tls_required=smtp.tls.required or smtp.tls.asks_for_certificates,
            certificate_required=smtp.tls.asks_for_certificates,
            client_names=frozenset(name.lower() for name in smtp.tls.client_names),
            sender_domains=frozenset(ascii_domain(domain.lower()) for domain in smtp.sender_domains),
            auth=smtp.auth,
            patience=patience or Patience(),
        )

    @property
    def sessions(self) -> int:
        return len(self._sessions)

    @property
    def octets_in_flight(self) -> int:
        return self._octets

    async def start(self, listening: socket.socket | None = None, under_tls: socket.socket | None = None) -> None:
        """Admit clients: at the addresses of the settings, or at sockets that listen there already."""
        self.port = await self._open(self._smtp.listen, listening, implicit_tls=False)
        if self._smtp.tls.implicit is not None:
            self.tls_port = await self._open(self._smtp.tls.implicit, under_tls, implicit_tls=True)

    async def _open(self, address: Address, listening: socket.socket | None, *, implicit_tls: bool) -> int:
        session = partial(Session, self, self._terms, implicit_tls=implicit_tls)
        loop = asyncio.get_running_loop()
        if listening is None:
            server = await loop.create_server(session, address.host, address.port, backlog=BACKLOG)
        else:
            server = await loop.create_server(session, sock=listening, backlog=BACKLOG)
        self._servers.append(server)
        port: int = server.sockets[0].getsockname()[1]
        return port

    def renew_certificate(self) -> None:
        """Read certificate and key again. Raises ConfigurationError, and then the old one goes on."""
        if self._terms.tls is not None:
            load_certificate(self._terms.tls, self._smtp.tls, self._base)

    async def close(self, drain: float = 25.0) -> None:
        """Stop listening, dismiss who is idle or still sending, and let messages past the final dot have a reply."""
        self.draining = True
        for server in self._servers:
            server.close()
        for session in [*self._sessions, *self._strangers]:
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
        if sessions := [*self._sessions, *self._strangers]:
            await asyncio.wait([session.ending() for session in sessions], timeout=LAST_REPLIES)
        for session in sessions:
            session.cut()

    # What a session asks for

    def admit(self, session: Session) -> Reply | None:
        if self.draining:
            return CLOSING
        client = session.client()
        if not self._allowed(client):
            log.warning("refused a client that smtp.allow_from does not name: %s", client or "gone already")
            self._strangers.add(session)
            return NOT_ALLOWED
        if len(self._sessions) >= self._smtp.max_connections:
            return BUSY
        if list(self._sessions.values()).count(client) >= self._smtp.max_per_client:
            log.warning("client has smtp.max_per_client connections already: %s", client)
            return TOO_MANY
        self._sessions[session] = client
        return None

    @property
    def crowded(self) -> bool:
        return len(self._strangers) > STRANGERS

    def forget(self, session: Session) -> None:
        self._sessions.pop(session, None)
        self._strangers.discard(session)

    def size(self) -> int:
        return min(self._smtp.max_size, (self._onward and self._onward.largest) or self._smtp.max_size)

    def tells_of_delivery(self) -> bool:
        return self._onward is not None and self._onward.offers_dsn

    def hold(self, octets: int) -> bool:
        if octets > 0 and self._octets + octets > self._room:
            return False
        self._octets += octets
        return True

    async def may_send(self, name: str, password: str) -> bool:
        return self._check is not None and await self._check(name, password)

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
