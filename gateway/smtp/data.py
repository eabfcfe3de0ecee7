"""Reads what follows DATA in large pieces, up to <CRLF>.<CRLF> and nothing else. Never touches single lines."""

from enum import StrEnum

TERMINATOR = b"\r\n.\r\n"


def dotted_line(content: bytes | bytearray, start: int = 0) -> int:
    """Where the first <CRLF>. at or after `start` is; -1: nowhere.

    Dots are rare in large content (base64 has none), and looking for one octet is ten times faster than for three.
    """
    dot = start + 1
    for _ in range(100):
        dot = content.find(b".", dot + 1)
        if dot < 0 or content[dot - 2 : dot] == b"\r\n":
            return max(-1, dot - 2)
    return content.find(b"\r\n.", dot - 1)


class Fault(StrEnum):
    """Why the content that was read will not be accepted."""

    TOO_BIG = "too big"
    NO_ROOM = "no room"
    MALFORMED = "malformed"


class Content:
    """Content of one message as it arrives: fed with pieces, done at the final dot.

    RFC 5321 4.1.1.4: only <CRLF>.<CRLF> ends it. Bare CR, bare LF and NUL are counted, not acted upon, until the real
    end has come: whoever treats them as line ends can be made to see another message in this one (SMTP smuggling).
    """

    def __init__(self, max_size: int) -> None:
        self._buffer = bytearray(b"\r\n")  # the CRLF after DATA: a first line that is a lone dot is the end too
        self._max_size = max_size
        self._searched = 0
        self._carriage_returns = self._line_feeds = self._pairs = 0
        self._nul = self._dotted = self._ends_in_cr = False
        self.fault: Fault | None = None
        self.received = 0  #: octets on the wire, kept or not

    @property
    def held(self) -> int:
        """Octets in memory."""
        return len(self._buffer)

    def refuse(self, fault: Fault) -> None:
        """Read on to the end, without keeping anything."""
        self.fault = self.fault or fault
        del self._buffer[: -len(TERMINATOR) + 1]
        self._searched = 0

    def feed(self, piece: bytes) -> bytes | None:
        """Take the next piece. None: not at the end yet; else what came after the final dot."""
        self._buffer += piece
        self.received += len(piece)
        end = self._find_end()
        if end < 0:
            self._count(piece)
            if self.fault is None and len(self._buffer) > self._max_size + len(TERMINATOR):
                self.fault = Fault.TOO_BIG
            if self.fault:
                self.refuse(self.fault)
            return None
        rest = bytes(self._buffer[end + len(TERMINATOR) :])
        self.received -= len(rest)
        self._count(piece[: len(piece) - len(rest)])
        del self._buffer[end + 2 :]
        self._judge()
        return rest

    def raw(self) -> bytes:
        """The message, dot-unstuffed (RFC 5321 4.5.2)."""
        stuffed = memoryview(self._buffer)
        if self._dotted:
            return bytes(self._buffer).replace(b"\r\n.", b"\r\n")[2:]
        return bytes(stuffed[2:])

    def _find_end(self) -> int:
        """One scan serves both questions: where is the end, and is any line dot-stuffed at all?"""
        start = max(0, self._searched - len(TERMINATOR) + 1)
        if not self._dotted:
            start = dotted_line(self._buffer, start)
            if start < 0 or self._buffer.startswith(TERMINATOR, start):
                self._searched = len(self._buffer)
                return start
            self._dotted = len(self._buffer) >= start + len(TERMINATOR) or not TERMINATOR.startswith(
                self._buffer[start:]
            )
        self._searched = len(self._buffer)
        return self._buffer.find(TERMINATOR, start)

    def _count(self, piece: bytes) -> None:
        self._carriage_returns += piece.count(b"\r")
        self._line_feeds += piece.count(b"\n")
        self._pairs += piece.count(b"\r\n") + (self._ends_in_cr and piece.startswith(b"\n"))
        self._nul = self._nul or b"\0" in piece
        self._ends_in_cr = piece.endswith(b"\r") if piece else self._ends_in_cr

    def _judge(self) -> None:
        if not self._carriage_returns == self._line_feeds == self._pairs or self._nul:
            self.fault = Fault.MALFORMED
        elif self.fault is None and len(self._buffer) - 2 > self._max_size:
            self.fault = Fault.TOO_BIG
