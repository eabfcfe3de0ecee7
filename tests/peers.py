"""SMTP peers for tests: a raw client upstream, and a downstream that records every message byte for byte."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field
from typing import Any, Self

OFFERS = ("8BITMIME", "SMTPUTF8", "SIZE 104857600", "ENHANCEDSTATUSCODES", "PIPELINING")


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """A message that the downstream peer has said 250 to; `raw` is dot-unstuffed, `wire` as it came."""

    mail_from: bytes  #: what stood between the angle brackets
    mail_parameters: bytes
    rcpt_to: tuple[bytes, ...]
    raw: bytes
    wire: bytes
    tls: bool


class Hangup(Exception):  # noqa: N818 - not an error: the script says so
    """Raised by a script's reply: close the connection without a word."""


Script = dict[str, list[Any]]  #: replies, `Hangup` and `LostReply`, and floats: a pause before the next one


@dataclass
class Downstream:
    """A scripted next hop on loopback.

    `script` maps a verb (MAIL, RCPT, DATA, DOT, EHLO, STARTTLS, RSET, NOOP, GREETING), or a verb and an address
    ("RCPT b@acme.example"), to the replies to give, in order; the last one goes on. No entry: a friendly reply.
    """

    script: Script = field(default_factory=dict)
    offers: tuple[str, ...] = OFFERS
    tls: ssl.SSLContext | None = None
    accepted: list[Accepted] = field(default_factory=list)
    commands: list[bytes] = field(default_factory=list)  #: every command line, of all connections
    in_clear: list[bytes] = field(default_factory=list)  #: those that came without TLS
    connections: int = 0
    port: int = 0
    _server: asyncio.Server | None = None
    _tasks: set["asyncio.Task[None]"] = field(default_factory=set)

    async def start(self, port: int = 0) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", port or self.port, limit=1 << 20)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def close(self) -> None:
        if self._server is not None:
            self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def hang_up_all(self) -> None:
        """Drop every connection, as a restarting server does."""
        for task in list(self._tasks):
            task.cancel()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self.connections += 1
        try:
            await _Session(self, reader, writer).run()
        except (Hangup, ConnectionError, asyncio.IncompleteReadError, ssl.SSLError, asyncio.CancelledError):
            pass
        finally:
            self._tasks.discard(task)
            writer.transport.abort()

    def next_reply(self, key: str, friendly: str) -> Any:
        replies = self.script.get(key) or self.script.get(key.partition(" ")[0])
        if not replies:
            return friendly
        return replies.pop(0) if len(replies) > 1 else replies[0]


