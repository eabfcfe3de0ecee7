"""A cable between two servers that can be bad: slow, in single octets, reset, closed or dead in mid-dialogue."""

import asyncio
import socket
import struct
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Self

PIECE = 1 << 16
DEAD_FOR = 6.0  #: seconds without a word; then the cable is cut


class Trouble(StrEnum):
    NONE = "none"
    SLOW = "slow"  #: a tenth of a second for each piece
    DRIBBLE = "dribble"  #: octet by octet
    RESET = "reset"
    CLOSE = "close"
    DEAD = "dead"  #: connected, and nothing comes any more


ENDS = frozenset({Trouble.RESET, Trouble.CLOSE, Trouble.DEAD})


@dataclass
class Cable:
    """Listens at `port`, leads to `to`. Connections end at the n-th line of the client (`point`), or right after it.

    `mark`: what counts as the end of a line.
    """

    to: int
    port: int = 0
    mark: bytes = b"\n"
    trouble: Trouble = Trouble.NONE
    point: int = 0
    after: bool = False  #: the line still gets there; its answer does not come back
    _lines: int = 0  #: of the client, since the trouble was set
    _server: asyncio.Server | None = None
    _tasks: set["asyncio.Task[None]"] = field(default_factory=set)

    async def start(self) -> Self:
        self._server = await asyncio.start_server(self._joined, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def set(self, trouble: Trouble, point: int, *, after: bool) -> None:
        """From now on; what has cut one connection leaves the next one alone."""
        self.trouble, self.point, self.after, self._lines = trouble, point, after, 0

    async def _joined(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - a callback of a server runs in one
        self._tasks.add(task)
        there: asyncio.StreamWriter | None = None
        try:
            back, there = await asyncio.open_connection("127.0.0.1", self.to)
            answers = asyncio.create_task(_pass_on(back, writer, self))
            try:
                await self._forward(reader, writer, there)
            finally:
                answers.cancel()
                await asyncio.gather(answers, return_exceptions=True)
        except (OSError, asyncio.CancelledError):  # the latter at the trial's end only; asyncio would print it
            pass
        finally:
            self._tasks.discard(task)
            for end in filter(None, (writer, there)):
                end.transport.abort()

    async def _forward(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, there: asyncio.StreamWriter
    ) -> None:
        while piece := await reader.read(PIECE):
            self._lines += piece.count(self.mark)
            struck = self.trouble in ENDS and self._lines >= self.point
            if struck and not self.after:
                return await self._strike(writer, there)
            await _send(there, piece, self.trouble)
            if struck:
                return await self._strike(writer, there)
        if there.can_write_eof():
            there.write_eof()
        return None

    async def _strike(self, *ends: asyncio.StreamWriter) -> None:
        trouble, self.trouble = self.trouble, Trouble.NONE
        if trouble is Trouble.DEAD:
            await asyncio.sleep(DEAD_FOR)
        for end in ends:
            if trouble is Trouble.CLOSE:
                end.close()
                continue
            connection: socket.socket = end.get_extra_info("socket")
            with suppress(OSError):
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, cable: Cable) -> None:
    with suppress(OSError):
        while piece := await reader.read(PIECE):
            await _send(writer, piece, cable.trouble)
        writer.close()


async def _send(writer: asyncio.StreamWriter, piece: bytes, trouble: Trouble) -> None:
    if trouble is Trouble.SLOW:
        await asyncio.sleep(0.1)
    if trouble is not Trouble.DRIBBLE:
        writer.write(piece)
        await writer.drain()
        return
    for place in range(len(piece)):
        writer.write(piece[place : place + 1])
        await asyncio.sleep(0)
