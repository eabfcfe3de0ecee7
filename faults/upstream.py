"""The client of a trial: sends like a mail server, again and again until 250 or 5xx, and forgets nothing."""

import asyncio
import contextlib
import random
import socket
import struct
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import count

SENDER = "sam@recordkeeper.example"
PAUSE = 0.05  #: seconds between attempts
_numbers = count(1)
Way = Callable[[], int]  #: the port for the next attempt


class Fate(StrEnum):
    """Where a recipient's copy has to end."""

    DELIVERED = "delivered"
    HELD = "held"
    RETURNED = "returned"
    FAILED = "failed"  #: downstream refused it; the sender has a notice
    REFUSED = "refused"  #: the client was told 5xx


@dataclass(slots=True, kw_only=True)
class Parcel:
    """One message with its whole history as its sender sees it."""

    token: str
    raw: bytes
    wanted: Mapping[str, frozenset[Fate]]  #: by recipient: any of these ends is right
    decision: str | None = None  #: `release` or `return`, once it is held
    sender: str = SENDER
    replies: list[str] = field(default_factory=list)
    acked: bool = False
    refused: bool = False
    hold_id: str | None = None

    @property
    def done(self) -> bool:
        return self.acked or self.refused

    @property
    def recipients(self) -> tuple[str, ...]:
        return tuple(self.wanted)


def parcel(
    wanted: Mapping[str, Fate | frozenset[Fate]],
    *,
    marks: str = "",
    wish: str = "",
    decision: str | None = None,
    head: Sequence[str] = (),
    body: bytes = b"As agreed.\r\n.\r\n..dots\r\n",
) -> Parcel:
    token = f"t{next(_numbers)}x{random.randrange(1 << 30):x}"  # noqa: S311 - a name, not a secret
    lines = [
        f"From: {SENDER}",
        f"To: {', '.join(wanted)}",
        f"Subject: trial {token}",
        f"Message-ID: <{token}@recordkeeper.example>",
        f"X-Token: {token}",
    ]
    lines += [f"X-Faults: {marks}"] if marks else []
    lines += [f"X-Next-Hop: {wish}"] if wish else []
    lines += head
    raw = "\r\n".join(lines).encode() + b"\r\n\r\n" + body
    fates = {to: fate if isinstance(fate, frozenset) else frozenset({fate}) for to, fate in wanted.items()}
    return Parcel(token=token, raw=raw, wanted=fates, decision=decision)


async def submit(way: Way, sent: Parcel, *, until: float, cut_after: float | None = None) -> None:
    """Try until it is answered for good, or `until`. `cut_after`: hang up so long after the first final dot."""
    while not sent.done and time.monotonic() < until:
        try:
            async with asyncio.timeout(20):
                reply = await attempt(way(), sent, cut_after)
        except (OSError, asyncio.IncompleteReadError, TimeoutError) as error:
            reply = f"- {type(error).__name__}"
        cut_after = None
        sent.replies.append(reply)
        sent.acked, sent.refused = reply.startswith("250"), reply.startswith("5")
        for told in ("held for review as ", "accepted for inspection as ", "follows as "):
            if sent.acked and told in reply:
                sent.hold_id = reply.rsplit(" ", 1)[1]
        if not sent.done:
            await asyncio.sleep(PAUSE)


async def attempt(port: int, sent: Parcel, cut_after: float | None = None) -> str:
    """One transaction. Returns the last reply."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        reply = await _reply(reader)
        commands = ["EHLO up.example", f"MAIL FROM:<{sent.sender}>", *(f"RCPT TO:<{to}>" for to in sent.recipients)]
        for command in (*commands, "DATA"):
            if reply[0] not in "23":
                return reply
            writer.write(command.encode() + b"\r\n")
            reply = await _reply(reader)
        if reply[0] != "3":
            return reply
        writer.write((b"\r\n" + sent.raw).replace(b"\r\n.", b"\r\n..")[2:] + b".\r\n")
        await writer.drain()
        if cut_after is not None:
            await asyncio.sleep(cut_after)
            _reset(writer)
            return "- hung up"
        return await _reply(reader)
    finally:
        writer.transport.abort()


def _reset(writer: asyncio.StreamWriter) -> None:
    """RST, not FIN."""
    connection: socket.socket = writer.get_extra_info("socket")
    with contextlib.suppress(OSError):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


async def _reply(reader: asyncio.StreamReader) -> str:
    while True:
        line = (await reader.readuntil(b"\r\n")).decode().rstrip()
        if line[3:4] != "-":
            return line