class _Session:
    """One connection to the downstream peer."""

    def __init__(self, peer: Downstream, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.peer, self.reader, self.writer = peer, reader, writer
        self.secure = False
        self.reset()

    def reset(self) -> None:
        self.sender, self.parameters, self.recipients = b"", b"", list[bytes]()

    async def run(self) -> None:
        await self.answer("GREETING", "220 downstream.example ready")
        while True:
            line = (await self.reader.readuntil(b"\r\n"))[:-2]
            self.peer.commands.append(line)
            if not self.secure:
                self.peer.in_clear.append(line)
            verb = line.split(b" ")[0].upper().decode("ascii", "replace")
            if verb == "QUIT":
                await self.answer("QUIT", "221 2.0.0 bye")
                return
            method = getattr(self, f"on_{verb.lower()}", None)
            if method is None:
                await self.answer(verb, "500 5.5.2 unknown")
            else:
                await method(line)

    async def answer(self, key: str, friendly: str) -> bool:
        """Say the scripted reply; a float in a script is a pause before the next one."""
        reply = self.peer.next_reply(key, friendly)
        while isinstance(reply, float):
            await asyncio.sleep(reply)
            reply = self.peer.next_reply(key, friendly)
        if not isinstance(reply, str):
            raise reply
        self.writer.write(reply.encode("utf-8", "surrogateescape") + b"\r\n")
        await self.writer.drain()
        return reply[:1] in "23"

    async def on_ehlo(self, _: bytes) -> None:
        self.reset()
        offers = list(self.peer.offers)
        if self.peer.tls is not None and not self.secure:
            offers.append("STARTTLS")
        lines = ["downstream.example", *offers]
        await self.answer("EHLO", "\r\n".join([*(f"250-{line}" for line in lines[:-1]), f"250 {lines[-1]}"]))

    async def on_helo(self, _: bytes) -> None:
        self.reset()
        await self.answer("HELO", "250 downstream.example")

    async def on_starttls(self, _: bytes) -> None:
        if not await self.answer("STARTTLS", "220 2.0.0 go on") or self.peer.tls is None:
            return
        await self.writer.start_tls(self.peer.tls)
        self.secure = True
        self.reset()

    async def on_mail(self, line: bytes) -> None:
        if await self.answer("MAIL", "250 2.1.0 ok"):
            self.reset()
            self.sender, _, self.parameters = line[len(b"MAIL FROM:<") :].rpartition(b">")

    async def on_rcpt(self, line: bytes) -> None:
        address = line[len(b"RCPT TO:<") :].rpartition(b">")[0]
        if await self.answer(f"RCPT {address.decode('utf-8', 'replace')}", "250 2.1.5 ok"):
            self.recipients.append(address)

    async def on_rset(self, _: bytes) -> None:
        self.reset()
        await self.answer("RSET", "250 2.0.0 reset")

    async def on_noop(self, _: bytes) -> None:
        await self.answer("NOOP", "250 2.0.0 ok")

    async def on_data(self, _: bytes) -> None:
        if not self.recipients:
            await self.answer("DATA", "503 5.5.1 no recipients")
            return
        if not await self.answer("DATA", "354 go on"):
            return
        wire = await self._body()
        message = Accepted(
            mail_from=self.sender,
            mail_parameters=self.parameters.strip(),
            rcpt_to=tuple(self.recipients),
            raw=unstuffed(wire),
            wire=wire,
            tls=self.secure,
        )
        self.reset()
        number = len(self.peer.accepted) + 1
        if self.peer.script.get("DOT", [""])[0] is LostReply:
            self.peer.accepted.append(message)
            raise Hangup
        if await self.answer("DOT", f"250 2.0.0 queued as {number}"):
            self.peer.accepted.append(message)

    async def _body(self) -> bytes:
        """Line by line, on purpose: the plain reading of RFC 5321 that others must agree with."""
        lines: list[bytes] = []
        rest = b""
        while True:
            try:
                line = rest + await self.reader.readuntil(b"\r\n")
                rest = b""
            except asyncio.LimitOverrunError as error:
                rest += await self.reader.readexactly(error.consumed)
                continue
            if line == b".\r\n":
                return b"".join(lines)
            lines.append(line)


class LostReply(Hangup):
    """In a script under DOT: take the message, and hang up instead of saying 250."""


def unstuffed(wire: bytes) -> bytes:
    lines = wire.split(b"\r\n")
    return b"\r\n".join(line[1:] if line.startswith(b".") else line for line in lines)


def stuffed(raw: bytes) -> bytes:
    return b"\r\n".join(b"." + line if line.startswith(b".") else line for line in raw.split(b"\r\n"))


@contextlib.asynccontextmanager
async def downstream(script: Script | None = None, **kwargs: object) -> AsyncIterator[Downstream]:
    peer = await Downstream(script=script or {}, **kwargs).start()  # type: ignore[arg-type]
    try:
        yield peer
    finally:
        await peer.close()


class Client:
    """An SMTP client that sends exactly the bytes it is told to."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    @classmethod
    async def connect(cls, port: int, host: str = "127.0.0.1") -> Self:
        return cls(*await asyncio.open_connection(host, port))

    async def send(self, sent: bytes) -> None:
        self.writer.write(sent)
        await self.writer.drain()

    async def reply(self) -> str:
        """One reply; its lines joined by line feeds. Empty when the server has hung up."""
        lines = []
        while True:
            line = (await asyncio.wait_for(self.reader.readline(), 60)).decode()
            lines.append(line.rstrip("\r\n"))
            if line[3:4] != "-":
                return "\n".join(lines)

    async def command(self, line: str | bytes) -> str:
        await self.send((line.encode() if isinstance(line, str) else line) + b"\r\n")
        return await self.reply()

    async def greet(self, helo: str = "client.example") -> str:
        """Read the greeting and say EHLO."""
        await self.reply()
        return await self.command(f"EHLO {helo}")

    async def envelope(self, mail_from: str, rcpt_to: Iterable[str], parameters: str = "") -> list[str]:
        replies = [await self.command(f"MAIL FROM:<{mail_from}>{parameters}")]
        return replies + [await self.command(f"RCPT TO:<{address}>") for address in rcpt_to]

    async def content(self, raw: bytes) -> str:
        """DATA, the message (dot-stuffed here), the final dot; the reply to it, or to DATA when that is refused."""
        answer = await self.command("DATA")
        if not answer.startswith("354"):
            return answer
        await self.send(stuffed(raw) + (b"" if raw.endswith(b"\r\n") or not raw else b"\r\n") + b".\r\n")
        return await self.reply()

    async def message(self, mail_from: str, rcpt_to: Iterable[str], raw: bytes, parameters: str = "") -> str:
        """A whole transaction; the reply to the final dot."""
        await self.envelope(mail_from, rcpt_to, parameters)
        return await self.content(raw)

    async def starttls(self, context: ssl.SSLContext, name: str = "localhost") -> str:
        answer = await self.command("STARTTLS")
        if answer.startswith("220"):
            await self.writer.start_tls(context, server_hostname=name)
        return answer

    async def close(self) -> None:
        self.writer.close()
        with contextlib.suppress(ConnectionError, ssl.SSLError):
            await self.writer.wait_closed()


@contextlib.asynccontextmanager
async def client(port: int) -> AsyncIterator[Client]:
    """A client that has said EHLO."""
    peer = await Client.connect(port)
    try:
        await peer.greet()
        yield peer
    finally:
        await peer.close()
