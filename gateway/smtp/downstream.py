"""One connection to the next hop: aiosmtplib for the dialogue, content in bulk. Never in clear where TLS is asked for.

aiosmtplib's own way with content rewrites line ends and touches every line, and its mail() and rcpt() parse addresses
again; so commands are written from checked bytes, and content goes to the transport with only its dots stuffed.
"""

import asyncio
import contextlib
import re
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import aiosmtplib
from aiosmtplib.protocol import SMTPProtocol

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


class Unreachable(Exception):  # noqa: N818 - an outcome, not an error
    """No connection, no greeting, or the dialogue broke off."""


class TlsNotMet(Unreachable):
    """The next hop does not offer the TLS that is asked for. Nothing of the message was sent."""


@dataclass(frozen=True, slots=True)
class Said:
    """What the next hop answered: untrusted text."""

    code: int
    text: str


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
        self._smtp = smtp
        self._patience = patience
        self.idle_since = 0.0
        self.used = False  #: a transaction went over it before: it may have gone stale
        self.past_dot = False  #: the end of this transaction's content has been sent

    @property
    def usable(self) -> bool:
        return self._smtp.is_connected

    @property
    def secure(self) -> bool:
        return self.usable and self._smtp.get_transport_info("sslcontext") is not None

    def offers(self, extension: str) -> bool:
        return self._smtp.supports_extension(extension)

    @property
    def size(self) -> int | None:
        """RFC 1870 4: octets of the largest message; None, and 0 too: no fixed limit."""
        said = self._smtp.esmtp_extensions.get("size", "")
        return int(said) or None if re.fullmatch("[0-9]{1,20}", said) else None

    async def ready(self) -> bool:
        """Free for a next transaction; one that ended before its final dot is still open over there."""
        if not self.past_dot:
            try:
                await self.command(b"RSET")
            except Unreachable:
                return False
        self.past_dot = False
        return self.usable

    async def command(self, *words: bytes) -> Said:
        """Raises Unreachable when there is no answer, or one that is no SMTP reply."""
        try:
            said = await self._smtp.execute_command(*words, timeout=self._patience.command)
        except (aiosmtplib.SMTPException, OSError) as error:
            self.close()
            raise Unreachable(type(error).__name__) from error
        return Said(said.code, said.message)

    async def content(self, pieces: Iterator[bytes]) -> Said:
        """Send content after a 354; the last piece holds the final dot. Raises Unreachable.

        A next hop may reply or hang up before it has all: then the last piece is not sent, and it has no message.
        """
        protocol = self._smtp.protocol
        if protocol is None:
            raise Unreachable("connection lost")
        try:
            said = await self._exchange(protocol, pieces)
        except (aiosmtplib.SMTPException, OSError, TimeoutError) as error:
            self.close()
            raise Unreachable(type(error).__name__) from error
        if not self.past_dot or said.code == 421:
            self.close()
        return Said(said.code, said.message)

    async def _exchange(self, protocol: SMTPProtocol, pieces: Iterator[bytes]) -> aiosmtplib.SMTPResponse:
        piece, following = next(pieces), next(pieces, None)
        if following is None:
            self.past_dot = True
            protocol.write(piece)
            return await protocol.read_response(timeout=self._patience.final_dot)
        # Reading starts before writing ends: aiosmtplib drops what comes while nobody reads.
        reading = asyncio.ensure_future(protocol.read_response(timeout=None))
        try:
            while following is not None:
                protocol.write(piece)
                # What StreamWriter.drain() calls; a StreamWriter itself would close the connection when it goes.
                await asyncio.wait_for(protocol._drain_helper(), self._patience.final_dot)  # noqa: SLF001
                if reading.done():
                    return await reading
                piece, following = following, next(pieces, None)
            self.past_dot = True
            protocol.write(piece)
            return await asyncio.wait_for(reading, self._patience.final_dot)
        finally:
            reading.cancel()

    def close(self) -> None:
        self._smtp.close()

    async def quit(self) -> None:
        with contextlib.suppress(aiosmtplib.SMTPException, OSError):
            await self._smtp.quit(timeout=1)
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
            if connection.usable and await connection.ready():
                return connection
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
