"""One connection to the next hop: aiosmtplib greets and secures it. Never in clear where TLS is asked for.

aiosmtplib's own way with content rewrites line ends and touches every line, and its mail() and rcpt() parse addresses
again; so commands are written from checked bytes, and content goes to the transport with only its dots stuffed.
"""

import asyncio
import contextlib
import re
import ssl
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, cast

import aiosmtplib

from gateway.smtp.replies import Replies, Said, Unreachable

IDLE = 30.0  #: seconds that a connection is kept for the next message

TlsMode = Literal["none", "opportunistic", "required", "verify"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """Seconds to wait for the next hop."""

    connect: float = 10.0
    command: float = 30.0
    final_dot: float = 300.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """Where to connect, and how."""

    host: str
    port: int
    hostname: str  #: ours, for EHLO
    tls: TlsMode
    context: ssl.SSLContext | None  #: None: none is needed
    patience: Patience


class TlsNotMet(Unreachable):
    """The next hop does not offer the TLS that is asked for. Nothing of the message was sent."""


async def connect(route: Route) -> "Connection":
    """Connected, greeted and, where the route asks for it, under TLS."""
    try:
        return await _connect(route, tls=route.tls)
    except TlsNotMet:
        if route.tls != "opportunistic":
            raise
        return await _connect(route, tls="none")


async def _connect(route: Route, *, tls: TlsMode) -> "Connection":
    smtp = aiosmtplib.SMTP(
        hostname=route.host,
        port=route.port,
        local_hostname=route.hostname,
        timeout=route.patience.command,
        start_tls=False,
        tls_context=route.context,
    )
    try:
        await smtp.connect(timeout=route.patience.connect)
        await _greet(smtp)
        if tls != "none":
            await _secure(smtp, required=tls != "opportunistic")
    except BaseException as error:
        smtp.close()
        if isinstance(error, (aiosmtplib.SMTPException, OSError, ValueError)):
            raise Unreachable(_why(error)) from error
        raise
    return Connection(smtp, route.patience)


async def _greet(smtp: aiosmtplib.SMTP) -> None:
    try:
        await smtp.ehlo()
    except aiosmtplib.SMTPHeloError:
        await smtp.helo()


async def _secure(smtp: aiosmtplib.SMTP, *, required: bool) -> None:
    if not smtp.supports_extension("starttls"):
        if required:
            raise TlsNotMet("STARTTLS is not offered")
        return
    try:
        await smtp.starttls()
        await smtp.ehlo()
    except (aiosmtplib.SMTPException, OSError) as error:
        raise TlsNotMet(_why(error)) from error


def _why(error: Exception) -> str:
    """For the log. Safe before MAIL only: nothing of a message is said yet that an answer could quote."""
    return f"{type(error).__name__}: {str(error)[:200]!a}"


class Connection:
    """A session with the next hop, for one transaction after another."""

    def __init__(self, smtp: aiosmtplib.SMTP, patience: Patience) -> None:
        transport = self._transport = cast("asyncio.Transport", smtp.transport)
        self._replies = Replies(transport)
        self._extensions = dict(smtp.esmtp_extensions)
        self._patience = patience
        self._waiting: deque[bytes] = deque()  #: commands that are not sent yet
        self.secure = smtp.get_transport_info("sslcontext") is not None
        self.idle_since = 0.0
        self.used = False  #: a transaction went over it before: it may have gone stale
        self.past_dot = False  #: the end of this transaction's content has been sent
        transport.set_protocol(self._replies)

    @property
    def usable(self) -> bool:
        return self._replies.open

    def offers(self, extension: str) -> bool:
        return extension in self._extensions

    @property
    def size(self) -> int | None:
        """RFC 1870 4: octets of the largest message; None, and 0 too: no fixed limit."""
        said = self._extensions.get("size", "")
        return int(said) or None if re.fullmatch("[0-9]{1,20}", said) else None

    async def ready(self) -> bool:
        """Free for a next transaction; one that ended before its final dot is still open over there."""
        if not self.past_dot:
            try:
                await self._start_over()
            except Unreachable:
                return False
        self.past_dot = False
        return self.usable

    async def _start_over(self) -> None:
        self._waiting.clear()
        while self._replies.owed:
            if (await self._hear(self._patience.command)).code == 354:
                self.close()  # for a message of which nobody is left (RFC 2920 3.1); it has no content, so none will be
        self.ask(b"RSET")
        await self.answer()

    def ask(self, *commands: bytes) -> None:
        """Say them together where the next hop takes that (RFC 2920), else each when the one before is answered."""
        if any(octet in command for command in commands for octet in (b"\r", b"\n", b"\0")):
            raise ValueError("a command is one line")
        self._waiting.extend(commands)

    async def answer(self) -> Said:
        """To the next of the commands. Raises Unreachable when there is none, or one that is no SMTP reply."""
        if not self._replies.owed and self._waiting:
            together = len(self._waiting) if self.offers("pipelining") else 1
            self._write(b"".join([self._waiting.popleft() + b"\r\n" for _ in range(together)]), together)
        return await self._hear(self._patience.command)

    async def content(self, pieces: Iterator[bytes]) -> Said:
        """Send content after a 354; the last piece holds the final dot. Raises Unreachable.

        A next hop may reply or hang up before it has all: then the last piece is not sent, and it has no message.
        """
        piece, replies = next(pieces), 1
        for following in pieces:
            self._write(piece, replies)
            await self._replies.drained(self._patience.final_dot)
            if self._replies.early:
                self.close()
                return await self._hear(self._patience.final_dot)
            piece, replies = following, 0
        self._write(piece, replies)
        self.past_dot = True
        return await self._hear(self._patience.final_dot)

    def _write(self, octets: bytes, replies: int) -> None:
        if not self.usable:
            raise Unreachable("connection lost")
        self._replies.owed += replies
        self._transport.write(octets)

    async def _hear(self, within: float) -> Said:
        said = await self._replies.hear(within)
        if said.code == 421:
            self.close()
        return said

    def close(self) -> None:
        self._replies.close()

    async def quit(self) -> None:
        with contextlib.suppress(Unreachable):
            if not self._replies.owed:  # after a 354 it would be content
                self._write(b"QUIT\r\n", 1)
                await self._replies.hear(1)
        self.close()


class Pool:
    """Connections that wait for the next message."""

    def __init__(self, route: Route) -> None:
        self._route = route
        self.size: int | None = None  #: of the largest message, as the last greeting has it
        self.dsn = False  #: whether it offered DSN (RFC 3461) there
        self._waiting: list[Connection] = []
        self._sweeper: asyncio.TimerHandle | None = None
        self._closed = False

    async def take(self) -> Connection:
        """The one used last, or a new one. Raises Unreachable, TlsNotMet."""
        while self._waiting:
            connection = self._waiting.pop()
            try:
                if connection.usable and await connection.ready():
                    return connection
            except BaseException:  # the time for this message is up: nobody else knows of the connection
                connection.close()
                raise
        connection = await connect(self._route)
        self.size, self.dsn = connection.size, connection.offers("dsn")
        return connection

    def give_back(self, connection: Connection) -> None:
        """Never waits: the outcome of the message is known, and must not be lost to a slow farewell."""
        if self._closed:
            connection.close()
        elif connection.usable:
            loop = asyncio.get_running_loop()
            connection.used, connection.idle_since = True, loop.time()
            self._waiting.append(connection)
            self._sweeper = self._sweeper or loop.call_later(IDLE, self._sweep)

    async def close(self) -> None:
        self._closed = True
        if self._sweeper is not None:
            self._sweeper.cancel()
        waiting, self._waiting = self._waiting, []
        await asyncio.gather(*(connection.quit() for connection in waiting))

    def _sweep(self) -> None:
        """Close what nobody has used for a while."""
        loop = asyncio.get_running_loop()
        fresh = [each for each in self._waiting if each.usable and loop.time() - each.idle_since < IDLE]
        for connection in set(self._waiting) - set(fresh):
            connection.close()
        self._waiting = fresh
        self._sweeper = loop.call_later(IDLE, self._sweep) if fresh else None
