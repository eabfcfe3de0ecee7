"""AUTH (RFC 4954) by PLAIN (RFC 4616) and LOGIN, as mail servers speak it. Keeps and logs no name, no password."""

import asyncio
import base64
import binascii
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from gateway.reply import Reply
from gateway.smtp import wording

MECHANISMS = "PLAIN LOGIN"
TRIES = 3  #: wrong passwords of one session
PENALTY = 1.0  #: seconds that a wrong one costs; the account is locked for longer and longer after a few

WELCOME = Reply(235, "2.7.0 authenticated")
WRONG = Reply(535, "5.7.8 name and password do not match, or there were too many tries")
NOT_BASE64 = Reply(501, "5.5.2 not base64, or not a name and a password")
CANCELLED = Reply(501, "5.7.0 cancelled")
UNKNOWN_MECHANISM = Reply(504, f"5.5.4 choose among {MECHANISMS}")

Ask = Callable[[str], Awaitable[bytes]]  #: says a challenge, returns the client's line
Check = Callable[[str, str], Awaitable[bool]]


@dataclass(slots=True)
class Login:
    """Whether the client has said who it is, and how often it was wrong. Ends with the session, and with STARTTLS."""

    done: bool = False
    wrong: int = 0

    def refusal(self, *, offered: bool, secure: bool, open_: bool) -> Reply | None:
        """Why there can be no attempt now; `open_`: MAIL has been said."""
        if not offered:
            return wording.NOT_IMPLEMENTED
        if not secure:
            return wording.AUTH_NEEDS_TLS
        return wording.NO_AUTH_NOW if self.done or open_ else None

    async def attempt(self, argument: str, ask: Ask, check: Check) -> Reply:
        """The reply; 421 ends the session."""
        reply = await _exchanged(argument, ask, check)
        self.done = reply is WELCOME
        self.wrong += reply is WRONG
        return wording.WRONG_TOO_OFTEN if self.wrong >= TRIES else reply


class _Refused(Exception):  # noqa: N818 - an answer, not an error
    def __init__(self, reply: Reply) -> None:
        self.reply = reply


async def _exchanged(argument: str, ask: Ask, check: Check) -> Reply:
    mechanism, _, initial = argument.partition(" ")
    try:
        match mechanism.upper():
            case "PLAIN":
                name, password = _plain(_decoded(initial.encode() if initial else await ask("")))
            case "LOGIN":
                name = _text(_decoded(initial.encode() if initial else await ask(_challenge("Username:"))))
                password = _text(_decoded(await ask(_challenge("Password:"))))
            case _:
                return UNKNOWN_MECHANISM
    except _Refused as refused:
        return refused.reply
    if name and password and await check(name, password):
        return WELCOME
    await asyncio.sleep(PENALTY)
    return WRONG


def _challenge(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def _decoded(line: bytes) -> bytes:
    if line == b"*":
        raise _Refused(CANCELLED)
    try:
        return b"" if line == b"=" else base64.b64decode(line, validate=True)
    except binascii.Error:
        raise _Refused(NOT_BASE64) from None


def _plain(message: bytes) -> tuple[str, str]:
    """Nobody acts for somebody else: an authorisation identity has to be the name itself."""
    try:
        acting_as, name, password = message.split(b"\0")
    except ValueError:
        raise _Refused(NOT_BASE64) from None
    if acting_as not in {b"", name}:
        raise _Refused(WRONG)
    return _text(name), _text(password)


def _text(said: bytes) -> str:
    try:
        return said.decode()
    except UnicodeDecodeError:
        raise _Refused(NOT_BASE64) from None
