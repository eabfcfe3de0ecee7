"""The next hop of a trial: takes mail, misbehaves as it is told to, and keeps every copy that it has said 250 to.

Recipients say how they fare by their local part (`defer2-`, `refuse-`), messages by a header field X-Next-Hop.
"""

import asyncio
import re
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Self

OFFERS = ("next.example", "PIPELINING", "8BITMIME", "SMTPUTF8", "SIZE 104857600")
TOKEN = re.compile(rb"^X-Token: (\w+)", re.MULTILINE)
WISH = re.compile(rb"^X-Next-Hop: ([^\r\n]*)", re.MULTILINE)
LIMIT = 1 << 26


@dataclass(frozen=True, slots=True, kw_only=True)
class Copy:
    """One message that was taken. `token` is None for what Countersign wrote itself."""

    token: str | None
    mail_from: str
    rcpt_to: tuple[str, ...]
    raw: bytes
    at: float


@dataclass
class NextHop:
    copies: list[Copy] = field(default_factory=list)
    port: int = 0
    frozen: bool = False  #: says nothing any more, and does not hang up
    on_dot: Callable[[], Awaitable[None]] | None = None  #: awaited between taking a message and saying 250
    _asked: Counter[str] = field(default_factory=Counter)
    _server: asyncio.Server | None = None
    _writers: set[asyncio.StreamWriter] = field(default_factory=set)

    async def start(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port, limit=LIMIT)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def stop(self) -> None:
        """Down: connections end, new ones are refused."""
        if self._server is not None:
            self._server.close()
        for writer in list(self._writers):
            writer.transport.abort()
        await asyncio.sleep(0)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            await self._converse(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            self._writers.discard(writer)
            writer.transport.abort()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        sender, recipients = "", list[str]()
        await self._say(writer, "220 next.example")
        while line := (await reader.readuntil(b"\r\n"))[:-2].decode("utf-8", "replace"):
            verb = line[:4].upper()
            if verb == "EHLO":
                await self._say(writer, "\r\n".join([*(f"250-{line}" for line in OFFERS[:-1]), f"250 {OFFERS[-1]}"]))
            elif verb == "MAIL":
                sender, recipients = _address(line), []
                await self._say(writer, "250 2.1.0 ok")
            elif verb == "RCPT":
                reply = self._reply_to(_address(line))
                recipients += [_address(line)] if reply[0] == "2" else []
                await self._say(writer, reply)
            elif verb == "DATA":
                await self._take(reader, writer, sender, tuple(recipients))
            elif verb == "QUIT":
                await self._say(writer, "221 2.0.0 bye")
                return
            else:
                await self._say(writer, "250 2.0.0 ok")

    async def _take(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, sender: str, recipients: tuple[str, ...]
    ) -> None:
        await self._say(writer, "354 go on")
        wire = b"\r\n" + (await reader.readuntil(b"\r\n"))
        if wire != b"\r\n.\r\n":
            wire += await reader.readuntil(b"\r\n.\r\n")
        raw = wire[2:-3].replace(b"\r\n..", b"\r\n.")
        found, wish = TOKEN.search(raw), WISH.search(raw)
        token = found[1].decode() if found else None
        # A notice quotes no header of the message, so a token in it would be a leak.
        copy = Copy(token=token, mail_from=sender, rcpt_to=recipients, raw=raw, at=time.monotonic())
        reply = await self._fare(wish[1].decode() if wish else "", token or "")
        if reply[0] == "2":
            self.copies.append(copy)
        if self.on_dot is not None:
            await self.on_dot()
        if reply == "2 and gone":
            raise ConnectionResetError
        await self._say(writer, reply)

    async def _fare(self, wish: str, token: str) -> str:
        """`<what> <how often>`: after so often all is well."""
        what, _, times = wish.partition(" ")
        self._asked[token] += 1
        if not what or self._asked[token] > int(times or 1 << 30):
            return f"250 2.0.0 queued as {len(self.copies) + 1}"
        if what == "drop-data":
            raise ConnectionResetError
        if what.startswith("wait="):
            await asyncio.sleep(float(what[5:]))
            return "250 2.0.0 at last"
        return {"defer": "451 4.2.0 later", "refuse": "554 5.7.9 never", "lose-reply": "2 and gone"}[what]

    def _reply_to(self, address: str) -> str:
        if address.startswith("refuse-"):
            return "550 5.1.1 no such user"
        if deferral := re.match(r"defer(\d+)-", address):
            self._asked[address] += 1
            if self._asked[address] <= int(deferral[1]):
                return "451 4.2.0 later"
        return "250 2.1.5 ok"

    async def _say(self, writer: asyncio.StreamWriter, reply: str) -> None:
        while self.frozen:  # noqa: ASYNC110 - a stopped process has no events either
            await asyncio.sleep(0.05)
        writer.write(reply.encode() + b"\r\n")
        await writer.drain()


def _address(line: str) -> str:
    return line.partition("<")[2].partition(">")[0]
