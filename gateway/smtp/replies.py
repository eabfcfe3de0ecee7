"""What the next hop answers, in order and each in its time. Untrusted text; what is said unasked is never believed.

It takes a connection over from aiosmtplib, whose own way is one command, one future and one timer for each reply: RFC
2920 lets several commands go out together, and then several replies come in one piece.
"""

import asyncio
from collections import deque
from dataclasses import dataclass

LONGEST_LINE, LONGEST_REPLY = 8192, 1 << 16  #: octets


class Unreachable(Exception):  # noqa: N818 - an outcome, not an error
    """No connection, no greeting, or the dialogue broke off."""


@dataclass(frozen=True, slots=True)
class Said:
    """What the next hop answered: untrusted text."""

    code: int
    text: str


class Replies(asyncio.Protocol):
    """The hearing end of a connection."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._loop = asyncio.get_running_loop()
        self._unread = bytearray()
        self._lines: list[bytes] = []  #: of a reply that has not come to its end
        self._heard: deque[Said] = deque()
        self._paused = False
        self._waiter: asyncio.Future[None] | None = None
        self._deadline = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._broken: str | None = None  #: why nothing more will be heard
        self.owed = 0  #: replies that are still to come

    @property
    def open(self) -> bool:
        return self._broken is None and not self._transport.is_closing()

    @property
    def early(self) -> bool:
        """Whether a reply is there that nobody has taken."""
        return bool(self._heard)

    async def hear(self, within: float) -> Said:
        """The next reply. Raises Unreachable."""
        while not self._heard:
            await self._stir(within)
        self.owed -= 1
        return self._heard.popleft()

    async def drained(self, within: float) -> None:
        """Until more may be written, or an early reply has come. Raises Unreachable."""
        while self._paused and not self._heard:
            await self._stir(within)

    def close(self, why: str = "closed") -> None:
        self._broken = self._broken or why
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._transport.close()
        self._wake()

    async def _stir(self, within: float) -> None:
        """Until something has happened. One timer serves all waits: when it fires, it looks how long there is left."""
        if self._broken is not None:
            raise Unreachable(self._broken)
        self._deadline = self._loop.time() + within
        if self._timer is None or self._timer.when() > self._deadline:
            self._look_again(within)
        self._waiter = self._loop.create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None

    def _look_again(self, within: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_later(within, self._late)

    def _late(self) -> None:
        self._timer = None
        left = self._deadline - self._loop.time()
        if self._waiter is not None and left <= 0:
            self.close("TimeoutError")
        elif self._waiter is not None:
            self._look_again(left)

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    # What asyncio tells

    def data_received(self, data: bytes) -> None:
        self._unread += data
        while self._broken is None and (end := self._unread.find(b"\n")) >= 0:
            line = bytes(self._unread[:end])
            del self._unread[: end + 1]
            self._line(line)
        if len(self._unread) > LONGEST_LINE:
            self.close("no SMTP reply")
        self._believe_no_more_than_was_asked()
        self._wake()

    def _believe_no_more_than_was_asked(self) -> None:
        """What is said unasked would be taken for the answer to the next command."""
        missing = self.owed - len(self._heard)
        if missing < 0 or (missing == 0 and (self._unread or self._lines)):
            self.close("spoke unasked")
            while len(self._heard) > self.owed:
                self._heard.pop()

    def _line(self, line: bytes) -> None:
        if len(line) > LONGEST_LINE or sum(map(len, self._lines)) > LONGEST_REPLY or not line[:3].isdigit():
            self.close("no SMTP reply")
            return
        self._lines.append(line[4:].strip(b" \t\r"))
        if line[3:4] != b"-":
            text = b"\n".join(self._lines).decode("utf-8", "surrogateescape")
            self._lines.clear()
            self._heard.append(Said(int(line[:3]), text))

    def eof_received(self) -> None:
        self.connection_lost(None)

    def connection_lost(self, error: Exception | None) -> None:
        self.close("connection lost" if error is None else type(error).__name__)

    def pause_writing(self) -> None:
        self._paused = True

    def resume_writing(self) -> None:
        self._paused = False
        self._wake()
